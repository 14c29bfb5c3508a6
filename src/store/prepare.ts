import { RepriseError } from '../errors.ts';
import type { EntryOutcome, NewEntry, Origin } from '../journal/entry.ts';
import { MOST_PLACES } from '../journal/recording.ts';
import type { ImportCheckpoint, JournalBatch, Loss } from '../journal/store.ts';
import { encodeParameters } from '../journal/value-codec.ts';
import { outcomeCode, protocolCode, statementTypeCode, unreplayableCode } from './codes.ts';
import { copyField } from './copy-text.ts';
import { isUnstorable, storable, storableOrNull } from './sanitize.ts';

/** An entry that was checked and encoded, before anything is locked. */
export interface PreparedEntry {
  readonly transactionId: string;
  readonly sequence: number;
  readonly timestamp: number;
  readonly originKey: string;
  readonly statement: string;
  readonly outcome: EntryOutcome;
  readonly durationMs: number | null;
  readonly rows: number | null;
  readonly checksum: string | null;
  /** UTF-8 bytes of statement and parameters: what the limit per transaction counts. */
  readonly bytes: number;
  /** The columns of the COPY line that do not depend on the journal's counters. */
  readonly tail: string;
  /** The statement had to be changed to be stored. */
  readonly altered: boolean;
}

/** A begin, checked and encoded. */
export interface PreparedBegin {
  readonly id: string;
  readonly originKey: string;
  readonly startedAt: number;
  readonly autocommit: boolean;
}

/** An end, checked. */
export interface PreparedEnd {
  readonly transactionId: string;
  readonly status: 'COMMITTED' | 'ROLLED_BACK';
  readonly at: number;
}

/** A batch that can no longer fail for what is written in it, only for what the journal holds. */
export interface PreparedBatch {
  readonly begun: readonly PreparedBegin[];
  readonly entries: readonly PreparedEntry[];
  readonly ended: readonly PreparedEnd[];
  readonly losses: readonly Loss[];
  readonly lossesAtEnd: readonly Loss[];
  readonly checkpoint: ImportCheckpoint | null;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly transactionIds: ReadonlySet<string>;
  readonly bytes: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Checks and encodes a batch.
 * @throws RepriseError BAD_INPUT with the path of the field, such as `['entries', '3', 'timestamp']`.
 */
export function prepareBatch(batch: JournalBatch, keyOf: (origin: Origin) => string): PreparedBatch {
  const origins = new Map<string, Origin>();
  const transactionIds = new Set<string>();
  let lastOrigin: Origin | null = null;
  let lastKey = '';
  const originKey = (origin: Origin) => {
    if (origin === lastOrigin) return lastKey;
    lastOrigin = origin;
    lastKey = keyOf(origin);
    if (!origins.has(lastKey)) origins.set(lastKey, origin);
    return lastKey;
  };
  const idAt = (id: string, list: string, index: number) => {
    const lower = id.toLowerCase();
    if (!UUID.test(lower)) throw bad([list, String(index), 'transactionId'], `${JSON.stringify(id)} is not a UUID`);
    transactionIds.add(lower);
    return lower;
  };
  let bytes = 0;
  const begun = (batch.begun ?? []).map((begin, index) => ({
    id: idAt(begin.id, 'begun', index),
    originKey: originKey(begin.origin),
    startedAt: microsAt(begin.startedAt, 'begun', index, 'startedAt'),
    autocommit: begin.autocommit,
  }));
  const entries = (batch.entries ?? []).map((entry, index) => {
    const prepared = prepareEntry(entry, index, idAt(entry.transactionId, 'entries', index), originKey(entry.origin));
    bytes += prepared.bytes;
    return prepared;
  });
  const ended = (batch.ended ?? []).map((end, index) => ({
    transactionId: idAt(end.transactionId, 'ended', index),
    status: end.status,
    at: microsAt(end.at, 'ended', index, 'at'),
  }));
  const losses = prepareLosses(batch, 'losses');
  const lossesAtEnd = prepareLosses(batch, 'lossesAtEnd');
  const checkpoint = batch.checkpoint ?? null;
  return { begun, entries, ended, losses, lossesAtEnd, checkpoint, origins, transactionIds, bytes };
}

function prepareLosses(batch: JournalBatch, list: 'losses' | 'lossesAtEnd'): readonly Loss[] {
  return (batch[list] ?? []).map((loss, index) => {
    if (!Number.isSafeInteger(loss.count) || loss.count < 0)
      throw bad([list, String(index), 'count'], `${loss.count} is not a count`);
    return { ...loss, source: storableOrNull(loss.source), detail: storableOrNull(loss.detail) };
  });
}

function prepareEntry(entry: NewEntry, index: number, transactionId: string, originKey: string): PreparedEntry {
  const at = (field: string) => ['entries', String(index), field];
  const timestamp = microsAt(entry.timestamp, 'entries', index, 'timestamp');
  if (!Number.isInteger(entry.sequence) || entry.sequence < 1 || entry.sequence > MOST_PLACES) {
    throw bad(at('sequence'), `${entry.sequence} is not a whole number from 1 to ${MOST_PLACES}`);
  }
  if (entry.durationMs !== null && !Number.isFinite(entry.durationMs))
    throw bad(at('durationMs'), `${entry.durationMs} is not a finite number`);
  if (entry.rows !== null && !Number.isSafeInteger(entry.rows))
    throw bad(at('rows'), `${entry.rows} is not a whole number`);
  const altered = isUnstorable(entry.statement);
  const statement = altered ? storable(entry.statement) : entry.statement;
  // Text that differs from what ran must not be sent to a target as if it had run.
  const unreplayable = entry.unreplayable ?? (altered ? 'TRUNCATED' : null);
  const parameters = entry.parameters.length === 0 ? null : storable(encodeParameters(entry.parameters));
  const outcome = storableOutcome(entry.outcome);
  const failure = outcome.status === 'FAILED' ? outcome : null;
  const checksum = storableOrNull(entry.checksum);
  const tail = [
    statementTypeCode.encode(entry.statementType),
    protocolCode.encode(entry.protocol),
    outcomeCode.encode(outcome.status),
    unreplayable === null ? '\\N' : unreplayableCode.encode(unreplayable),
    copyField(entry.durationMs),
    copyField(entry.rows),
    copyField(statement),
    copyField(storableOrNull(entry.preparedName)),
    copyField(parameters),
    copyField(checksum),
    failure === null ? '\\N' : copyField(failure.sqlstate),
    failure === null ? '\\N' : copyField(failure.message),
  ].join('\t');
  return {
    transactionId,
    sequence: entry.sequence,
    timestamp,
    originKey,
    statement,
    outcome,
    durationMs: entry.durationMs,
    rows: entry.rows,
    checksum,
    bytes: Buffer.byteLength(statement) + (parameters === null ? 0 : Buffer.byteLength(parameters)),
    tail,
    altered,
  };
}

function storableOutcome(outcome: EntryOutcome): EntryOutcome {
  if (outcome.status !== 'FAILED') return outcome;
  return { status: 'FAILED', sqlstate: storable(outcome.sqlstate), message: storable(outcome.message) };
}

function microsAt(value: number, list: string, index: number, field: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw bad([list, String(index), field], `${value} is not a time in whole microseconds from 1970 on`);
  }
  return value;
}

function bad(path: readonly string[], why: string): RepriseError {
  return new RepriseError('BAD_INPUT', `${path.join('.')}: ${why}`, { path });
}
