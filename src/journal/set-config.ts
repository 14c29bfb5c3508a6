import { identifierName, TOKEN, Tokenizer } from './sql-tokens.ts';

/**
 * True for a SELECT of nothing but `set_config(…)` on constants and parameters, which does not read, write or draw anything
 * and may be sent again for its settings.
 */
export function onlySetsConfig(statement: string): boolean {
  if (!/set_config/i.test(statement)) return false;
  const tokens = new Tokenizer(statement);
  tokens.advance();
  if (tokens.keyword() !== 'SELECT') return false;
  do {
    tokens.advance();
    if (!passCall(tokens)) return false;
    if (tokens.keyword() === 'AS') tokens.advance();
    // What follows a label that is none, as FROM, is neither a comma nor the end.
    if (tokens.kind === TOKEN.WORD || tokens.kind === TOKEN.QUOTED) tokens.advance();
  } while (tokens.at(','));
  while (tokens.at(';')) tokens.advance();
  return tokens.kind === TOKEN.END;
}

/** Moves behind `set_config(constant, constant, constant)`; false where something else stands. */
function passCall(tokens: Tokenizer): boolean {
  if (identifierName(tokens) === 'pg_catalog') {
    tokens.advance();
    if (!tokens.at('.')) return false;
    tokens.advance();
  }
  if (identifierName(tokens) !== 'set_config') return false;
  tokens.advance();
  if (!tokens.at('(')) return false;
  do {
    tokens.advance();
    if (!passConstant(tokens)) return false;
  } while (tokens.at(','));
  if (!tokens.at(')')) return false;
  tokens.advance();
  return true;
}

/** Moves behind a literal or a parameter, and behind its casts to types of one word; false where something else stands. */
function passConstant(tokens: Tokenizer): boolean {
  const { kind } = tokens;
  const isConstant = kind === TOKEN.STRING || kind === TOKEN.NUMBER || kind === TOKEN.PARAMETER;
  if (!isConstant && !['TRUE', 'FALSE', 'NULL'].includes(tokens.keyword())) return false;
  tokens.advance();
  while (tokens.value === '::' || tokens.at('.')) {
    tokens.advance();
    if (identifierName(tokens) === null) return false;
    tokens.advance();
  }
  return true;
}
