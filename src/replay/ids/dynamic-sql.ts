import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import { TokenList } from './tokens.ts';

/** Stands in a text for what only the variables of a routine tell. A letter to the tokeniser: it may be part of a name. */
export const HOLE = '\uE000';
/** Stand for TG_TABLE_NAME and TG_TABLE_SCHEMA, which each table that a trigger fires for tells. Letters as `HOLE` is. */
export const FIRED_NAME = '\uE001';
export const FIRED_SCHEMA = '\uE002';

/** What a routine runs by EXECUTE. */
export interface DynamicSql {
  /** All that it may run, as far as the body tells. */
  readonly texts: readonly string[];
  /** The expression of a text of which nothing tells even what it begins with, as the body has it; null: there is none. */
  readonly unknown: string | null;
}

const NOTHING: DynamicSql = { texts: [], unknown: null };
/** Texts that one expression may give, and characters of each; of more, nothing is known. */
const MOST_TEXTS = 16;
const MOST_LENGTH = 1_000_000;
/** Variables that are given one another. */
const MOST_INSIDE = 100;
/** Characters of an expression that a remark shows. */
const MOST_SHOWN = 60;
const MAY_EXECUTE = /\bexecute\b|\bspi_(?:exec_)?query\b/i;
/** What takes a text in Perl; in Python and JavaScript it is a method `execute`. */
const SPI = new Set(['spi_exec_query', 'spi_query']);

/**
 * What the expressions of a body come to: literals, `||`, `format`, `concat`, `quote_…`, the table of a trigger, and variables that are
 * given only these. The body is taken apart once, when the first of them is asked for.
 */
export class BodyExpressions {
  private readonly source: string;
  private reader: ExpressionReader | null = null;

  constructor(source: string) {
    this.source = source;
  }

  /** What it runs by EXECUTE. */
  executed(): DynamicSql {
    return MAY_EXECUTE.test(this.source) ? this.reading().executed() : NOTHING;
  }

  /** What the arguments of the call may be whose parenthesis opens at this offset: for each the texts. */
  argumentsAt(open: number): readonly (readonly string[])[] {
    return this.reading().argumentsAt(open);
  }

  private reading(): ExpressionReader {
    this.reader ??= new ExpressionReader(new TokenList(this.source));
    return this.reader;
  }
}

/** True for a name of which variables make a part. */
export function hasHole(name: string | null): boolean {
  return name !== null && HOLES.test(name);
}

const HOLES = /[\uE000-\uE002]/;

/** A name as a trigger has it that fires for a table; null: it is no trigger's, or nobody knows for which table it fires. */
export function firedFor(name: string, table: { readonly schema: string; readonly name: string } | null): string {
  return name.replaceAll(FIRED_NAME, table?.name ?? HOLE).replaceAll(FIRED_SCHEMA, table?.schema ?? HOLE);
}

class ExpressionReader {
  private readonly tokens: TokenList;
  private readonly variables: Variables;
  /** Variables that are being looked into, and what was found of others. */
  private readonly inside = new Set<string>();
  private readonly found = new Map<string, readonly string[]>();

  constructor(tokens: TokenList) {
    this.tokens = tokens;
    this.variables = new Variables(tokens);
  }

  executed(): DynamicSql {
    const { tokens } = this;
    const texts = new Set<string>();
    let unknown: string | null = null;
    for (let index = 0; index < tokens.length; index++) {
      const isCall = tokens.is(index + 1, '(') && (tokens.is(index - 1, '.') || SPI.has(tokens.at(index).name ?? ''));
      if (!isCall && (tokens.word(index) !== 'EXECUTE' || NO_TEXT.includes(tokens.word(index + 1)))) continue;
      if (isCall && tokens.word(index) !== 'EXECUTE' && !SPI.has(tokens.at(index).name ?? '')) continue;
      const [from, to] = isCall ? this.argument(index + 1) : [index + 1, this.end(index + 1)];
      for (const text of this.text(from, to)) {
        texts.add(text);
        if (beginsWithHole(text)) unknown ??= tokens.text.slice(tokens.at(from).start, this.stop(to)).trim();
      }
    }
    if (unknown !== null && unknown.length > MOST_SHOWN) unknown = `${unknown.slice(0, MOST_SHOWN)}…`;
    return { texts: [...texts], unknown };
  }

  argumentsAt(offset: number): readonly (readonly string[])[] {
    const open = this.tokens.startingAt(offset);
    return this.tokens.items(open + 1, this.tokens.close(open)).map(({ from, to }) => this.text(from, to));
  }

  private argument(open: number): readonly [from: number, to: number] {
    const [first] = this.tokens.items(open + 1, this.tokens.close(open));
    return first === undefined ? [open, open] : [first.from, first.to];
  }

  /** Where the text of an EXECUTE ends. */
  private end(from: number): number {
    const { tokens } = this;
    const { group } = tokens.at(from);
    for (let index = from; index < tokens.length; index++) {
      if (tokens.at(index).group !== group) continue;
      if (tokens.is(index, ';') || ENDS.includes(tokens.word(index))) return index;
    }
    return tokens.length;
  }

  private stop(index: number): number {
    return index < this.tokens.length ? this.tokens.at(index).start : this.tokens.text.length;
  }

  /** What an expression may give. */
  private text(from: number, to: number): readonly string[] {
    let texts: readonly string[] = [''];
    for (const operand of this.operands(from, to)) texts = joined(texts, this.operand(operand.from, operand.to));
    return texts;
  }

  private operands(from: number, to: number): { readonly from: number; readonly to: number }[] {
    const { tokens } = this;
    const { group } = tokens.at(from);
    const operands: { from: number; to: number }[] = [];
    let start = from;
    for (let index = from; index < to; index++) {
      if (tokens.at(index).group !== group || !tokens.is(index, '||')) continue;
      operands.push({ from: start, to: index });
      start = index + 1;
    }
    operands.push({ from: start, to });
    return operands;
  }

  private operand(first: number, end: number): readonly string[] {
    const { tokens } = this;
    let from = first;
    if (tokens.at(from).name === 'cast' && tokens.is(from + 1, '('))
      return this.operand(from + 2, tokens.close(from + 1));
    const { group } = tokens.at(from);
    const isCast = (index: number) =>
      tokens.at(index).group === group && (tokens.is(index, '::') || tokens.word(index) === 'AS');
    let to = from + 1;
    while (to < end && !isCast(to)) to += 1;
    if (tokens.at(from).name === 'pg_catalog' && tokens.is(from + 1, '.')) from += 2;
    const { kind, text, name } = tokens.at(from);
    if (to - from === 1) {
      if (kind === TOKEN.STRING) return [literalText(text)];
      // What quotes so is a text in Python.
      if (kind === TOKEN.QUOTED && name !== null && name.includes(' ')) return [name];
      return name === null ? [HOLE] : this.variable(name);
    }
    if (tokens.is(from, '(') && tokens.close(from) === to - 1) return this.text(from + 1, to - 1);
    if (name === null || !tokens.is(from + 1, '(') || tokens.close(from + 1) !== to - 1) return [HOLE];
    const items = tokens.items(from + 2, to - 1).map((item) => this.text(item.from, item.to));
    const [one = [HOLE]] = items;
    switch (name) {
      case 'format':
        return limited(one.flatMap((pattern) => formatted(pattern, items)));
      case 'concat':
        return items.reduce(joined, ['']);
      case 'quote_ident':
        return one.map(identifier);
      case 'quote_literal':
      case 'quote_nullable':
        return one.map(literal);
      default:
        return [HOLE];
    }
  }

  /** What a variable may hold: texts that it is given, and behind each what is put behind it elsewhere. */
  private variable(name: string): readonly string[] {
    const given = this.variables.of(name);
    if (given === null && name in FIRED) return [FIRED[name]!];
    if (given === null || this.inside.has(name) || this.inside.size >= MOST_INSIDE) return [HOLE];
    const known = this.found.get(name);
    if (known !== undefined) return known;
    this.inside.add(name);
    let texts: readonly string[] = [];
    let behind: readonly string[] = [''];
    for (const { from, to } of given) {
      const [first, second] = this.operands(from, to);
      if (first!.to === first!.from + 1 && this.tokens.at(first!.from).name === name && second !== undefined)
        behind = joined(behind, this.text(second.from, to));
      else texts = limited([...texts, ...this.text(from, to)]);
    }
    this.inside.delete(name);
    const all = joined(texts.length === 0 ? [HOLE] : texts, behind);
    this.found.set(name, all);
    return all;
  }
}

/** What a body gives to its variables. */
class Variables {
  private readonly tokens: TokenList;
  private readonly given = new Map<string, { readonly from: number; readonly to: number }[]>();
  /** Those that queries and loops fill. */
  private readonly filled = new Set<string>();

  constructor(tokens: TokenList) {
    this.tokens = tokens;
    let start = 0;
    for (let index = 0; index < tokens.length; index++) {
      const word = tokens.word(index);
      if (tokens.is(index, ';') || tokens.is(index, '>>') || BEGINS.includes(word)) start = index + 1;
      else if (tokens.is(index, ':=') || (tokens.is(index, '=') && index === start + 1)) this.assign(start, index);
      else if (word === 'DEFAULT' && index > start + 1 && tokens.word(start) === '') this.assign(start, index);
      else if (word === 'INTO' || word === 'FOR' || tokens.at(index).name === 'foreach') this.fill(index + 1);
    }
  }

  /** The expressions that a variable is given; null: they do not tell what it holds. */
  of(name: string): readonly { readonly from: number; readonly to: number }[] | null {
    return this.filled.has(name) ? null : (this.given.get(name) ?? null);
  }

  private assign(start: number, at: number): void {
    const { tokens } = this;
    const name = tokens.at(start).name ?? '';
    let to = at + 1;
    while (to < tokens.length && !tokens.is(to, ';')) to += 1;
    // An element, or a field.
    if (tokens.is(start + 1, '[') || tokens.is(start + 1, '.')) this.filled.add(name);
    else this.given.set(name, [...(this.given.get(name) ?? []), { from: at + 1, to }]);
  }

  private fill(from: number): void {
    const { tokens } = this;
    let at = tokens.at(from).name === 'strict' ? from + 1 : from;
    for (;;) {
      this.filled.add(tokens.at(at).name ?? '');
      if (!tokens.is(at + 1, ',')) return;
      at += 2;
    }
  }
}

/** What PL/pgSQL tells a trigger of its table. */
const FIRED: Readonly<Record<string, string>> = {
  tg_table_name: FIRED_NAME,
  tg_relname: FIRED_NAME,
  tg_table_schema: FIRED_SCHEMA,
};
const NO_TEXT = ['FUNCTION', 'PROCEDURE', 'ON'];
const ENDS = ['INTO', 'USING', 'LOOP'];
const BEGINS = ['BEGIN', 'DECLARE', 'THEN', 'ELSE', 'LOOP'];

/** One statement of the text begins with something that nobody knows. */
function beginsWithHole(text: string): boolean {
  const tokens = new TokenList(text);
  for (let index = 0; index < tokens.length; index++) {
    let first = index === 0 || tokens.is(index - 1, ';') ? index : -1;
    while (first >= 0 && tokens.is(first, '(')) first += 1;
    if (first >= 0 && hasHole(tokens.at(first).text)) return true;
  }
  return false;
}

function joined(texts: readonly string[], more: readonly string[]): readonly string[] {
  return limited(texts.flatMap((text) => more.map((end) => text + end)));
}

function limited(texts: readonly string[]): readonly string[] {
  // Ahead of the set, which would write them out: `a := b || b` doubles them as often as there are variables.
  if (texts.some(({ length }) => length > MOST_LENGTH)) return [HOLE];
  const different = [...new Set(texts)];
  return different.length > MOST_TEXTS ? [HOLE] : different;
}

/** `format`: `%I`, `%L`, `%s` and `%%`, with places and widths. */
function formatted(pattern: string, items: readonly (readonly string[])[]): readonly string[] {
  let texts: readonly string[] = [''];
  let next = 1;
  let end = 0;
  for (const { 0: all, 1: place, 2: how, index } of pattern.matchAll(/%(?:(\d+)\$)?-?\d*([sIL%])/g)) {
    texts = joined(texts, [pattern.slice(end, index)]);
    end = index + all.length;
    if (how === '%') texts = joined(texts, ['%']);
    else {
      const at = place === undefined ? next : Number(place);
      next = at + 1;
      const given = items[at] ?? [HOLE];
      texts = joined(texts, how === 'I' ? given.map(identifier) : how === 'L' ? given.map(literal) : given);
    }
  }
  return joined(texts, [pattern.slice(end)]);
}

function identifier(text: string): string {
  return PLAIN.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
}

const PLAIN = /^[a-z_\uE000-\uE002][a-z0-9_\uE000-\uE002]*$/;

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
