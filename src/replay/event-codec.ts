import {
  DIVERGENCES,
  type Divergence,
  LAG_CAUSES,
  type LagCause,
  type NewReplayEvent,
  NOTICE_CODES,
  OUTCOME_STATUSES,
  type OutcomeEvent,
  type ReplayEvent,
  SKIP_REASONS,
  type Verdict,
} from './event.ts';
import { ByteReader, ByteWriter } from './event-bytes.ts';
import { RUN_STATES } from './run-state.ts';
import type { EventChunk } from './store.ts';

/*
 * Layout, version 1. All numbers are varints (event-bytes.ts); "delta" is a signed one against the previous
 * event of the chunk; "string" refers to the chunk's dictionary, which fills as strings first appear.
 * Enumerations are stored as places in their lists: append to those, never reorder them.
 *
 *   chunk    version (1 byte), firstSeq, event*
 *   OUTCOME  head: kind 0 (bits 0-1) | status (2-3) | verdict (4-5) | cascade (6) | durationApproximate (7)
 *            fields: rows (0) | error (1) | digest (2-3) | duration (4-5) | lag (6-7)
 *            more: lag cause (0-2) | divergences (3) | copy (4) | wide position (5)
 *            at delta, ordinal delta, timestamp delta, position (delta, or 8 bytes when wide), sequence,
 *            transaction string, session string, then what fields and more announce, in this order:
 *            copy, rows, duration, lag, divergences (1 byte, a set), digest,
 *            error: skip reason + 1 or 0, sqlstate string, message string, position + 1 or 0
 *   STATE    head: kind 1 | state (2-7); at delta, reason string
 *   NOTICE   head: kind 2 | code (2-7); at delta, session string, message string
 *
 *   digest: 0 none, 1 hex (length, bytes), 2 string
 *   duration, lag: 0 null, 1 whole microseconds, 2 float64 milliseconds
 *   transaction string: as string, but a new one of UUID form takes 16 bytes; it may be new several times, each
 *   time another place of the dictionary
 */
const VERSION = 1;
const KIND_OUTCOME = 0;
const KIND_STATE = 1;
const KIND_NOTICE = 2;

const VERDICTS = ['SAME', 'DIVERGED', 'UNVERIFIABLE'] as const satisfies readonly Verdict[];
const NO_DIVERGENCES: readonly Divergence[] = Object.freeze([]);
const HEX = /^(?:[0-9a-f]{2})+$/;

/**
 * Encodes events as they arrive and keeps no event object. One encoder serves one chunk after another.
 *
 * Exact for every event of the types' ranges, with three conventions: divergences are a set in the order of
 * `DIVERGENCES` (what `compareOutcome` gives), a -0 comes back as 0, and a lone surrogate as U+FFFD.
 */
export class ChunkEncoder {
  readonly #out = new ByteWriter();
  #firstSeq = 0;
  #count = 0;
  #failures = 0;
  #skipped = 0;
  #unknown = 0;
  #diverged = 0;
  #outcomes = 0;
  #recordedFrom = Number.POSITIVE_INFINITY;
  #recordedTo = Number.NEGATIVE_INFINITY;
  #at = 0;
  #ordinal = 0;
  #timestamp = 0;
  #position = 0;

  /** Events in the open chunk. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the open chunk so far. */
  get size(): number {
    return this.#out.length;
  }

  /**
   * Adds the next event.
   * @throws Error when its `seq` does not follow the last one's.
   */
  add(event: ReplayEvent): void {
    this.put(event, event.seq, event.at);
  }

  /** As `add`, for an event that has no `seq` and `at` of its own yet. */
  put(event: NewReplayEvent, seq: number, at: number): void {
    const out = this.#out;
    if (this.#count === 0) {
      this.#firstSeq = seq;
      out.byte(VERSION);
      out.uint(seq);
    } else if (seq !== this.#firstSeq + this.#count) {
      throw new Error(`event ${seq} does not follow event ${this.#firstSeq + this.#count - 1}`);
    }
    this.#count += 1;
    switch (event.kind) {
      case 'OUTCOME':
        this.#putOutcome(event, at);
        break;
      case 'STATE':
        out.byte(KIND_STATE | (RUN_STATES.indexOf(event.state) << 2));
        this.#putAt(at);
        out.string(event.reason);
        break;
      case 'NOTICE':
        out.byte(KIND_NOTICE | (NOTICE_CODES.indexOf(event.code) << 2));
        this.#putAt(at);
        out.string(event.sessionId);
        out.string(event.message);
        break;
    }
  }

  #putAt(at: number): void {
    this.#out.int(at - this.#at);
    this.#at = at;
  }

  #putOutcome(event: Omit<OutcomeEvent, 'seq' | 'at'>, at: number): void {
    const out = this.#out;
    const { key, rows, digest, durationMs, lagMs, divergences, copy } = event;
    const hasError =
      event.sqlstate !== null || event.message !== null || event.skipReason !== null || event.errorPosition !== null;
    const digestMode = digest === null ? 0 : HEX.test(digest) ? 1 : 2;
    const durationMode = timeMode(durationMs);
    const lagMode = timeMode(lagMs);
    const position = Number(key.position);
    const wide = !(position >= 0 && position < Number.MAX_SAFE_INTEGER);
    out.byte(
      KIND_OUTCOME |
        (OUTCOME_STATUSES.indexOf(event.status) << 2) |
        (VERDICTS.indexOf(event.verdict) << 4) |
        (event.cascade ? 64 : 0) |
        (event.durationApproximate ? 128 : 0),
    );
    out.byte((rows === null ? 0 : 1) | (hasError ? 2 : 0) | (digestMode << 2) | (durationMode << 4) | (lagMode << 6));
    out.byte(
      LAG_CAUSES.indexOf(event.lagCause) | (divergences.length > 0 ? 8 : 0) | (copy !== 0 ? 16 : 0) | (wide ? 32 : 0),
    );
    this.#putAt(at);
    out.int(event.ordinal - this.#ordinal);
    this.#ordinal = event.ordinal;
    out.int(key.timestamp - this.#timestamp);
    this.#timestamp = key.timestamp;
    if (wide) out.int64(key.position);
    else {
      out.int(position - this.#position);
      this.#position = position;
    }
    out.uint(key.sequence);
    out.uuidOrString(event.transactionId);
    out.string(event.sessionId);
    if (copy !== 0) out.uint(copy);
    if (rows !== null) out.uint(rows);
    putTime(out, durationMode, durationMs);
    putTime(out, lagMode, lagMs);
    if (divergences.length > 0) {
      let set = 0;
      for (const divergence of divergences) set |= 1 << DIVERGENCES.indexOf(divergence);
      out.byte(set);
    }
    if (digestMode === 1) out.hex(digest!);
    else if (digestMode === 2) out.string(digest);
    if (hasError) {
      out.byte(event.skipReason === null ? 0 : SKIP_REASONS.indexOf(event.skipReason) + 1);
      out.string(event.sqlstate);
      out.string(event.message);
      out.uint(event.errorPosition === null ? 0 : event.errorPosition + 1);
    }
    this.#outcomes += 1;
    if (key.timestamp < this.#recordedFrom) this.#recordedFrom = key.timestamp;
    if (key.timestamp > this.#recordedTo) this.#recordedTo = key.timestamp;
    if (event.status === 'FAILED') this.#failures += 1;
    else if (event.status === 'SKIPPED') this.#skipped += 1;
    else if (event.status === 'UNKNOWN') this.#unknown += 1;
    if (event.verdict === 'DIVERGED') this.#diverged += 1;
  }

  /**
   * The chunk; the encoder is empty again.
   * @throws Error when there is no event.
   */
  finish(): EventChunk {
    if (this.#count === 0) throw new Error('a chunk needs at least one event');
    const chunk: EventChunk = {
      firstSeq: this.#firstSeq,
      lastSeq: this.#firstSeq + this.#count - 1,
      payload: this.#out.take(),
      at: this.#at,
      outcomes: this.#outcomes,
      failures: this.#failures,
      skipped: this.#skipped,
      unknown: this.#unknown,
      diverged: this.#diverged,
      recordedFrom: this.#outcomes === 0 ? null : this.#recordedFrom,
      recordedTo: this.#outcomes === 0 ? null : this.#recordedTo,
    };
    this.#count = 0;
    this.#failures = 0;
    this.#skipped = 0;
    this.#unknown = 0;
    this.#diverged = 0;
    this.#outcomes = 0;
    this.#recordedFrom = Number.POSITIVE_INFINITY;
    this.#recordedTo = Number.NEGATIVE_INFINITY;
    this.#at = 0;
    this.#ordinal = 0;
    this.#timestamp = 0;
    this.#position = 0;
    return chunk;
  }
}

/**
 * One chunk of consecutive events.
 * @throws Error when there is none, or their `seq` has a gap.
 */
export function encodeEvents(events: readonly ReplayEvent[]): EventChunk {
  const encoder = new ChunkEncoder();
  for (const event of events) encoder.add(event);
  return encoder.finish();
}

/**
 * The events of a chunk.
 * @throws Error when the payload is damaged or of another version, which only a bug or another release writes.
 */
export function decodeChunk(chunk: EventChunk): ReplayEvent[] {
  const input = new ByteReader(chunk.payload);
  const version = input.byte();
  if (version !== VERSION) {
    throw new Error(`event chunk ${chunk.firstSeq} has version ${version}, this release reads version ${VERSION}`);
  }
  const firstSeq = input.uint();
  const count = chunk.lastSeq - chunk.firstSeq + 1;
  const events: ReplayEvent[] = [];
  const last: Last = { at: 0, ordinal: 0, timestamp: 0, position: 0 };
  for (let n = 0; n < count; n++) {
    const seq = firstSeq + n;
    const head = input.byte();
    switch (head & 3) {
      case KIND_OUTCOME:
        events.push(readOutcome(input, head, seq, last));
        break;
      case KIND_STATE:
        last.at += input.int();
        events.push({ kind: 'STATE', seq, at: last.at, state: pick(RUN_STATES, head >> 2), reason: input.string() });
        break;
      case KIND_NOTICE: {
        last.at += input.int();
        const sessionId = input.string();
        const code = pick(NOTICE_CODES, head >> 2);
        events.push({ kind: 'NOTICE', seq, at: last.at, code, sessionId, message: input.string() ?? '' });
        break;
      }
      default:
        throw new Error(`event chunk ${chunk.firstSeq} is damaged at event ${seq}`);
    }
  }
  if (firstSeq !== chunk.firstSeq || !input.atEnd) throw new Error(`event chunk ${chunk.firstSeq} is damaged`);
  return events;
}

interface Last {
  at: number;
  ordinal: number;
  timestamp: number;
  position: number;
}

function readOutcome(input: ByteReader, head: number, seq: number, last: Last): OutcomeEvent {
  const fields = input.byte();
  const more = input.byte();
  last.at += input.int();
  last.ordinal += input.int();
  last.timestamp += input.int();
  let position: bigint;
  if ((more & 32) !== 0) position = input.int64();
  else {
    last.position += input.int();
    position = BigInt(last.position);
  }
  const sequence = input.uint();
  const transactionId = input.uuidOrString();
  const sessionId = input.string() ?? '';
  const copy = (more & 16) === 0 ? 0 : input.uint();
  const rows = (fields & 1) === 0 ? null : input.uint();
  const durationMs = readTime(input, (fields >> 4) & 3);
  const lagMs = readTime(input, fields >> 6);
  const divergences = (more & 8) === 0 ? NO_DIVERGENCES : divergencesOf(input.byte());
  const digestMode = (fields >> 2) & 3;
  const digest = digestMode === 0 ? null : digestMode === 1 ? input.hex() : input.string();
  let skip = 0;
  let sqlstate: string | null = null;
  let message: string | null = null;
  let errorPosition = 0;
  if ((fields & 2) !== 0) {
    skip = input.byte();
    sqlstate = input.string();
    message = input.string();
    errorPosition = input.uint();
  }
  return {
    kind: 'OUTCOME',
    seq,
    at: last.at,
    ordinal: last.ordinal,
    key: { timestamp: last.timestamp, position, sequence },
    transactionId,
    sessionId,
    copy,
    status: pick(OUTCOME_STATUSES, (head >> 2) & 3),
    cascade: (head & 64) !== 0,
    skipReason: skip === 0 ? null : pick(SKIP_REASONS, skip - 1),
    sqlstate,
    message,
    errorPosition: errorPosition === 0 ? null : errorPosition - 1,
    rows,
    digest,
    durationMs,
    durationApproximate: (head & 128) !== 0,
    lagMs,
    lagCause: pick<LagCause>(LAG_CAUSES, more & 7),
    verdict: pick(VERDICTS, (head >> 4) & 3),
    divergences,
  };
}

/** The lists of divergences by their set, made once: most chunks hold few different ones. */
const DIVERGENCE_SETS: (readonly Divergence[])[] = [];

function divergencesOf(set: number): readonly Divergence[] {
  DIVERGENCE_SETS[set] ??= Object.freeze(DIVERGENCES.filter((_, place) => (set & (1 << place)) !== 0));
  return DIVERGENCE_SETS[set];
}

function pick<T>(list: readonly T[], place: number): T {
  if (place >= list.length) throw new Error(`event chunk holds value ${place} of a list of ${list.length}`);
  return list[place]!;
}

/** How a time is written: 0 null, 1 whole microseconds, 2 float64. */
function timeMode(ms: number | null): 0 | 1 | 2 {
  if (ms === null) return 0;
  const micros = Math.round(ms * 1000);
  return micros >= 0 && micros < 2 ** 31 && micros / 1000 === ms ? 1 : 2;
}

function putTime(out: ByteWriter, mode: 0 | 1 | 2, ms: number | null): void {
  if (mode === 1) out.uint(Math.round(ms! * 1000));
  else if (mode === 2) out.float64(ms!);
}

function readTime(input: ByteReader, mode: number): number | null {
  if (mode === 0) return null;
  return mode === 1 ? input.uint() / 1000 : input.float64();
}
