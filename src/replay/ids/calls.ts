import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Column, Sequence } from './catalog.ts';
import { firstWhere } from './first-where.ts';
import type { Change, DrawPart, DrawRows } from './parts.ts';
import { namedBy, type Reach, routineReach } from './routines.ts';
import { TokenList } from './tokens.ts';

interface Span {
  readonly from: number;
  readonly to: number;
}

/** How often a call is evaluated. */
type CallPlace = Pick<DrawPart, 'rows' | 'exact'>;

/** What is known of a statement's shape when its calls are read. */
export interface CallPlaces {
  /** Spans of VALUES rows of INSERTs: calls in them are counted as written. */
  readonly rows: readonly Span[];
  /** Parentheses (-1: none) of queries that feed an INSERT which is no part of another statement. */
  readonly feeding: ReadonlySet<number>;
  /** Columns that draw by default, by the indexes of nextval calls that give them their values. */
  readonly into: ReadonlyMap<number, Column>;
  /** ON CONFLICT: rows that were drawn for need not come out. */
  readonly conflict: boolean;
}

/** Words behind which an expression may be left out. */
const CONDITIONS: ReadonlySet<string> = new Set(['CASE', 'WHERE', 'AND', 'OR']);
/** Where the list of a query ends. */
const BEHIND_LIST: readonly string[] = ['FROM', 'WHERE', 'HAVING', 'LIMIT', 'OFFSET', 'FETCH'];
const LIMITS: readonly string[] = ['LIMIT', 'OFFSET', 'FETCH'];
const SOURCES: readonly string[] = ['SELECT', 'VALUES'];
const FROM: readonly string[] = ['FROM'];
const USING: readonly string[] = ['USING'];
/** What makes rows of the result out of more evaluations. */
const FILTERS: readonly string[] = ['DISTINCT', 'GROUP', 'UNION', 'INTERSECT', 'EXCEPT', 'OFFSET'];
/** Functions whose arguments are evaluated only where they are needed. */
const LAZY = new Set(['coalesce']);
/** Words that a query begins with. */
export const QUERY: readonly string[] = ['SELECT', 'WITH', 'VALUES', 'TABLE'];

/** What a statement does. */
const VERBS: readonly string[] = ['SELECT', 'VALUES', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'];
/** Words by which a statement may do without rows of its WITH queries. */
const WANTING: readonly string[] = ['WHERE', 'HAVING', 'JOIN', 'LIMIT', 'OFFSET', 'FETCH', 'CASE', 'MERGE'];
/** Functions that clients often call beside nextval, or on what it gives: one value for each row, no aggregates. */
const SCALAR = new Set(
  `nextval setval currval lastval pg_get_serial_sequence coalesce nullif greatest least abs mod round floor ceil random
  lower upper trim btrim ltrim rtrim lpad rpad concat concat_ws format length substr substring md5 encode decode
  to_char to_date to_number to_timestamp now clock_timestamp statement_timestamp transaction_timestamp timezone date_trunc
  date_part extract gen_random_uuid uuid_generate_v4 jsonb_build_object json_build_object row_to_json to_json to_jsonb`.split(
    /\s+/,
  ),
);

/** Reads calls of nextval, currval, lastval, setval and routines that draw, anywhere in a statement from an index on. */
export function readCalls(
  tokens: TokenList,
  catalog: Catalog,
  places: CallPlaces,
  from: number,
): {
  readonly parts: readonly DrawPart[];
  readonly changes: readonly Change[];
  readonly recalls: readonly (Sequence | null)[];
  readonly unsure: readonly Sequence[];
  /** What the routines reach that are called, with where they stand. */
  readonly reached: readonly { readonly reach: Reach; readonly rows: DrawRows }[];
} {
  const reader = new CallReader(tokens, catalog, places);
  reader.read(from);
  return reader;
}

/** Reads a statement in time that grows with its length: what holds for many calls is looked for once. */
class CallReader {
  readonly parts: DrawPart[] = [];
  readonly changes: Change[] = [];
  readonly recalls: (Sequence | null)[] = [];
  readonly unsure: Sequence[] = [];
  readonly reached: { readonly reach: Reach; readonly rows: DrawRows }[] = [];
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly places: CallPlaces;
  /** Rows by the parenthesis that they stand in, each list in order. */
  private readonly rows = new Map<number, Span[]>();
  /** First of `CONDITIONS` directly in a parenthesis. */
  private readonly conditions = new Map<number, number>();
  /** Last of `WANTING`; -1: none. */
  private lastWanting = -1;
  private readonly found = new Map<readonly string[], Map<number, number>>();
  private readonly others = new Map<number, { readonly last: number; readonly firstClosed: number }>();

  constructor(tokens: TokenList, catalog: Catalog, places: CallPlaces) {
    this.tokens = tokens;
    this.catalog = catalog;
    this.places = places;
    for (const row of [...places.rows].sort((a, b) => a.from - b.from)) {
      const { group } = tokens.at(row.from);
      const rows = this.rows.get(group);
      if (rows === undefined) this.rows.set(group, [row]);
      else rows.push(row);
    }
    for (let index = 0; index < tokens.length; index++) {
      const { word, group } = tokens.at(index);
      if (CONDITIONS.has(word) && !this.conditions.has(group)) this.conditions.set(group, index);
      if (WANTING.includes(word)) this.lastWanting = index;
    }
  }

  read(from: number): void {
    const { tokens, catalog } = this;
    for (let index = from; index < tokens.length; index++) {
      if (!tokens.is(index + 1, '(')) continue;
      const { name } = tokens.at(index);
      if (name === null) continue;
      if (name === 'nextval') this.nextval(index);
      else if (name === 'setval') this.setval(index);
      else if (name === 'lastval') this.recalls.push(null);
      else if (name === 'currval') {
        const sequence = this.sequenceArgument(index + 2)?.sequence ?? null;
        if (sequence !== null) this.recalls.push(sequence);
      } else if (catalog.whole.hasRoutines && !this.isTable(index)) this.routine(name, index);
    }
  }

  private routine(name: string, index: number): void {
    const schema = this.tokens.is(index - 1, '.') ? this.tokens.at(index - 2).name : null;
    this.reached.push({ reach: routineReach({ schema, name }, this.catalog), rows: this.place(index).rows });
  }

  /** `INTO name (columns)`. */
  private isTable(index: number): boolean {
    const { tokens } = this;
    let at = index - 1;
    while (tokens.is(at, '.')) at -= 2;
    return tokens.word(at) === 'INTO';
  }

  private nextval(index: number): void {
    const named = this.sequenceArgument(index + 2);
    if (named === null) return;
    const { rows, exact } = this.place(index);
    const into = this.places.into.get(index);
    this.parts.push({ ...named, count: 1, rows, exact, ...(into?.draws === named.sequence ? { into } : {}) });
  }

  /** `'name'`, `'name'::regclass`, `CAST('name' AS regclass)`, `$1`, or `pg_get_serial_sequence('table', 'column')`. */
  private sequenceArgument(
    at: number,
  ): { readonly sequence: Sequence | null; readonly parameter: number | null } | null {
    const { tokens, catalog } = this;
    const token = tokens.at(at);
    if (tokens.is(at, '(') || (token.name === 'cast' && tokens.is(at + 1, '('))) return this.sequenceArgument(at + 1);
    if (token.kind === TOKEN.PARAMETER) return { sequence: null, parameter: Number(token.text.slice(1)) };
    if (token.kind === TOKEN.STRING) {
      const sequence = namedBy(literalText(token.text), catalog, this.unsure);
      return sequence === null ? null : { sequence, parameter: null };
    }
    if (token.name !== 'pg_get_serial_sequence' || tokens.at(at + 2).kind !== TOKEN.STRING) return null;
    const table = new TokenList(literalText(tokens.at(at + 2).text)).name(0);
    const sequence = catalog.table(table.schema, table.name)?.holds.get(literalText(tokens.at(at + 4).text)) ?? null;
    return sequence === null ? null : { sequence, parameter: null };
  }

  /** How often an expression at an index is evaluated. */
  private place(index: number): CallPlace {
    const { tokens } = this;
    const exact = !this.isConditional(index);
    const group = this.owner(index);
    const rows = this.rows.get(group) ?? [];
    const row = rows[firstWhere(rows.length, (at) => rows[at]!.from > index) - 1];
    if (row !== undefined && index < row.to) return { rows: 'FIXED', exact };
    const verb = this.find(group + 1, group, VERBS);
    if (verb < 0) return { rows: 'FIXED', exact };
    switch (tokens.word(verb)) {
      case 'SELECT':
        return this.inSelect(verb, group, index, exact);
      case 'VALUES':
        return this.find(verb, group, LIMITS) < 0 ? this.once(group, exact) : { rows: 'UNKNOWN', exact };
      case 'INSERT': {
        const query = this.find(verb, group, SOURCES);
        if (group >= 0 || this.places.conflict) return { rows: 'UNKNOWN', exact };
        return tokens.word(query) === 'SELECT' ? this.inSelect(query, group, index, exact) : { rows: 'ROWS', exact };
      }
      case 'UPDATE':
      case 'DELETE': {
        // A row that several rows are joined with is computed for each of them.
        const joins = this.find(verb + 2, group, tokens.word(verb) === 'UPDATE' ? FROM : USING) >= 0;
        return { rows: group < 0 && !joins ? 'ROWS' : 'UNKNOWN', exact };
      }
      default:
        return { rows: 'UNKNOWN', exact };
    }
  }

  private inSelect(query: number, group: number, index: number, exact: boolean): CallPlace {
    const { tokens } = this;
    const all = group < 0 ? tokens.length : tokens.close(group);
    const behind = this.find(query, group, BEHIND_LIST);
    const end = behind < 0 ? all : behind;
    // Another call may give several rows, for which everything beside it is computed, once more than there are.
    const { last, firstClosed } = this.othersIn(query, end);
    const isPlain = index < end && last <= index && firstClosed >= index;
    if (behind < 0 && isPlain) return this.once(group, exact);
    const told =
      isPlain &&
      (group < 0 || this.places.feeding.has(group)) &&
      !this.places.conflict &&
      this.find(query, group, FILTERS) < 0 &&
      !this.isArgument(index, group);
    return { rows: told ? 'ROWS' : 'UNKNOWN', exact };
  }

  /** In a statement of one row: a part of another statement is run as often as that wants it. */
  private once(group: number, exact: boolean): CallPlace {
    const { tokens } = this;
    if (group < 0 || this.places.feeding.has(group)) return { rows: 'FIXED', exact };
    if (tokens.at(group).group < 0 && ['AS', 'MATERIALIZED'].includes(tokens.word(group - 1))) {
      const wanted = this.lastWanting < tokens.close(group);
      return { rows: wanted ? 'FIXED' : 'UNKNOWN', exact };
    }
    const outer = this.place(group);
    return outer.rows === 'FIXED' ? outer : { rows: 'UNKNOWN', exact };
  }

  /** As `TokenList.find`; the words are one of the lists above. */
  private find(from: number, group: number, words: readonly string[]): number {
    let known = this.found.get(words);
    if (known === undefined) {
      known = new Map();
      this.found.set(words, known);
    }
    let index = known.get(from);
    if (index === undefined) {
      index = this.tokens.find(from, group, words);
      known.set(from, index);
    }
    return index;
  }

  /** Of such calls (`isOther`) in the list of a query: where the last stands, and where the first ends. */
  private othersIn(query: number, end: number): { readonly last: number; readonly firstClosed: number } {
    const known = this.others.get(query);
    if (known !== undefined) return known;
    const found = { last: -1, firstClosed: Number.POSITIVE_INFINITY };
    for (let at = query; at < end; at++) {
      if (!this.isOther(at)) continue;
      found.last = at;
      found.firstClosed = Math.min(found.firstClosed, this.tokens.close(at + 1));
    }
    this.others.set(query, found);
    return found;
  }

  /** The parenthesis of the statement, or part of one, that an index stands in; -1: none. */
  private owner(index: number): number {
    const { tokens } = this;
    let { group } = tokens.at(index);
    while (group >= 0 && !QUERY.includes(tokens.word(group + 1)) && !VERBS.includes(tokens.word(group + 1)))
      group = tokens.at(group).group;
    return group;
  }

  /** A call of a function that need not give one row for each row. */
  private isOther(at: number): boolean {
    const { tokens } = this;
    const { kind, word, name } = tokens.at(at);
    const isName = kind === TOKEN.QUOTED || (kind === TOKEN.WORD && word === '');
    return isName && tokens.is(at + 1, '(') && !tokens.is(at - 1, '::') && !SCALAR.has(name ?? '');
  }

  /** Within the arguments of such a function, which may be an aggregate. */
  private isArgument(index: number, group: number): boolean {
    const { tokens } = this;
    for (let open = tokens.at(index).group; open > group; open = tokens.at(open).group)
      if (this.isOther(open - 1)) return true;
    return false;
  }

  /** Inside CASE, COALESCE or a condition an expression may be left out. */
  private isConditional(index: number): boolean {
    const { tokens } = this;
    for (let at = index; at >= 0; ) {
      const { group } = tokens.at(at);
      if ((this.conditions.get(group) ?? at) < at) return true;
      if (group >= 0 && LAZY.has(tokens.at(group - 1).name ?? '')) return true;
      at = group;
    }
    return false;
  }

  private setval(index: number): void {
    const { tokens } = this;
    const close = tokens.close(index + 1);
    const [first, second, third] = tokens.items(index + 2, close);
    const named = first === undefined ? null : this.sequenceArgument(first.from);
    if (named === null || named.sequence === null || second === undefined) return;
    const value = tokens.value(second.from);
    const { sequence } = named;
    const called = third === undefined || /^(?:true|'t(?:rue)?')$/i.test(tokens.at(third.from).text);
    // For no rows it moves nothing.
    const { rows, exact } = this.place(index);
    const plain =
      value !== null &&
      exact &&
      rows === 'FIXED' &&
      value.next === second.to &&
      (called || /^(?:false|'f(?:alse)?')$/i.test(tokens.at(third!.from).text));
    const add = called ? sequence.increment : 0n;
    this.changes.push({
      sequence,
      next: plain && value.given.literal !== null ? value.given.literal + add : null,
      parameter: plain ? value.given.parameter : null,
      add,
      transactional: false,
    });
  }
}
