import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import { QUERY, readCalls } from './calls.ts';
import type { Catalog, Column, Table } from './catalog.ts';
import { readConditions } from './conditions.ts';
import { vouchedBy } from './foreign-keys.ts';
import { GatheredDraws } from './gathered-draws.ts';
import { type DrawRows, NO_DRAWS, type StatementDraws } from './parts.ts';
import { readExecute, readPrepare } from './prepared.ts';
import { readRestarts } from './restarts.ts';
import { type RowEvent, readBody } from './routine-body.ts';
import { bodyReach } from './routines.ts';
import { TokenList } from './tokens.ts';

const ENDS_FROM = [
  'WHERE',
  'GROUP',
  'HAVING',
  'ORDER',
  'LIMIT',
  'OFFSET',
  'UNION',
  'INTERSECT',
  'EXCEPT',
  'RETURNING',
  'WINDOW',
  'FOR',
  'ON',
];

/** Reads what one statement says, which is no EXPLAIN; how it sets the search path only where routines that it calls do. */
export function readStatement(text: string, catalog: Catalog): StatementDraws {
  return new StatementReader(new TokenList(text), catalog).read();
}

class StatementReader {
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly found: GatheredDraws;
  /** For `readCalls`. */
  readonly rows: { readonly from: number; readonly to: number }[] = [];
  readonly feeding = new Set<number>();
  readonly into = new Map<number, Column>();
  conflict = false;

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
    this.found = new GatheredDraws(catalog);
  }

  read(): StatementDraws {
    const { tokens } = this;
    const first = tokens.word(0);
    switch (first) {
      case 'PREPARE':
        return { ...NO_DRAWS, prepares: readPrepare(tokens) };
      case 'EXECUTE':
        return { ...NO_DRAWS, executes: readExecute(tokens) };
      case 'DO':
        this.block();
        return this.found.result();
      case 'TRUNCATE':
      case 'ALTER': {
        const { changes, unsure } = readRestarts(tokens, this.catalog);
        this.found.changes.push(...changes);
        this.found.unsure.push(...unsure);
        return this.found.result();
      }
      case 'COPY':
        this.copy();
        return this.found.result();
      case 'CREATE': {
        // CREATE TABLE … AS SELECT nextval(…) draws; a default or a function's body only says so.
        const query = tokens.find(1, -1, ['AS']);
        if (query < 0 || !/^(?:SELECT|WITH|\()$/i.test(tokens.at(query + 1).text)) return NO_DRAWS;
        this.calls(query + 1);
        return this.found.result();
      }
      case 'DROP':
      case 'GRANT':
      case 'REVOKE':
      case 'COMMENT':
        return NO_DRAWS;
    }
    this.modifications();
    this.calls(0);
    // One by one, as all that grows with the statement: more than a call takes as arguments.
    for (const reference of readConditions(tokens, this.catalog)) this.found.references.push(reference);
    return this.found.result();
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
      else if (word === 'UPDATE' && !['FOR', 'DO', 'THEN', 'KEY', 'ON'].includes(before))
        this.changed(index + 1, 'UPDATE', index);
    }
  }

  private changed(from: number, event: RowEvent, index: number): void {
    const table = this.found.target(this.tokens.name(from));
    if (table === null) return;
    const { group } = this.tokens.at(index);
    const rows = group < 0 ? 'ROWS' : 'UNKNOWN';
    this.found.triggers(table, event, 1, rows);
    if (event === 'UPDATE') this.setDefaults(table, this.tokens.find(from, group, ['SET']), rows, true);
  }

  /** `SET column = DEFAULT`, `SET (column, …) = (DEFAULT, …)`; `set`: where SET stands. */
  private setDefaults(table: Table, set: number, rows: DrawRows, exact: boolean): void {
    const { tokens } = this;
    if (set < 0) return;
    const { group } = tokens.at(set);
    const behind = tokens.find(set + 1, group, ['FROM', 'WHERE', 'WHEN', 'RETURNING']);
    const end = group < 0 ? tokens.length : tokens.close(group);
    for (const { from } of tokens.items(set + 1, behind < 0 ? end : behind)) {
      let names = [tokens.at(from).name];
      let values = [from + 2];
      if (tokens.is(from, '(')) {
        const close = tokens.close(from);
        const open = tokens.is(close + 2, '(') ? close + 2 : close + 3;
        names = tokens.items(from + 1, close).map((item) => tokens.at(item.from).name);
        values = tokens.items(open + 1, tokens.close(open)).map((item) => item.from);
      }
      for (const column of table.columns)
        if (tokens.word(values[names.indexOf(column.name)] ?? -1) === 'DEFAULT')
          this.found.defaults(column, 1, rows, exact);
    }
  }

  /** What ON CONFLICT or WHEN MATCHED may do from an index on. */
  private mayChange(table: Table, from: number, event: RowEvent): void {
    this.found.triggers(table, event, 1, 'UNKNOWN');
    const set = this.tokens.find(from, this.tokens.at(from).group, ['SET']);
    if (event === 'UPDATE') this.setDefaults(table, set, 'UNKNOWN', false);
  }

  private insert(index: number): void {
    const { tokens } = this;
    const top = tokens.at(index).group < 0;
    const target = tokens.name(index + 2);
    const table = this.found.target(target);
    if (table === null) return;
    let at = target.next;
    if (tokens.word(at) === 'AS') at += 2;
    const end = tokens.at(index).group < 0 ? tokens.length : tokens.close(tokens.at(index).group);
    const conflict = tokens.find(at, tokens.at(index).group, ['CONFLICT']);
    this.conflict = conflict >= 0;
    if (conflict >= 0 && tokens.find(conflict, tokens.at(index).group, ['SET']) >= 0)
      this.mayChange(table, conflict, 'UPDATE');
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
    for (const column of table.columns) this.found.defaults(column, 1, 'FIXED', true);
    this.found.triggers(table, 'INSERT', 1, 'FIXED');
  }

  private insertValues(
    table: Table,
    list: readonly string[] | null,
    overridesUser: boolean,
    from: number,
    end: number,
  ): void {
    const { tokens } = this;
    const drawn = new Map<Column, number>();
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
        if (isDefault || (overridesUser && column.identity)) {
          drawn.set(column, (drawn.get(column) ?? 0) + 1);
        } else if (item !== undefined) this.written(table, column, item);
      }
      at = close + 1;
      if (!tokens.is(at, ',')) break;
    }
    this.rows.push({ from, to: at });
    for (const [column, count] of drawn) this.found.defaults(column, count, 'FIXED', true);
    this.found.triggers(table, 'INSERT', rows, 'FIXED');
  }

  private insertQuery(
    table: Table,
    list: readonly string[] | null,
    overridesUser: boolean,
    from: number,
    top: boolean,
  ): void {
    const { tokens } = this;
    let select = from;
    while (tokens.is(select, '(')) select += 1;
    const group = tokens.at(select).group;
    if (top) this.feeding.add(group);
    const rows: DrawRows = top && !this.conflict && table.filtered !== true ? 'ROWS' : 'UNKNOWN';
    let items: readonly { readonly from: number; readonly to: number }[] = [];
    if (tokens.word(select) === 'SELECT') {
      const end = tokens.find(select + 1, group, ['FROM', ...ENDS_FROM]);
      items = tokens.items(select + 1, end < 0 ? (group < 0 ? tokens.length : tokens.close(group)) : end);
    }
    const names = list ?? table.columns.slice(0, Math.max(items.length, 1)).map(({ name }) => name);
    // `SELECT *` and queries behind WITH do not show how many columns they fill: up to as many as there are.
    const star = items.findIndex((item) => tokens.is(item.to - 1, '*'));
    const isOpen = list === null && (items.length === 0 || star >= 0);
    const filled = new Set(names);
    for (const column of table.columns) {
      const at = names.indexOf(column.name);
      const item = star >= 0 && at > star ? undefined : items[at];
      const isLeft = !filled.has(column.name);
      if (isLeft || (overridesUser && column.identity))
        this.found.defaults(column, 1, rows, !isLeft || !isOpen || column.hidden === true);
      else if (item !== undefined) this.written(table, column, item);
    }
    this.found.triggers(table, 'INSERT', 1, rows);
  }

  /** `nextval(…)` in place of a default that draws does what that does. */
  private drawnInto(column: Column, item: { readonly from: number; readonly to: number }): void {
    const { tokens } = this;
    const call = tokens.is(item.from + 1, '.') ? item.from + 2 : item.from;
    if (tokens.at(call).name === 'nextval' && tokens.close(call + 1) === item.to - 1) this.into.set(call, column);
  }

  /** A value that is written into a column. */
  private written(table: Table, column: Column, item: { readonly from: number; readonly to: number }): void {
    const sequence = table.holds.get(column.name);
    const value = sequence === undefined ? null : this.tokens.value(item.from);
    if (column.draws !== null) this.drawnInto(column, item);
    if (value === null || sequence === undefined || value.next !== item.to) return;
    const into =
      column.draws === sequence ? { into: column, ...(this.conflict ? { perhaps: true as const } : {}) } : {};
    const vouched = vouchedBy(table.refers, column.name);
    this.found.references.push({ sequence, given: value.given, vouched, ...into });
  }

  private merge(index: number): void {
    const { tokens } = this;
    const target = tokens.name(index + 2);
    const table = this.found.target(target);
    if (table === null) return;
    const group = tokens.at(index).group;
    for (const event of ['UPDATE', 'DELETE'] as const)
      for (let at = tokens.find(target.next, group, [event]); at >= 0; at = tokens.find(at + 1, group, [event]))
        this.mayChange(table, at, event);
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
        if (isDefault) this.found.defaults(column, 1, 'UNKNOWN', false);
        else if (item !== undefined) this.written(table, column, item);
      }
      this.found.triggers(table, 'INSERT', 1, 'UNKNOWN');
    }
  }

  private calls(from: number): void {
    const { parts, changes, recalls, unsure, reached } = readCalls(this.tokens, this.catalog, this, from);
    const { found } = this;
    for (const { reach, rows } of reached) {
      found.reached(reach, 1, rows);
      if (found.setsPath !== 'SESSION') found.setsPath = reach.setsPath ?? found.setsPath;
    }
    for (const recall of recalls) found.recalls.push(recall);
    for (const sequence of unsure) found.unsure.push(sequence);
    for (const part of parts) found.parts.push(part);
    for (const change of changes) found.changes.push(change);
  }

  private copy(): void {
    const { tokens } = this;
    if (tokens.is(1, '(')) {
      this.modifications();
      this.calls(1);
      return;
    }
    const target = tokens.name(1);
    const table = this.found.target(target);
    let at = target.next;
    let list: readonly string[] | null = null;
    if (tokens.is(at, '(')) {
      list = tokens.items(at + 1, tokens.close(at)).map((item) => tokens.at(item.from).name ?? '');
      at = tokens.close(at) + 1;
    }
    if (table === null || tokens.word(at) !== 'FROM') return;
    const rows: DrawRows = table.filtered === true ? 'UNKNOWN' : 'ROWS';
    for (const column of table.columns) {
      if (list !== null && !list.includes(column.name)) this.found.defaults(column, 1, rows, true);
    }
    this.found.triggers(table, 'INSERT', 1, rows);
  }

  private block(): void {
    const { tokens, catalog } = this;
    for (let index = 1; index < tokens.length; index++) {
      const token = tokens.at(index);
      if (token.kind !== TOKEN.STRING) continue;
      const reach = bodyReach('a DO block', [readBody(literalText(token.text))], catalog);
      this.found.reached(reach, 1, 'UNKNOWN');
      this.found.setsPath ??= reach.setsPath;
    }
  }
}
