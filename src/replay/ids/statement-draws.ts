import { isSingleStatement, literalText, skipExplain, splitStatements, TOKEN, Tokenizer } from '../../journal/sql-tokens.ts';
import type { Catalog, RowEvent, Sequence, Table } from './catalog.ts';
import { namedBy, sourceDraws } from './routines.ts';
import { type Given, TokenList } from './tokens.ts';

/**
 * How often a statement draws: FIXED: the text tells; ROWS: once for each row that the statement returns or
 * affects; UNKNOWN: once for each row of some part of it, which its row count does not tell.
 */
export type DrawRows = 'FIXED' | 'ROWS' | 'UNKNOWN';

export interface DrawPart {
  /** Null: the parameter names it. */
  readonly sequence: Sequence | null;
  /** `nextval($1)`. */
  readonly parameter: number | null;
  /** Values in all (FIXED) or for each row. */
  readonly count: number;
  readonly rows: DrawRows;
  /** False where a trigger, a function or a condition decides whether it draws. */
  readonly exact: boolean;
}

/** A value of a column that holds a sequence's values: shows what a draw before it gave. */
export interface Reference {
  readonly sequence: Sequence;
  readonly given: Given;
  /** Written into a foreign key: the row that it names was there. In a condition it need not be. */
  readonly strong: boolean;
}

/** A statement that moves a sequence itself. */
export interface Change {
  readonly sequence: Sequence;
  /** What the sequence gives next; null: where the text alone does not tell. */
  readonly next: bigint | null;
  /** `setval(…, $2)`: the parameter, and what is added to it. */
  readonly parameter: number | null;
  readonly add: bigint;
  /** Undone when its transaction rolls back (TRUNCATE, ALTER); setval is not. */
  readonly transactional: boolean;
}

/** What a statement's text says about sequences. */
export interface StatementDraws {
  readonly parts: readonly DrawPart[];
  readonly references: readonly Reference[];
  readonly changes: readonly Change[];
  /** PREPARE name AS …: what an EXECUTE of it does. */
  readonly prepares: { readonly name: string; readonly draws: StatementDraws } | null;
  /** EXECUTE name (…); null for an argument that is no plain value. */
  readonly executes: { readonly name: string; readonly values: readonly (Given | null)[] } | null;
}

export const NO_DRAWS: StatementDraws = Object.freeze({ parts: [], references: [], changes: [], prepares: null, executes: null });

/** Reads what a statement, or a string of several, draws, shows and moves. Pure; costs a tokenising. */
export function statementDraws(text: string, catalog: Catalog): StatementDraws {
  if (isSingleStatement(text)) return read(text, catalog);
  const all = splitStatements(text).map((statement) => read(statement, catalog));
  return {
    // The row count of a string is the sum over its statements.
    parts: all.flatMap(({ parts }) => parts.map((part) => (part.rows === 'ROWS' ? { ...part, rows: 'UNKNOWN' as const } : part))),
    references: all.flatMap(({ references }) => references),
    changes: all.flatMap(({ changes }) => changes),
    prepares: all.find(({ prepares }) => prepares !== null)?.prepares ?? null,
    executes: all.find(({ executes }) => executes !== null)?.executes ?? null,
  };
}

function read(text: string, catalog: Catalog): StatementDraws {
  const first = new Tokenizer(text);
  first.advance();
  if (first.keyword() === 'EXPLAIN') {
    return skipExplain(first) ? read(text.slice(first.end), catalog) : NO_DRAWS;
  }
  const reading = new StatementReader(new TokenList(text), catalog);
  return reading.read();
}

/** Functions whose arguments are evaluated only where they are needed. */
const LAZY = new Set(['coalesce']);
const QUERY = ['SELECT', 'WITH', 'VALUES', 'TABLE'];
const ENDS_FROM = ['WHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'OFFSET', 'UNION', 'INTERSECT', 'EXCEPT', 'RETURNING', 'WINDOW', 'FOR', 'ON'];

class StatementReader {
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly parts: DrawPart[] = [];
  private readonly references: Reference[] = [];
  private readonly changes: Change[] = [];
  /** Spans of VALUES rows of INSERTs: calls in them are counted as written. */
  private readonly rows: { readonly from: number; readonly to: number }[] = [];
  /** Groups of the queries that feed an INSERT at the top. */
  private readonly feeding = new Set<number>();
  private conflict = false;

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
  }

  read(): StatementDraws {
    const { tokens } = this;
    const first = tokens.word(0);
    switch (first) {
      case 'PREPARE':
        return this.prepare();
      case 'EXECUTE':
        return { ...NO_DRAWS, executes: this.execute() };
      case 'DO':
        this.block();
        return this.result();
      case 'TRUNCATE':
        this.truncate();
        return this.result();
      case 'ALTER':
        this.alter();
        return this.result();
      case 'COPY':
        this.copy();
        return this.result();
      case 'CREATE': {
        // CREATE TABLE … AS SELECT nextval(…) draws; a default or a function's body only says so.
        const query = tokens.find(1, -1, ['AS']);
        if (query < 0 || !/^(?:SELECT|WITH|\()$/i.test(tokens.at(query + 1).text)) return NO_DRAWS;
        this.calls(query + 1);
        return this.result();
      }
      case 'DROP':
      case 'GRANT':
      case 'REVOKE':
      case 'COMMENT':
        return NO_DRAWS;
    }
    this.modifications();
    this.calls(0);
    this.conditions();
    return this.result();
  }

  private result(): StatementDraws {
    const { parts, references, changes } = this;
    if (parts.length + references.length + changes.length === 0) return NO_DRAWS;
    return { parts, references, changes, prepares: null, executes: null };
  }

  private draw(sequence: Sequence | null, count: number, rows: DrawRows, exact: boolean, parameter: number | null = null): void {
    if (count > 0) this.parts.push({ sequence, parameter, count, rows, exact });
  }

  private triggers(table: Table, event: RowEvent, count: number, rows: DrawRows): void {
    for (const trigger of table.triggers) {
      if (trigger.event !== event) continue;
      if (trigger.perRow) this.draw(trigger.sequence, count, rows, false);
      else this.draw(trigger.sequence, 1, 'FIXED', false);
    }
  }

  /** INSERT, MERGE, UPDATE and DELETE, wherever they stand: in a CTE too. */
  private modifications(): void {
    const { tokens } = this;
    for (let index = 0; index < tokens.length; index++) {
      const word = tokens.word(index);
      if (word === '') continue;
      const before = tokens.word(index - 1);
      const next = tokens.word(index + 1);
      if (word === 'INSERT' && next === 'INTO') this.insert(index);
      else if (word === 'MERGE' && next === 'INTO') this.merge(index);
      else if (word === 'DELETE' && next === 'FROM') this.changed(index + 2, 'DELETE', index);
      else if (word === 'UPDATE' && !['FOR', 'DO', 'THEN', 'KEY', 'ON'].includes(before)) this.changed(index + 1, 'UPDATE', index);
    }
  }

  private changed(from: number, event: RowEvent, index: number): void {
    const { schema, name } = this.tokens.name(from);
    const table = this.catalog.table(schema, name);
    if (table !== null) this.triggers(table, event, 1, this.tokens.at(index).group < 0 ? 'ROWS' : 'UNKNOWN');
  }

  private insert(index: number): void {
    const { tokens, catalog } = this;
    const top = tokens.at(index).group < 0;
    const target = tokens.name(index + 2);
    const table = catalog.table(target.schema, target.name);
    if (table === null) return;
    let at = target.next;
    if (tokens.word(at) === 'AS') at += 2;
    const end = tokens.at(index).group < 0 ? tokens.length : tokens.close(tokens.at(index).group);
    this.conflict = tokens.find(at, tokens.at(index).group, ['CONFLICT']) >= 0;
    let list: readonly string[] | null = null;
    if (tokens.is(at, '(') && !QUERY.includes(tokens.word(at + 1)) && !tokens.is(at + 1, '(')) {
      list = tokens.items(at + 1, tokens.close(at)).map((item) => tokens.at(item.from).name ?? '');
      at = tokens.close(at) + 1;
    }
    let overriding = '';
    if (tokens.at(at).name === 'overriding') {
      overriding = tokens.at(at + 1).name === 'user' ? 'USER' : 'SYSTEM';
      at += 3;
    }
    if (tokens.word(at) === 'DEFAULT') {
      this.insertDefaults(table);
    } else if (tokens.word(at) === 'VALUES') {
      this.insertValues(table, list, overriding === 'USER', at + 1, end);
    } else {
      this.insertQuery(table, list, overriding === 'USER', at, top);
    }
  }

  private insertDefaults(table: Table): void {
    for (const { draws } of table.columns) if (draws !== null) this.draw(draws, 1, 'FIXED', true);
    this.triggers(table, 'INSERT', 1, 'FIXED');
  }

  private insertValues(table: Table, list: readonly string[] | null, overridesUser: boolean, from: number, end: number): void {
    const { tokens } = this;
    const drawn = new Map<Sequence, number>();
    let rows = 0;
    let at = from;
    for (; at < end && tokens.is(at, '('); at++) {
      rows += 1;
      const close = tokens.close(at);
      const items = tokens.items(at + 1, close);
      const names = list ?? table.columns.slice(0, items.length).map(({ name }) => name);
      for (const column of table.columns) {
        const item = items[names.indexOf(column.name)];
        const isDefault = item === undefined || (tokens.word(item.from) === 'DEFAULT' && item.to === item.from + 1);
        if (column.draws !== null && (isDefault || (overridesUser && column.identity))) {
          drawn.set(column.draws, (drawn.get(column.draws) ?? 0) + 1);
        } else if (item !== undefined) this.written(table, column.name, item);
      }
      at = close + 1;
      if (!tokens.is(at, ',')) break;
    }
    this.rows.push({ from, to: at });
    for (const [sequence, count] of drawn) this.draw(sequence, count, 'FIXED', true);
    this.triggers(table, 'INSERT', rows, 'FIXED');
  }

  private insertQuery(table: Table, list: readonly string[] | null, overridesUser: boolean, from: number, top: boolean): void {
    const { tokens } = this;
    let select = from;
    while (tokens.is(select, '(')) select += 1;
    const group = tokens.at(select).group;
    this.feeding.add(group);
    const rows: DrawRows = top && !this.conflict ? 'ROWS' : 'UNKNOWN';
    let items: readonly { readonly from: number; readonly to: number }[] = [];
    if (tokens.word(select) === 'SELECT') {
      const end = tokens.find(select + 1, group, ['FROM', ...ENDS_FROM]);
      items = tokens.items(select + 1, end < 0 ? (group < 0 ? tokens.length : tokens.close(group)) : end);
    }
    const names = list ?? table.columns.slice(0, Math.max(items.length, 1)).map(({ name }) => name);
    // `SELECT *` and queries behind WITH do not show how many columns they fill: as many as there are.
    const filled = list === null && (items.length === 0 || items.some((item) => tokens.is(item.to - 1, '*')))
      ? new Set(table.columns.map(({ name }) => name))
      : new Set(names);
    for (const column of table.columns) {
      if (column.draws !== null && (!filled.has(column.name) || (overridesUser && column.identity))) this.draw(column.draws, 1, rows, true);
      const item = items[names.indexOf(column.name)];
      if (item !== undefined) this.written(table, column.name, item);
    }
    this.triggers(table, 'INSERT', 1, rows);
  }

  /** A value that is written into a column. */
  private written(table: Table, column: string, item: { readonly from: number; readonly to: number }): void {
    const sequence = table.holds.get(column);
    const value = sequence === undefined ? null : this.tokens.value(item.from);
    if (value === null || sequence === undefined || value.next !== item.to) return;
    this.references.push({ sequence, given: value.given, strong: table.refers.has(column) });
  }

  private merge(index: number): void {
    const { tokens } = this;
    const target = tokens.name(index + 2);
    const table = this.catalog.table(target.schema, target.name);
    if (table === null) return;
    const group = tokens.at(index).group;
    for (let at = tokens.find(target.next, group, ['INSERT']); at >= 0; at = tokens.find(at + 1, group, ['INSERT'])) {
      let list: readonly string[] = table.columns.map(({ name }) => name);
      let next = at + 1;
      if (tokens.is(next, '(')) {
        list = tokens.items(next + 1, tokens.close(next)).map((item) => tokens.at(item.from).name ?? '');
        next = tokens.close(next) + 1;
      }
      const values = tokens.find(next, group, ['VALUES', 'WHEN']);
      const items = tokens.word(values) === 'VALUES' ? tokens.items(values + 2, tokens.close(values + 1)) : [];
      for (const column of table.columns) {
        const item = items[list.indexOf(column.name)];
        const isDefault = item === undefined || tokens.word(item.from) === 'DEFAULT';
        if (column.draws !== null && isDefault) this.draw(column.draws, 1, 'UNKNOWN', false);
        else if (item !== undefined) this.written(table, column.name, item);
      }
      this.triggers(table, 'INSERT', 1, 'UNKNOWN');
    }
  }

  private copy(): void {
    const { tokens } = this;
    if (tokens.is(1, '(')) {
      this.modifications();
      this.calls(1);
      return;
    }
    const target = tokens.name(1);
    const table = this.catalog.table(target.schema, target.name);
    let at = target.next;
    let list: readonly string[] | null = null;
    if (tokens.is(at, '(')) {
      list = tokens.items(at + 1, tokens.close(at)).map((item) => tokens.at(item.from).name ?? '');
      at = tokens.close(at) + 1;
    }
    if (table === null || tokens.word(at) !== 'FROM') return;
    for (const column of table.columns) {
      if (column.draws !== null && list !== null && !list.includes(column.name)) this.draw(column.draws, 1, 'ROWS', true);
    }
    this.triggers(table, 'INSERT', 1, 'ROWS');
  }

  /** nextval, setval and routines that draw, anywhere from an index on. */
  private calls(from: number): void {
    const { tokens, catalog } = this;
    for (let index = from; index < tokens.length; index++) {
      if (!tokens.is(index + 1, '(')) continue;
      const { name } = tokens.at(index);
      if (name === null) continue;
      if (name === 'nextval') this.nextval(index);
      else if (name === 'setval') this.setval(index);
      else if (catalog.hasRoutines) {
        const { rows } = this.place(index);
        for (const sequence of catalog.routine(name)) this.draw(sequence, 1, rows, false);
      }
    }
  }

  private nextval(index: number): void {
    const named = this.sequenceArgument(index + 2);
    if (named === null) return;
    const { rows, exact } = this.place(index);
    this.draw(named.sequence, 1, rows, exact, named.parameter);
  }

  /** `'name'`, `'name'::regclass`, `$1`, or `pg_get_serial_sequence('table', 'column')`. */
  private sequenceArgument(at: number): { readonly sequence: Sequence | null; readonly parameter: number | null } | null {
    const { tokens, catalog } = this;
    const token = tokens.at(at);
    if (token.kind === TOKEN.PARAMETER) return { sequence: null, parameter: Number(token.text.slice(1)) };
    if (token.kind === TOKEN.STRING) {
      const sequence = namedBy(literalText(token.text), catalog);
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
    if (this.rows.some((span) => index >= span.from && index < span.to)) return { rows: 'FIXED', exact };
    let { group } = tokens.at(index);
    while (group >= 0 && !QUERY.includes(tokens.word(group + 1))) group = tokens.at(group).group;
    if (group < 0 && ['UPDATE', 'MERGE', 'DELETE'].includes(tokens.word(0))) return { rows: 'ROWS', exact };
    const query = group < 0 ? tokens.find(0, -1, ['SELECT', 'VALUES']) : group + 1;
    if (query < 0 || tokens.find(query, group, ['FROM']) < 0) return { rows: 'FIXED', exact };
    const told = (group < 0 || this.feeding.has(group)) && !this.conflict && !isFiltered(tokens, query, group);
    return { rows: told ? 'ROWS' : 'UNKNOWN', exact };
  }

  /** Inside CASE, COALESCE or a condition an expression may be left out. */
  private isConditional(index: number): boolean {
    const { tokens } = this;
    for (let at = index; at >= 0; ) {
      const { group } = tokens.at(at);
      for (let before = at - 1; before > group; before--) {
        const word = tokens.word(before);
        if (tokens.at(before).group === group && (word === 'CASE' || word === 'WHERE' || word === 'AND' || word === 'OR')) return true;
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
    const plain = value !== null && value.next === second.to && (called || /^(?:false|'f(?:alse)?')$/i.test(tokens.at(third!.from).text));
    const add = called ? sequence.increment : 0n;
    this.changes.push({
      sequence,
      next: plain && value.given.literal !== null ? value.given.literal + add : null,
      parameter: plain ? value.given.parameter : null,
      add,
      transactional: false,
    });
  }

  private truncate(): void {
    const { tokens, catalog } = this;
    if (!/\bRESTART\s+IDENTITY\b/i.test(tokens.text)) return;
    let at = tokens.word(1) === 'TABLE' ? 2 : 1;
    for (;;) {
      const target = tokens.name(at);
      for (const column of catalog.table(target.schema, target.name)?.columns ?? []) {
        if (column.draws !== null) this.restart(column.draws, column.draws.start);
      }
      at = tokens.is(target.next, '*') ? target.next + 1 : target.next;
      if (!tokens.is(at, ',')) return;
      at += 1;
    }
  }

  private restart(sequence: Sequence, next: bigint | null): void {
    this.changes.push({ sequence, next, parameter: null, add: 0n, transactional: true });
  }

  /** ALTER SEQUENCE … RESTART, ALTER TABLE … ALTER column RESTART. */
  private alter(): void {
    const { tokens, catalog } = this;
    let restart = -1;
    for (let index = 1; index < tokens.length && restart < 0; index++) if (tokens.at(index).name === 'restart') restart = index;
    if (restart < 0) return;
    let at = 2;
    if (tokens.word(at) === 'IF') at += 2;
    const target = tokens.name(at);
    const given = tokens.value(tokens.word(restart + 1) === 'WITH' ? restart + 2 : restart + 1)?.given.literal ?? null;
    if (tokens.word(1) === 'SEQUENCE') {
      const sequence = catalog.sequence(target.schema, target.name);
      if (sequence !== null) this.restart(sequence, given ?? sequence.start);
      return;
    }
    const column = tokens.at(restart - 1).name ?? '';
    const sequence = catalog.table(target.schema, target.name)?.columns.find(({ name }) => name === column)?.draws ?? null;
    if (sequence !== null) this.restart(sequence, given ?? sequence.start);
  }

  private block(): void {
    const { tokens, catalog } = this;
    for (let index = 1; index < tokens.length; index++) {
      const token = tokens.at(index);
      if (token.kind !== TOKEN.STRING) continue;
      const called = new Set<string>();
      const found = sourceDraws(literalText(token.text), catalog, called);
      for (const name of called) for (const sequence of catalog.routine(name)) found.add(sequence);
      for (const sequence of found) this.draw(sequence, 1, 'UNKNOWN', false);
    }
  }

  private prepare(): StatementDraws {
    const { tokens, catalog } = this;
    const name = tokens.at(1).name;
    const as = tokens.find(2, -1, ['AS']);
    if (name === null || as < 0) return NO_DRAWS;
    const draws = read(tokens.text.slice(tokens.at(as).start + 2), catalog);
    return { ...NO_DRAWS, prepares: { name, draws } };
  }

  private execute(): StatementDraws['executes'] {
    const { tokens } = this;
    const name = tokens.at(1).name;
    if (name === null) return null;
    const items = tokens.is(2, '(') ? tokens.items(3, tokens.close(2)) : [];
    return { name, values: items.map((item) => tokens.value(item.from)?.given ?? null) };
  }

  /** Comparisons and assignments `column = value`, `column IN (…)`, `column = ANY ($1)`. */
  private conditions(): void {
    const { tokens } = this;
    const tables = this.relations();
    if (tables.length === 0) return;
    const set = tokens.word(0) === 'UPDATE' ? tokens.find(1, -1, ['SET']) : -1;
    const setEnd = set < 0 ? -1 : tokens.find(set, -1, ['FROM', 'WHERE', 'RETURNING']);
    for (let index = 1; index < tokens.length; index++) {
      const isEqual = tokens.is(index, '=');
      if (!isEqual && tokens.word(index) !== 'IN') continue;
      const assigns = set >= 0 && index > set && (setEnd < 0 || index < setEnd) && tokens.at(index).group < 0;
      if (isEqual) {
        this.compared(tables, index - 1, index + 1, assigns);
        const left = tokens.value(index - 1);
        if (left !== null && left.next === index) this.refer(tables, index + 1, left.given, false);
      } else if (tokens.is(index + 1, '(')) {
        for (const item of tokens.items(index + 2, tokens.close(index + 1))) {
          const value = tokens.value(item.from);
          if (value !== null && value.next === item.to) this.referBefore(tables, index - 1, value.given, false);
        }
      }
    }
  }

  private compared(tables: readonly Named[], column: number, from: number, assigns: boolean): void {
    const { tokens } = this;
    let at = from;
    if (tokens.word(at) === 'ANY' && tokens.is(at + 1, '(')) at += 2;
    const value = tokens.value(at);
    if (value === null || tokens.at(value.next).kind === TOKEN.OPERATOR) return;
    this.referBefore(tables, column, value.given, assigns);
  }

  /** For a column whose last token is at an index: `o.id`. */
  private referBefore(tables: readonly Named[], last: number, given: Given, assigns: boolean): void {
    const { tokens } = this;
    const qualified = tokens.is(last - 1, '.');
    this.addReference(tables, qualified ? tokens.at(last - 2).name : null, tokens.at(last).name, given, assigns);
  }

  private refer(tables: readonly Named[], from: number, given: Given, assigns: boolean): void {
    const column = this.tokens.name(from);
    this.addReference(tables, column.schema, column.name, given, assigns);
  }

  private addReference(tables: readonly Named[], qualifier: string | null, column: string | null, given: Given, assigns: boolean): void {
    if (column === null) return;
    const found = new Map<Sequence, Table>();
    for (const { alias, table } of tables) {
      if (qualifier !== null && qualifier !== alias) continue;
      const sequence = table.holds.get(column);
      if (sequence !== undefined) found.set(sequence, table);
    }
    if (found.size !== 1) return;
    for (const [sequence, table] of found) this.references.push({ sequence, given, strong: assigns && table.refers.has(column) });
  }

  /** Tables that the statement names, with the names that it gives them. */
  private relations(): Named[] {
    const { tokens, catalog } = this;
    const found: Named[] = [];
    let expects = false;
    for (let index = 0; index < tokens.length; index++) {
      const word = tokens.word(index);
      if (['FROM', 'JOIN', 'INTO', 'USING', 'UPDATE'].includes(word)) expects = true;
      else if (expects) {
        const { schema, name, next } = tokens.name(index);
        expects = false;
        if (name === '') continue;
        const table = catalog.table(schema, name);
        const alias = tokens.word(next) === 'AS' ? tokens.at(next + 1) : tokens.at(next);
        const own = alias.kind === TOKEN.QUOTED || (alias.kind === TOKEN.WORD && (alias.word === '' || alias.word === 'OFF'));
        if (table !== null && table.holds.size > 0) found.push({ alias: own ? (alias.name ?? name) : name, table });
        index = next - 1;
        const behind = own ? (tokens.word(next) === 'AS' ? next + 2 : next + 1) : next;
        if (tokens.is(behind, ',')) {
          expects = true;
          index = behind;
        }
      }
    }
    return found;
  }
}

interface Named {
  readonly alias: string;
  readonly table: Table;
}

/** DISTINCT, LIMIT and the like make rows of the result out of more evaluations. */
function isFiltered(tokens: TokenList, query: number, group: number): boolean {
  return tokens.find(query, group, ['DISTINCT', 'GROUP', 'UNION', 'INTERSECT', 'EXCEPT']) >= 0;
}
