import { RepriseError } from '../errors.ts';
import type { ReplayEvent } from '../replay/event.ts';
import type { EventReader } from '../replay/event-reader.ts';
import { createPullStream, type PullSource } from '../replay/pull-stream.ts';
import { hasEnded } from '../replay/run-state.ts';
import type { SelectiveReader } from '../replay/selective-reader.ts';
import type { ProgressSnapshot } from '../replay/summary.ts';
import type { ReplayEngine } from './context.ts';
import { deliveryBudget } from './delivery-budget.ts';
import { sharedSnapshot } from './shared-snapshots.ts';

/** Which events a reader of a run wants (`docs/events.md`). */
export type EventDetail = 'STATEMENTS' | 'FAILURES' | 'SUMMARY';

/** One payload of `replayProgress`. */
export interface ProgressBatch {
  readonly events: readonly ReplayEvent[];
  /** Everything up to this event is in this payload, in an earlier one, or left out by `detail`. */
  readonly lastSeq: number;
  /** The run now; asked for at most once a payload, and only when a client selects something of it. */
  snapshot(): Promise<ProgressSnapshot>;
}

/** A subscription to `replayProgress`, checked. */
export interface ProgressRequest {
  readonly replayId: string;
  /** `seq` of the last event that the client has. */
  readonly after: number;
  readonly batchSize: number;
  readonly maxWaitMs: number;
  readonly detail: EventDetail;
}

/** A SUMMARY stream sends this often while something moves: each payload takes 0.3 ms, and dozens may watch a run. */
const SUMMARY_MS = 500;
/** A FAILURES stream without failures moves its cursor this often. */
const CURSOR_MS = 1000;

/**
 * Opens the stream of a run.
 * @throws RepriseError REPLAY_NOT_FOUND; CURSOR_INVALID for a cursor beyond the run's last event
 */
export async function openProgress(
  engine: ReplayEngine,
  request: ProgressRequest,
  signal: AbortSignal | null,
): Promise<AsyncIterableIterator<ProgressBatch, undefined>> {
  const { replayId, after } = request;
  const replay = await engine.get(replayId);
  if (replay === null) {
    throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${replayId}`, { path: ['replayId'] });
  }
  if (after > replay.lastSeq) {
    throw new RepriseError(
      'CURSOR_INVALID',
      `after is a cursor of another replay: ${replayId} has ${replay.lastSeq} events so far`,
      {
        path: ['after'],
      },
    );
  }
  return untilAborted(createPullStream(sourceOf(engine, request)), signal);
}

function sourceOf(engine: ReplayEngine, request: ProgressRequest): PullSource<ProgressBatch> {
  const { replayId, after, detail } = request;
  const snapshot: Snapshot = (lastSeq) => sharedSnapshot(engine, replayId, lastSeq);
  if (detail === 'SUMMARY') return new SummarySource(engine.selected(replayId, 'OTHER', after), request, snapshot);
  if (detail === 'FAILURES') return new FailureSource(engine.selected(replayId, 'TROUBLE', after), request, snapshot);
  return new StatementSource(engine.events(replayId, after), request, snapshot, () => engine.isHurried);
}

/** Returns the stream when the signal aborts; the transport may be the last to know that its client has gone. */
export function untilAborted<T>(
  stream: AsyncIterableIterator<T, undefined>,
  signal: AbortSignal | null,
): AsyncIterableIterator<T, undefined> {
  if (signal === null) return stream;
  if (signal.aborted) {
    void stream.return?.();
    return stream;
  }
  const abort = () => void stream.return?.();
  signal.addEventListener('abort', abort, { once: true });
  const forget = <R extends IteratorResult<T, undefined>>(result: R): R => {
    // A socket may outlive thousands of streams: its signal must not keep them.
    if (result.done === true) signal.removeEventListener('abort', abort);
    return result;
  };
  return {
    next: () => stream.next().then(forget),
    return: () => {
      signal.removeEventListener('abort', abort);
      return stream.return!();
    },
    throw: (reason) => {
      signal.removeEventListener('abort', abort);
      return stream.throw!(reason);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** The run, no older than the event. */
type Snapshot = (lastSeq: number) => Promise<ProgressSnapshot>;

function batch(events: readonly ReplayEvent[], lastSeq: number, take: Snapshot): ProgressBatch {
  let taken: Promise<ProgressSnapshot> | null = null;
  return {
    events,
    lastSeq,
    snapshot: () => {
      taken ??= take(lastSeq);
      return taken;
    },
  };
}

class StatementSource implements PullSource<ProgressBatch> {
  private readonly reader: EventReader;
  private readonly request: ProgressRequest;
  private readonly snapshot: Snapshot;
  private readonly mustYield: () => boolean;
  private wakeUp: (() => void) | null = null;
  private closed = false;

  constructor(reader: EventReader, request: ProgressRequest, snapshot: Snapshot, mustYield: () => boolean) {
    this.reader = reader;
    this.request = request;
    this.snapshot = snapshot;
    this.mustYield = mustYield;
  }

  async next(): Promise<ProgressBatch | null> {
    while (!this.closed && this.mustYield() && deliveryBudget.waitMs > 0) await this.pause(deliveryBudget.waitMs);
    const { events, lastSeq } = await this.reader.read(this.request.batchSize, this.request.maxWaitMs);
    if (events.length === 0) return null;
    if (this.mustYield()) deliveryBudget.handOut();
    return batch(events, lastSeq, this.snapshot);
  }

  close(): void {
    this.closed = true;
    this.wakeUp?.();
    this.reader.close();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wakeUp?.(), ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        this.wakeUp = null;
        resolve();
      };
    });
  }
}

/** What a source of some events has read and not delivered yet. */
abstract class SelectedSource implements PullSource<ProgressBatch> {
  protected readonly reader: SelectiveReader;
  protected readonly request: ProgressRequest;
  protected readonly snapshot: Snapshot;
  /** Read, not delivered yet: at most one read's events. */
  protected waiting: ReplayEvent[] = [];
  /** How far was read, and how far the client knows. */
  protected read: number;
  protected told: number;
  protected complete = true;
  protected ended = false;
  protected closed = false;

  constructor(reader: SelectiveReader, request: ProgressRequest, snapshot: Snapshot) {
    this.reader = reader;
    this.request = request;
    this.snapshot = snapshot;
    this.read = request.after;
    this.told = request.after;
  }

  abstract next(): Promise<ProgressBatch | null>;

  /** False when a payload is full, and when there is nothing more to read. */
  protected get mayRead(): boolean {
    return !this.ended && this.waiting.length < this.request.batchSize && !this.closed;
  }

  protected async readOn(): Promise<void> {
    const { events, lastSeq, complete, ended } = await this.reader.read();
    for (const event of events) this.waiting.push(event);
    this.read = lastSeq;
    this.complete = complete;
    this.ended = ended;
  }

  /** The events of the next payload, and how far the client knows the run with them. */
  protected take(): { readonly events: readonly ReplayEvent[]; readonly lastSeq: number } {
    const events = this.waiting.splice(0, this.request.batchSize);
    return { events, lastSeq: this.waiting.length > 0 ? events.at(-1)!.seq : this.read };
  }

  close(): void {
    this.closed = true;
    this.reader.close();
    this.waiting = [];
  }
}

class FailureSource extends SelectedSource {
  async next(): Promise<ProgressBatch | null> {
    const { maxWaitMs } = this.request;
    const cursorDue = performance.now() + CURSOR_MS;
    let fullDue = this.waiting.length > 0 ? performance.now() + maxWaitMs : null;
    while (this.mayRead) {
      const left = (fullDue ?? cursorDue) - performance.now();
      if (left <= 0 && (fullDue !== null || this.read > this.told)) break;
      if (this.complete && !(await this.reader.wait(left > 0 ? left : CURSOR_MS))) continue;
      await this.readOn();
      if (this.waiting.length > 0) fullDue ??= performance.now() + maxWaitMs;
    }
    const { events, lastSeq } = this.take();
    if (events.length === 0 && lastSeq === this.told) return null;
    this.told = lastSeq;
    return batch(events, lastSeq, this.snapshot);
  }
}

class SummarySource extends SelectedSource {
  private due = 0;

  async next(): Promise<ProgressBatch | null> {
    const latest = performance.now() + SUMMARY_MS;
    while (this.mayRead) {
      const left = this.due - performance.now();
      if (left > 0 && this.complete && !(await this.reader.waitForEnd(left))) continue;
      await this.readOn();
      // What has ended long ago is read on to its end, but who waits sees that it moves.
      if (!this.complete && performance.now() < latest) continue;
      if (this.read > this.told) break;
      // Nothing new, but while a long statement is under way elapsed time and ETA still move.
      if (!this.ended && !(await this.reader.wait(SUMMARY_MS)) && (await this.isMoving())) break;
    }
    const { events, lastSeq } = this.take();
    if (this.ended && events.length === 0 && lastSeq === this.told) return null;
    this.told = lastSeq;
    this.due = performance.now() + SUMMARY_MS;
    return batch(events, lastSeq, this.snapshot);
  }

  private async isMoving(): Promise<boolean> {
    const { state } = await this.snapshot(this.read);
    return !hasEnded(state) && state !== 'PAUSED';
  }
}
