import { identifierName, literalText, TOKEN, Tokenizer } from '../../journal/sql-tokens.ts';
import type { Catalog, RowEvent, Sequence, Table } from './catalog.ts';

/** A function or procedure of the target. */
export interface Routine {
  readonly oid: string;
  readonly name: string;
  readonly source: string;
}

type Objects = Pick<Catalog, 'table' | 'sequence' | 'sequencesMeant'>;

/**
 * Which sequences routines may draw from, as far as their source shows: `nextval('literal')`, INSERT into a
 * table that draws, writing to one whose triggers do, and calls of other routines that do. Dynamic SQL is not seen.
 */
export function routineDraws(
  routines: readonly Routine[],
  objects: Objects,
): {
  readonly byOid: ReadonlyMap<string, readonly Sequence[]>;
  readonly byName: ReadonlyMap<string, readonly Sequence[]>;
} {
  const drawn = new Map<string, Set<Sequence>>();
  const calls = new Map<string, Set<string>>();
  for (const { name, source } of routines) {
    const sequences = drawn.get(name) ?? new Set();
    const called = calls.get(name) ?? new Set();
    for (const sequence of sourceDraws(source, objects, called)) sequences.add(sequence);
    drawn.set(name, sequences);
    calls.set(name, called);
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, called] of calls) {
      const own = drawn.get(name)!;
      const before = own.size;
      for (const other of called) for (const sequence of drawn.get(other) ?? []) own.add(sequence);
      if (own.size > before) changed = true;
    }
  }
  const byName = new Map<string, readonly Sequence[]>();
  for (const [name, sequences] of drawn) if (sequences.size > 0) byName.set(name, [...sequences]);
  return { byName, byOid: new Map(routines.map(({ oid, name }) => [oid, byName.get(name) ?? []])) };
}

/** Sequences that a body draws from by itself; the names that it calls are added to `called`. */
export function sourceDraws(source: string, objects: Objects, called: Set<string> = new Set()): Set<Sequence> {
  const found = new Set<Sequence>();
  const tokens = new Tokenizer(source);
  let last = '';
  let table: Table | null = null;
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    const word = tokens.keyword();
    const event = writes(word, last);
    if (event !== null) {
      // ON CONFLICT DO UPDATE names no table: it is the one of its INSERT.
      if (last !== 'DO') {
        tokens.advance();
        table = objects.table(...qualifiedName(tokens));
      }
      for (const trigger of table?.triggers ?? [])
        if (trigger.trigger.enabled && (event === 'MERGE' || trigger.event === event)) found.add(trigger.sequence);
      for (const { draws, mayDraw } of word === 'INTO' ? (table?.columns ?? []) : [])
        for (const sequence of draws === null ? mayDraw : [draws, ...mayDraw]) found.add(sequence);
      last = '';
      continue;
    }
    last = word;
    if (kind !== TOKEN.WORD && kind !== TOKEN.QUOTED) continue;
    const name = identifierName(tokens) ?? '';
    const ahead = new Tokenizer(source, tokens.end);
    ahead.advance();
    if (!ahead.at('(')) continue;
    if (name === 'nextval') {
      ahead.advance();
      const sequence = ahead.kind === TOKEN.STRING ? namedBy(literalText(ahead.value), objects) : null;
      if (sequence !== null) found.add(sequence);
    } else called.add(name);
  }
  return found;
}

/** What a word behind another one does to the table that is named next. */
function writes(word: string, last: string): RowEvent | 'MERGE' | null {
  if (word === 'INTO' && (last === 'INSERT' || last === 'MERGE')) return last;
  if (word === 'FROM' && last === 'DELETE') return last;
  return word === 'UPDATE' && last !== 'FOR' && last !== 'KEY' ? word : null;
}

/** Reads `[schema.]name` at the current token and moves to the token behind it. */
function qualifiedName(tokens: Tokenizer): readonly [schema: string | null, name: string] {
  let schema: string | null = null;
  let name = identifierName(tokens) ?? '';
  tokens.advance();
  while (tokens.at('.')) {
    tokens.advance();
    schema = name;
    name = identifierName(tokens) ?? '';
    tokens.advance();
  }
  return [schema, name];
}

/**
 * The sequence that a regclass text names: `orders_id_seq`, `public."Order_id_seq"`. Where it may be one of several, they
 * are added to `unsure`.
 */
export function namedBy(
  text: string,
  objects: Pick<Catalog, 'sequence' | 'sequencesMeant'>,
  unsure: Sequence[] = [],
): Sequence | null {
  const tokens = new Tokenizer(text);
  tokens.advance();
  const [schema, name] = qualifiedName(tokens);
  if (tokens.kind !== TOKEN.END || name === '') return null;
  unsure.push(...objects.sequencesMeant(schema, name));
  return objects.sequence(schema, name);
}
