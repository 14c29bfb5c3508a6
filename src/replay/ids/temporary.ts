import { type Catalog, NamedCatalog, type Sequence, type Table, TEMPORARY } from './catalog.ts';
import type { Paths } from './names.ts';

/** A session's temporary tables, views and sequences. Never changed: a statement that makes or drops one gives others. */
export interface Temporaries {
  /** Holds them in the schema `pg_temp`. */
  readonly catalog: NamedCatalog;
  /** The same where texts say the same of them. */
  readonly key: string;
  /** Folded to lower case. */
  readonly names: readonly string[];
}

/** Those that a catalog holds; null: none. */
export function temporariesIn(catalog: NamedCatalog): Temporaries | null {
  const tables = catalog.tableNames.in(TEMPORARY);
  const sequences = catalog.sequenceNames.in(TEMPORARY).map((sequence) => catalog.sequenceNames.placeOf(sequence)[1]);
  const names = [...tables.map(({ name }) => name), ...sequences];
  if (names.length === 0) return null;
  return {
    catalog,
    key: JSON.stringify([names, ...tables.map(signature)]),
    names: names.map((name) => name.toLowerCase()),
  };
}

/** What texts may say of a table differs only by what it draws from lasting sequences. */
function signature({ columns, triggers }: Table): readonly unknown[] {
  const told = columns.some(({ draws, calls }) => draws?.temporary === false || calls.length > 0);
  if (!told && triggers.length === 0) return [];
  return [
    columns.map(({ name, draws, calls }) => [name, draws?.name, calls]),
    triggers.map(({ trigger, event, perRow, routine }) => [trigger.enabled, event, perRow, routine]),
  ];
}

/** A catalog with the same objects, to change. */
export function copyOf(own: Temporaries | null): NamedCatalog {
  const copy = new NamedCatalog([TEMPORARY]);
  copy.addSchema(TEMPORARY);
  if (own === null) return copy;
  const { sequenceNames, tableNames } = own.catalog;
  for (const sequence of sequenceNames.in(TEMPORARY))
    copy.putSequence(TEMPORARY, sequenceNames.placeOf(sequence)[1], sequence);
  for (const table of tableNames.in(TEMPORARY)) copy.addTable(TEMPORARY, table.name, table);
  return copy;
}

/** True when a text may name one of them. */
export function mayName(own: Temporaries, text: string): boolean {
  const folded = text.toLowerCase();
  return own.names.some((name) => folded.includes(name));
}

/** A catalog as a session sees it that has temporary objects: it finds them ahead of those of its search path. */
export class SessionCatalog implements Catalog {
  readonly whole: NamedCatalog;
  private readonly own: NamedCatalog;
  private readonly others: Catalog;

  /** @param makes new objects are temporary, and only temporary ones are changed; otherwise only the others */
  constructor(own: NamedCatalog, others: Catalog, makes: boolean) {
    this.own = own;
    this.others = others;
    this.whole = makes ? own : others.whole;
  }

  get sequences(): ReadonlyMap<string, Sequence> {
    return this.others.sequences;
  }

  get paths(): Paths {
    return this.others.paths;
  }

  get home(): string | null {
    return this.whole === this.own ? TEMPORARY : this.others.home;
  }

  table(schema: string | null, name: string): Table | null {
    return this.own.table(schema, name) ?? this.others.table(schema, name);
  }

  sequence(schema: string | null, name: string): Sequence | null {
    return this.own.sequence(schema, name) ?? this.others.sequence(schema, name);
  }

  tableOnPath(schema: string | null, name: string): Table | null {
    return this.own.tableOnPath(schema, name) ?? this.others.tableOnPath(schema, name);
  }

  sequenceOnPath(schema: string | null, name: string): Sequence | null {
    return this.own.sequenceOnPath(schema, name) ?? this.others.sequenceOnPath(schema, name);
  }

  tablesMeant(schema: string | null, name: string): readonly Table[] {
    return this.own.table(schema, name) === null ? this.others.tablesMeant(schema, name) : [];
  }

  sequencesMeant(schema: string | null, name: string): readonly Sequence[] {
    return this.own.sequence(schema, name) === null ? this.others.sequencesMeant(schema, name) : [];
  }

  addTable(schema: string | null, name: string, table: Omit<Table, 'schema' | 'name'>): Table {
    const { whole } = this;
    return whole === this.own ? whole.addTable(schema, name, table) : this.others.addTable(schema, name, table);
  }

  addSequence(schema: string | null, name: string, values: Partial<Sequence>): Sequence {
    const { whole } = this;
    return whole === this.own ? whole.addSequence(schema, name, values) : this.others.addSequence(schema, name, values);
  }
}
