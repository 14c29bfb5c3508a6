import { identifierName, isSingleStatement, literalText, splitStatements, TOKEN, Tokenizer } from './sql-tokens.ts';

/**
 * What one statement does to the transaction of its session. Names are as the server folds them.
 * `chain`: a new transaction begins at once. `COMMIT PREPARED` and `ROLLBACK PREPARED` end another transaction
 * than the session's, so they are NONE.
 */
export type TransactionEffect =
  | { readonly kind: 'NONE' | 'BEGIN' }
  | { readonly kind: 'COMMIT' | 'ROLLBACK'; readonly chain: boolean }
  | { readonly kind: 'SAVEPOINT' | 'ROLLBACK_TO' | 'RELEASE'; readonly name: string }
  | { readonly kind: 'PREPARE_TRANSACTION'; readonly name: string };

const NONE: TransactionEffect = Object.freeze({ kind: 'NONE' });
const BEGIN: TransactionEffect = Object.freeze({ kind: 'BEGIN' });
const JUST_NONE: readonly TransactionEffect[] = Object.freeze([NONE]);

/**
 * What a statement, or each statement of a simple-protocol string in order, does to transaction state.
 * One element per statement, NONE included; a text without a statement gives `[NONE]`.
 * The text alone decides: whether the statement succeeded is the caller's to weigh.
 */
export function transactionEffect(text: string): readonly TransactionEffect[] {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const effects = effectsOf(text);
  if (text.length <= MEMORY.length && remembered.size < MEMORY.texts) remembered.set(text, effects);
  return effects;
}

/** BEGIN and COMMIT, as the clients of one database spell them, are half of many a log. */
const MEMORY = { texts: 100, length: 40 } as const;
const remembered = new Map<string, readonly TransactionEffect[]>();

function effectsOf(text: string): readonly TransactionEffect[] {
  if (isSingleStatement(text)) {
    const effect = effectOf(text);
    return effect === NONE ? JUST_NONE : [effect];
  }
  const effects = splitStatements(text).map(effectOf);
  return effects.length === 0 ? JUST_NONE : effects;
}

/** True for one COMMIT (or END), chained or not, and nothing else. */
export function isPlainCommit(statement: string): boolean {
  const effects = transactionEffect(statement);
  return effects.length === 1 && effects[0]?.kind === 'COMMIT';
}

/** Which two-phase transaction `COMMIT PREPARED` or `ROLLBACK PREPARED` ends, which the server takes alone only, and how; null for all else. */
export function preparedEnd(statement: string): { readonly gid: string; readonly commits: boolean } | null {
  const tokens = new Tokenizer(statement);
  tokens.advance();
  const end = tokens.keyword();
  if (end !== 'COMMIT' && end !== 'ROLLBACK') return null;
  tokens.advance();
  if (tokens.keyword() !== 'PREPARED') return null;
  tokens.advance();
  const gid = tokens.kind === TOKEN.STRING ? literalText(tokens.value) : null;
  return gid === null ? null : { gid, commits: end === 'COMMIT' };
}

/** True for one `ROLLBACK PREPARED`, and nothing else. */
export function isRollbackPrepared(statement: string): boolean {
  return isSingleStatement(statement) && preparedEnd(statement)?.commits === false;
}

function effectOf(statement: string): TransactionEffect {
  const tokens = new Tokenizer(statement);
  tokens.advance();
  while (tokens.at(';')) tokens.advance();
  switch (tokens.keyword()) {
    case 'BEGIN':
      return BEGIN;
    case 'START':
      tokens.advance();
      return tokens.keyword() === 'TRANSACTION' ? BEGIN : NONE;
    case 'COMMIT':
    case 'END':
      return ending('COMMIT', tokens);
    case 'ROLLBACK':
    case 'ABORT':
      return ending('ROLLBACK', tokens);
    case 'SAVEPOINT':
      tokens.advance();
      return named('SAVEPOINT', identifierName(tokens));
    case 'RELEASE':
      return named('RELEASE', savepointName(tokens));
    case 'PREPARE': {
      tokens.advance();
      if (tokens.keyword() !== 'TRANSACTION') return NONE;
      tokens.advance();
      return named('PREPARE_TRANSACTION', tokens.kind === TOKEN.STRING ? literalText(tokens.value) : null);
    }
    default:
      return NONE;
  }
}

function named(
  kind: 'SAVEPOINT' | 'ROLLBACK_TO' | 'RELEASE' | 'PREPARE_TRANSACTION',
  name: string | null,
): TransactionEffect {
  return name === null ? NONE : { kind, name };
}

/** Reads `[SAVEPOINT] name`; a savepoint may itself be called "savepoint". */
function savepointName(tokens: Tokenizer): string | null {
  tokens.advance();
  const name = identifierName(tokens);
  if (tokens.keyword() !== 'SAVEPOINT') return name;
  tokens.advance();
  return identifierName(tokens) ?? name;
}

/** Reads `[WORK | TRANSACTION] [AND [NO] CHAIN | TO [SAVEPOINT] name]` and `PREPARED 'id'`. */
function ending(kind: 'COMMIT' | 'ROLLBACK', tokens: Tokenizer): TransactionEffect {
  tokens.advance();
  if (tokens.keyword() === 'WORK' || tokens.keyword() === 'TRANSACTION') tokens.advance();
  switch (tokens.keyword()) {
    case 'PREPARED':
      return NONE;
    case 'TO':
      return named('ROLLBACK_TO', savepointName(tokens));
    case 'AND':
      tokens.advance();
      return { kind, chain: tokens.keyword() !== 'NO' };
    default:
      return { kind, chain: false };
  }
}
