import type { StatementType } from './entry.ts';
import { onlySetsConfig } from './session-settings.ts';
import { isSingleStatement, skipExplain, skipParentheses, splitStatements, TOKEN, Tokenizer } from './sql-tokens.ts';

export { KEPT_BY_RESET_ALL, type SessionEffect, type SessionEffectKind, sessionEffect } from './session-effect.ts';
export { type TransactionEffect, transactionEffect } from './transaction-effect.ts';

/**
 * Words whose statement has one type whatever follows. Where the choice is open it follows
 * the server's own `log_statement` classes: TRUNCATE is a modification of rows there, so DELETE here; GRANT,
 * COMMENT, REINDEX and REFRESH change objects, so DDL. A cursor's statements read; VACUUM, LOCK and the like
 * neither read, write nor define.
 */
const FIXED = new Map<string, StatementType>();
const fixed = (type: StatementType, words: string) => {
  for (const word of words.split(' ')) FIXED.set(word, type);
};
fixed('SELECT', 'VALUES TABLE SHOW FETCH MOVE DECLARE');
fixed('INSERT', 'INSERT');
fixed('UPDATE', 'UPDATE MERGE');
fixed('DELETE', 'DELETE TRUNCATE');
fixed('DDL', 'CREATE ALTER DROP COMMENT GRANT REVOKE REASSIGN SECURITY REINDEX REFRESH CLUSTER REPACK IMPORT');
fixed('TRANSACTION', 'BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE');
fixed('SET', 'SET RESET DISCARD');

/** Bodies of CTEs nest; a text made to nest without end must not end the process. */
const MAX_NESTING = 16;

/**
 * What a statement does, decided on its tokens; total on any text (what cannot be read is OTHER).
 *
 * - `WITH` counts as its final statement; under a final SELECT, as the first CTE that changes rows.
 * - `EXPLAIN` is SELECT, unless ANALYZE executes what it explains. `SELECT … INTO table` is DDL.
 * - `COPY … FROM` is INSERT, `COPY … TO` SELECT or what its query does.
 * - `SET TRANSACTION` and `SET CONSTRAINTS` are SET, and so is a SELECT of nothing but `set_config` on constants and parameters. `COMMIT PREPARED` and `PREPARE TRANSACTION` are TRANSACTION;
 *   `PREPARE`, `EXECUTE`, `CALL` and `DO` are OTHER: their text does not tell.
 * - Several statements in one string count as the first that is neither SET nor TRANSACTION, else as the first.
 */
export function classifyStatement(text: string): StatementType {
  const first = typeAt(text, 0, 0);
  if ((first !== 'SET' && first !== 'TRANSACTION') || isSingleStatement(text)) return first;
  for (const statement of splitStatements(text)) {
    const type = typeAt(statement, 0, 0);
    if (type !== 'SET' && type !== 'TRANSACTION') return type;
  }
  return first;
}

/** Type of the statement that begins at an index, behind comments, parentheses and empty statements. */
function typeAt(text: string, from: number, nesting: number): StatementType {
  const tokens = new Tokenizer(text, from);
  tokens.advance();
  while (tokens.at('(') || tokens.at(';')) tokens.advance();
  const word = tokens.keyword();
  if (word === 'SELECT') {
    if (nesting > 0) return 'SELECT';
    return selectsInto(tokens) ? 'DDL' : onlySetsConfig(text.slice(tokens.start)) ? 'SET' : 'SELECT';
  }
  const type = FIXED.get(word);
  if (type !== undefined) return type;
  switch (word) {
    case 'WITH':
      return withType(tokens, nesting);
    case 'EXPLAIN':
      return skipExplain(tokens) && nesting < MAX_NESTING ? typeAt(text, tokens.end, nesting + 1) : 'SELECT';
    case 'COPY':
      return copyType(tokens, nesting);
    case 'PREPARE':
      tokens.advance();
      return tokens.keyword() === 'TRANSACTION' ? 'TRANSACTION' : 'OTHER';
    default:
      return 'OTHER';
  }
}

/** For a tokeniser at the word SELECT: whether the query has an INTO of its own. */
function selectsInto(tokens: Tokenizer): boolean {
  if (!/into/i.test(tokens.text)) return false;
  const ahead = new Tokenizer(tokens.text, tokens.end);
  let depth = 0;
  let label = false;
  for (let kind = ahead.advance(); kind !== TOKEN.END; kind = ahead.advance()) {
    if (ahead.at('(')) depth++;
    else if (ahead.at(')')) depth = Math.max(0, depth - 1);
    else if (depth === 0) {
      if (ahead.at(';')) return false;
      const word = ahead.keyword();
      // "AS into" and "t.into" are names.
      if (word === 'INTO' && !label) return true;
      label = word === 'AS' || ahead.at('.');
      continue;
    }
    label = false;
  }
  return false;
}

/** For a tokeniser at the word WITH. */
function withType(tokens: Tokenizer, nesting: number): StatementType {
  let changed: StatementType | null = null;
  let nameNext = true;
  let bodyNext = false;
  for (let kind = tokens.advance(); kind !== TOKEN.END && !tokens.at(';') && !tokens.at(')'); kind = tokens.advance()) {
    if (tokens.at('(')) {
      if (bodyNext && changed === null && nesting < MAX_NESTING) {
        const type = typeAt(tokens.text, tokens.end, nesting + 1);
        if (type === 'INSERT' || type === 'UPDATE' || type === 'DELETE') changed = type;
      }
      bodyNext = false;
      skipParentheses(tokens);
    } else if (tokens.at(',')) {
      nameNext = true;
    } else if (kind === TOKEN.WORD || kind === TOKEN.QUOTED) {
      const word = tokens.keyword();
      if (nameNext) {
        // A CTE may be called "update" or "values": the word in this place is a name.
        if (word !== 'RECURSIVE') nameNext = false;
        continue;
      }
      if (word === 'AS') bodyNext = true;
      else if (word === 'SELECT' && nesting === 0 && selectsInto(tokens)) return 'DDL';
      else if (word === 'SELECT' || word === 'VALUES' || word === 'TABLE') break;
      else if (word === 'INSERT' || word === 'DELETE') return word;
      else if (word === 'UPDATE' || word === 'MERGE') return 'UPDATE';
    }
  }
  return changed ?? 'SELECT';
}

/** For a tokeniser at the word COPY. */
function copyType(tokens: Tokenizer, nesting: number): StatementType {
  const query = new Tokenizer(tokens.text, tokens.end);
  query.advance();
  if (query.at('(')) return nesting < MAX_NESTING ? typeAt(tokens.text, query.end, nesting + 1) : 'SELECT';
  const direction = copyDirection(tokens);
  if (direction === null) return 'OTHER';
  return direction === 'FROM' ? 'INSERT' : 'SELECT';
}

/** Moves from the word COPY to the FROM or TO behind its table or query; null when there is neither. */
function copyDirection(tokens: Tokenizer): 'FROM' | 'TO' | null {
  for (let kind = tokens.advance(); kind !== TOKEN.END && !tokens.at(';'); kind = tokens.advance()) {
    if (tokens.at('(')) skipParentheses(tokens);
    const word = tokens.keyword();
    if (word === 'FROM' || word === 'TO') return word;
  }
  return null;
}

/** Whether any statement of the string is `COPY … FROM STDIN`: the server then waits for data from the client. */
export function isCopyFromStdin(text: string): boolean {
  if (!/copy/i.test(text)) return false;
  const statements = isSingleStatement(text) ? [text] : splitStatements(text);
  return statements.some((statement) => {
    const tokens = new Tokenizer(statement);
    tokens.advance();
    if (tokens.keyword() !== 'COPY' || copyDirection(tokens) !== 'FROM') return false;
    tokens.advance();
    // The grammar takes either word in either direction.
    return tokens.keyword() === 'STDIN' || tokens.keyword() === 'STDOUT';
  });
}
