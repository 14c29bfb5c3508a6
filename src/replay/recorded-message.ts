import type { Entry } from '../journal/entry.ts';
import { identifierName, isSingleStatement, Tokenizer } from '../journal/sql-tokens.ts';
import { sessionEffect } from '../journal/statement-type.ts';
import type { StatementMessage } from '../target/statement.ts';

/**
 * Sent in place of a statement that failed in the record, in a block, and is not sent: there is no such savepoint, so that the
 * block fails on the target, too, and what it goes on to do there is undone as it was.
 */
export const FAILING: StatementMessage = {
  protocol: 'SIMPLE',
  text: 'ROLLBACK TO SAVEPOINT reprise_cannot_send_what_failed',
  preparedName: null,
  parameters: [],
  digest: false,
};

/** The wire message of an entry. */
export function messageFor(entry: Entry, digest: boolean): StatementMessage {
  const drops = droppedBy(entry);
  return {
    protocol: drops === undefined ? entry.protocol : 'EXTENDED',
    text: setsEncoding(entry) ? "SET client_encoding TO 'UTF8'" : entry.statement,
    preparedName: entry.preparedName,
    parameters: entry.parameters,
    digest,
    drops,
  };
}

/**
 * Name of the one prepared statement that the entry has dropped. Drivers drop so what they have prepared by messages of the
 * protocol, which is on no connection of the replay that has not executed it: one before the window, another session's, a new one.
 */
function droppedBy({ statementType, statement, outcome }: Entry): string | undefined {
  if (statementType !== 'OTHER' || outcome.status === 'FAILED' || !/deallocate/i.test(statement)) return undefined;
  if (!isSingleStatement(statement)) return undefined;
  const [effect] = sessionEffect(statement);
  return effect?.kind === 'DEALLOCATE' ? (effect.name ?? undefined) : undefined;
}

/**
 * Text is kept and sent as UTF-8, whatever encoding it was recorded in: what is already under way behind a statement
 * that changes the encoding would be read wrongly.
 */
function setsEncoding({ statementType, statement, outcome }: Entry): boolean {
  if (statementType !== 'SET' || outcome.status === 'FAILED' || !/names|client_encoding/i.test(statement)) return false;
  if (!isSingleStatement(statement)) return false;
  const tokens = new Tokenizer(statement);
  tokens.advance();
  if (tokens.keyword() !== 'SET') return false;
  tokens.advance();
  if (tokens.keyword() === 'LOCAL' || tokens.keyword() === 'SESSION') tokens.advance();
  return tokens.keyword() === 'NAMES' || identifierName(tokens)?.toLowerCase() === 'client_encoding';
}
