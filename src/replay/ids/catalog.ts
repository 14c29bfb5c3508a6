import { type ForeignKeys, isDeferrable } from './foreign-keys.ts';
import { Names, only, type Paths, pattern } from './names.ts';
import type { Name, RoutineBody, RowEvent } from './routine-body.ts';

/** A sequence of the target. */
export interface Sequence {
  /** `schema.name`, unquoted: for people and as a key. This and what follows is as the record has it where it was read to. */
  name: string;
  /** As a text that `::regclass` reads whatever the search path is. */
  regclass: string;
  increment: bigint;
  /** What ALTER SEQUENCE … RESTART and TRUNCATE … RESTART IDENTITY go back to. */
  start: bigint;
  min: bigint;
  max: bigint;
  cycles: boolean;
  /** The largest value of its type. */
  top: bigint;
  /** Values that a session takes at once. Above 1, the order of values is not the order of draws. */
  cache: bigint;
  /** What nextval gave next before the replay; null when this login may not read it. */
  next: bigint | null;
  /** Every login of the replay may call setval. */
  readonly settable: boolean;
  /** `last_value` may be read, so that draws can be counted on the target. */
  readonly readable: boolean;
  /** Of one session, with which it ends: its values are nobody else's, and it is left alone. */
  readonly temporary: boolean;
  /** The record has dropped it: nothing draws from it until it makes one of its name again. */
  dropped: boolean;
}

/** The schema in which every session finds its temporary objects. */
export const TEMPORARY = 'pg_temp';

/** Draws that come with rows of a table: by its defaults or by its triggers. */
export interface Column {
  readonly name: string;
  /** Sequence that the column's default draws from; null: none. */
  readonly draws: Sequence | null;
  /** Functions in the column's default. */
  readonly calls: readonly Name[];
  /** GENERATED … AS IDENTITY: OVERRIDING USER VALUE draws although a value is given. */
  readonly identity: boolean;
  /** Of a table below a view that leaves it out: no statement can give it a value. */
  readonly hidden?: true;
}

/** One trigger or rule, whatever it draws. */
export interface Trigger {
  name: string;
  /** As in `ALTER TABLE … ENABLE TRIGGER`, for sessions that do not replicate. */
  enabled: boolean;
}

/** What a trigger or a rule does when its event comes. */
export interface TriggerDraws {
  readonly trigger: Trigger;
  /** Rules may evaluate defaults of the row again, or not at all. */
  readonly isRule: boolean;
  /** It is a trigger of a table whose rows a foreign key changes or deletes with those of this one. */
  readonly cascaded: boolean;
  /** It fires for another table than the one that has it here: a partition, a child, or the table below a view. */
  readonly elsewhere?: true;
  readonly event: RowEvent;
  readonly perRow: boolean;
  /** What it runs. */
  readonly routine: Name;
}

/** A table, with what draws from sequences when it is written to. */
export interface Table {
  /** Unquoted. */
  readonly schema: string;
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
  readonly refers: ForeignKeys;
  /** Its rows may lie in partitions, or in tables that inherit from it: its triggers fire for these. */
  readonly hasChildren?: true;
  /** A trigger ahead of INSERT may leave rows out that have drawn. */
  readonly filtered?: true;
}

/** Which statements may draw from which sequences of one database. */
export interface Catalog {
  readonly sequences: ReadonlyMap<string, Sequence>;
  /** By name as written: `orders`, `public.orders`. */
  table(schema: string | null, name: string): Table | null;
  sequence(schema: string | null, name: string): Sequence | null;
  /** Strictly along the search path, as DROP and IF EXISTS find it: a name that only another schema has is not meant. */
  tableOnPath(schema: string | null, name: string): Table | null;
  sequenceOnPath(schema: string | null, name: string): Sequence | null;
  /** Makes objects known that the record creates; a null schema is the one that new objects go to. */
  addTable(schema: string | null, name: string, table: Omit<Table, 'schema' | 'name'>): Table;
  addSequence(schema: string | null, name: string, values: Partial<Sequence>): Sequence;
  /** Holds the objects, however a session finds them. */
  readonly whole: NamedCatalog;
  /** Search paths of which one leads to what unqualified names mean. */
  readonly paths: Paths;
  /** Where new objects go; null: unknown. */
  readonly home: string | null;
  /** What an unqualified name may mean of which `table` and `sequence` cannot tell it; empty where they can. */
  tablesMeant(schema: string | null, name: string): readonly Table[];
  sequencesMeant(schema: string | null, name: string): readonly Sequence[];
}

/** Search paths of logins, `$user` not replaced. */
export interface BegunWith {
  /** The target's user. */
  readonly login: string;
  /** Where it is set for a role (ALTER ROLE). */
  readonly byRole: ReadonlyMap<string, readonly string[]>;
  readonly otherwise: readonly string[];
}

/** A catalog that is filled object by object. */
export class NamedCatalog implements Catalog {
  readonly whole = this;
  readonly sequences = new Map<string, Sequence>();
  readonly home: string;
  readonly schemas = new Set<string>();
  readonly tableNames: Names<Table>;
  readonly sequenceNames: Names<Sequence>;
  readonly begunWith: BegunWith;
  /** Of the sessions of the target's user, without schemas that do not exist. */
  readonly path: readonly string[];
  /** Tables that draw from, own or hold a sequence, other than by triggers and functions. */
  private readonly users = new Map<Sequence, Set<Table>>();
  /** By name, those dropped last at the end: triggers and functions draw from what is made again under its name. */
  private readonly dropped = new Map<string, Sequence>();
  private routines: ReadonlyMap<string, readonly RoutineBody[]> = new Map();
  private changes = 0;
  /** There are foreign keys that need not hold before COMMIT. */
  defers = false;

  /**
   * @param path the search path of the sessions of the target's user
   * @param begunWith what sessions of other logins begin with
   */
  constructor(path: readonly string[], begunWith: BegunWith = { login: '', byRole: new Map(), otherwise: path }) {
    this.path = path;
    this.begunWith = begunWith;
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

  tableOnPath(schema: string | null, name: string): Table | null {
    return only(this.tableNames.along(schema, name, [this.path], true));
  }

  sequenceOnPath(schema: string | null, name: string): Sequence | null {
    return only(this.sequenceNames.along(schema, name, [this.path], true));
  }

  /** True when these come to the same as the path of the target's user. */
  isAlong(paths: Paths): boolean {
    return (
      paths?.every((path) => String(path.filter((schema) => this.schemas.has(schema))) === String(this.path)) === true
    );
  }

  tablesMeant(): readonly Table[] {
    return [];
  }

  sequencesMeant(): readonly Sequence[] {
    return [];
  }

  /** Of the functions and procedures of a name, and of a rule. */
  bodies(name: string): readonly RoutineBody[] {
    return this.routines.get(name) ?? [];
  }

  /** Names of routines that one with holes may be. */
  routinesLike(name: string): readonly string[] {
    const like = pattern(name);
    return [...this.routines.keys()].filter((one) => like.test(one) && !one.startsWith('\u0001'));
  }

  get paths(): Paths {
    return [this.path];
  }

  /** Another one when objects have changed. */
  get version(): number {
    return this.changes;
  }

  addSchema(name: string): void {
    this.schemas.add(name);
  }

  addRoutine(name: string, body: RoutineBody): void {
    this.setRoutines(new Map([...this.routines, [name, [...this.bodies(name), body].slice(-MOST_BODIES)]]));
  }

  /** Gives a table another name or schema. */
  moveTable(table: Table, { schema = table.schema, name = table.name }: Partial<Pick<Table, 'schema' | 'name'>>): void {
    this.removeTable(table);
    this.addTable(schema, name, table);
  }

  moveSequence(sequence: Sequence, to: Partial<Pick<Table, 'schema' | 'name'>>): void {
    const [oldSchema, oldName] = this.sequenceNames.placeOf(sequence);
    const { schema = oldSchema, name = oldName } = to;
    this.changes += 1;
    this.sequences.delete(sequence.name);
    this.sequenceNames.delete(oldSchema, oldName);
    sequence.name = `${schema}.${name}`;
    sequence.regclass = `${quoted(schema)}.${quoted(name)}`;
    this.sequences.set(sequence.name, sequence);
    this.sequenceNames.add(schema, name, sequence);
  }

  renameSchema(schema: string, name: string): void {
    for (const table of this.tableNames.in(schema)) this.moveTable(table, { schema: name });
    for (const sequence of this.sequenceNames.in(schema)) this.moveSequence(sequence, { schema: name });
    this.schemas.delete(schema);
    this.schemas.add(name);
  }

  /** With the sequences that it owns. */
  dropTable(table: Table): void {
    this.removeTable(table);
    for (const sequence of table.owns) this.dropSequence(sequence);
  }

  /** With the defaults that draw from it. */
  dropSequence(sequence: Sequence): void {
    if (sequence.dropped) return;
    sequence.dropped = true;
    this.changes += 1;
    this.sequences.delete(sequence.name);
    this.sequenceNames.delete(...this.sequenceNames.placeOf(sequence));
    this.dropped.delete(sequence.name);
    this.dropped.set(sequence.name, sequence);
    const [first] = this.dropped.keys();
    if (first !== undefined && this.dropped.size > MOST_DROPPED) this.dropped.delete(first);
    for (const table of this.users.get(sequence) ?? []) {
      this.addTable(table.schema, table.name, {
        ...table,
        columns: table.columns.map((column) => (column.draws === sequence ? { ...column, draws: null } : column)),
        owns: table.owns.filter((owned) => owned !== sequence),
        ownedBelow: table.ownedBelow.filter((owned) => owned !== sequence),
        holds: new Map([...table.holds].filter(([, held]) => held !== sequence)),
      });
    }
  }

  private removeTable(table: Table): void {
    this.setUses(table.schema, table.name, null);
    this.tableNames.delete(table.schema, table.name);
  }

  /** Notes which sequences the table of a name uses from here on. */
  private setUses(schema: string, name: string, table: Table | null): void {
    this.changes += 1;
    const before = this.tableNames.find(schema, name);
    for (const sequence of before === null ? [] : usedBy(before)) {
      const users = this.users.get(sequence);
      users?.delete(before!);
      if (users?.size === 0) this.users.delete(sequence);
    }
    for (const sequence of table === null ? [] : usedBy(table)) {
      const users = this.users.get(sequence) ?? new Set();
      this.users.set(sequence, users.add(table!));
    }
  }

  dropSchema(schema: string): void {
    for (const table of this.tableNames.in(schema)) this.dropTable(table);
    for (const sequence of this.sequenceNames.in(schema)) this.dropSequence(sequence);
    this.schemas.delete(schema);
  }

  /** The column owns the sequence from here on; null: none does. */
  giveSequence(sequence: Sequence, owner: Table | null, column: string): void {
    for (const table of this.users.get(sequence) ?? [])
      if (table.owns.includes(sequence))
        this.addTable(table.schema, table.name, { ...table, owns: table.owns.filter((owned) => owned !== sequence) });
    if (owner === null) return;
    const table = this.table(owner.schema, owner.name) ?? owner;
    const holds = table.holds.has(column) ? table.holds : new Map([...table.holds, [column, sequence] as const]);
    this.addTable(table.schema, table.name, { ...table, holds, owns: [...table.owns, sequence] });
  }

  /** True when there are routines: then calls have to be looked for. */
  get hasRoutines(): boolean {
    return this.routines.size > 0;
  }

  setRoutines(routines: ReadonlyMap<string, readonly RoutineBody[]>): void {
    this.routines = routines;
    this.changes += 1;
  }

  addTable(schema: string | null, name: string, table: Omit<Table, 'schema' | 'name'>): Table {
    const added = { ...table, schema: schema ?? this.home, name };
    this.defers ||= isDeferrable(added.refers);
    this.setUses(added.schema, name, added);
    this.tableNames.add(added.schema, name, added);
    return added;
  }

  /**
   * The table has a foreign key to the other: TRUNCATE … CASCADE of that one restarts what it owns, too, and so does that of those
   * which the other is below of.
   */
  putBelow(table: Table, other: Table): void {
    const reached = [...table.owns, ...table.ownedBelow];
    const parent = this.table(other.schema, other.name);
    if (reached.length === 0 || parent === null) return;
    const above = new Set([parent]);
    for (const owned of parent.owns)
      for (const user of this.users.get(owned) ?? []) if (user.ownedBelow.includes(owned)) above.add(user);
    for (const one of above) {
      if (one.schema === table.schema && one.name === table.name) continue;
      this.addTable(one.schema, one.name, { ...one, ownedBelow: [...new Set([...one.ownedBelow, ...reached])] });
    }
  }

  addSequence(schema: string | null, name: string, values: Partial<Sequence>): Sequence {
    const home = schema ?? this.home;
    const fullName = `${home}.${name}`;
    const known = this.sequenceNames.find(home, name) ?? this.dropped.get(fullName) ?? null;
    const made: Sequence = {
      increment: 1n,
      start: 1n,
      min: 1n,
      max: 2n ** 63n - 1n,
      cycles: false,
      top: 2n ** 63n - 1n,
      cache: 1n,
      next: null,
      settable: true,
      readable: true,
      temporary: home === TEMPORARY,
      ...values,
      name: fullName,
      regclass: `${quoted(home)}.${quoted(name)}`,
      dropped: false,
    };
    // The same object again: what draws by name goes on with it, and there are not more of them than names.
    const sequence = known === null ? made : Object.assign(known, made, { next: known.next });
    this.dropped.delete(fullName);
    this.changes += 1;
    this.sequences.set(fullName, sequence);
    this.sequenceNames.add(home, name, sequence);
    return sequence;
  }

  /** An object of another catalog is not changed with this one. */
  holds(object: Table | Sequence): boolean {
    const names: Names<Table> | Names<Sequence> = 'columns' in object ? this.tableNames : this.sequenceNames;
    return names.has(object as Table & Sequence);
  }

  /** Holds a sequence of another catalog, too. */
  putSequence(schema: string, name: string, sequence: Sequence): void {
    this.sequences.set(`${schema}.${name}`, sequence);
    this.sequenceNames.add(schema, name, sequence);
  }

  /** A sequence of the name is there, or was dropped not long ago: `addSequence` gives the same object again. */
  hasMade(schema: string, name: string): boolean {
    return this.sequenceNames.find(schema, name) !== null || this.dropped.has(`${schema}.${name}`);
  }
}

/** Dropped sequences that are remembered. */
const MOST_DROPPED = 1_000;
/** Bodies of routines of one name that are remembered: a record may replace one again and again. */
const MOST_BODIES = 100;

function usedBy({ columns, owns, ownedBelow, holds }: Table): Set<Sequence> {
  return new Set([...columns.flatMap(({ draws }) => draws ?? []), ...owns, ...ownedBelow, ...holds.values()]);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
