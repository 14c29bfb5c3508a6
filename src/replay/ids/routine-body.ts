import { identifierName, TOKEN, Tokenizer } from '../../journal/sql-tokens.ts';
import { BodyExpressions, HOLE } from './dynamic-sql.ts';
import { isOnly, TokenList } from './tokens.ts';

/** What happens to rows that a trigger or a rule may fire for. */
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

/** A sequence as a body names it. */
export interface SequenceName extends Name {
  /** The name is that of a table: meant is the sequence of this column (`pg_get_serial_sequence`). */
  readonly column?: string;
  /** The name is that of a table: meant are all that it owns (TRUNCATE … RESTART IDENTITY). */
  readonly owned?: true;
}

/**
 * What the body of a function, procedure or rule says that it does, by EXECUTE too. Names may have holes: parts that only
 * its variables tell (`HOLE`).
 */
export interface RoutineBody {
  /** Where its routine is; null: nobody knows, or it is a rule. */
  readonly schema: string | null;
  /** Types of its arguments: one of the same hides those of later schemas of a path; null: nobody knows. */
  readonly args: string | null;
  /** Tables that it writes to. */
  readonly writes: readonly (Name & { readonly event: RowEvent | 'MERGE' })[];
  /** Sequences of `nextval`. */
  readonly draws: readonly SequenceName[];
  /** Sequences of `setval` and RESTART. */
  readonly moves: readonly SequenceName[];
  /** What it calls. */
  readonly calls: readonly Name[];
  /** The search path that its names are found along; null: the one that its caller has. */
  readonly path: readonly string[] | null;
  /** It sets the search path, up to the end of the transaction or of the session; null: it does not. */
  readonly setsPath: 'LOCAL' | 'SESSION' | null;
  /** An expression that it runs the text of, which may do anything; null: there is none. */
  readonly unknown: string | null;
}

/** Reads the source of a body. Pure; costs a tokenising. */
export function readBody(source: string, of: Partial<Pick<RoutineBody, 'schema' | 'args' | 'path'>> = {}): RoutineBody {
  const writes: (Name & { readonly event: RowEvent | 'MERGE' })[] = [];
  const draws: SequenceName[] = [];
  const moves: SequenceName[] = [];
  const calls: Name[] = [];
  const tokens = new Tokenizer(source);
  const expressions = new BodyExpressions(source);
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
    if (name === 'nextval') draws.push(...sequencesNamed(source, ahead.start, expressions));
    else if (name === 'setval') moves.push(...sequencesNamed(source, ahead.start, expressions));
    else calls.push({ schema, name });
  }
  if (MAY_RESTART.test(source)) moves.push(...restarted(new TokenList(source)));
  const dynamic = expressions.executed();
  let { unknown } = dynamic;
  for (const text of dynamic.texts) {
    const run = readBody(text);
    writes.push(...run.writes);
    draws.push(...run.draws);
    moves.push(...run.moves);
    calls.push(...run.calls);
    unknown ??= run.unknown;
  }
  const { schema = null, args = null, path = null } = of;
  return { schema, args, writes, draws, moves, calls, path, setsPath: setsPath(source), unknown };
}

const ANY: SequenceName = { schema: null, name: HOLE };
const MAY_RESTART = /\brestart\b/i;
const SERIAL = 'pg_get_serial_sequence';

/** What the first argument of the `nextval` or `setval` may name whose parenthesis opens at an offset. */
function sequencesNamed(source: string, open: number, expressions: BodyExpressions): readonly SequenceName[] {
  const tokens = new Tokenizer(source, open);
  do tokens.advance();
  while (tokens.at('(') || tokens.at('.') || tokens.keyword() === 'CAST' || identifierName(tokens) === 'pg_catalog');
  const isSerial = identifierName(tokens) === SERIAL;
  if (isSerial) tokens.advance();
  const [names = [], [column = HOLE] = []] = expressions.argumentsAt(isSerial ? tokens.start : open);
  return names.map((text) => {
    const name = nameIn(text);
    if (name === null || (isSerial && column === HOLE)) return ANY;
    return isSerial ? { ...name, column } : name;
  });
}

/** What `TRUNCATE … RESTART IDENTITY` and `ALTER SEQUENCE … RESTART` restart. */
function restarted(tokens: TokenList): readonly SequenceName[] {
  const found: SequenceName[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const truncates = tokens.word(index) === 'TRUNCATE';
    if (!truncates && (tokens.word(index) !== 'ALTER' || tokens.word(index + 1) !== 'SEQUENCE')) continue;
    const names: Name[] = [];
    let at = !truncates || tokens.word(index + 1) === 'TABLE' ? index + 2 : index + 1;
    for (;;) {
      const { schema, name, next } = tokens.name(at);
      names.push({ schema, name });
      at = next + 1;
      if (!tokens.is(next, ',')) break;
    }
    for (at -= 1; at < tokens.length && !tokens.is(at, ';') && tokens.at(at).name !== 'restart'; ) at += 1;
    if (tokens.at(at).name === 'restart')
      found.push(...names.map((name): SequenceName => (truncates ? { ...name, owned: true } : name)));
  }
  return found;
}

/** What a word behind another one does to the table that is named next. */
function writeOf(word: string, last: string): RowEvent | 'MERGE' | null {
  if (word === 'INTO' && (last === 'INSERT' || last === 'MERGE')) return last;
  if (word === 'FROM' && last === 'DELETE') return last;
  return word === 'UPDATE' && last !== 'FOR' && last !== 'KEY' ? word : null;
}

/** Reads `[ONLY] [schema.]name` at the current token and moves to the token behind it. */
function qualifiedName(tokens: Tokenizer): Name {
  if (isOnly(tokens.kind, identifierName(tokens))) tokens.advance();
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
