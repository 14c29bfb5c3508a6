import { hash } from 'node:crypto';
import { identifierName, TOKEN, Tokenizer } from './sql-tokens.ts';

/** One open parenthesis or bracket of the output. */
interface Group {
  /** Where in the output it opened. */
  readonly from: number;
  /** A list whose length says nothing: IN, VALUES, ARRAY, or a row inside one. */
  readonly list: boolean;
  /** Only literals and commas so far. */
  constant: boolean;
}

/** A row of a VALUES or IN list in the output, to drop its repetitions. */
interface Row {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

/**
 * A statement with what varies between its executions taken out: literals and parameters are `?`, lists of
 * them `(...)` whatever their length, comments are gone, white space is single. Keywords are in upper case and
 * other unquoted identifiers in lower case, as the server reads them.
 */
export function normaliseStatement(text: string): string {
  const tokens = new Tokenizer(text);
  const out: string[] = [];
  const groups: Group[] = [];
  let lastRow: Row | null = null;
  // The type name of a cast leaves a list of literals a list of literals.
  let cast = false;

  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    const group = groups.at(-1);
    const previous = out.at(-1) ?? '';
    const castName = cast;
    cast = false;
    switch (kind) {
      case TOKEN.STRING:
      case TOKEN.NUMBER:
      case TOKEN.PARAMETER:
        out.push('?');
        continue;
      case TOKEN.WORD: {
        const keyword = tokens.keyword();
        if ((keyword === 'NULL' || keyword === 'TRUE' || keyword === 'FALSE') && isValuePlace(previous)) {
          out.push('?');
          continue;
        }
        if (group && !castName && keyword !== 'DEFAULT') group.constant = false;
        out.push(keyword || lower(tokens.value));
        continue;
      }
      case TOKEN.QUOTED:
        if (group && !castName) group.constant = false;
        out.push(quotedName(tokens));
        continue;
    }
    const value = tokens.value;
    if (value === '(' || value === '[') {
      const list =
        previous === 'IN' ||
        previous === 'VALUES' ||
        previous === 'ARRAY' ||
        (group?.list === true && (previous === '(' || previous === '[' || previous === ',')) ||
        (previous === ',' && lastRow?.depth === groups.length && lastRow.to === out.length - 1);
      groups.push({ from: out.length, list, constant: true });
      out.push(value);
    } else if (value === ')' || value === ']') {
      groups.pop();
      out.push(value);
      const outer = groups.at(-1);
      if (outer && !(group?.list && group.constant)) outer.constant = false;
      if (group?.list) lastRow = closeList(out, group, value, groups.length, lastRow);
    } else if ((value === '-' || value === '+') && isSign(out) && numberFollows(tokens)) {
      // "= -1" and "= 1" are the same statement.
    } else {
      cast = value === '::';
      if (group && value !== ',' && !cast) group.constant = false;
      out.push(value);
    }
  }
  while (out.at(-1) === ';') out.pop();
  return join(out);
}

/** Collapses a list that just closed, and drops it when it repeats the row before it. */
function closeList(out: string[], group: Group, close: string, depth: number, lastRow: Row | null): Row {
  if (group.constant && out.length > group.from + 2) {
    out.length = group.from + 1;
    out.push('...', close);
  }
  const repeats =
    lastRow !== null &&
    lastRow.depth === depth &&
    lastRow.to === group.from - 1 &&
    out[lastRow.to] === ',' &&
    sameSpan(out, lastRow.from, group.from, lastRow.to - lastRow.from, out.length - group.from);
  if (!repeats) return { from: group.from, to: out.length, depth };
  out.length = lastRow.to;
  return lastRow;
}

function sameSpan(out: readonly string[], first: number, second: number, length: number, other: number): boolean {
  if (length !== other) return false;
  for (let index = 0; index < length; index++) {
    if (out[first + index] !== out[second + index]) return false;
  }
  return true;
}

const SQL_OPERATOR = /^[~!@#^&|`+\-*/%<>=]+$/;

/**
 * Keywords that no operand ends with. Others (KEY, TIME, ROW) are names of columns as well: behind these a sign is an
 * operator, of which `- 1` and `+ 1` are not the same statement.
 */
const BEFORE_VALUES: ReadonlySet<string> = new Set(
  (
    'SELECT ALL DISTINCT WHERE HAVING ON AND OR NOT CASE WHEN THEN ELSE BETWEEN SYMMETRIC LIKE ILIKE IN FROM FOR TO WITH ' +
    'USING BY LIMIT OFFSET FETCH RETURNING DEFAULT'
  ).split(' '),
);

/** Whether a + or - in this place is a sign: behind an opening, a comma, an operator or a keyword that a value follows. */
function isSign(out: readonly string[]): boolean {
  const previous = out.at(-1) ?? '';
  return isValuePlace(previous) || BEFORE_VALUES.has(previous);
}

function numberFollows(tokens: Tokenizer): boolean {
  return new Tokenizer(tokens.text, tokens.end).advance() === TOKEN.NUMBER;
}

/** NULL, TRUE and FALSE are literals in a list and behind an operator; IS NULL and NOT NULL are grammar. */
function isValuePlace(previous: string): boolean {
  return previous === '(' || previous === '[' || previous === ',' || SQL_OPERATOR.test(previous);
}

/** A quoted name without its quotes where it needs none. */
function quotedName(tokens: Tokenizer): string {
  const name = identifierName(tokens) ?? '';
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) return tokens.value;
  const word = new Tokenizer(name);
  word.advance();
  return word.keyword() === '' ? name : tokens.value;
}

function lower(word: string): string {
  return word.replace(/[A-Z]+/g, (part) => part.toLowerCase());
}

const TIGHT_AFTER = new Set(['(', '[', '.', '::', ':']);
const TIGHT_BEFORE = new Set([')', ']', ',', '.', ';', '::', '[', ':']);

function join(out: readonly string[]): string {
  let text = '';
  let previous = '';
  for (const part of out) {
    const tight =
      previous === '' ||
      TIGHT_AFTER.has(previous) ||
      TIGHT_BEFORE.has(part) ||
      // A call is tight; a keyword, an operator and a comma keep their distance.
      (part === '(' && /[a-z0-9_"\u0080-\uffff]$/.test(previous));
    text += tight ? part : ` ${part}`;
    previous = part;
  }
  return text;
}

/** 64 bits of SHA-256 over a normalised statement, as 16 lower-case hexadecimal digits. */
export function statementFingerprint(normalised: string): string {
  return hash('sha256', normalised, 'hex').slice(0, 16);
}
