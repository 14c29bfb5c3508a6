/** A sequence of the target, as it stood before the replay. */
export interface Sequence {
  /** `schema.name`, unquoted: for people and as a key. */
  readonly name: string;
  /** As a text that `::regclass` reads whatever the search path is. */
  readonly regclass: string;
  readonly increment: bigint;
  /** What ALTER SEQUENCE … RESTART and TRUNCATE … RESTART IDENTITY go back to. */
  readonly start: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycles: boolean;
  /** Values that a session takes at once. Above 1, the order of values is not the order of draws. */
  readonly cache: bigint;
  /** What nextval gives next; null when this login may not read it. */
  next: bigint | null;
  /** Every login of the replay may call setval. */
  readonly settable: boolean;
  /** `last_value` may be read, so that draws can be counted on the target. */
  readonly readable: boolean;
}

/** Draws that come with rows of a table: by its defaults or by its triggers. */
export interface Column {
  readonly name: string;
  /** Sequence that the column's default draws from; null: none. */
  readonly draws: Sequence | null;
  /** Sequences that functions in the column's default may draw from. */
  readonly mayDraw: readonly Sequence[];
  /** GENERATED … AS IDENTITY: OVERRIDING USER VALUE draws although a value is given. */
  readonly identity: boolean;
}

export type RowEvent = 'INSERT' | 'UPDATE' | 'DELETE';

/** What a trigger may draw when its event comes. */
export interface TriggerDraws {
  readonly event: RowEvent;
  readonly perRow: boolean;
  readonly sequence: Sequence;
}

export interface Table {
  /** `schema.name`, unquoted. */
  readonly name: string;
  /** In their order, dropped ones left out: what an INSERT without a column list fills. */
  readonly columns: readonly Column[];
  readonly triggers: readonly TriggerDraws[];
  /** Sequences that TRUNCATE … RESTART IDENTITY restarts, and those that it restarts with CASCADE besides. */
  readonly owns: readonly Sequence[];
  readonly ownedBelow: readonly Sequence[];
  /** Column → sequence whose values it holds: by its own default, or by a foreign key to such a column. */
  readonly holds: ReadonlyMap<string, Sequence>;
  /** Those of `holds` that are foreign keys: a value written there names a row that exists. */
  readonly refers: ReadonlySet<string>;
}

/** Which statements may draw from which sequences of one database. */
export interface Catalog {
  readonly sequences: ReadonlyMap<string, Sequence>;
  /** By name as written: `orders`, `public.orders`. */
  table(schema: string | null, name: string): Table | null;
  sequence(schema: string | null, name: string): Sequence | null;
  /** Sequences that a function or procedure of the target may draw from. */
  routine(name: string): readonly Sequence[];
  /** True when some routine draws: then calls have to be looked for. */
  readonly hasRoutines: boolean;
  /** Makes objects known that the record creates; a null schema is the one that new objects go to. */
  addTable(schema: string | null, name: string, table: Omit<Table, 'name'>): Table;
  addSequence(schema: string | null, name: string, values: Partial<Sequence>): Sequence;
}

/** A catalog that is filled object by object. */
export class NamedCatalog implements Catalog {
  readonly sequences = new Map<string, Sequence>();
  private readonly home: string;
  private readonly tableNames: Names<Table>;
  private readonly sequenceNames: Names<Sequence>;
  private routines: ReadonlyMap<string, readonly Sequence[]> = new Map();

  /** @param path the search path of the replay's sessions */
  constructor(path: readonly string[]) {
    this.home = path[0] ?? 'public';
    this.tableNames = new Names(path);
    this.sequenceNames = new Names(path);
  }

  table(schema: string | null, name: string): Table | null {
    return this.tableNames.find(schema, name);
  }

  sequence(schema: string | null, name: string): Sequence | null {
    return this.sequenceNames.find(schema, name);
  }

  routine(name: string): readonly Sequence[] {
    return this.routines.get(name) ?? [];
  }

  get hasRoutines(): boolean {
    return this.routines.size > 0;
  }

  setRoutines(routines: ReadonlyMap<string, readonly Sequence[]>): void {
    this.routines = routines;
  }

  addTable(schema: string | null, name: string, table: Omit<Table, 'name'>): Table {
    const added = { ...table, name: `${schema ?? this.home}.${name}` };
    this.tableNames.add(schema ?? this.home, name, added);
    return added;
  }

  addSequence(schema: string | null, name: string, values: Partial<Sequence>): Sequence {
    const home = schema ?? this.home;
    const sequence: Sequence = {
      increment: 1n,
      start: 1n,
      min: 1n,
      max: 2n ** 63n - 1n,
      cycles: false,
      cache: 1n,
      next: null,
      settable: true,
      readable: true,
      ...values,
      name: `${home}.${name}`,
      regclass: `${quoted(home)}.${quoted(name)}`,
    };
    this.sequences.set(sequence.name, sequence);
    this.sequenceNames.add(home, name, sequence);
    return sequence;
  }
}

/** Objects by their names, found the way the server does: along the search path when no schema is given. */
class Names<T> {
  private readonly path: readonly string[];
  private readonly bySchema = new Map<string, Map<string, T>>();
  /** Null: more than one schema has it. */
  private readonly anywhere = new Map<string, T | null>();

  constructor(path: readonly string[]) {
    this.path = path;
  }

  add(schema: string, name: string, object: T): void {
    const names = this.bySchema.get(schema) ?? new Map<string, T>();
    const elsewhere = this.anywhere.has(name) && this.anywhere.get(name) !== names.get(name);
    this.anywhere.set(name, elsewhere ? null : object);
    this.bySchema.set(schema, names.set(name, object));
  }

  find(schema: string | null, name: string): T | null {
    if (schema !== null) return this.bySchema.get(schema)?.get(name) ?? null;
    for (const one of this.path) {
      const found = this.bySchema.get(one)?.get(name);
      if (found !== undefined) return found;
    }
    // The recorded session may have had a search_path of its own: a name that only one schema has is meant.
    return this.anywhere.get(name) ?? null;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
