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

  /** ALTER SEQUENCE … RESTART, ALTER TABLE … ALTER column … RESTART. */
  alter(): void {
    const { tokens, catalog } = this;
    if (this.restartIn(1, tokens.length) < 0) return;
    const target = tokens.name(tokens.word(2) === 'IF' ? 4 : 2);
    if (tokens.word(1) === 'SEQUENCE') {
      this.unsure.push(...catalog.sequencesMeant(target.schema, target.name));
      this.restarted(catalog.sequence(target.schema, target.name), target.next, tokens.length);
      return;
    }
    const table = this.target(target);
    for (const { from, to } of tokens.items(target.next, tokens.length)) {
      const column = tokens.at(tokens.at(from + 1).name === 'column' ? from + 2 : from + 1).name;
      this.restarted(table?.columns.find(({ name }) => name === column)?.draws ?? null, from, to);
    }
  }

  private restartIn(from: number, to: number): number {
    for (let index = from; index < to; index++) if (this.tokens.at(index).name === 'restart') return index;
    return -1;
  }

  private restarted(sequence: Sequence | null, from: number, to: number): void {
    const { tokens } = this;
    const at = this.restartIn(from, to);
    if (sequence === null || at < 0) return;
    const value = tokens.value(tokens.word(at + 1) === 'WITH' ? at + 2 : at + 1);
    this.restart(sequence, value?.given.literal ?? sequence.start);
  }

  private target({ schema, name }: { readonly schema: string | null; readonly name: string }): Table | null {
    for (const { owns } of this.catalog.tablesMeant(schema, name)) this.unsure.push(...owns);
    return this.catalog.table(schema, name);
  }
}
