import type { TokenList } from './tokens.ts';

/** Temporary tables, views and sequences of one session: it finds them ahead of those of the search path. */
export class TemporaryNames {
  /** With the transaction at whose end it goes (ON COMMIT DROP); null: it lasts as long as the session. */
  private readonly names = new Map<string, string | null>();

  /** True when a name, as the session writes it, means a temporary object at a statement of a transaction. */
  has(schema: string | null, name: string, transactionId: string): boolean {
    const until = this.names.get(name);
    if (until != null && until !== transactionId) this.names.delete(name);
    return schema === 'pg_temp' || (schema === null && this.names.has(name));
  }

  drop(name: string): void {
    this.names.delete(name);
  }

  /** DISCARD */
  clear(): void {
    this.names.clear();
  }

  /** Notes what `CREATE … TEMP …` makes; true when it does. */
  create(tokens: TokenList, transactionId: string): boolean {
    let at = 1;
    while (['or', 'replace', 'global', 'local'].includes(tokens.at(at).name ?? '')) at += 1;
    let temporary = ['temp', 'temporary'].includes(tokens.at(at).name ?? '');
    if (temporary) at += 1;
    if (tokens.at(at).name === 'recursive') at += 1;
    if (!['table', 'sequence', 'view'].includes(tokens.at(at).name ?? '')) return false;
    at += tokens.word(at + 1) === 'IF' ? 4 : 1;
    const { schema, name, next } = tokens.name(at);
    temporary ||= schema === 'pg_temp';
    if (temporary) this.names.set(name, dropsOnCommit(tokens, next) ? transactionId : null);
    return temporary;
  }
}

function dropsOnCommit(tokens: TokenList, from: number): boolean {
  const on = tokens.find(from, -1, ['ON']);
  return on >= 0 && tokens.word(on + 1) === 'COMMIT' && tokens.word(on + 2) === 'DROP';
}
