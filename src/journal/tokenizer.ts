/**
 * A PostgreSQL tokeniser for the hot path: index-based, lazy, and total. It follows the server's scanner
 * (`scan.l`, `standard_conforming_strings` on), except that it never fails: what is unterminated is one
 * token to the end of the text, and what no rule takes is a token of one character.
 */

/** What a token is. Numbers, so that the hot path switches on integers. */
export const TOKEN = {
  /** Past the end of the text. */
  END: 0,
  SPACE: 1,
  /** `-- …` without its line end, or `/* … *\/`, nested. */
  COMMENT: 2,
  /** An unquoted identifier or a keyword. */
  WORD: 3,
  /** `"…"` or `U&"…"`. */
  QUOTED: 4,
  /** `'…'`, E, B, X, N, U& and dollar-quoted strings, with their continuations on later lines. */
  STRING: 5,
  NUMBER: 6,
  /** `$1` */
  PARAMETER: 7,
  OPERATOR: 8,
  /** `; ( ) [ ] , . : :: := ..` */
  PUNCTUATION: 9,
  /** A character that no rule of the server takes, such as a backslash. */
  OTHER: 10,
} as const;
export type TokenKind = (typeof TOKEN)[keyof typeof TOKEN];

/** The words that some caller compares with; upper-cased by `Tokenizer.keyword`. */
const KEYWORDS = new Map<string, string>();
for (const word of `
  ABORT ADD ALL ALTER ANALYSE ANALYZE AND ANY ARRAY AS ASC ATOMIC AUTHORIZATION BEGIN BETWEEN BY CALL CASCADE CASE CAST
  CHARACTERISTICS CHECK CHECKPOINT CLOSE CLUSTER COLLATE COLUMN COMMENT COMMIT CONCURRENTLY CONFLICT CONSTRAINT CONSTRAINTS
  COPY CREATE CROSS CURSOR DEALLOCATE DECLARE DEFAULT DELETE DESC DISCARD DISTINCT DO DROP ELSE ELSIF END EXCEPT EXECUTE
  EXISTS EXPLAIN FALSE FETCH FOR FOREIGN FROM FULL FUNCTION GLOBAL GRANT GROUP HAVING HOLD IF ILIKE IMPORT IN INDEX INNER
  INSERT INTERSECT INTO IS ISNULL JOIN KEY LATERAL LEFT LIKE LIMIT LISTEN LOAD LOCAL LOCK LOOP MATCHED MATERIALIZED MERGE
  MOVE NAMES NATURAL NO NOT NOTHING NOTIFY NOTNULL NULL OFF OFFSET ON OPTION OR ORDER OUTER OVER PARTITION PLANS PREPARE
  PREPARED PRIMARY PROCEDURE REASSIGN RECURSIVE REFERENCES REFRESH REINDEX RELEASE REPACK REPLACE RESET RETURNING REVOKE
  RIGHT ROLE ROLLBACK ROW SAVEPOINT SCHEMA SECURITY SELECT SEQUENCE SEQUENCES SESSION SET SHOW SIMILAR SNAPSHOT SOME START
  STDIN STDOUT SYMMETRIC TABLE TEMP TEMPORARY THEN TIME TO TRANSACTION TRUE TRUNCATE UNION UNIQUE UNLISTEN UNLOGGED UPDATE
  USING VACUUM VALUES VERBOSE VIEW WHEN WHERE WINDOW WITH WITHOUT WORK XML ZONE
`.split(/\s+/)) {
  if (word === '') continue;
  KEYWORDS.set(word, word);
  KEYWORDS.set(word.toLowerCase(), word);
}
const LONGEST_KEYWORD = 15;

const C_OTHER = 0;
const C_SPACE = 1;
const C_LETTER = 2;
const C_DIGIT = 3;
const C_OPERATOR = 4;
const C_PUNCTUATION = 5;
const C_SINGLE_QUOTE = 6;
const C_DOUBLE_QUOTE = 7;
const C_DOLLAR = 8;

const CLASS = new Uint8Array(128).fill(C_OTHER);
const classify = (characters: string, as: number) => {
  for (const character of characters) CLASS[character.charCodeAt(0)] = as;
};
classify(' \t\n\r\f\v', C_SPACE);
classify('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', C_LETTER);
classify('0123456789', C_DIGIT);
classify('~!@#^&|`?+-*/%<>=', C_OPERATOR);
classify(';()[],.:', C_PUNCTUATION);
classify("'", C_SINGLE_QUOTE);
classify('"', C_DOUBLE_QUOTE);
classify('$', C_DOLLAR);

/** Everything above ASCII is a letter to the server, whatever Unicode says of it. */
const classOf = (code: number): number => (code < 128 ? (CLASS[code] as number) : C_LETTER);
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isNewline = (code: number): boolean => code === 10 || code === 13;

/** Walks over a text token by token. `kind`, `start` and `end` describe the current token. */
export class Tokenizer {
  readonly text: string;
  kind: TokenKind = TOKEN.SPACE;
  /** Index of the token's first character. */
  start: number;
  /** Index behind its last. */
  end: number;

  constructor(text: string, from = 0) {
    this.text = text;
    this.start = from;
    this.end = from;
  }

  /** Moves to the next token of any kind. The spans of all tokens, joined, are the text. */
  next(): TokenKind {
    const { text } = this;
    const start = this.end;
    this.start = start;
    if (start >= text.length) {
      this.kind = TOKEN.END;
      return TOKEN.END;
    }
    const code = text.charCodeAt(start);
    switch (classOf(code)) {
      case C_SPACE:
        this.end = skipSpace(text, start + 1);
        return this.#is(TOKEN.SPACE);
      case C_LETTER:
        return this.#word(code, start);
      case C_DIGIT:
        this.end = numberEnd(text, start);
        return this.#is(TOKEN.NUMBER);
      case C_OPERATOR:
        return this.#operator(code, start);
      case C_PUNCTUATION:
        return this.#punctuation(code, start);
      case C_SINGLE_QUOTE:
        this.end = stringEnd(text, start, false);
        return this.#is(TOKEN.STRING);
      case C_DOUBLE_QUOTE:
        this.end = quoteEnd(text, start + 1, '"');
        return this.#is(TOKEN.QUOTED);
      case C_DOLLAR:
        return this.#dollar(start);
      default:
        this.end = start + 1;
        return this.#is(TOKEN.OTHER);
    }
  }

  /** Moves to the next token that is neither space nor comment. */
  advance(): TokenKind {
    let kind = this.next();
    while (kind === TOKEN.SPACE || kind === TOKEN.COMMENT) kind = this.next();
    return kind;
  }

  /** The current token's text. */
  get value(): string {
    return this.text.slice(this.start, this.end);
  }

  /** The current word in upper case when it is one of the keywords known here, otherwise the empty string. */
  keyword(): string {
    if (this.kind !== TOKEN.WORD) return '';
    const length = this.end - this.start;
    if (length > LONGEST_KEYWORD) return '';
    const word = this.text.slice(this.start, this.end);
    const known = KEYWORDS.get(word);
    if (known !== undefined) return known;
    // ASCII only, as the server folds: the long s of "ſet" upper-cases to S, but it is no SET.
    for (let index = 0; index < length; index++) {
      if (word.charCodeAt(index) > 127) return '';
    }
    return KEYWORDS.get(word.toUpperCase()) ?? '';
  }

  /** Whether the current token is the given single punctuation character. */
  at(character: string): boolean {
    return (
      this.kind === TOKEN.PUNCTUATION &&
      this.end === this.start + 1 &&
      this.text.charCodeAt(this.start) === character.charCodeAt(0)
    );
  }

  #is(kind: TokenKind): TokenKind {
    this.kind = kind;
    return kind;
  }

  #word(code: number, start: number): TokenKind {
    const { text } = this;
    const following = text.charCodeAt(start + 1);
    const lower = code | 0x20;
    if (following === 39 && (lower === 101 || lower === 98 || lower === 120 || lower === 110)) {
      this.end = stringEnd(text, start + 1, lower === 101);
      return this.#is(TOKEN.STRING);
    }
    if (following === 38 && lower === 117) {
      const quote = text.charCodeAt(start + 2);
      if (quote === 39) {
        this.end = stringEnd(text, start + 2, false);
        return this.#is(TOKEN.STRING);
      }
      if (quote === 34) {
        this.end = quoteEnd(text, start + 3, '"');
        return this.#is(TOKEN.QUOTED);
      }
    }
    let index = start + 1;
    for (; index < text.length; index++) {
      const type = classOf(text.charCodeAt(index));
      if (type !== C_LETTER && type !== C_DIGIT && type !== C_DOLLAR) break;
    }
    this.end = index;
    return this.#is(TOKEN.WORD);
  }

  #operator(code: number, start: number): TokenKind {
    const { text } = this;
    const following = text.charCodeAt(start + 1);
    if (code === 45 && following === 45) {
      this.end = lineEnd(text, start + 2);
      return this.#is(TOKEN.COMMENT);
    }
    if (code === 47 && following === 42) {
      this.end = blockCommentEnd(text, start + 2);
      return this.#is(TOKEN.COMMENT);
    }
    this.end = operatorEnd(text, start);
    return this.#is(TOKEN.OPERATOR);
  }

  #punctuation(code: number, start: number): TokenKind {
    const following = this.text.charCodeAt(start + 1);
    if (code === 46 && isDigit(following)) {
      this.end = numberEnd(this.text, start);
      return this.#is(TOKEN.NUMBER);
    }
    const double = (code === 58 && (following === 58 || following === 61)) || (code === 46 && following === 46);
    this.end = start + (double ? 2 : 1);
    return this.#is(TOKEN.PUNCTUATION);
  }

  #dollar(start: number): TokenKind {
    const { text } = this;
    let index = start + 1;
    if (isDigit(text.charCodeAt(index))) {
      while (isDigit(text.charCodeAt(index))) index++;
      this.end = index;
      return this.#is(TOKEN.PARAMETER);
    }
    while (index < text.length) {
      const type = classOf(text.charCodeAt(index));
      if (type !== C_LETTER && !(type === C_DIGIT && index > start + 1)) break;
      index++;
    }
    if (text.charCodeAt(index) !== 36) {
      this.end = start + 1;
      return this.#is(TOKEN.OTHER);
    }
    const tag = text.slice(start, index + 1);
    const close = text.indexOf(tag, index + 1);
    this.end = close < 0 ? text.length : close + tag.length;
    return this.#is(TOKEN.STRING);
  }
}

function skipSpace(text: string, from: number): number {
  let index = from;
  while (index < text.length && classOf(text.charCodeAt(index)) === C_SPACE) index++;
  return index;
}

function lineEnd(text: string, from: number): number {
  let index = from;
  while (index < text.length && !isNewline(text.charCodeAt(index))) index++;
  return index;
}

function blockCommentEnd(text: string, from: number): number {
  let depth = 1;
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 42 && text.charCodeAt(index + 1) === 47) {
      index++;
      depth--;
      if (depth === 0) return index + 1;
    } else if (code === 47 && text.charCodeAt(index + 1) === 42) {
      index++;
      depth++;
    }
  }
  return text.length;
}

/** End of a quoted run whose quote is doubled inside it; `from` is behind the opening quote. */
function quoteEnd(text: string, from: number, quote: string): number {
  for (let index = from; ; index += 2) {
    index = text.indexOf(quote, index);
    if (index < 0) return text.length;
    if (text[index + 1] !== quote) return index + 1;
  }
}

function escapedEnd(text: string, from: number): number {
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 92) index++;
    else if (code === 39) {
      if (text.charCodeAt(index + 1) !== 39) return index + 1;
      index++;
    }
  }
  return text.length;
}

/** End of a string whose opening quote is at `quote`, with the parts that SQL continues on later lines. */
function stringEnd(text: string, quote: number, escapes: boolean): number {
  for (let open = quote; ; ) {
    const end = escapes ? escapedEnd(text, open + 1) : quoteEnd(text, open + 1, "'");
    const next = continuation(text, end);
    if (next < 0) return end;
    open = next;
  }
}

/** Index of the quote that continues a string: only after white space with a line end in it, comments allowed. */
function continuation(text: string, from: number): number {
  let newline = false;
  for (let index = from; index < text.length; ) {
    const code = text.charCodeAt(index);
    if (code === 39) return newline ? index : -1;
    if (code === 45 && text.charCodeAt(index + 1) === 45) {
      index = lineEnd(text, index + 2);
    } else if (classOf(code) === C_SPACE) {
      if (isNewline(code)) newline = true;
      index++;
    } else return -1;
  }
  return -1;
}

function digitsEnd(text: string, from: number): number {
  let index = from;
  while (isDigit(text.charCodeAt(index)) || (text.charCodeAt(index) === 95 && isDigit(text.charCodeAt(index + 1))))
    index++;
  return index;
}

function numberEnd(text: string, start: number): number {
  if (text.charCodeAt(start) === 48) {
    const radix = text.charCodeAt(start + 1) | 0x20;
    if (radix === 120 || radix === 111 || radix === 98) {
      let index = start + 2;
      while (isHexadecimal(text.charCodeAt(index))) index++;
      if (index > start + 2) return index;
    }
  }
  let index = digitsEnd(text, start);
  // "1..10" is a range, not the number "1." before ".10".
  if (text.charCodeAt(index) === 46 && text.charCodeAt(index + 1) !== 46) index = digitsEnd(text, index + 1);
  if ((text.charCodeAt(index) | 0x20) === 101) {
    const sign = text.charCodeAt(index + 1);
    const digits = sign === 43 || sign === 45 ? index + 2 : index + 1;
    if (isDigit(text.charCodeAt(digits))) index = digitsEnd(text, digits);
  }
  return index;
}

function isHexadecimal(code: number): boolean {
  const lower = code | 0x20;
  return isDigit(code) || (lower >= 97 && lower <= 102) || code === 95;
}

function operatorEnd(text: string, start: number): number {
  let index = start + 1;
  let mayEndInSign = '~!@#^&|`?%'.includes(text[start] as string);
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (classOf(code) !== C_OPERATOR) break;
    const following = text.charCodeAt(index + 1);
    if ((code === 45 && following === 45) || (code === 47 && following === 42)) break;
    mayEndInSign ||= '~!@#^&|`?%'.includes(text[index] as string);
  }
  // "=-1" is "=" and "-1": an operator ends in a sign only where it holds a character that SQL's own do not.
  if (!mayEndInSign) {
    while (index > start + 1 && (text[index - 1] === '+' || text[index - 1] === '-')) index--;
  }
  return index;
}
