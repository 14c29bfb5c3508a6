import type { Catalog, Sequence, Table } from './catalog.ts';
import type { Change } from './parts.ts';
import type { TokenList } from './tokens.ts';

/** Reads what TRUNCATE … RESTART IDENTITY and ALTER … RESTART restart. */
export function readRestarts(
  tokens: TokenList,
  catalog: Catalog,
): { readonly changes: readonly Change[]; readonly unsure: readonly Sequence[] } {
  const reader = new RestartReader(tokens, catalog);
  if (tokens.word(0) === 'TRUNCATE') reader.truncate();
  else reader.alter();
  return reader;
}

class RestartReader {
  readonly changes: Change[] = [];
  readonly unsure: Sequence[] = [];
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;

  constructor(tokens: TokenList, catalog: Catalog) {
    this.tokens = tokens;
    this.catalog = catalog;
  }

  truncate(): void {
    const { tokens } = this;
    if (!/\bRESTART\s+IDENTITY\b/i.test(tokens.text)) return;
    const cascades = /\bCASCADE\b/i.test(tokens.text);
    const restarted = new Set<Sequence>();
    let at = tokens.word(1) === 'TABLE' ? 2 : 1;
    for (;;) {
      const target = tokens.name(at);
      const table = this.target(target);
      for (const sequence of [...(table?.owns ?? []), ...(cascades ? (table?.ownedBelow ?? []) : [])]) {
        if (!restarted.has(sequence)) this.restart(sequence, sequence.start);
        restarted.add(sequence);
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
  alter(): void {
    const { tokens, catalog } = this;
    let restart = -1;
    for (let index = 1; index < tokens.length && restart < 0; index++)
      if (tokens.at(index).name === 'restart') restart = index;
    if (restart < 0) return;
    let at = 2;
    if (tokens.word(at) === 'IF') at += 2;
    const target = tokens.name(at);
    const given = tokens.value(tokens.word(restart + 1) === 'WITH' ? restart + 2 : restart + 1)?.given.literal ?? null;
    if (tokens.word(1) === 'SEQUENCE') {
      const sequence = catalog.sequence(target.schema, target.name);
      this.unsure.push(...catalog.sequencesMeant(target.schema, target.name));
      if (sequence !== null) this.restart(sequence, given ?? sequence.start);
      return;
    }
    const column = tokens.at(restart - 1).name ?? '';
    const sequence = this.target(target)?.columns.find(({ name }) => name === column)?.draws ?? null;
    if (sequence !== null) this.restart(sequence, given ?? sequence.start);
  }

  private target({ schema, name }: { readonly schema: string | null; readonly name: string }): Table | null {
    for (const { owns } of this.catalog.tablesMeant(schema, name)) this.unsure.push(...owns);
    return this.catalog.table(schema, name);
  }
}
