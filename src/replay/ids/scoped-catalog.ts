import type { Catalog, NamedCatalog, Sequence, Table } from './catalog.ts';
import { only, type Paths, several } from './names.ts';

/** A catalog as sessions see it that have another search path, or one of several. */
export class ScopedCatalog implements Catalog {
  readonly whole: NamedCatalog;
  readonly paths: Paths;

  /** @param paths one of which it is; null: nobody knows */
  constructor(whole: NamedCatalog, paths: Paths) {
    this.whole = whole;
    this.paths = paths;
  }

  get sequences(): ReadonlyMap<string, Sequence> {
    return this.whole.sequences;
  }

  get home(): string | null {
    const homes = new Set(this.paths?.map((path) => path.find((schema) => this.whole.schemas.has(schema)) ?? null));
    return homes.size === 1 ? [...homes][0]! : null;
  }

  table(schema: string | null, name: string): Table | null {
    return only(this.whole.tableNames.along(schema, name, this.paths));
  }

  sequence(schema: string | null, name: string): Sequence | null {
    return only(this.whole.sequenceNames.along(schema, name, this.paths));
  }

  tableOnPath(schema: string | null, name: string): Table | null {
    return only(this.whole.tableNames.along(schema, name, this.paths, true));
  }

  sequenceOnPath(schema: string | null, name: string): Sequence | null {
    return only(this.whole.sequenceNames.along(schema, name, this.paths, true));
  }

  tablesMeant(schema: string | null, name: string): readonly Table[] {
    return several(this.whole.tableNames.along(schema, name, this.paths));
  }

  sequencesMeant(schema: string | null, name: string): readonly Sequence[] {
    return several(this.whole.sequenceNames.along(schema, name, this.paths));
  }

  addTable(schema: string | null, name: string, table: Omit<Table, 'schema' | 'name'>): Table {
    return this.whole.addTable(schema ?? this.home, name, table);
  }

  addSequence(schema: string | null, name: string, values: Partial<Sequence>): Sequence {
    return this.whole.addSequence(schema ?? this.home, name, values);
  }
}
