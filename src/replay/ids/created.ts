import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Column, Sequence, Table } from './catalog.ts';
import { learnRoutine } from './created-routines.ts';
import { namedBy } from './routines.ts';
import { TokenList } from './tokens.ts';

const SERIAL: Readonly<Record<string, bigint>> = {
  smallserial: 2n ** 15n - 1n,
  serial2: 2n ** 15n - 1n,
  serial: 2n ** 31n - 1n,
  serial4: 2n ** 31n - 1n,
  bigserial: 2n ** 63n - 1n,
  serial8: 2n ** 63n - 1n,
};
/** Words that begin a table constraint instead of a column. */
const CONSTRAINTS = ['CONSTRAINT', 'PRIMARY', 'FOREIGN', 'UNIQUE', 'CHECK'];

export interface Learned {
  /** Begin anew at their start. */
  readonly renewed: readonly Sequence[];
  /** Stand nobody knows where. */
  readonly unplaced: readonly Sequence[];
  /** Go on from their last value in other steps. */
  readonly stepped: readonly Sequence[];
}

/**
 * Makes known what a statement of the record creates: sequences, tables that draw from them, foreign keys,
 * defaults. Gives what becomes of sequences that the catalog had already; null when nothing was learned.
 * Temporary objects are left out: they end with their session, and nobody else knows their ids.
 */
export function learnCreated(text: string, catalog: Catalog): Learned | null {
  const tokens = new TokenList(text);
  const learner = new Learner(tokens, catalog);
  if (tokens.word(0) === 'ALTER') {
    if (tokens.word(1) === 'SEQUENCE') return learner.alterSequence() ? learner : null;
    return tokens.word(1) === 'TABLE' && learner.alterTable() ? learner : null;
  }
  if (tokens.word(0) !== 'CREATE') return null;
  if (tokens.word(1) === 'SCHEMA') return learner.schema();
  if (learnRoutine(tokens, catalog)) return learner;
  const kind = tokens.word(1) === 'UNLOGGED' ? 2 : 1;
  if (tokens.word(kind) === 'SEQUENCE') return learner.sequence(kind + 1);
  return tokens.word(kind) === 'TABLE' ? learner.table(kind + 1) : null;
}

type Options = Partial<Pick<Sequence, 'increment' | 'start' | 'min' | 'max' | 'cycles'>> & { cache?: bigint };

class Learner implements Learned {
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  readonly renewed: Sequence[] = [];
  readonly unplaced: Sequence[] = [];
  readonly stepped: Sequence[] = [];
  private readonly sequences: Sequence[] = [];

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
  }

  schema(): Learned {
    this.catalog.addSchema(this.name(2).name);
    return this;
  }

  sequence(from: number): Learned | null {
    const { tokens } = this;
    const target = this.made(from);
    if (target === null) return null;
    if (target.ifNotExists && this.catalog.sequence(target.schema, target.name) !== null) return null;
    this.create(target.schema, target.name, this.options(target.next, tokens.length));
    return this;
  }

  table(from: number): Learned | null {
    const { tokens, catalog } = this;
    const target = this.made(from);
    if (target === null) return null;
    if (target.ifNotExists && catalog.table(target.schema, target.name) !== null) return null;
    if (tokens.word(target.next) === 'PARTITION') {
      const whole = tokens.name(target.next + 2);
      const table = catalog.table(whole.schema, whole.name);
      if (table === null) return null;
      catalog.addTable(target.schema, target.name, { ...table, owns: [], ownedBelow: [] });
      return this;
    }
    if (!tokens.is(target.next, '(')) return null;
    const columns: Column[] = [];
    const holds = new Map<string, Sequence>();
    const refers = new Set<string>();
    for (const item of tokens.items(target.next + 1, tokens.close(target.next))) {
      if (tokens.word(item.from) === 'LIKE') {
        columns.push(...this.like(target.schema, target.name, item.from, item.to, holds));
        continue;
      }
      if (CONSTRAINTS.includes(tokens.word(item.from))) {
        this.foreignKey(item.from, item.to, holds, refers);
        continue;
      }
      const column = this.column(target.schema, target.name, item.from, item.to);
      columns.push(column);
      if (column.draws !== null) holds.set(column.name, column.draws);
      this.reference(column.name, item.from, item.to, holds, refers);
    }
    this.inherit(tokens.close(target.next) + 1, columns, holds);
    catalog.addTable(target.schema, target.name, {
      columns,
      triggers: [],
      owns: this.sequences,
      ownedBelow: [],
      holds,
      refers,
    });
    return this;
  }

  /** `LIKE table INCLUDING …`: an identity gets a sequence of its own, a default keeps the one that it names. */
  private like(
    schema: string,
    name: string,
    from: number,
    to: number,
    holds: Map<string, Sequence>,
  ): readonly Column[] {
    const { tokens, catalog } = this;
    const other = tokens.name(from + 1);
    const included = new Set<string>();
    for (let index = other.next; index + 1 < to; index += 2) {
      const what = tokens.at(index + 1).name ?? '';
      if (tokens.at(index).name === 'including') included.add(what);
      else included.delete(what);
    }
    const has = (what: string) => included.has(what) || included.has('all');
    return (catalog.table(other.schema, other.name)?.columns ?? []).map((column) => {
      if (!has(column.identity ? 'identity' : 'defaults'))
        return { ...column, draws: null, mayDraw: [], calls: [], identity: false };
      const { draws } = column;
      if (draws === null) return column;
      const { increment, start, min, max, cycles } = draws;
      const own = column.identity
        ? this.create(schema, `${name}_${column.name}_seq`, { increment, start, min, max, cycles })
        : draws;
      holds.set(column.name, own);
      return { ...column, draws: own };
    });
  }

  /** `INHERITS (table, …)`: the columns come first, and an identity stays behind. */
  private inherit(from: number, columns: Column[], holds: Map<string, Sequence>): void {
    const { tokens, catalog } = this;
    if (tokens.at(from).name !== 'inherits') return;
    const known = new Set(columns.map(({ name }) => name));
    const inherited = tokens.items(from + 2, tokens.close(from + 1)).flatMap((item) => {
      const parent = tokens.name(item.from);
      return catalog.table(parent.schema, parent.name)?.columns ?? [];
    });
    const added = inherited
      .filter(({ name }) => !known.has(name))
      .map((column) => (column.identity ? { ...column, draws: null, identity: false } : column));
    for (const { name, draws } of added) if (draws !== null) holds.set(name, draws);
    columns.unshift(...added);
  }

  /** RENAME, and options: RESTART is read with the statements that draw. */
  alterSequence(): boolean {
    const { tokens, catalog } = this;
    const target = this.name(2);
    const sequence = catalog.sequence(target.schema, target.name);
    if (sequence === null) return false;
    const renamed = this.renamed(target.next);
    if (renamed !== null) catalog.renameSequence(sequence, renamed);
    const { increment, start, min, max, cycles } = this.given(target.next, tokens.length);
    if (increment !== undefined && increment !== sequence.increment) this.stepped.push(sequence);
    sequence.increment = increment ?? sequence.increment;
    sequence.start = start ?? sequence.start;
    sequence.min = min ?? sequence.min;
    sequence.max = max ?? sequence.max;
    sequence.cycles = cycles ?? sequence.cycles;
    return true;
  }

  /** `RENAME TO name` */
  private renamed(from: number): string | null {
    const { tokens } = this;
    return tokens.at(from).name === 'rename' && tokens.word(from + 1) === 'TO' ? tokens.at(from + 2).name : null;
  }

  /** RENAME, ADD … FOREIGN KEY, and ALTER … SET DEFAULT nextval(…), as dumps have them. */
  alterTable(): boolean {
    const { tokens, catalog } = this;
    const target = this.name(2);
    const renamed = this.renamed(target.next);
    const table = catalog.table(target.schema, target.name);
    if (table === null) {
      // ALTER TABLE renames sequences, too.
      return renamed !== null && this.alterSequence();
    }
    if (renamed !== null) {
      catalog.renameTable(table, renamed);
      return true;
    }
    if (tokens.at(target.next).name === 'rename') {
      const at = tokens.at(target.next + 1).name === 'column' ? target.next + 2 : target.next + 1;
      this.renameColumn(table, tokens.at(at).name ?? '', tokens.at(at + 2).name ?? '');
      return true;
    }
    const holds = new Map(table.holds);
    const refers = new Set(table.refers);
    let columns = table.columns;
    this.foreignKey(target.next, tokens.length, holds, refers);
    for (const { from, to } of tokens.items(target.next, tokens.length)) {
      columns = this.altered(table, columns, from, to);
      for (const { name, draws } of columns) if (draws !== null) holds.set(name, draws);
    }
    const set = tokens.find(target.next, -1, ['SET']);
    if (set > 0 && tokens.word(set + 1) === 'DEFAULT') {
      const name = tokens.at(set - 1).name ?? '';
      const draws = this.defaultOf(set, tokens.length);
      columns = columns.map((column) => (column.name === name ? { ...column, draws } : column));
      if (draws !== null) holds.set(name, draws);
    }
    const owns = [...table.owns, ...this.sequences];
    catalog.addTable(table.schema, table.name, { ...table, columns, holds, refers, owns });
    return true;
  }

  /** `ADD [COLUMN]`, `ALTER [COLUMN] … ADD GENERATED`, and DROP of a column, its default or identity. */
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
      const before = this.sequences.length;
      const column = this.column(table.schema, table.name, at, to);
      // Every row that is there has drawn.
      for (const sequence of this.sequences.slice(before)) this.unplaced.push(sequence);
      if (column.draws !== null && this.sequences.length === before) this.unplaced.push(column.draws);
      return [...columns, column];
    }
    const done = tokens.at(at + 1).name;
    if (what !== 'alter' || (done !== 'add' && done !== 'drop')) return columns;
    const loses = done === 'drop' && ['default', 'identity'].includes(tokens.at(at + 2).name ?? '');
    if (done === 'drop' && !loses) return columns;
    const column = loses
      ? { name, draws: null, mayDraw: [], identity: false }
      : this.column(table.schema, table.name, at, to);
    return columns.map((one) => (one.name === name ? column : one));
  }

  private renameColumn(table: Table, from: string, to: string): void {
    const named = (name: string) => (name === from ? to : name);
    this.catalog.addTable(table.schema, table.name, {
      ...table,
      columns: table.columns.map((column) => ({ ...column, name: named(column.name) })),
      holds: new Map([...table.holds].map(([column, sequence]) => [named(column), sequence])),
      refers: new Set([...table.refers].map(named)),
    });
  }

  private name(from: number): { schema: string | null; name: string; next: number; ifNotExists: boolean } {
    const ifNotExists = this.tokens.word(from) === 'IF';
    const at = ifNotExists ? from + (this.tokens.word(from + 1) === 'NOT' ? 3 : 2) : from;
    return { ...this.tokens.name(at), ifNotExists };
  }

  /** The name of something new; null where nobody knows its schema. */
  private made(from: number): { schema: string; name: string; next: number; ifNotExists: boolean } | null {
    const made = this.name(from);
    const schema = made.schema ?? this.catalog.home;
    return schema === null ? null : { ...made, schema };
  }

  private create(schema: string, name: string, values: Partial<Sequence>): Sequence {
    const known = this.catalog.sequence(schema, name);
    const again =
      known !== null && (values.increment ?? 1n) === known.increment && (values.start ?? 1n) === known.start;
    const sequence = again ? known : this.catalog.addSequence(schema, name, { ...values, next: values.start ?? 1n });
    if (again) this.renewed.push(known);
    this.sequences.push(sequence);
    return sequence;
  }

  private column(schema: string, table: string, from: number, to: number): Column {
    const { tokens } = this;
    const name = tokens.at(from).name ?? '';
    const max = SERIAL[tokens.at(from + 1).name ?? ''];
    if (max !== undefined)
      return { name, draws: this.create(schema, `${table}_${name}_seq`, { max }), mayDraw: [], identity: false };
    for (let index = from + 1; index < to; index++) {
      if (tokens.at(index).name !== 'identity' || tokens.at(index - 1).word !== 'AS') continue;
      const options = tokens.is(index + 1, '(') ? this.options(index + 2, tokens.close(index + 1)) : {};
      return { name, draws: this.create(schema, `${table}_${name}_seq`, options), mayDraw: [], identity: true };
    }
    return { name, draws: this.defaultOf(from, to), mayDraw: [], identity: false };
  }

  private defaultOf(from: number, to: number): Sequence | null {
    const { tokens } = this;
    for (let index = from; index < to; index++) {
      if (tokens.at(index).name !== 'nextval' || tokens.at(index + 2).kind !== TOKEN.STRING) continue;
      return namedBy(literalText(tokens.at(index + 2).text), this.catalog);
    }
    return null;
  }

  /** Options as written. */
  private given(from: number, to: number): Options {
    const { tokens } = this;
    const values: Options = {};
    const keys = { increment: 'increment', start: 'start', minvalue: 'min', maxvalue: 'max', cache: 'cache' } as const;
    for (let index = from; index < to; index++) {
      const name = tokens.at(index).name ?? '';
      if (name === 'cycle' && tokens.word(index - 1) !== 'NO') values.cycles = true;
      if (!Object.hasOwn(keys, name)) continue;
      let at = index + 1;
      if (tokens.word(at) === 'WITH' || tokens.word(at) === 'BY') at += 1;
      const value = tokens.value(at)?.given.literal ?? null;
      if (value !== null) values[keys[name as keyof typeof keys]] = value;
    }
    return values;
  }

  private options(from: number, to: number): Options {
    const values = this.given(from, to);
    // A sequence that counts down begins at its top.
    if ((values.increment ?? 1n) < 0n) {
      values.max ??= -1n;
      values.min ??= -(2n ** 63n);
      values.start ??= values.max;
    } else values.start ??= values.min ?? 1n;
    return values;
  }

  /** `FOREIGN KEY (columns) REFERENCES table [(columns)]` */
  private foreignKey(from: number, to: number, holds: Map<string, Sequence>, refers: Set<string>): void {
    const { tokens } = this;
    for (let index = from; index < to; index++) {
      if (tokens.word(index) !== 'FOREIGN' || !tokens.is(index + 2, '(')) continue;
      const list = tokens.items(index + 3, tokens.close(index + 2)).map((item) => tokens.at(item.from).name ?? '');
      list.forEach((column, place) => {
        this.reference(column, tokens.close(index + 2), to, holds, refers, place);
      });
    }
  }

  /** `REFERENCES table [(columns)]`; without columns it is the table's first one that draws. */
  private reference(
    column: string,
    from: number,
    to: number,
    holds: Map<string, Sequence>,
    refers: Set<string>,
    place = 0,
  ): void {
    const { tokens } = this;
    for (let index = from; index < to; index++) {
      if (tokens.word(index) !== 'REFERENCES') continue;
      const other = tokens.name(index + 1);
      const table = this.catalog.table(other.schema, other.name);
      const listed = tokens.is(other.next, '(')
        ? tokens.items(other.next + 1, tokens.close(other.next))[place]
        : undefined;
      const there =
        listed === undefined ? table?.columns.find(({ draws }) => draws !== null)?.name : tokens.at(listed.from).name;
      const sequence = table?.holds.get(there ?? '');
      if (sequence === undefined) return;
      holds.set(column, sequence);
      refers.add(column);
      return;
    }
  }
}
