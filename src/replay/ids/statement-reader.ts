import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import { QUERY, readCalls } from './calls.ts';
import type { Catalog, Column, Sequence, Table } from './catalog.ts';
import { readConditions } from './conditions.ts';
import { type Change, type DrawPart, type DrawRows, NO_DRAWS, type Reference, type StatementDraws } from './parts.ts';
import { readExecute, readPrepare } from './prepared.ts';
import { readRestarts } from './restarts.ts';
import { type RoutineBody, type RowEvent, readBody } from './routine-body.ts';
import { bodyReach, isFired, type Reach, routineReach, triggerReach } from './routines.ts';
import type { PathChange } from './search-path.ts';
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
  private readonly parts: DrawPart[] = [];
  private readonly references: Reference[] = [];
  private readonly changes: Change[] = [];
  private readonly recalls: (Sequence | null)[] = [];
  private readonly unsure: Sequence[] = [];
  private readonly maybe = new Set<Sequence>();
  private readonly untold = new Map<string, string>();
  private setsPath: RoutineBody['setsPath'] = null;
  /** The table that is written to has rules. */
  private hasRule = false;
  /** For `readCalls`. */
  readonly rows: { readonly from: number; readonly to: number }[] = [];
  readonly feeding = new Set<number>();
  readonly into = new Map<number, Column>();
  conflict = false;

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
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
        return this.result();
      case 'TRUNCATE':
      case 'ALTER': {
        const { changes, unsure } = readRestarts(tokens, this.catalog);
        this.changes.push(...changes);
        this.unsure.push(...unsure);
        return this.result();
      }
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
    // One by one, as all that grows with the statement: more than a call takes as arguments.
    for (const reference of readConditions(tokens, this.catalog)) this.references.push(reference);
    return this.result();
  }

  private result(): StatementDraws {
    const lasting = ({ sequence }: { readonly sequence: Sequence }) => !sequence.temporary;
    const references = this.references.filter(lasting);
    const changes = this.changes.filter(lasting);
    const recalls = this.recalls.filter((sequence) => sequence?.temporary !== true);
    // Triggers and functions outlive what they draw from.
    const parts = this.parts.filter(({ sequence }) => sequence?.dropped !== true);
    const unsure = this.unsure.filter(({ dropped }) => !dropped);
    const paths: PathChange[] =
      this.setsPath === null
        ? []
        : [{ setting: 'path', value: 'UNKNOWN', parameter: null, local: this.setsPath === 'LOCAL' }];
    const maybe = [...this.maybe].filter(
      (one) => !one.dropped && !one.temporary && !parts.some(({ sequence }) => sequence === one),
    );
    const { untold } = this;
    const all = [parts, references, changes, recalls, unsure, maybe, paths];
    return all.every(({ length }) => length === 0)
      ? NO_DRAWS
      : { ...NO_DRAWS, parts, references, changes, recalls, unsure, maybe, untold, paths };
  }

  private draw(
    sequence: Sequence | null,
    count: number,
    rows: DrawRows,
    exact: boolean,
    parameter: number | null = null,
  ): void {
    if (count > 0) this.parts.push({ sequence, parameter, count, rows, exact });
  }

  /** The column takes its default. */
  private defaults(column: Column, count: number, rows: DrawRows, exact: boolean): void {
    const { draws: sequence } = column;
    if (sequence !== null && count > 0)
      this.parts.push({ sequence, parameter: null, count, rows, exact: exact && !this.hasRule, into: column });
    for (const call of column.calls) this.reached(routineReach(call, this.catalog), count, rows);
  }

  private reached({ draws, maybe, meant, moves, untold }: Reach, count: number, rows: DrawRows): void {
    if (count === 0) return;
    for (const sequence of draws) this.draw(sequence, count, rows, false);
    for (const sequence of maybe) this.maybe.add(sequence);
    for (const sequence of moves)
      this.changes.push({ sequence, next: null, parameter: null, add: 0n, transactional: false });
    for (const [routine, runs] of untold) this.untold.set(routine, runs);
    this.unsure.push(...meant);
  }

  private triggers(table: Table, event: RowEvent, count: number, rows: DrawRows): void {
    for (const trigger of table.triggers) {
      if (!isFired(trigger, event)) continue;
      const reach = triggerReach(trigger, table, this.catalog);
      if (trigger.perRow) this.reached(reach, count, rows);
      else this.reached(reach, 1, 'FIXED');
    }
  }

  /** The table that a statement writes to; where it may be one of several, all their sequences are unsure. */
  private target({ schema, name }: { readonly schema: string | null; readonly name: string }): Table | null {
    for (const table of this.catalog.tablesMeant(schema, name)) {
      for (const { draws } of table.columns) if (draws !== null) this.unsure.push(draws);
      const reaches = [
        ...table.columns.flatMap(({ calls }) => calls.map((call) => routineReach(call, this.catalog))),
        ...table.triggers.map((trigger) => triggerReach(trigger, table, this.catalog)),
      ];
      for (const { draws, maybe, meant, moves } of reaches) this.unsure.push(...draws, ...maybe, ...meant, ...moves);
    }
    const table = this.catalog.table(schema, name);
    this.hasRule = table?.triggers.some(({ isRule, trigger }) => isRule && trigger.enabled) === true;
    return table;
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
    const table = this.target(this.tokens.name(from));
    if (table === null) return;
    const { group } = this.tokens.at(index);
    const rows = group < 0 ? 'ROWS' : 'UNKNOWN';
    this.triggers(table, event, 1, rows);
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
        if (tokens.word(values[names.indexOf(column.name)] ?? -1) === 'DEFAULT') this.defaults(column, 1, rows, exact);
    }
  }

  /** What ON CONFLICT or WHEN MATCHED may do from an index on. */
  private mayChange(table: Table, from: number, event: RowEvent): void {
    this.triggers(table, event, 1, 'UNKNOWN');
    const set = this.tokens.find(from, this.tokens.at(from).group, ['SET']);
    if (event === 'UPDATE') this.setDefaults(table, set, 'UNKNOWN', false);
  }

  private insert(index: number): void {
    const { tokens } = this;
    const top = tokens.at(index).group < 0;
    const target = tokens.name(index + 2);
    const table = this.target(target);
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
    for (const column of table.columns) this.defaults(column, 1, 'FIXED', true);
    this.triggers(table, 'INSERT', 1, 'FIXED');
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
    for (const [column, count] of drawn) this.defaults(column, count, 'FIXED', true);
    this.triggers(table, 'INSERT', rows, 'FIXED');
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
    const rows: DrawRows = top && !this.conflict ? 'ROWS' : 'UNKNOWN';
    let items: readonly { readonly from: number; readonly to: number }[] = [];
    if (tokens.word(select) === 'SELECT') {
      const end = tokens.find(select + 1, group, ['FROM', ...ENDS_FROM]);
      items = tokens.items(select + 1, end < 0 ? (group < 0 ? tokens.length : tokens.close(group)) : end);
    }
    const names = list ?? table.columns.slice(0, Math.max(items.length, 1)).map(({ name }) => name);
    // `SELECT *` and queries behind WITH do not show how many columns they fill: as many as there are.
    const filled =
      list === null && (items.length === 0 || items.some((item) => tokens.is(item.to - 1, '*')))
        ? new Set(table.columns.filter(({ hidden }) => hidden !== true).map(({ name }) => name))
        : new Set(names);
    for (const column of table.columns) {
      if (!filled.has(column.name) || (overridesUser && column.identity)) this.defaults(column, 1, rows, true);
      const item = items[names.indexOf(column.name)];
      if (item !== undefined) this.written(table, column, item);
    }
    this.triggers(table, 'INSERT', 1, rows);
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
    this.references.push({ sequence, given: value.given, vouched: table.refers.get(column.name) ?? null, ...into });
  }

  private merge(index: number): void {
    const { tokens } = this;
    const target = tokens.name(index + 2);
    const table = this.target(target);
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
        if (isDefault) this.defaults(column, 1, 'UNKNOWN', false);
        else if (item !== undefined) this.written(table, column, item);
      }
      this.triggers(table, 'INSERT', 1, 'UNKNOWN');
    }
  }

  private calls(from: number): void {
    const { parts, changes, recalls, unsure, reached } = readCalls(this.tokens, this.catalog, this, from);
    for (const { reach, rows } of reached) {
      this.reached(reach, 1, rows);
      if (this.setsPath !== 'SESSION') this.setsPath = reach.setsPath ?? this.setsPath;
    }
    for (const recall of recalls) this.recalls.push(recall);
    for (const sequence of unsure) this.unsure.push(sequence);
    for (const part of parts) this.parts.push(part);
    for (const change of changes) this.changes.push(change);
  }

  private copy(): void {
    const { tokens } = this;
    if (tokens.is(1, '(')) {
      this.modifications();
      this.calls(1);
      return;
    }
    const target = tokens.name(1);
    const table = this.target(target);
    let at = target.next;
    let list: readonly string[] | null = null;
    if (tokens.is(at, '(')) {
      list = tokens.items(at + 1, tokens.close(at)).map((item) => tokens.at(item.from).name ?? '');
      at = tokens.close(at) + 1;
    }
    if (table === null || tokens.word(at) !== 'FROM') return;
    for (const column of table.columns) {
      if (list !== null && !list.includes(column.name)) this.defaults(column, 1, 'ROWS', true);
    }
    this.triggers(table, 'INSERT', 1, 'ROWS');
  }

  private block(): void {
    const { tokens, catalog } = this;
    for (let index = 1; index < tokens.length; index++) {
      const token = tokens.at(index);
      if (token.kind !== TOKEN.STRING) continue;
      const reach = bodyReach('a DO block', [readBody(literalText(token.text))], catalog);
      this.reached(reach, 1, 'UNKNOWN');
      this.setsPath ??= reach.setsPath;
    }
  }
}
