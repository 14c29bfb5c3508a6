import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Sequence } from './catalog.ts';
import type { Change, DrawPart, DrawRows } from './parts.ts';
import { namedBy, type Reach, routineReach } from './routines.ts';
import { TokenList } from './tokens.ts';

/** What is known of a statement's shape when its calls are read. */
export interface CallPlaces {
  /** Spans of VALUES rows of INSERTs: calls in them are counted as written. */
  readonly rows: readonly { readonly from: number; readonly to: number }[];
  /** Parentheses (-1: none) of queries that feed an INSERT. */
  readonly feeding: ReadonlySet<number>;
  /** ON CONFLICT: rows that were drawn for need not come out. */
  readonly conflict: boolean;
}

/** Functions whose arguments are evaluated only where they are needed. */
const LAZY = new Set(['coalesce']);
/** Words that a query begins with. */
export const QUERY: readonly string[] = ['SELECT', 'WITH', 'VALUES', 'TABLE'];

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

class CallReader {
  readonly parts: DrawPart[] = [];
  readonly changes: Change[] = [];
  readonly recalls: (Sequence | null)[] = [];
  readonly unsure: Sequence[] = [];
  readonly reached: { readonly reach: Reach; readonly rows: DrawRows }[] = [];
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly places: CallPlaces;

  constructor(tokens: TokenList, catalog: Catalog, places: CallPlaces) {
    this.tokens = tokens;
    this.catalog = catalog;
    this.places = places;
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
    this.parts.push({ ...named, count: 1, rows, exact });
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
  private place(index: number): { readonly rows: DrawRows; readonly exact: boolean } {
    const { tokens } = this;
    const exact = !this.isConditional(index);
    if (this.places.rows.some((span) => index >= span.from && index < span.to)) return { rows: 'FIXED', exact };
    let { group } = tokens.at(index);
    while (group >= 0 && !QUERY.includes(tokens.word(group + 1))) group = tokens.at(group).group;
    if (group < 0 && ['UPDATE', 'MERGE', 'DELETE'].includes(tokens.word(0))) return { rows: 'ROWS', exact };
    const query = group < 0 ? tokens.find(0, -1, ['SELECT', 'VALUES']) : group + 1;
    if (query < 0 || tokens.find(query, group, ['FROM']) < 0) return { rows: 'FIXED', exact };
    const told =
      (group < 0 || this.places.feeding.has(group)) && !this.places.conflict && !isFiltered(tokens, query, group);
    return { rows: told ? 'ROWS' : 'UNKNOWN', exact };
  }

  /** Inside CASE, COALESCE or a condition an expression may be left out. */
  private isConditional(index: number): boolean {
    const { tokens } = this;
    for (let at = index; at >= 0; ) {
      const { group } = tokens.at(at);
      for (let before = at - 1; before > group; before--) {
        const word = tokens.word(before);
        if (
          tokens.at(before).group === group &&
          (word === 'CASE' || word === 'WHERE' || word === 'AND' || word === 'OR')
        )
          return true;
      }
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
    const plain =
      value !== null &&
      !this.isConditional(index) &&
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

/** DISTINCT, OFFSET and the like make rows of the result out of more evaluations. */
function isFiltered(tokens: TokenList, query: number, group: number): boolean {
  return tokens.find(query, group, ['DISTINCT', 'GROUP', 'UNION', 'INTERSECT', 'EXCEPT', 'OFFSET']) >= 0;
}
