import type { Entry, StatementType } from '../journal/entry.ts';
import { isSingleStatement, TOKEN, Tokenizer } from '../journal/sql-tokens.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';

/** First words of statements that the server refuses within a transaction, or that may end one themselves. */
const ALONE = new Set(['VACUUM', 'CLUSTER', 'REPACK', 'REINDEX', 'CALL', 'DO']);
/** Second words behind CREATE, ALTER and DROP of such statements. */
const ALONE_OBJECTS = new Set(['DATABASE', 'TABLESPACE', 'SUBSCRIPTION', 'SYSTEM']);
const CHECKED: ReadonlySet<StatementType> = new Set(['DDL', 'SET', 'TRANSACTION', 'OTHER']);

/** What a statement may do to its transaction, or to later ones of its session, that decides how they are marked: bits. */
export const MAY = { BE_READ_ONLY: 1, CHANGE_ROLE: 2 } as const;
/** True when an autocommit statement can be put into a transaction together with its mark. */
function isMarkable({ statement, statementType }: Entry): boolean {
  if (transactionEffect(statement).some(({ kind }) => kind !== 'NONE')) return false;
  if (!CHECKED.has(statementType)) return true;
  const words = wordsOf(statement);
  const [first = '', second = ''] = words;
  if (ALONE.has(first) || second === 'PREPARED' || (first === 'DISCARD' && second === 'ALL')) return false;
  return statementType !== 'DDL' || (!ALONE_OBJECTS.has(second) && !words.includes('CONCURRENTLY'));
}

/**
 * True when a transaction of these entries has a mark. One that is only prepared has none: it would keep the row locked,
 * and every mark behind it waiting, until its COMMIT PREPARED. Nor has a string that is a transaction of its own: a mark
 * ahead of it would be there without it.
 */
export function isMarked(planned: readonly { readonly entry: Entry }[]): boolean {
  const last = planned.at(-1);
  if (last === undefined) return false;
  return planned.length === 1 ? isMarkable(last.entry) : !prepares(last.entry.statement);
}

function prepares(statement: string): boolean {
  return transactionEffect(statement).some(({ kind }) => kind === 'PREPARE_TRANSACTION');
}

function wordsOf(statement: string): string[] {
  const tokens = new Tokenizer(statement);
  const words: string[] = [];
  while (tokens.advance() !== TOKEN.END) if (tokens.kind === TOKEN.WORD) words.push(tokens.value.toUpperCase());
  return words;
}

/**
 * What a statement may do, by what it mentions, be it in a string, `set_config` included: bits of `MAY`. Of a single
 * INSERT, UPDATE or DELETE nothing is read.
 */
export function mayDo(statement: string, type: StatementType | null = null): number {
  if (!MENTIONS.test(statement)) return 0;
  if (type !== null && type !== 'SELECT' && !CHECKED.has(type) && isSingleStatement(statement)) return 0;
  let may = 0;
  // READ ONLY, whatever stands between the two, and the settings that have it in their names.
  if (holdsBoth(statement, /read/i, /only/i)) may |= MAY.BE_READ_ONLY;
  if (holdsBoth(statement, /\bset\b/i, /\brole\b|authorization\b/i) || SETS_UNKNOWN.test(statement))
    may |= MAY.CHANGE_ROLE;
  return may;
}

/** What all of these have in common: most statements are looked at once. */
const MENTIONS = /set|read/i;
/** `set_config`, unless what it sets is told plainly and is no role. */
export const SETS_UNKNOWN = /set_config(?!\s*\(\s*'(?!role'|session_authorization')[\w.]+'\s*,)/i;

/** One behind the other. A single pattern for both would take the square of a long text's time. */
function holdsBoth(text: string, first: RegExp, second: RegExp): boolean {
  const at = text.search(first);
  return at >= 0 && second.test(text.slice(at));
}
