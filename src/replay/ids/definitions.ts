import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Column, Sequence, Table } from './catalog.ts';
import { type Checked, type ForeignKeys, withKey } from './foreign-keys.ts';
import type { Name } from './routine-body.ts';
import { namedBy } from './routines.ts';
import type { TokenList } from './tokens.ts';

const SERIAL: Readonly<Record<string, bigint>> = {
  smallserial: 2n ** 15n - 1n,
  serial2: 2n ** 15n - 1n,
  serial: 2n ** 31n - 1n,
  serial4: 2n ** 31n - 1n,
  bigserial: 2n ** 63n - 1n,
  serial8: 2n ** 63n - 1n,
};
/** Largest values of the types of sequences. */
const TOPS: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n - 1n,
  int2: 2n ** 15n - 1n,
  int: 2n ** 31n - 1n,
  integer: 2n ** 31n - 1n,
  int4: 2n ** 31n - 1n,
  bigint: 2n ** 63n - 1n,
  int8: 2n ** 63n - 1n,
};
/** Words that begin a table constraint instead of a column. */
export const CONSTRAINTS = ['CONSTRAINT', 'PRIMARY', 'FOREIGN', 'UNIQUE', 'CHECK'];

/** What becomes of sequences by a definition. */
export interface Learned {
  /** Begin anew at their start. */
  readonly renewed: readonly Sequence[];
  /** Stand nobody knows where. */
  readonly unplaced: readonly Sequence[];
  /** Go on from their last value in other steps. */
  readonly stepped: readonly Sequence[];
}

/** Options of a sequence, as written; null: its bound is that of its type. */
interface Options {
  readonly top?: bigint;
  readonly increment?: bigint;
  readonly start?: bigint;
  readonly min?: bigint | null;
  readonly max?: bigint | null;
  readonly cycles?: boolean;
  readonly cache?: bigint;
}

/** What columns of a table hold, and the foreign keys by which they do. */
export interface Keyed {
  readonly table: string;
  readonly holds: Map<string, Sequence>;
  refers: ForeignKeys;
}

/** Reads the parts that CREATE and ALTER statements define objects with, and what becomes of their sequences. */
export class Definitions implements Learned {
  readonly renewed: Sequence[] = [];
  readonly unplaced: Sequence[] = [];
  readonly stepped: Sequence[] = [];
  /** Made for columns. */
  readonly sequences: Sequence[] = [];
  /** That foreign keys refer to. */
  readonly referred = new Set<Table>();
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
  }

  /** `[IF [NOT] EXISTS] name` */
  name(from: number): { schema: string | null; name: string; next: number; ifNotExists: boolean; ifExists: boolean } {
    const conditional = this.tokens.word(from) === 'IF';
    const ifNotExists = conditional && this.tokens.word(from + 1) === 'NOT';
    const at = conditional ? from + (ifNotExists ? 3 : 2) : from;
    return { ...this.tokens.name(at), ifNotExists, ifExists: conditional && !ifNotExists };
  }

  /** The name of something new; null where nobody knows its schema. */
  made(from: number): { schema: string; name: string; next: number; ifNotExists: boolean } | null {
    const made = this.name(from);
    const schema = made.schema ?? this.catalog.home;
    return schema === null ? null : { ...made, schema };
  }

  create(schema: string, name: string, values: Partial<Sequence>): Sequence {
    const again = this.catalog.whole.hasMade(schema, name);
    const sequence = this.catalog.addSequence(schema, name, { ...values, next: values.start ?? 1n });
    if (again) this.renewed.push(sequence);
    this.sequences.push(sequence);
    return sequence;
  }

  /** The sequence of a serial or identity column, under the name that the server chooses. */
  createFor(schema: string, table: string, column: string, values: Partial<Sequence>): Sequence {
    const { whole } = this.catalog;
    // What a table of the name owned goes by that name again: it is gone, or the CREATE would have failed.
    const own = whole.table(schema, table)?.owns ?? [];
    const isTaken = (name: string) => {
      const sequence = whole.sequence(schema, name);
      return (sequence !== null && !own.includes(sequence)) || whole.table(schema, name) !== null;
    };
    let name = joined(table, column, 'seq');
    for (let number = 1; isTaken(name); number++) name = joined(table, column, `seq${number}`);
    return this.create(schema, name, values);
  }

  /** `SEQUENCE NAME name` among the options of an identity. */
  private givenName(from: number, to: number): { readonly schema: string | null; readonly name: string } | null {
    for (let index = from; index + 1 < to; index++)
      if (this.tokens.at(index).name === 'sequence' && this.tokens.at(index + 1).name === 'name')
        return this.tokens.name(index + 2);
    return null;
  }

  column(schema: string, table: string, from: number, to: number): Column {
    const { tokens } = this;
    const name = tokens.at(from).name ?? '';
    const max = SERIAL[tokens.at(from + 1).name ?? ''];
    if (max !== undefined) {
      const draws = this.createFor(schema, table, name, { max, top: max });
      return { name, draws, calls: [], identity: false };
    }
    for (let index = from + 1; index < to; index++) {
      if (tokens.at(index).name !== 'identity' || tokens.at(index - 1).word !== 'AS') continue;
      const options = tokens.is(index + 1, '(') ? this.options(index + 2, tokens.close(index + 1)) : {};
      const given = this.givenName(index + 2, tokens.close(index + 1));
      const draws =
        given === null
          ? this.createFor(schema, table, name, options)
          : this.create(given.schema ?? schema, given.name, options);
      return { name, draws, calls: [], identity: true };
    }
    return { name, ...this.defaultOf(from, to), identity: false };
  }

  /** What a default draws from, and what it calls. */
  defaultOf(from: number, to: number): Pick<Column, 'draws' | 'calls'> {
    const { tokens } = this;
    let draws: Sequence | null = null;
    const calls: Name[] = [];
    let inDefault = false;
    for (let index = from; index < to; index++) {
      inDefault ||= tokens.word(index) === 'DEFAULT';
      const { name } = tokens.at(index);
      if (!inDefault || name === null || !tokens.is(index + 1, '(')) continue;
      const schema = tokens.is(index - 1, '.') ? tokens.at(index - 2).name : null;
      if (name !== 'nextval') calls.push({ schema, name });
      else if (tokens.at(index + 2).kind === TOKEN.STRING)
        draws ??= namedBy(literalText(tokens.at(index + 2).text), this.catalog);
    }
    return { draws, calls };
  }

  /** Options as written. */
  private given(from: number, to: number): Options {
    const { tokens } = this;
    const values: { -readonly [K in keyof Options]: Options[K] } = {};
    const keys = { increment: 'increment', start: 'start', minvalue: 'min', maxvalue: 'max', cache: 'cache' } as const;
    for (let index = from; index < to; index++) {
      const name = tokens.at(index).name ?? '';
      const none = tokens.at(index - 1).name === 'no';
      const top = name === 'as' ? TOPS[tokens.at(index + 1).name ?? ''] : undefined;
      if (top !== undefined) values.top = top;
      else if (name === 'cycle') values.cycles = !none;
      else if (none && name === 'minvalue') values.min = null;
      else if (none && name === 'maxvalue') values.max = null;
      if (none || !Object.hasOwn(keys, name)) continue;
      let at = index + 1;
      if (tokens.word(at) === 'WITH' || tokens.word(at) === 'BY') at += 1;
      const value = tokens.value(at)?.given.literal ?? null;
      if (value !== null) values[keys[name as keyof typeof keys]] = value;
    }
    return values;
  }

  /** Options of a new sequence. */
  options(from: number, to: number): Partial<Sequence> & { readonly start: bigint } {
    const {
      top = 2n ** 63n - 1n,
      increment = 1n,
      min,
      max,
      cycles = false,
      cache = 1n,
      ...given
    } = this.given(from, to);
    const bounds = { min: min ?? lowest(increment, top), max: max ?? highest(increment, top) };
    // A sequence that counts down begins at its top.
    return {
      top,
      increment,
      ...bounds,
      cycles,
      cache,
      start: given.start ?? (increment < 0n ? bounds.max : bounds.min),
    };
  }

  /** Options of ALTER SEQUENCE, or of an identity: RESTART is read with the statements that draw. */
  alter(sequence: Sequence, from: number, to: number): void {
    const given = this.given(from, to);
    const { increment = sequence.increment, start, cycles, cache } = given;
    if (increment !== sequence.increment) this.stepped.push(sequence);
    const before = { increment: sequence.increment, top: sequence.top };
    const top = given.top ?? before.top;
    let { min = sequence.min, max = sequence.max } = given;
    // Bounds of the old type become those of the new one.
    if (top !== before.top && given.max === undefined && max === before.top) max = top;
    if (top !== before.top && given.min === undefined && min === -before.top - 1n) min = -top - 1n;
    min ??= lowest(increment, top);
    max ??= highest(increment, top);
    Object.assign(sequence, { top, increment, min, max });
    sequence.start = start ?? sequence.start;
    sequence.cycles = cycles ?? sequence.cycles;
    sequence.cache = cache ?? sequence.cache;
  }

  /** `OWNED BY table.column`, `OWNED BY NONE` */
  owner(sequence: Sequence, from: number, to: number): void {
    const { tokens, catalog } = this;
    for (let index = from; index < to; index++) {
      if (tokens.at(index).name !== 'owned') continue;
      let at = index + 2;
      while (tokens.is(at + 1, '.')) at += 2;
      if (at === index + 2) {
        catalog.whole.giveSequence(sequence, null, '');
        return;
      }
      const schema = at > index + 4 ? tokens.at(at - 4).name : null;
      const table = catalog.table(schema, tokens.at(at - 2).name ?? '');
      if (table !== null) catalog.whole.giveSequence(sequence, table, tokens.at(at).name ?? '');
      return;
    }
  }

  /** The table has the foreign keys that were read. */
  putBelow(table: Table): void {
    for (const other of this.referred) this.catalog.whole.putBelow(table, other);
  }

  /** `FOREIGN KEY (columns) REFERENCES table [(columns)]` */
  foreignKey(from: number, to: number, keyed: Keyed): void {
    const { tokens } = this;
    for (let index = from; index < to; index++) {
      if (tokens.word(index) !== 'FOREIGN' || !tokens.is(index + 2, '(')) continue;
      const close = tokens.close(index + 2);
      const columns = tokens.items(index + 3, close).map((item) => tokens.at(item.from).name ?? '');
      const name = this.keyName(index, columns, keyed);
      columns.forEach((column, place) => {
        this.refer({ column, place, name }, close, to, keyed);
      });
    }
  }

  /** `REFERENCES table [(column)]` of a column. */
  reference(column: string, from: number, to: number, keyed: Keyed): void {
    for (let index = from; index < to; index++) {
      if (this.tokens.word(index) !== 'REFERENCES') continue;
      this.refer({ column, place: 0, name: this.keyName(index, [column], keyed) }, index, to, keyed);
      return;
    }
  }

  /** As it is written, or as the server chooses it. */
  private keyName(at: number, columns: readonly string[], { table, refers }: Keyed): string {
    if (this.tokens.word(at - 2) === 'CONSTRAINT') return this.tokens.at(at - 1).name ?? '';
    const taken = new Set([...refers.values()].flatMap((keys) => [...keys.keys()]));
    let name = joined(table, columns.join('_'), 'fkey');
    for (let number = 1; taken.has(name); number++) name = joined(table, columns.join('_'), `fkey${number}`);
    return name;
  }

  /** The table that a REFERENCES here names, if it is known. */
  refersTo(at: number): Table | null {
    const { schema, name } = this.tokens.name(at + 1);
    const table = this.catalog.table(schema, name);
    if (table !== null) this.referred.add(table);
    return table;
  }

  /** What stands behind the table that a foreign key refers to, or behind the name of one that is altered. */
  checked(from: number, to: number, otherwise: Checked = 'AT_ONCE'): Checked {
    const { tokens } = this;
    let checked = otherwise;
    for (let at = from; at < to && !tokens.is(at, ','); at++) {
      // Columns: those that are referred to, or of ON DELETE SET NULL.
      if (tokens.is(at, '(')) at = tokens.close(at);
      if (CONSTRAINTS.includes(tokens.word(at)) || tokens.word(at) === 'REFERENCES') break;
      const isNot = tokens.word(at - 1) === 'NOT';
      switch (tokens.at(at).name) {
        case 'enforced':
          if (isNot) return 'NEVER';
          // Nobody knows whether it is deferrable.
          if (checked === 'NEVER') checked = 'AT_COMMIT';
          break;
        case 'deferrable':
          checked = isNot ? 'AT_ONCE' : 'AT_COMMIT';
          break;
        case 'deferred':
          checked = 'AT_COMMIT';
          break;
        case 'immediate':
          // Alone it says NOT DEFERRABLE.
          if (tokens.at(at - 2).name !== 'deferrable') checked = 'AT_ONCE';
      }
    }
    return checked;
  }

  /** `REFERENCES table [(columns)]` from an index on; without columns it is the table's first one that draws. */
  private refer(
    { column, place, name }: { readonly column: string; readonly place: number; readonly name: string },
    from: number,
    to: number,
    keyed: Keyed,
  ): void {
    const { tokens } = this;
    for (let index = from; index < to; index++) {
      if (tokens.word(index) !== 'REFERENCES') continue;
      const other = tokens.name(index + 1);
      const table = this.refersTo(index);
      const listed = tokens.is(other.next, '(')
        ? tokens.items(other.next + 1, tokens.close(other.next))[place]
        : undefined;
      const there =
        listed === undefined ? table?.columns.find(({ draws }) => draws !== null)?.name : tokens.at(listed.from).name;
      const sequence = table?.holds.get(there ?? '');
      if (sequence === undefined) return;
      keyed.holds.set(column, sequence);
      keyed.refers = withKey(keyed.refers, column, name, this.checked(other.next, to));
      return;
    }
  }
}

/** Bytes of a name. */
const LONGEST_NAME = 63;

/** `table_column_label`, table and column cut evenly to what a name may hold, as the server does it. */
function joined(table: string, column: string, label: string): string {
  const room = LONGEST_NAME - label.length - 2;
  const parts = [Buffer.from(table), Buffer.from(column)] as const;
  let [first, second] = [parts[0].length, parts[1].length];
  while (first + second > room) {
    if (first > second) first -= 1;
    else second -= 1;
  }
  return [cut(parts[0], first), cut(parts[1], second), label].join('_');
}

/** Whole characters of at most so many bytes. */
function cut(text: Buffer, bytes: number): string {
  let end = bytes;
  while (end > 0 && end < text.length && (text[end]! & 0xc0) === 0x80) end -= 1;
  return text.subarray(0, end).toString();
}

function lowest(increment: bigint, top: bigint): bigint {
  return increment < 0n ? -top - 1n : 1n;
}

function highest(increment: bigint, top: bigint): bigint {
  return increment < 0n ? -1n : top;
}
