import type { Entry } from '../journal/entry.ts';
import { isSingleStatement, splitStatements, Tokenizer } from '../journal/sql-tokens.ts';
import { sessionEffect } from '../journal/statement-type.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import type { StatementMessage, TargetOutcome } from '../target/statement.ts';
import { MAY, mayDo } from './marked-statements.ts';
import { messageFor } from './recorded-message.ts';
import { rollsBackToSavepoint } from './target-session.ts';

/**
 * True for an entry that leaves something in its session, or finds there what it uses. An INSERT, UPDATE, DELETE or transaction
 * control does not; a string of several statements that counts as one of them may. Of what a DO leaves only a role is seen.
 */
export function keepsState(entry: Pick<Entry, 'statement' | 'statementType'>): boolean {
  const { statement, statementType: type } = entry;
  const leavesNothing = type === 'INSERT' || type === 'UPDATE' || type === 'DELETE' || type === 'TRANSACTION';
  if (leavesNothing && isSingleStatement(statement)) return false;
  return sessionEffect(statement).length > 0 || takesRoleInDo(entry);
}

function takesRoleInDo({ statement, statementType: type }: Pick<Entry, 'statement' | 'statementType'>): boolean {
  if (type !== 'OTHER' && isSingleStatement(statement)) return false;
  return (mayDo(statement) & MAY.CHANGE_ROLE) !== 0 && splitStatements(statement).some(isDo);
}

function isDo(statement: string): boolean {
  const tokens = new Tokenizer(statement);
  tokens.advance();
  return tokens.keyword() === 'DO';
}

/** True when the entry begins a transaction. */
export function begins(entry: Entry): boolean {
  return transactionEffect(entry.statement).some(({ kind }) => kind === 'BEGIN');
}

/** The statement that began the transaction, with its modes, where there was one. */
export function beginOf(entries: readonly Entry[]): string {
  const [first] = entries;
  return first !== undefined && isSingleStatement(first.statement) && begins(first) ? first.statement : 'BEGIN';
}

/** Whole transactions follow each other here: the one that COMMIT AND CHAIN would begin gets a BEGIN of its own. */
export function messageOf(entry: Entry, digest: boolean): StatementMessage {
  const message = messageFor(entry, digest);
  if (entry.statementType !== 'TRANSACTION') return message;
  const effects = transactionEffect(entry.statement);
  const [effect] = effects;
  return effects.length === 1 && effect?.kind === 'COMMIT' && effect.chain ? { ...message, text: 'COMMIT' } : message;
}

/**
 * True when the entry ends its transaction, one way or another. Not for a string that begins another one behind it: left open,
 * that would take in all that follows.
 */
export function endsTransaction(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  const effects = transactionEffect(entry.statement);
  let ends = false;
  for (const effect of effects) {
    if (effect.kind === 'BEGIN') ends = false;
    else if (effect.kind === 'PREPARE_TRANSACTION') ends = true;
    // Alone it is sent without AND CHAIN.
    else if (effect.kind === 'COMMIT' || effect.kind === 'ROLLBACK') ends = !effect.chain || effects.length === 1;
  }
  return ends;
}

/** True when the entry commits its transaction, be it within a string that goes on in another one. */
export function commits(entry: Entry): boolean {
  return transactionEffect(entry.statement).some(({ kind }) => kind === 'COMMIT');
}

/** True for what would revive a transaction that has failed. */
export function revivesTransaction(entry: Entry): boolean {
  return entry.statementType === 'TRANSACTION' && rollsBackToSavepoint(entry.statement);
}

/** What the ids are told of an entry that was to be sent and was not. */
export const NOT_SENT: TargetOutcome = {
  ok: false,
  sqlstate: null,
  message: null,
  severity: null,
  position: null,
  detail: null,
  rows: null,
  tag: null,
  digest: null,
  transactionStatus: 'I',
  sentAt: 0,
  doneAt: 0,
  serviceMs: 0,
  alone: false,
  copyRefused: false,
  notices: 0,
  lastNotice: null,
  lost: true,
  fatal: false,
};
