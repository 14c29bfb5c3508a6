import { TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Sequence, Table } from './catalog.ts';
import { vouchedBy } from './foreign-keys.ts';
import type { Reference } from './parts.ts';
import type { Given, TokenList } from './tokens.ts';

interface Named {
  readonly alias: string;
  readonly table: Table;
}

/** Reads comparisons and assignments: `column = value`, `column IN (…)`, `column = ANY ($1)`. */
export function readConditions(tokens: TokenList, catalog: Catalog): readonly Reference[] {
  const reader = new ConditionReader(tokens, catalog);
  reader.read();
  return reader.references;
}

class ConditionReader {
  readonly references: Reference[] = [];
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
  }

  read(): void {
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
        const left = tokens.value(tokens.is(index - 2, '-') ? index - 2 : index - 1);
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

  private addReference(
    tables: readonly Named[],
    qualifier: string | null,
    column: string | null,
    given: Given,
    assigns: boolean,
  ): void {
    if (column === null) return;
    const found = new Map<Sequence, Table>();
    for (const { alias, table } of tables) {
      if (qualifier !== null && qualifier !== alias) continue;
      const sequence = table.holds.get(column);
      if (sequence !== undefined) found.set(sequence, table);
    }
    if (found.size !== 1) return;
    for (const [sequence, table] of found) {
      const into = assigns ? table.columns.find(({ name, draws }) => name === column && draws === sequence) : undefined;
      const vouched = assigns ? vouchedBy(table.refers, column) : null;
      this.references.push({ sequence, given, vouched, ...(into === undefined ? {} : { into }) });
    }
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
        const own =
          alias.kind === TOKEN.QUOTED || (alias.kind === TOKEN.WORD && (alias.word === '' || alias.word === 'OFF'));
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
