import { identifierName, literalText, TOKEN, Tokenizer, type TokenKind } from '../../journal/sql-tokens.ts';
import { firstWhere } from './first-where.ts';

/** A token of a statement, with the parenthesis that it stands in. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Upper-case keyword, or empty. */
  readonly word: string;
  /** As the server folds an identifier; null for what is none. */
  readonly name: string | null;
  readonly start: number;
  /** Index of the innermost parenthesis that is open here; -1: none. */
  readonly group: number;
}

const PAST_END: Token = { kind: TOKEN.END, text: '', word: '', name: null, start: 0, group: -1 };

/** A value as a statement gives it: a parameter's number from 1, or a whole number written out. */
export interface Given {
  readonly parameter: number | null;
  readonly literal: bigint | null;
}

/** All tokens of one statement, without space and comments, and the shape of its parentheses. */
export class TokenList {
  readonly text: string;
  private readonly tokens: Token[] = [];
  private readonly closing = new Map<number, number>();

  constructor(text: string) {
    this.text = text;
    const tokens = new Tokenizer(text);
    const open: number[] = [];
    for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
      const index = this.tokens.length;
      const closes = tokens.at(')');
      if (closes && open.length > 0) this.closing.set(open.pop()!, index);
      this.tokens.push({
        kind,
        text: tokens.value,
        word: tokens.keyword(),
        name: identifierName(tokens),
        start: tokens.start,
        group: open.at(-1) ?? -1,
      });
      if (tokens.at('(')) open.push(index);
    }
  }

  get length(): number {
    return this.tokens.length;
  }

  at(index: number): Token {
    return this.tokens[index] ?? PAST_END;
  }

  /** Index of the token that starts at an offset of the text, or of the first behind it. */
  startingAt(offset: number): number {
    return firstWhere(this.tokens.length, (index) => this.tokens[index]!.start >= offset);
  }

  is(index: number, text: string): boolean {
    return this.at(index).text === text;
  }

  word(index: number): string {
    return this.at(index).word;
  }

  /** Index of the parenthesis that closes the one at `index`, or the end. */
  close(index: number): number {
    return this.closing.get(index) ?? this.tokens.length;
  }

  /** First of the words that stands directly in the parenthesis `group` at or behind `from`; -1: none. */
  find(from: number, group: number, words: readonly string[]): number {
    const end = group < 0 ? this.tokens.length : this.close(group);
    for (let index = from; index < end; index++) {
      if (this.is(index, '(')) index = this.close(index);
      else if (words.includes(this.word(index))) return index;
    }
    return -1;
  }

  /** Reads `[ONLY] [schema.]name`; `next` is the index behind it. */
  name(from: number): { readonly schema: string | null; readonly name: string; readonly next: number } {
    let index = from;
    if (isOnly(this.at(index).kind, this.at(index).name)) index += 1;
    let schema: string | null = null;
    let name = this.at(index).name ?? '';
    index += 1;
    while (this.is(index, '.') && this.at(index + 1).name !== null) {
      schema = name;
      name = this.at(index + 1).name ?? '';
      index += 2;
    }
    return { schema, name, next: index };
  }

  /** The items of a list between `from` and `to` (exclusive), cut at its own commas. */
  items(from: number, to: number): { readonly from: number; readonly to: number }[] {
    const items: { from: number; to: number }[] = [];
    let start = from;
    for (let index = from; index < to; index++) {
      if (this.is(index, '(') || this.is(index, '[')) index = this.is(index, '(') ? this.close(index) : index;
      else if (this.is(index, ',')) {
        items.push({ from: start, to: index });
        start = index + 1;
      }
    }
    if (to > start) items.push({ from: start, to });
    return items;
  }

  /** Reads `$1`, `-42` or `'-42'` with its casts; null for anything else. `next` is the index behind it. */
  value(from: number): { readonly given: Given; readonly next: number } | null {
    const negative = this.is(from, '-');
    const at = negative ? from + 1 : from;
    const token = this.at(at);
    let given: Given;
    if (token.kind === TOKEN.PARAMETER && !negative) given = { parameter: Number(token.text.slice(1)), literal: null };
    else if (token.kind === TOKEN.NUMBER && WHOLE.test(token.text))
      given = { parameter: null, literal: negative ? -BigInt(token.text) : BigInt(token.text) };
    else if (token.kind === TOKEN.STRING && !negative && WHOLE.test(literalText(token.text))) {
      given = { parameter: null, literal: BigInt(literalText(token.text)) };
    } else return null;
    let next = at + 1;
    while (this.is(next, '::')) {
      next = this.name(next + 1).next;
      if (this.is(next, '(')) next = this.close(next) + 1;
      while (this.is(next, '[')) next += 2;
    }
    return { given, next };
  }
}

/** `ONLY` ahead of a table's name: no table has it for a name without quotes. */
export function isOnly(kind: TokenKind, name: string | null): boolean {
  return kind === TOKEN.WORD && name === 'only';
}

const WHOLE = /^-?\d{1,18}$/;
