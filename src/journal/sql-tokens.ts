import { TOKEN, Tokenizer, type TokenKind } from './tokenizer.ts';

export { TOKEN, Tokenizer, type TokenKind } from './tokenizer.ts';

/** True when the text is certainly one statement, told without tokenising it: no `;`, or only at its end. */
export function isSingleStatement(text: string): boolean {
  const first = text.indexOf(';');
  if (first < 0) return true;
  for (let index = first + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code !== 32 && code !== 59 && (code < 9 || code > 13)) return false;
  }
  return true;
}

/** Moves from an opening parenthesis to the one that closes it, or to the end. */
export function skipParentheses(tokens: Tokenizer): void {
  let depth = 1;
  while (depth > 0 && tokens.advance() !== TOKEN.END) {
    if (tokens.at('(')) depth++;
    else if (tokens.at(')')) depth--;
  }
}

/**
 * Cuts a text at its top-level `;`, as the server's grammar does: not inside quotes, comments, parentheses
 * (`CREATE RULE … DO (a; b)`) or the `BEGIN ATOMIC … END` body of a function.
 * Pieces keep their comments (a leading one may be a planner hint) and lose the white space around them; what
 * holds no token at all is left out.
 */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  const tokens = new Tokenizer(text);
  let from = -1;
  let to = 0;
  let empty = true;
  let words = 0;
  let depth = 0;
  // Depth of BEGIN and CASE in an SQL-standard body; -1 outside of CREATE FUNCTION and PROCEDURE.
  let body = -1;
  let begin = false;
  for (;;) {
    const kind = tokens.next();
    if (kind === TOKEN.SPACE) continue;
    if (kind === TOKEN.END || (depth === 0 && body <= 0 && tokens.at(';'))) {
      if (!empty) statements.push(text.slice(from, to));
      if (kind === TOKEN.END) return statements;
      from = -1;
      empty = true;
      words = 0;
      body = -1;
      begin = false;
      continue;
    }
    if (from < 0) from = tokens.start;
    to = tokens.end;
    if (kind === TOKEN.COMMENT) continue;
    empty = false;
    if (tokens.at('(')) depth++;
    else if (tokens.at(')')) depth = Math.max(0, depth - 1);
    if (kind !== TOKEN.WORD) {
      words = 4;
      begin = false;
      continue;
    }
    if (body < 0) {
      words = routineWords(words, tokens);
      if (words === ROUTINE) body = 0;
    } else if (depth === 0) {
      const word = tokens.keyword();
      if (word === 'ATOMIC' && begin) body++;
      else if (word === 'CASE' && body > 0) body++;
      else if (word === 'END' && body > 0) body--;
      begin = word === 'BEGIN';
    }
  }
}

const ROUTINE = 5;

/** One step through `CREATE [OR REPLACE] FUNCTION|PROCEDURE`: the count of words met, 4 when it is none, or ROUTINE. */
function routineWords(met: number, tokens: Tokenizer): number {
  if (met >= 4) return met;
  const word = tokens.keyword();
  if (met === 0) return word === 'CREATE' ? 1 : 4;
  if (word === 'FUNCTION' || word === 'PROCEDURE') return met === 2 ? 4 : ROUTINE;
  if (met === 1 && word === 'OR') return 2;
  return met === 2 && word === 'REPLACE' ? 3 : 4;
}

/**
 * The highest `$n` that the protocol has to bind: 0 where there is none. The `$n` of a `PREPARE` and of a
 * function's body are their own and do not count, nor does anything above 65535, which no message can carry.
 */
export function countParameters(text: string): number {
  if (!text.includes('$')) return 0;
  if (!isSingleStatement(text)) {
    return splitStatements(text).reduce((most, statement) => Math.max(most, highestParameter(statement)), 0);
  }
  return highestParameter(text);
}

function highestParameter(statement: string): number {
  const tokens = new Tokenizer(statement);
  let highest = 0;
  let words = 0;
  let first = true;
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    if (first && tokens.keyword() === 'PREPARE') return 0;
    first = false;
    if (kind === TOKEN.WORD) {
      words = routineWords(words, tokens);
      if (words === ROUTINE) return 0;
    } else if (kind === TOKEN.PARAMETER) {
      const number = Number(statement.slice(tokens.start + 1, tokens.end));
      if (number > highest && number <= 65_535) highest = number;
    }
  }
  return highest;
}

/**
 * For a tokeniser at the word EXPLAIN: moves to the token before the explained statement and tells whether
 * ANALYZE makes the server execute it.
 */
export function skipExplain(tokens: Tokenizer): boolean {
  let analyze = false;
  const { text } = tokens;
  let before = tokens.end;
  tokens.advance();
  if (tokens.at('(') && !opensQuery(text, tokens.end)) {
    analyze = explainOptions(tokens);
  } else {
    for (;;) {
      const word = tokens.keyword();
      if (word === 'ANALYZE' || word === 'ANALYSE') analyze = true;
      else if (word !== 'VERBOSE') break;
      before = tokens.end;
      tokens.advance();
    }
    tokens.end = before;
  }
  return analyze;
}

function opensQuery(text: string, from: number): boolean {
  const tokens = new Tokenizer(text, from);
  tokens.advance();
  return tokens.at('(') || ['SELECT', 'WITH', 'VALUES', 'TABLE'].includes(tokens.keyword());
}

/** Reads `(option [value], …)`; the last ANALYZE counts, as in the server. */
function explainOptions(tokens: Tokenizer): boolean {
  let analyze = false;
  for (let kind: TokenKind = tokens.kind; kind !== TOKEN.END && !tokens.at(')'); kind = tokens.kind) {
    tokens.advance();
    const word = tokens.keyword();
    const named = word === 'ANALYZE' || word === 'ANALYSE' || /^"analyze"$/.test(tokens.value);
    tokens.advance();
    if (named) analyze = tokens.at(',') || tokens.at(')') || !isFalse(tokens);
    while (!tokens.at(',') && !tokens.at(')')) {
      if (tokens.advance() === TOKEN.END) break;
    }
  }
  return analyze;
}

function isFalse(tokens: Tokenizer): boolean {
  return /^(false|off|no|0|f)$/i.test(tokens.kind === TOKEN.STRING ? literalText(tokens.value) : tokens.value);
}

/**
 * The name that an identifier token stands for, as the server folds it: unquoted in lower case (ASCII only),
 * quoted as written, cut to 63 bytes. Null when the token is no identifier.
 */
export function identifierName(tokens: Tokenizer): string | null {
  if (tokens.kind === TOKEN.WORD) return cutName(tokens.value.replace(/[A-Z]+/g, (part) => part.toLowerCase()));
  if (tokens.kind !== TOKEN.QUOTED) return null;
  const raw = tokens.value;
  const unicode = raw.charCodeAt(0) !== 34;
  const inner = raw.slice(unicode ? 3 : 1, raw.endsWith('"') ? -1 : undefined).replaceAll('""', '"');
  return cutName(unicode ? unescapeUnicode(inner) : inner);
}

/** `U&` escapes with the default escape character; `UESCAPE` with another is not read. */
function unescapeUnicode(text: string): string {
  return text.replace(/\\(?:\\|\+([0-9a-f]{6})|([0-9a-f]{4}))/gi, (whole, long?: string, short?: string) => {
    const code = Number.parseInt(long ?? short ?? '5c', 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

const NAME_BYTES = 63;

/** A name as the server keeps it: of at most 63 bytes. */
export function cutName(name: string): string {
  if (name.length * 3 <= NAME_BYTES || Buffer.byteLength(name) <= NAME_BYTES) return name;
  let cut = '';
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > NAME_BYTES) break;
    cut += character;
  }
  return cut;
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The characters that a string token stands for (plain, E, N and dollar-quoted; numeric escapes stay as written). */
export function literalText(raw: string): string {
  if (raw.startsWith('$')) {
    const tag = raw.slice(0, raw.indexOf('$', 1) + 1);
    return raw.length >= 2 * tag.length && raw.endsWith(tag)
      ? raw.slice(tag.length, -tag.length)
      : raw.slice(tag.length);
  }
  const open = raw.indexOf("'");
  const inner = raw.slice(open + 1, raw.length > open + 1 && raw.endsWith("'") ? -1 : undefined).replaceAll("''", "'");
  if (!/^e/i.test(raw)) return inner;
  return inner.replace(/\\([^0-7xuU])/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
}
