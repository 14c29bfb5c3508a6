import type { StatementType } from '../journal/entry.ts';
import { countParameters } from '../journal/sql-tokens.ts';
import { classifyStatement, isCopyFromStdin } from '../journal/statement-type.ts';
import { preparedEnd, type TransactionEffect, transactionEffect } from '../journal/transaction-effect.ts';
import { detach } from './log-record.ts';

/** What the text alone tells of a statement. */
export interface StatementFacts {
  readonly text: string;
  readonly type: StatementType;
  /** Null when no statement of the text touches the transaction. */
  readonly effects: readonly TransactionEffect[] | null;
  readonly copiesFromClient: boolean;
  readonly parameters: number;
  /** `COMMIT PREPARED` or `ROLLBACK PREPARED`: which transaction, and how it ends. */
  readonly prepared: { readonly gid: string; readonly commits: boolean } | null;
}

/** Prepared statements come back with the same text: a bounded cache spares tokenising them again. */
const CACHED = 2000;
const LONGEST_CACHED = 4000;
const PREPARES = /^\s*PREPARE\s/i;

/** Tells facts of texts, most of which come again. Holds 2,000 texts of at most 4,000 characters. */
export class FactsCache {
  readonly #cache = new Map<string, StatementFacts>();

  /** @param repeats true for a text that is likely to come again: one with parameters apart. */
  of(text: string, repeats: boolean): StatementFacts {
    const cacheable = (repeats || text.length < 24) && text.length <= LONGEST_CACHED;
    const cached = cacheable ? this.#cache.get(text) : undefined;
    if (cached) return cached;
    if (!cacheable) return facts(text);
    if (this.#cache.size >= CACHED) this.#cache.clear();
    const own = facts(detach(text));
    this.#cache.set(own.text, own);
    return own;
  }
}

function facts(text: string): StatementFacts {
  const effects = transactionEffect(text);
  const type = classifyStatement(text);
  return {
    text,
    type,
    effects: effects.every((effect) => effect.kind === 'NONE') ? null : effects,
    copiesFromClient: isCopyFromStdin(text),
    // The $1 of PREPARE are those of a later EXECUTE.
    parameters: text.includes('$') && !PREPARES.test(text) ? countParameters(text) : 0,
    prepared: type === 'TRANSACTION' ? preparedEnd(text) : null,
  };
}
