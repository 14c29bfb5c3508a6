import { RepriseError } from '../errors.ts';
import type { EntryKey } from './entry.ts';
import type { TailKey } from './store.ts';

/**
 * Opaque cursors: base64url of `kind.version:number:…`. The kind keeps a cursor of one list out of another,
 * where its numbers would point to a wrong place without a word.
 */
const KINDS = {
  e1: 'the journal entries of a window',
  t1: 'the journal tail',
  s1: 'the events of a replay',
  c1: 'the calls of two replays',
} as const;
type Kind = keyof typeof KINDS;

function encode(kind: Kind, ...numbers: readonly (number | bigint)[]): string {
  return Buffer.from([kind, ...numbers].join(':'), 'latin1').toString('base64url');
}

/** Numbers of a cursor of the given kind; they are small in count, so the form is checked by one pattern. */
function decode(kind: Kind, cursor: string, count: number, path: readonly string[]): bigint[] {
  const invalid = (why: string) => new RepriseError('CURSOR_INVALID', `${path.at(-1) ?? 'cursor'} ${why}`, { path });
  const unknown = () =>
    invalid(
      `${JSON.stringify(cursor.length > 60 ? `${cursor.slice(0, 60)}…` : cursor)} is not a cursor of ${KINDS[kind]}: ` +
        'pass one back exactly as it was received, or leave it out to start from the beginning',
    );
  if (cursor.length > 200 || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw unknown();
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const [tag, ...numbers] = text.split(':');
  if (tag !== kind) {
    if (tag !== undefined && Object.hasOwn(KINDS, tag)) {
      throw invalid(`is a cursor of ${KINDS[tag as Kind]}, not of ${KINDS[kind]}: pass one that this list returned`);
    }
    throw unknown();
  }
  if (numbers.length !== count || !numbers.every((number) => /^(?:0|-?[1-9]\d{0,18})$/.test(number))) throw unknown();
  const decoded = numbers.map(BigInt);
  // 19 digits may still lie beyond what a 64-bit column takes.
  if (decoded.some((number) => BigInt.asIntN(64, number) !== number)) throw unknown();
  if (encode(kind, ...decoded) !== cursor) throw unknown();
  return decoded;
}

function safe(number: bigint, cursor: string, path: readonly string[]): number {
  const converted = Number(number);
  if (Number.isSafeInteger(converted)) return converted;
  throw new RepriseError(
    'CURSOR_INVALID',
    `${path.at(-1) ?? 'cursor'} ${JSON.stringify(cursor)} names an impossible place`,
    {
      path,
    },
  );
}

/** The cursor of an entry in a window's order. */
export function encodeEntryCursor(key: EntryKey): string {
  return encode('e1', key.timestamp, key.position, key.sequence);
}

/**
 * @param path where the cursor stands in the input; its last part is named in the error
 * @throws RepriseError CURSOR_INVALID
 */
export function decodeEntryCursor(cursor: string, path: readonly string[] = ['after']): EntryKey {
  const [timestamp, position, sequence] = decode('e1', cursor, 3, path) as [bigint, bigint, bigint];
  return { timestamp: safe(timestamp, cursor, path), position, sequence: safe(sequence, cursor, path) };
}

/** The cursor of an entry in the order of arrival. */
export function encodeTailCursor(key: TailKey): string {
  return encode('t1', key.timestamp, key.position, key.sequence, key.arrival);
}

/** @throws RepriseError CURSOR_INVALID */
export function decodeTailCursor(cursor: string, path: readonly string[] = ['after']): TailKey {
  const [timestamp, position, sequence, arrival] = decode('t1', cursor, 4, path) as [bigint, bigint, bigint, bigint];
  return { timestamp: safe(timestamp, cursor, path), position, sequence: safe(sequence, cursor, path), arrival };
}

/** The cursor of an event of a replay: its `seq`. */
export function encodeSeqCursor(seq: number | bigint): string {
  return encode('s1', seq);
}

/** @throws RepriseError CURSOR_INVALID */
export function decodeSeqCursor(cursor: string, path: readonly string[] = ['after']): number {
  const [seq] = decode('s1', cursor, 1, path) as [bigint];
  if (seq < 0n) return safe(2n ** 63n, cursor, path);
  return safe(seq, cursor, path);
}

/** The cursor of a call of a replay in recorded order: its entry, and which copy of its session made it. */
export function encodeCallCursor({ timestamp, position, sequence }: EntryKey, copy: number): string {
  return encode('c1', timestamp, position, sequence, copy);
}

/** @throws RepriseError CURSOR_INVALID */
export function decodeCallCursor(
  cursor: string,
  path: readonly string[] = ['after'],
): { readonly key: EntryKey; readonly copy: number } {
  const [timestamp, position, sequence, copy] = decode('c1', cursor, 4, path) as [bigint, bigint, bigint, bigint];
  const key = { timestamp: safe(timestamp, cursor, path), position, sequence: safe(sequence, cursor, path) };
  return { key, copy: safe(copy, cursor, path) };
}
