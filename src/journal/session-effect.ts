import { constantText, foldSetting, modeSettings, onlySetsConfig, settingName } from './session-settings.ts';
import {
  identifierName,
  isSingleStatement,
  literalText,
  skipExplain,
  skipParentheses,
  splitStatements,
  TOKEN,
  Tokenizer,
} from './sql-tokens.ts';
import type { Value } from './value.ts';

/** State that a statement leaves in its session beyond its transaction, or takes away from it. */
export type SessionEffectKind =
  /** SET (not LOCAL), a SELECT of nothing but `set_config(…, false)`. Undone when the transaction rolls back. */
  | 'SETTING'
  /** One from a statement that does more, or may (a block, a CALL, `set_config` beside other calls or over rows). Undone likewise. */
  | 'HELD_SETTING'
  | 'RESET'
  | 'TEMP_TABLE'
  /** DISCARD TEMP. A DROP TABLE is not told from one of a permanent table. */
  | 'DROP_TEMP'
  | 'PREPARED'
  | 'DEALLOCATE'
  /** Uses what a PREPARE of the same session left: EXECUTE, explained or made a table of, too. */
  | 'EXECUTED'
  /** Session-level ones; the `_xact_` functions end with their transaction. */
  | 'ADVISORY_LOCK'
  | 'ADVISORY_UNLOCK'
  | 'LISTEN'
  | 'UNLISTEN'
  | 'HOLD_CURSOR'
  | 'CLOSE_CURSOR'
  /** Reads what an earlier nextval of the same session left: `currval`, `lastval`. */
  | 'SEQUENCE_VALUE';

/** One thing that a statement leaves in its session, or takes out of it. */
export interface SessionEffect {
  readonly kind: SessionEffectKind;
  /**
   * Setting, temporary object, prepared statement, channel, cursor, or the arguments of a lock as written.
   * Null: all of them (RESET ALL but for `KEPT_BY_RESET_ALL`, DEALLOCATE ALL, DISCARD ALL, UNLISTEN *), or a name that the text
   * does not tell.
   */
  readonly name: string | null;
}

const NOTHING: readonly SessionEffect[] = Object.freeze([]);
const NO_PARAMETERS: readonly Value[] = Object.freeze([]);

const CALLS: Readonly<Record<string, SessionEffectKind>> = {
  set_config: 'HELD_SETTING',
  pg_advisory_lock: 'ADVISORY_LOCK',
  pg_advisory_lock_shared: 'ADVISORY_LOCK',
  pg_try_advisory_lock: 'ADVISORY_LOCK',
  pg_try_advisory_lock_shared: 'ADVISORY_LOCK',
  pg_advisory_unlock: 'ADVISORY_UNLOCK',
  pg_advisory_unlock_shared: 'ADVISORY_UNLOCK',
  pg_advisory_unlock_all: 'ADVISORY_UNLOCK',
  currval: 'SEQUENCE_VALUE',
  lastval: 'SEQUENCE_VALUE',
};

/** Calls read in one text: each looks ahead to its closing parenthesis, which a hostile text need not have. */
const MAX_CALLS = 100;
const MAY_CALL = /set_config|advisory_(?:un)?lock|currval|lastval/i;

/**
 * What a statement, or a simple-protocol string, leaves in the session: in order, empty for nothing.
 * What functions and procedures do inside is not seen, except in the body of a DO. `parameters`: they tell what `set_config($1, …)` sets.
 */
export function sessionEffect(text: string, parameters: readonly Value[] = NO_PARAMETERS): readonly SessionEffect[] {
  if (isSingleStatement(text)) return effectsOf(text, parameters);
  const effects = splitStatements(text).flatMap((statement) => effectsOf(statement, parameters));
  return effects.length === 0 ? NOTHING : effects;
}

function effectsOf(statement: string, parameters: readonly Value[]): readonly SessionEffect[] {
  const tokens = new Tokenizer(statement);
  tokens.advance();
  while (tokens.at('(') || tokens.at(';')) tokens.advance();
  switch (tokens.keyword()) {
    case 'SET':
      return setEffects(tokens);
    case 'RESET':
      return resetEffects(tokens);
    case 'DISCARD':
      return discardEffects(tokens);
    case 'CREATE': {
      const made = createEffects(tokens);
      return /execute/i.test(statement) ? [...made, ...executedByCreate(new Tokenizer(statement))] : made;
    }
    case 'PREPARE':
      tokens.advance();
      return tokens.keyword() === 'TRANSACTION' ? NOTHING : [{ kind: 'PREPARED', name: identifierName(tokens) }];
    case 'DEALLOCATE':
      tokens.advance();
      if (tokens.keyword() === 'PREPARE') tokens.advance();
      return [{ kind: 'DEALLOCATE', name: nameOrAll(tokens) }];
    case 'EXECUTE': {
      const executed = executedAt(tokens);
      return MAY_CALL.test(statement) ? [...executed, ...callEffects(statement, parameters)] : executed;
    }
    case 'LISTEN':
      tokens.advance();
      return [{ kind: 'LISTEN', name: identifierName(tokens) }];
    case 'UNLISTEN':
      tokens.advance();
      return [{ kind: 'UNLISTEN', name: identifierName(tokens) }];
    case 'CLOSE':
      tokens.advance();
      return [{ kind: 'CLOSE_CURSOR', name: nameOrAll(tokens) }];
    case 'DECLARE':
      return declareEffects(tokens);
    case 'EXPLAIN':
      return explainEffects(tokens, parameters);
    case 'DO':
      return doEffects(tokens);
    case 'SELECT':
    case 'WITH': {
      const into = /into/i.test(statement) ? selectIntoTemporary(new Tokenizer(statement, tokens.end)) : NOTHING;
      if (!MAY_CALL.test(statement)) return into;
      const calls = callEffects(statement, parameters);
      if (onlySetsConfig(statement)) return calls.map(({ name }) => ({ kind: 'SETTING', name }));
      return [...into, ...calls];
    }
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
    case 'VALUES':
    case 'CALL':
    case 'COPY':
      return MAY_CALL.test(statement) ? callEffects(statement, parameters) : NOTHING;
    default:
      return NOTHING;
  }
}

function nameOrAll(tokens: Tokenizer): string | null {
  return tokens.keyword() === 'ALL' ? null : identifierName(tokens);
}

/** For a tokeniser at the word SET. */
function setEffects(tokens: Tokenizer): readonly SessionEffect[] {
  tokens.advance();
  const word = tokens.keyword();
  if (word === 'LOCAL' || word === 'TRANSACTION' || word === 'CONSTRAINTS') return NOTHING;
  if (word === 'SESSION') {
    const ahead = new Tokenizer(tokens.text, tokens.end);
    ahead.advance();
    // SET SESSION AUTHORIZATION is a setting of its own, any other SESSION only says "not LOCAL".
    if (ahead.keyword() === 'CHARACTERISTICS') return modeSettings(ahead).map((name) => ({ kind: 'SETTING', name }));
    if (ahead.keyword() !== 'AUTHORIZATION') tokens.advance();
  }
  return [{ kind: 'SETTING', name: settingName(tokens) }];
}

/** Settings that RESET ALL leaves as they are. */
export const KEPT_BY_RESET_ALL: ReadonlySet<string> = new Set(['session_authorization', 'role']);
const RESET_LOGIN: readonly SessionEffect[] = [...KEPT_BY_RESET_ALL].map((name) => ({ kind: 'RESET', name }));

/** For a tokeniser at the word RESET. */
function resetEffects(tokens: Tokenizer): readonly SessionEffect[] {
  tokens.advance();
  if (tokens.keyword() === 'ALL') return [{ kind: 'RESET', name: null }];
  const name = settingName(tokens);
  // No role outlives the session authorization that it was taken under.
  return name === 'session_authorization' ? RESET_LOGIN : [{ kind: 'RESET', name }];
}

/** For a tokeniser at the word DISCARD. */
function discardEffects(tokens: Tokenizer): readonly SessionEffect[] {
  tokens.advance();
  switch (tokens.keyword()) {
    case 'TEMP':
    case 'TEMPORARY':
      return [{ kind: 'DROP_TEMP', name: null }];
    case 'ALL':
      return [...RESET_LOGIN, ...DISCARDED.map((kind) => ({ kind, name: null }))];
    default:
      return NOTHING;
  }
}

const DISCARDED = ['RESET', 'DEALLOCATE', 'CLOSE_CURSOR', 'UNLISTEN', 'ADVISORY_UNLOCK', 'DROP_TEMP'] as const;

/** For a tokeniser at the word CREATE. */
function createEffects(tokens: Tokenizer): readonly SessionEffect[] {
  let temporary = false;
  const skip = (words: readonly string[]) => {
    while (words.includes(tokens.keyword())) tokens.advance();
  };
  tokens.advance();
  skip(['OR', 'REPLACE', 'LOCAL', 'GLOBAL']);
  if (tokens.keyword() === 'TEMP' || tokens.keyword() === 'TEMPORARY') {
    temporary = true;
    tokens.advance();
  }
  skip(['UNLOGGED', 'RECURSIVE']);
  // The kind of object: TABLE, VIEW, SEQUENCE, or one that is temporary only by its schema.
  tokens.advance();
  skip(['IF', 'NOT', 'EXISTS']);
  let name = identifierName(tokens);
  tokens.advance();
  if (tokens.at('.')) {
    if (name === 'pg_temp') temporary = true;
    tokens.advance();
    name = identifierName(tokens);
    tokens.advance();
  }
  return temporary && !dropsOnCommit(tokens) ? [{ kind: 'TEMP_TABLE', name }] : NOTHING;
}

/** Looks for `AS EXECUTE name`. */
function executedByCreate(tokens: Tokenizer): readonly SessionEffect[] {
  while (tokens.advance() !== TOKEN.END) {
    if (tokens.at('(')) skipParentheses(tokens);
    if (tokens.keyword() !== 'AS') continue;
    tokens.advance();
    return tokens.keyword() === 'EXECUTE' ? executedAt(tokens) : NOTHING;
  }
  return NOTHING;
}

/** For a tokeniser at the word EXECUTE. */
function executedAt(tokens: Tokenizer): readonly SessionEffect[] {
  tokens.advance();
  return [{ kind: 'EXECUTED', name: identifierName(tokens) }];
}

/** Looks for ON COMMIT DROP from the current token on: such a table ends with its transaction. */
function dropsOnCommit(tokens: Tokenizer): boolean {
  let last = '';
  let before = '';
  for (; tokens.kind !== TOKEN.END && !tokens.at(';'); tokens.advance()) {
    if (tokens.at('(')) skipParentheses(tokens);
    const word = tokens.keyword();
    if (word === 'AS') return false;
    if (before === 'ON' && last === 'COMMIT' && word === 'DROP') return true;
    before = last;
    last = word;
  }
  return false;
}

/** For a tokeniser behind SELECT or WITH. */
function selectIntoTemporary(tokens: Tokenizer): readonly SessionEffect[] {
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    if (tokens.at('(')) skipParentheses(tokens);
    if (tokens.keyword() !== 'INTO') continue;
    tokens.advance();
    if (tokens.keyword() === 'LOCAL' || tokens.keyword() === 'GLOBAL') tokens.advance();
    const temporary = tokens.keyword() === 'TEMP' || tokens.keyword() === 'TEMPORARY';
    if (!temporary) return NOTHING;
    tokens.advance();
    if (tokens.keyword() === 'TABLE') tokens.advance();
    return [{ kind: 'TEMP_TABLE', name: identifierName(tokens) }];
  }
  return NOTHING;
}

/** For a tokeniser at the word DECLARE. */
function declareEffects(tokens: Tokenizer): readonly SessionEffect[] {
  tokens.advance();
  const name = identifierName(tokens);
  let last = '';
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    const word = tokens.keyword();
    if (word === 'FOR') break;
    if (last === 'WITH' && word === 'HOLD') return [{ kind: 'HOLD_CURSOR', name }];
    last = word;
  }
  return NOTHING;
}

/** Calls of the functions that change the session, anywhere in a statement or a block. */
function callEffects(text: string, parameters: readonly Value[]): SessionEffect[] {
  const effects: SessionEffect[] = [];
  const tokens = new Tokenizer(text);
  let calls = 0;
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    if (kind !== TOKEN.WORD && kind !== TOKEN.QUOTED) continue;
    const name = identifierName(tokens) ?? '';
    if (!Object.hasOwn(CALLS, name)) continue;
    const ahead = new Tokenizer(text, tokens.end);
    ahead.advance();
    if (!ahead.at('(')) continue;
    if (++calls > MAX_CALLS) break;
    const effect = callEffect(CALLS[name] as SessionEffectKind, ahead, parameters);
    if (effect !== null) effects.push(effect);
  }
  return effects;
}

/** For a tokeniser at the parenthesis that opens a call's arguments. */
function callEffect(kind: SessionEffectKind, tokens: Tokenizer, parameters: readonly Value[]): SessionEffect | null {
  const given = callArguments(tokens);
  if (kind === 'HELD_SETTING') {
    // set_config(name, value, true) lasts as long as its transaction.
    if (/^(?:t|tr|tru|true|y|ye|yes|on|1)$/i.test(constantText(given[2], parameters) ?? '')) return null;
    const name = constantText(given[0], parameters);
    return { kind, name: name === null ? null : foldSetting(name) };
  }
  if (kind === 'SEQUENCE_VALUE') {
    const token = new Tokenizer(given[0] ?? '');
    return { kind, name: token.advance() === TOKEN.STRING ? literalText(token.value) : null };
  }
  return { kind, name: given.length === 0 ? null : given.join(', ') };
}

function callArguments(tokens: Tokenizer): string[] {
  const found: string[] = [];
  let from = tokens.end;
  while (tokens.advance() !== TOKEN.END) {
    const closing = tokens.at(')');
    if (closing || tokens.at(',')) {
      const value = tokens.text.slice(from, tokens.start).trim();
      if (value !== '') found.push(value);
      from = tokens.end;
      if (closing) return found;
    } else if (tokens.at('(')) {
      skipParentheses(tokens);
    }
  }
  return found;
}

/** For a tokeniser at the word EXPLAIN. The server explains no EXPLAIN, so this does not recurse further. */
function explainEffects(tokens: Tokenizer, parameters: readonly Value[]): readonly SessionEffect[] {
  const executes = skipExplain(tokens);
  const explained = tokens.text.slice(tokens.end);
  tokens.advance();
  if (tokens.keyword() === 'EXPLAIN') return NOTHING;
  const effects = effectsOf(explained, parameters);
  return executes ? effects : effects.filter(({ kind }) => kind === 'EXECUTED');
}

/** For a tokeniser at the word DO: looks into the block's text. */
function doEffects(tokens: Tokenizer): readonly SessionEffect[] {
  const effects: SessionEffect[] = [];
  while (tokens.advance() !== TOKEN.END) {
    if (tokens.kind !== TOKEN.STRING) continue;
    // One by one: a block may have more than a call takes as arguments.
    for (const effect of blockEffects(literalText(tokens.value))) effects.push(effect);
  }
  return effects.length === 0 ? NOTHING : effects;
}

function blockEffects(body: string): readonly SessionEffect[] {
  const effects = callEffects(body, NO_PARAMETERS);
  const tokens = new Tokenizer(body);
  let last = ';';
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    const word = tokens.keyword();
    if (/^(?:;|BEGIN|THEN|ELSE|LOOP)$/.test(last) && (word === 'SET' || word === 'CREATE')) {
      if (word === 'CREATE') effects.push(...createEffects(tokens));
      else effects.push(...setEffects(tokens).map(({ name }) => ({ kind: 'HELD_SETTING', name }) as const));
    }
    last = tokens.at(';') ? ';' : tokens.keyword();
  }
  return effects;
}
