import { identifierName, literalText, TOKEN, Tokenizer } from './sql-tokens.ts';
import type { Value } from './value.ts';

/** Reads a setting's name at the current token; the spellings that SQL reserves become the server's names. */
export function settingName(tokens: Tokenizer): string | null {
  const first = tokens.keyword();
  const ahead = new Tokenizer(tokens.text, tokens.end);
  ahead.advance();
  const second = ahead.keyword();
  if (first === 'TIME' && second === 'ZONE') return 'timezone';
  if (first === 'SESSION' && second === 'AUTHORIZATION') return 'session_authorization';
  if (first === 'XML' && second === 'OPTION') return 'xmloption';
  if (first === 'TRANSACTION') return 'transaction_isolation';
  if (first === 'NAMES') return 'client_encoding';
  if (first === 'SCHEMA' && ahead.kind === TOKEN.STRING) return 'search_path';
  let name = identifierName(tokens);
  while (name !== null && ahead.at('.')) {
    ahead.advance();
    name = `${name}.${identifierName(ahead) ?? ''}`;
    ahead.advance();
  }
  return name === null ? null : foldSetting(name);
}

/** Settings are matched without regard to case, also when quoted: `"TimeZone"`. */
export function foldSetting(name: string): string {
  return name.replace(/[A-Z]+/g, (part) => part.toLowerCase());
}

/** Settings by the first words of the modes that `SET SESSION CHARACTERISTICS AS TRANSACTION` lists. */
const MODES: Readonly<Record<string, string>> = {
  ISOLATION: 'default_transaction_isolation',
  READ: 'default_transaction_read_only',
  DEFERRABLE: 'default_transaction_deferrable',
};

/** The settings of the modes that a SET lists, for a tokeniser at its word CHARACTERISTICS. */
export function modeSettings(tokens: Tokenizer): readonly string[] {
  const names: string[] = [];
  let last = '';
  while (tokens.advance() !== TOKEN.END && !tokens.at(';')) {
    const word = tokens.value.toUpperCase();
    // READ COMMITTED is a level.
    if (Object.hasOwn(MODES, word) && last !== 'LEVEL') names.push(MODES[word] as string);
    last = word;
  }
  return names;
}

/** The text that an argument stands for: a literal or a parameter, whatever it is cast to; null for another. */
export function constantText(argument: string | undefined, parameters: readonly Value[]): string | null {
  const token = new Tokenizer(argument ?? '');
  const kind = token.advance();
  const { value } = token;
  const word = token.keyword();
  if (token.advance() !== TOKEN.END && token.value !== '::') return null;
  if (kind === TOKEN.STRING) return literalText(value);
  if (kind === TOKEN.NUMBER || word === 'TRUE' || word === 'FALSE') return value;
  const parameter = kind === TOKEN.PARAMETER ? parameters[Number(value.slice(1)) - 1] : undefined;
  return parameter?.kind === 'text' || parameter?.kind === 'bool' ? String(parameter.value) : null;
}

/**
 * True for a SELECT of nothing but `set_config(…)` on constants and parameters, up to its end or `;`: it does not read, write or
 * draw anything, and may be sent again for its settings.
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
  return tokens.at(';') || tokens.kind === TOKEN.END;
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
