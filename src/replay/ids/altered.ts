import type { Catalog, Column, Sequence, Table } from './catalog.ts';
import { renameTrigger, switchTriggers } from './created-routines.ts';
import { CONSTRAINTS, type Definitions, type Keyed } from './definitions.ts';
import { withChangedKey } from './foreign-keys.ts';
import type { TokenList } from './tokens.ts';

/** Follows what an ALTER of a schema, sequence, table or trigger changes; false: nothing that is known. */
export function alter(tokens: TokenList, catalog: Catalog, made: Definitions): boolean {
  const alteration = new Alteration(tokens, catalog, made);
  switch (tokens.at(1).name) {
    case 'schema':
      return alteration.schema();
    case 'sequence':
      return alteration.sequence();
    case 'table':
      return alteration.table();
    case 'trigger':
      return renameTrigger(tokens, catalog);
    default:
      return false;
  }
}

/** Forgets what a DROP drops; false: nothing that is known. */
export function drop(tokens: TokenList, catalog: Catalog, made: Definitions): boolean {
  const kind = tokens.at(1).name;
  if (kind !== 'table' && kind !== 'sequence' && kind !== 'schema') return false;
  const { whole } = catalog;
  const ifExists = tokens.word(2) === 'IF';
  let dropped = false;
  for (const { from } of tokens.items(ifExists ? 4 : 2, tokens.length)) {
    const { schema, name } = tokens.name(from);
    if (ifExists && kind !== 'schema' && schema === null && catalog.home === null) {
      // Along a path that nobody knows it may have dropped what it names, or nothing.
      const maybe = kind === 'table' ? (catalog.table(schema, name)?.owns ?? []) : [catalog.sequence(schema, name)];
      for (const sequence of maybe) if (sequence !== null) made.unplaced.push(sequence);
      dropped ||= made.unplaced.length > 0;
      continue;
    }
    const table = kind === 'table' ? catalog.tableOnPath(schema, name) : null;
    const sequence = kind === 'sequence' ? catalog.sequenceOnPath(schema, name) : null;
    const held = [table, sequence].some((object) => object !== null && whole.holds(object));
    if (held && table !== null) whole.dropTable(table);
    if (held && sequence !== null) whole.dropSequence(sequence);
    if (kind === 'schema') whole.dropSchema(name);
    dropped ||= held || kind === 'schema';
  }
  return dropped;
}

class Alteration {
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly made: Definitions;

  constructor(tokens: TokenList, catalog: Catalog, made: Definitions) {
    this.tokens = tokens;
    this.catalog = catalog;
    this.made = made;
  }

  schema(): boolean {
    const { name, next } = this.made.name(2);
    const renamed = this.renamed(next);
    if (renamed !== null) this.catalog.whole.renameSchema(name, renamed);
    return renamed !== null;
  }

  /** RENAME, SET SCHEMA, OWNED BY, and options. */
  sequence(): boolean {
    const { tokens, catalog, made } = this;
    const target = made.name(2);
    const sequence = target.ifExists
      ? catalog.sequenceOnPath(target.schema, target.name)
      : catalog.sequence(target.schema, target.name);
    if (sequence === null || !catalog.whole.holds(sequence)) return false;
    const name = this.renamed(target.next);
    const schema = this.moved(target.next);
    if (name !== null) catalog.whole.moveSequence(sequence, { name });
    else if (schema !== null) catalog.whole.moveSequence(sequence, { schema });
    else {
      made.alter(sequence, target.next, tokens.length);
      made.owner(sequence, target.next, tokens.length);
    }
    return true;
  }

  /** `RENAME TO name` */
  private renamed(from: number): string | null {
    const { tokens } = this;
    return tokens.at(from).name === 'rename' && tokens.word(from + 1) === 'TO' ? tokens.at(from + 2).name : null;
  }

  /** `SET SCHEMA name` */
  private moved(from: number): string | null {
    const { tokens } = this;
    return tokens.word(from) === 'SET' && tokens.at(from + 1).name === 'schema' ? tokens.at(from + 2).name : null;
  }

  /** RENAME, SET SCHEMA, ADD … FOREIGN KEY, and what becomes of columns and triggers. */
  table(): boolean {
    const { tokens, catalog, made } = this;
    const target = made.name(2);
    const renamed = this.renamed(target.next);
    const moved = this.moved(target.next);
    const table = target.ifExists
      ? catalog.tableOnPath(target.schema, target.name)
      : catalog.table(target.schema, target.name);
    if (table === null) {
      // ALTER TABLE renames and moves sequences, too.
      return (renamed !== null || moved !== null) && this.sequence();
    }
    if (!catalog.whole.holds(table)) return false;
    if (renamed !== null) {
      catalog.whole.moveTable(table, { name: renamed });
      return true;
    }
    if (moved !== null) {
      catalog.whole.moveTable(table, { schema: moved });
      for (const sequence of table.owns) catalog.whole.moveSequence(sequence, { schema: moved });
      return true;
    }
    if (tokens.at(target.next).name === 'rename' && tokens.at(target.next + 1).name === 'constraint') {
      const [from, to] = [target.next + 2, target.next + 4].map((at) => tokens.at(at).name ?? '');
      const refers = withChangedKey(table.refers, from!, (_, checked) => [to!, checked]);
      catalog.addTable(table.schema, table.name, { ...table, refers });
      return true;
    }
    if (tokens.at(target.next).name === 'rename') {
      const at = tokens.at(target.next + 1).name === 'column' ? target.next + 2 : target.next + 1;
      this.renameColumn(table, tokens.at(at).name ?? '', tokens.at(at + 2).name ?? '');
      return true;
    }
    const keyed: Keyed = { table: table.name, holds: new Map(table.holds), refers: table.refers };
    const { holds } = keyed;
    let columns = table.columns;
    const items = tokens.items(target.next, tokens.length);
    for (const { from, to } of items) this.alterKey(keyed, from, to);
    for (const column of table.refers.keys()) if (!keyed.refers.has(column)) holds.delete(column);
    made.foreignKey(target.next, tokens.length, keyed);
    const refers = new Map(keyed.refers);
    for (const { from, to } of items) {
      const before = columns;
      columns = this.altered(table, columns, from, to);
      for (const { name } of before) {
        if (columns.some((column) => column.name === name)) continue;
        this.dropOwned(table, refers.has(name) ? undefined : holds.get(name));
        holds.delete(name);
        refers.delete(name);
      }
      for (const { name, draws } of columns) if (draws !== null) holds.set(name, draws);
    }
    const owns = new Set([...table.owns, ...this.made.sequences]);
    const changed = catalog.addTable(table.schema, table.name, {
      ...table,
      columns: columns.map((column) => (column.draws?.dropped === true ? { ...column, draws: null } : column)),
      holds: new Map([...holds].filter(([, { dropped }]) => !dropped)),
      refers,
      owns: [...owns].filter(({ dropped }) => !dropped),
      ownedBelow: table.ownedBelow.filter(({ dropped }) => !dropped),
    });
    made.putBelow(changed);
    return true;
  }

  /** `ALTER CONSTRAINT name [NOT] DEFERRABLE …`, `DROP CONSTRAINT [IF EXISTS] name` */
  private alterKey(keyed: Keyed, from: number, to: number): void {
    const { tokens, made } = this;
    const what = tokens.at(from).name;
    if ((what !== 'alter' && what !== 'drop') || tokens.at(from + 1).name !== 'constraint') return;
    const at = tokens.word(from + 2) === 'IF' ? from + 4 : from + 2;
    keyed.refers = withChangedKey(keyed.refers, tokens.at(at).name ?? '', (name, checked) =>
      what === 'drop' ? null : [name, made.checked(at + 1, to, checked)],
    );
  }

  /** A column goes, or its identity, and its sequence with it. */
  private dropOwned(table: Table, sequence: Sequence | null | undefined): void {
    if (sequence != null && table.owns.includes(sequence)) this.catalog.whole.dropSequence(sequence);
  }

  /** ADD and DROP of a column, and of its default or identity; what is SET of these; triggers switched. */
  private altered(table: Table, columns: readonly Column[], from: number, to: number): readonly Column[] {
    const { tokens } = this;
    const what = tokens.at(from).name ?? '';
    let at = tokens.at(from + 1).name === 'column' ? from + 2 : from + 1;
    if (tokens.word(at) === 'IF') at += tokens.word(at + 1) === 'NOT' ? 3 : 2;
    const name = tokens.at(at).name ?? '';
    const others = columns.filter((column) => column.name !== name);
    if (what === 'drop') return tokens.at(from + 1).name === 'constraint' ? columns : others;
    if (what === 'add') {
      if (CONSTRAINTS.includes(tokens.word(at)) || others.length < columns.length) return columns;
      const before = this.made.sequences.length;
      const column = this.made.column(table.schema, table.name, at, to);
      for (let index = at; index < to; index++) if (tokens.word(index) === 'REFERENCES') this.made.refersTo(index);
      // Every row that is there has drawn.
      for (const sequence of this.made.sequences.slice(before)) this.made.unplaced.push(sequence);
      if (column.draws !== null && this.made.sequences.length === before) this.made.unplaced.push(column.draws);
      return [...columns, column];
    }
    if (what === 'disable' || what === 'enable') switchTriggers(tokens, from, table);
    const done = tokens.at(at + 1).name;
    if (what === 'alter' && done === 'set') return this.set(columns, name, at + 2, to);
    if (what !== 'alter' || (done !== 'add' && done !== 'drop')) return columns;
    const column = columns.find((one) => one.name === name);
    if (done === 'drop' && tokens.at(at + 2).name === 'identity') this.dropOwned(table, column?.draws);
    const loses = done === 'drop' && ['default', 'identity'].includes(tokens.at(at + 2).name ?? '');
    if (done === 'drop' && !loses) return columns;
    const changed = loses
      ? { name, draws: null, calls: [], identity: false }
      : this.made.column(table.schema, table.name, at, to);
    return columns.map((one) => (one.name === name ? changed : one));
  }

  /** `SET DEFAULT …`, and options of an identity: `SET INCREMENT BY 5 SET START 10 …` */
  private set(columns: readonly Column[], name: string, from: number, to: number): readonly Column[] {
    const { tokens, made } = this;
    if (tokens.word(from) === 'DEFAULT') {
      const drawn = made.defaultOf(from, to);
      return columns.map((column) => (column.name === name ? { ...column, ...drawn } : column));
    }
    const column = columns.find((one) => one.name === name);
    if (column?.identity === true && column.draws !== null) made.alter(column.draws, from, to);
    return columns;
  }

  private renameColumn(table: Table, from: string, to: string): void {
    const named = (name: string) => (name === from ? to : name);
    this.catalog.addTable(table.schema, table.name, {
      ...table,
      columns: table.columns.map((column) => ({ ...column, name: named(column.name) })),
      holds: new Map([...table.holds].map(([column, sequence]) => [named(column), sequence])),
      refers: new Map([...table.refers].map(([column, keys]) => [named(column), keys])),
    });
  }
}
