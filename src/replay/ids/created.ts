import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Column, Sequence } from './catalog.ts';
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
const CONSTRAINTS = ['CONSTRAINT', 'PRIMARY', 'FOREIGN', 'UNIQUE', 'CHECK', 'LIKE'];

/**
 * Makes known what a statement of the record creates: sequences, tables that draw from them, foreign keys,
 * defaults. Gives the sequences that the catalog had already and that begin anew; null when nothing was learned.
 * Temporary objects are left out: they end with their session, and nobody else knows their ids.
 */
export function learnCreated(text: string, catalog: Catalog): readonly Sequence[] | null {
  const tokens = new TokenList(text);
  const learner = new Learner(tokens, catalog);
  if (tokens.word(0) === 'ALTER' && tokens.word(1) === 'TABLE') return learner.alterTable() ? [] : null;
  if (tokens.word(0) !== 'CREATE') return null;
  if (tokens.word(1) === 'SCHEMA') return learner.schema();
  const kind = tokens.word(1) === 'UNLOGGED' ? 2 : 1;
  if (tokens.word(kind) === 'SEQUENCE') return learner.sequence(kind + 1);
  return tokens.word(kind) === 'TABLE' ? learner.table(kind + 1) : null;
}

class Learner {
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly renewed: Sequence[] = [];
  private readonly sequences: Sequence[] = [];

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
  }

  schema(): readonly Sequence[] {
    this.catalog.addSchema(this.name(2).name);
    return [];
  }

  sequence(from: number): readonly Sequence[] | null {
    const { tokens } = this;
    const target = this.made(from);
    if (target === null) return null;
    if (target.ifNotExists && this.catalog.sequence(target.schema, target.name) !== null) return null;
    this.create(target.schema, target.name, this.options(target.next, tokens.length));
    return this.renewed;
  }

  table(from: number): readonly Sequence[] | null {
    const { tokens, catalog } = this;
    const target = this.made(from);
    if (target === null) return null;
    if (target.ifNotExists && catalog.table(target.schema, target.name) !== null) return null;
    if (!tokens.is(target.next, '(')) return null;
    const columns: Column[] = [];
    const holds = new Map<string, Sequence>();
    const refers = new Set<string>();
    for (const item of tokens.items(target.next + 1, tokens.close(target.next))) {
      if (CONSTRAINTS.includes(tokens.word(item.from))) {
        this.foreignKey(item.from, item.to, holds, refers);
        continue;
      }
      const column = this.column(target.schema, target.name, item.from, item.to);
      columns.push(column);
      if (column.draws !== null) holds.set(column.name, column.draws);
      this.reference(column.name, item.from, item.to, holds, refers);
    }
    catalog.addTable(target.schema, target.name, {
      columns,
      triggers: [],
      owns: this.sequences,
      ownedBelow: [],
      holds,
      refers,
    });
    return this.renewed;
  }

  /** ADD … FOREIGN KEY, and ALTER … SET DEFAULT nextval(…), as dumps have them. */
  alterTable(): boolean {
    const { tokens, catalog } = this;
    const target = this.name(2);
    const table = catalog.table(target.schema, target.name);
    if (table === null) return false;
    const holds = new Map(table.holds);
    const refers = new Set(table.refers);
    let columns = table.columns;
    this.foreignKey(target.next, tokens.length, holds, refers);
    const set = tokens.find(target.next, -1, ['SET']);
    if (set > 0 && tokens.word(set + 1) === 'DEFAULT') {
      const name = tokens.at(set - 1).name ?? '';
      const draws = this.defaultOf(set, tokens.length);
      columns = columns.map((column) => (column.name === name ? { ...column, draws } : column));
      if (draws !== null) holds.set(name, draws);
    }
    catalog.addTable(target.schema, target.name, { ...table, columns, holds, refers });
    return true;
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

  private options(from: number, to: number): Partial<Sequence> {
    const { tokens } = this;
    const values: { increment?: bigint; start?: bigint; min?: bigint; max?: bigint; cache?: bigint; cycles?: boolean } =
      {};
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
