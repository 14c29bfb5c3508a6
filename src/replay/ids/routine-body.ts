import { identifierName, literalText, TOKEN, Tokenizer } from '../../journal/sql-tokens.ts';

export type RowEvent = 'INSERT' | 'UPDATE' | 'DELETE';

/** What `bodies` knows a rule by: no function has such a name. */
export function ruleRoutine(
  { schema, name }: { readonly schema: string; readonly name: string },
  rule: string,
): string {
  return ['', schema, name, rule].join('\u0001');
}

/** What a rule does, from the `DO` of its definition on: as a body, in which `DO UPDATE` is no ON CONFLICT. */
export function ruleBody(definition: string): string {
  return definition.replace(/^[\s\S]*?\bDO\s+(?:ALSO\s+|INSTEAD\s+)?/i, '');
}

/** The name of a table, sequence or routine. */
export interface Name {
  /** Null: whatever the search path leads to. */
  readonly schema: string | null;
  readonly name: string;
}

/** What the body of a function, procedure or rule says that it does. Dynamic SQL is not seen. */
export interface RoutineBody {
  /** Where its routine is; null: nobody knows, or it is a rule. */
  readonly schema: string | null;
  /** Types of its arguments: one of the same hides those of later schemas of a path; null: nobody knows. */
  readonly args: string | null;
  /** Tables that it writes to. */
  readonly writes: readonly (Name & { readonly event: RowEvent | 'MERGE' })[];
  /** Sequences of `nextval('literal')`. */
  readonly draws: readonly Name[];
  /** What it calls. */
  readonly calls: readonly Name[];
  /** The search path that its names are found along; null: the one that its caller has. */
  readonly path: readonly string[] | null;
  /** It sets the search path, up to the end of the transaction or of the session; null: it does not. */
  readonly setsPath: 'LOCAL' | 'SESSION' | null;
}

/** Reads the source of a body. Pure; costs a tokenising. */
export function readBody(source: string, of: Partial<Pick<RoutineBody, 'schema' | 'args' | 'path'>> = {}): RoutineBody {
  const writes: (Name & { readonly event: RowEvent | 'MERGE' })[] = [];
  const draws: Name[] = [];
  const calls: Name[] = [];
  const tokens = new Tokenizer(source);
  let last = '';
  // What stands ahead of a dot.
  let qualifier: string | null = null;
  let before: string | null = null;
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    const word = tokens.keyword();
    const event = writeOf(word, last);
    if (event !== null) {
      // ON CONFLICT DO UPDATE names no table: it is the one of its INSERT.
      const written = writes.at(-1);
      if (last !== 'DO') {
        tokens.advance();
        writes.push({ event, ...qualifiedName(tokens) });
      } else if (written !== undefined) writes.push({ ...written, event });
      last = '';
      continue;
    }
    last = word;
    if (tokens.at('.')) {
      qualifier = before;
      continue;
    }
    const schema = qualifier;
    qualifier = null;
    before = identifierName(tokens);
    const write = writes.at(-1);
    // `SET column = DEFAULT` draws as an INSERT does.
    if (word === 'DEFAULT' && write?.event === 'UPDATE') writes.push({ ...write, event: 'INSERT' });
    if (kind !== TOKEN.WORD && kind !== TOKEN.QUOTED) continue;
    const ahead = new Tokenizer(source, tokens.end);
    ahead.advance();
    if (!ahead.at('(')) continue;
    const name = before ?? '';
    if (name !== 'nextval') calls.push({ schema, name });
    else {
      do ahead.advance();
      while (ahead.at('(') || ahead.keyword() === 'CAST');
      const sequence = ahead.kind === TOKEN.STRING ? nameIn(literalText(ahead.value)) : null;
      if (sequence !== null) draws.push(sequence);
    }
  }
  const { schema = null, args = null, path = null } = of;
  return { schema, args, writes, draws, calls, path, setsPath: setsPath(source) };
}

/** What a word behind another one does to the table that is named next. */
function writeOf(word: string, last: string): RowEvent | 'MERGE' | null {
  if (word === 'INTO' && (last === 'INSERT' || last === 'MERGE')) return last;
  if (word === 'FROM' && last === 'DELETE') return last;
  return word === 'UPDATE' && last !== 'FOR' && last !== 'KEY' ? word : null;
}

/** Reads `[schema.]name` at the current token and moves to the token behind it. */
function qualifiedName(tokens: Tokenizer): Name {
  if (tokens.keyword() === 'ONLY') tokens.advance();
  let schema: string | null = null;
  let name = identifierName(tokens) ?? '';
  tokens.advance();
  while (tokens.at('.')) {
    tokens.advance();
    schema = name;
    name = identifierName(tokens) ?? '';
    tokens.advance();
  }
  return { schema, name };
}

/** The name in a text that `::regclass` reads: `orders_id_seq`, `public."Order_id_seq"`; null: it is none. */
export function nameIn(text: string): Name | null {
  const tokens = new Tokenizer(text);
  tokens.advance();
  const name = qualifiedName(tokens);
  return tokens.kind === TOKEN.END && name.name !== '' ? name : null;
}

const SETS_PATH =
  /\bset\s+(local\s+)?(?:session\s+)?(?:search_path|schema\s+')|\bset_config\s*\(\s*'search_path'([^;]*)/gi;

function setsPath(source: string): RoutineBody['setsPath'] {
  const found = [...source.matchAll(SETS_PATH)];
  if (found.length === 0) return null;
  const isLocal = ([, local, rest]: RegExpExecArray) =>
    local !== undefined || /,\s*'?t(?:rue)?'?\s*\)/i.test(rest ?? '');
  return found.every(isLocal) ? 'LOCAL' : 'SESSION';
}
