import { RepriseError } from '../errors.ts';
import { Deferred } from './deferred.ts';
import type { NewReplayEvent } from './event.ts';
import { ChunkEncoder, decodeChunk, encodeEvents } from './event-codec.ts';
import { hasEnded, nextState, type RunAction, type RunState } from './run-state.ts';
import { SendMark } from './send-mark.ts';
import type { EventChunk, Replay, ReplayPatch, ReplayStore } from './store.ts';
import { RETRY_FOR_MS, StoreRetry } from './store-retry.ts';
import type { ReplaySummary } from './summary.ts';
import { WallClock } from './wall-clock.ts';

/** Events that may wait to become durable before `ready` asks the engine to hold on. */
const BACKLOG_LIMIT = 50_000;
/** A chunk of this many bytes is closed early. */
const CHUNK_BYTES = 1024 * 1024;

/** Where a feed goes on from, and how it gathers. */
export interface EventFeedOptions {
  /** Highest durable event of the run: 0 for a new one. */
  readonly lastSeq: number;
  /** The durable write-ahead mark (`ReplayStore.sentThrough`) of a resumed run; default 0. */
  readonly sentThrough?: number;
  /** Who works on the run: nothing is written any more once another has taken it. Default: whoever does. */
  readonly ownerId?: string;
  /** Milliseconds that an event waits at most before its append starts; default 50. */
  readonly flushMs?: number;
  /** Events of a chunk at most, which start an append at once; default 4,000: more than come in `flushMs`. */
  readonly maxEvents?: number;
  /** How long a failing store is tried again, in milliseconds; default 30,000. */
  readonly retryForMs?: number;
  /** Called after each transition of this feed that became durable. Must not throw. */
  readonly onState?: (state: RunState) => void;
  /** Called at most once, when the store failed for good: the run must fail. Not called for a refused action. */
  onError(error: unknown): void;
}

interface Transition {
  readonly action: RunAction;
  readonly patch: ReplayPatch;
  readonly reason: string | null;
  readonly done: Deferred<RunState>;
  /** What is written, once its place in the log is fixed; it is then repeated as it is until it is stored. */
  fixed: { readonly chunk: EventChunk; readonly state: RunState } | null;
}

/**
 * The writer of one run: numbers its events, encodes them at once and makes them durable in chunks (E1, E2 and
 * L2, L3 of the contracts). One append is under way at a time; events gather for the next meanwhile. Everything
 * that reaches the store goes through one loop, in the order of the calls.
 *
 * A failing store is tried again (`StoreRetry`). When it failed for good, `onError` is called and everything that
 * waits for the store is rejected, but no event is dropped: `flush` and `transition` may still be called and try
 * once more, what was given up first, so that a run can be marked FAILED when the store returns.
 */
export class EventFeed {
  readonly #store: ReplayStore;
  readonly #id: string;
  readonly #ownerId: string | undefined;
  readonly #flushMs: number;
  readonly #maxEvents: number;
  readonly #retry: StoreRetry;
  readonly #onError: (error: unknown) => void;
  readonly #onState: (state: RunState) => void;
  readonly #clock = new WallClock();
  readonly #encoder = new ChunkEncoder();
  /** Chunks closed while an append was under way, oldest first. */
  readonly #sealed: EventChunk[] = [];
  readonly #transitions: Transition[] = [];
  #summary: (() => ReplaySummary) | null = null;

  #lastSeq: number;
  #durableSeq: number;
  /** When the oldest event of the open chunk was emitted, by `performance.now()`. */
  #waitingSince = 0;

  readonly #mark: SendMark;
  #flushes: { readonly through: number; readonly done: Deferred<void> }[] = [];
  #room: Deferred<void> | null = null;

  #timer: NodeJS.Timeout | null = null;
  #loop: Promise<void> | null = null;
  /** Why the store was given up, while it is. */
  #failure: { readonly reason: unknown } | null = null;
  #reported = false;
  #closed = false;

  constructor(store: ReplayStore, replayId: string, options: EventFeedOptions) {
    this.#store = store;
    this.#id = replayId;
    this.#ownerId = options.ownerId;
    this.#flushMs = options.flushMs ?? 50;
    this.#maxEvents = options.maxEvents ?? 4_000;
    this.#retry = new StoreRetry(store, replayId, options.retryForMs ?? RETRY_FOR_MS);
    this.#onError = (error) => options.onError(error);
    this.#onState = (state) => options.onState?.(state);
    this.#lastSeq = options.lastSeq;
    this.#durableSeq = options.lastSeq;
    this.#mark = new SendMark(options.sentThrough ?? 0);
  }

  /** Highest event so far, durable or not. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Events that are not durable yet. */
  get backlog(): number {
    return this.#lastSeq - this.#durableSeq;
  }

  /**
   * Numbers the event (gapless), stamps it with the wall clock and encodes it; the object is not kept. Returns
   * its `seq`. Never blocks and does not fail when the store does; after `close`, events are dropped.
   * The STATE event of its end is a run's last: the store refuses later ones, which is a failure.
   */
  emit(event: NewReplayEvent): number {
    if (this.#closed) return this.#lastSeq;
    const encoder = this.#encoder;
    encoder.put(event, this.#lastSeq + 1, this.#clock.now());
    this.#lastSeq += 1;
    if (encoder.count === 1) {
      this.#waitingSince = performance.now();
      if (this.#loop === null) this.#arm(this.#flushMs);
    }
    if (encoder.count >= this.#maxEvents || encoder.size >= CHUNK_BYTES) {
      this.#seal();
      this.#start();
    }
    return this.#lastSeq;
  }

  /** Gives the summary that each flush writes to the run's row. Never called within a call of the feed. */
  setSummary(summary: () => ReplaySummary): void {
    this.#summary = summary;
  }

  /**
   * Asks to send the statement of this ordinal (L3): null when the durable mark covers it, else a promise that
   * resolves when it does, and rejects when the store failed for good. A steady walk does not wait.
   */
  reserve(ordinal: number): Promise<void> | null {
    if (this.#mark.isFree(ordinal)) return null;
    if (this.#mark.covers(ordinal)) {
      if (this.#loop === null) this.#arm(this.#flushMs);
      return null;
    }
    const done = new Deferred<void>();
    if (!this.#refuse(done)) {
      this.#mark.wait(ordinal, done);
      this.#start();
    }
    return done.promise;
  }

  /**
   * Null unless more than 50,000 events wait to become durable; then resolves when half of them are left.
   * Rejects when the store failed for good.
   */
  ready(): Promise<void> | null {
    if (this.#room !== null) return this.#room.promise;
    if (this.backlog <= BACKLOG_LIMIT && this.#failure === null) return null;
    const done = new Deferred<void>();
    if (!this.#refuse(done)) {
      this.#room = done;
      this.#start();
    }
    return done.promise;
  }

  /** Rejects at once what could only wait in vain. */
  #refuse(done: Deferred<void>): boolean {
    if (this.#closed) done.reject(new Error('the feed of this run is closed'));
    else if (this.#failure !== null) done.reject(this.#failure.reason);
    else return false;
    return true;
  }

  /** Resolves when everything emitted before is durable; rejects when the store failed for good. */
  flush(): Promise<void> {
    if (this.backlog === 0) return Promise.resolve();
    const done = new Deferred<void>();
    if (!this.#closed) this.#failure = null;
    if (!this.#refuse(done)) {
      this.#flushes.push({ through: this.#lastSeq, done });
      this.#start();
    }
    return done.promise;
  }

  /**
   * Applies an action to the run: what was emitted before, the STATE event, the patch and the new state become
   * durable together (larger backlogs before). Resolves to the new state.
   * @throws RepriseError REPLAY_STATE, REPLAY_NOT_FOUND; and the store's error when it failed for good. The
   * action is then repeated before anything else when the feed is used again.
   */
  transition(action: RunAction, patch: ReplayPatch, reason: string | null): Promise<RunState> {
    const done = new Deferred<RunState>();
    if (this.#closed) done.reject(new Error('the feed of this run is closed'));
    else {
      this.#failure = null;
      this.#transitions.push({ action, patch, reason, done, fixed: null });
      this.#start();
    }
    return done.promise;
  }

  /**
   * Flushes, unless the store was given up. Afterwards no timer is left and what still waits is rejected.
   * Never rejects; takes as long as a failing store is tried again.
   */
  async close(): Promise<void> {
    while (!this.#closed && this.backlog > 0 && this.#failure === null) await this.flush().catch(() => {});
    this.#closed = true;
    while (this.#loop !== null) await this.#loop;
    this.#disarm();
    this.#rejectWaiting(new Error('the feed of this run is closed'));
  }

  #arm(ms: number): void {
    if (this.#timer !== null || this.#failure !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#start();
    }, ms);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #start(): void {
    if (this.#loop !== null || this.#failure !== null) return;
    this.#disarm();
    this.#loop = this.#run().finally(() => {
      this.#loop = null;
      this.#arrange();
    });
  }

  /** Sees to it that what came while the loop ended is taken up, now or when it is due. */
  #arrange(): void {
    if (this.#isUrgent()) this.#start();
    else if (this.#encoder.count > 0) {
      this.#arm(Math.max(0, this.#waitingSince + this.#flushMs - performance.now()));
    } else if (this.#mark.isDue) this.#arm(this.#flushMs);
  }

  #isUrgent(): boolean {
    return (
      this.#sealed.length > 0 ||
      this.#transitions.length > 0 ||
      this.#mark.isAwaited ||
      this.#flushes.length > 0 ||
      this.#room !== null
    );
  }

  #seal(): void {
    if (this.#encoder.count > 0) this.#sealed.push(this.#encoder.finish());
  }

  async #run(): Promise<void> {
    // Not within the caller's call: the summary is asked for when it has finished counting.
    await null;
    try {
      do {
        const transition = this.#transitions[0];
        // A transition with a fixed place stands before what was sealed since; another comes after all of it.
        if (transition?.fixed) await this.#storeTransition(transition);
        else if (this.#sealed.length > 0 || transition === undefined) await this.#append();
        else await this.#fixTransition(transition);
      } while (this.#isUrgent());
    } catch (thrown) {
      this.#giveUp(thrown);
    }
  }

  async #append(): Promise<void> {
    if (this.#sealed.length === 0) this.#seal();
    const chunk = this.#sealed[0] ?? null;
    const mark = this.#mark.next();
    this.#clock.sync();
    if (chunk !== null || mark !== null) {
      await this.#retry.persist(chunk, (unstored) =>
        this.#store.append(
          this.#id,
          unstored,
          { ...(mark === null ? {} : { sentThrough: mark }), ...this.#summaryPatch() },
          this.#ownerId,
        ),
      );
    }
    // A mark may have gone alone, while the first chunk after it was sealed.
    if (chunk !== null) this.#sealed.shift();
    if (mark !== null) this.#mark.granted(mark);
    this.#stored(chunk);
  }

  #summaryPatch(): ReplayPatch {
    return this.#summary === null ? {} : { summary: this.#summary() };
  }

  /** Gives a transition its place: behind everything emitted before now. */
  async #fixTransition(transition: Transition): Promise<void> {
    let replay: Replay | null = null;
    await this.#retry.persist(null, async () => {
      replay = await this.#store.get(this.#id);
    });
    // Events that came meanwhile may have closed a chunk, which stands before this.
    if (this.#sealed.length > 0) return;
    try {
      const known = this.#known(replay);
      this.#refuseOther(known, transition.patch);
      const state = nextState(known.state, transition.action);
      this.#lastSeq += 1;
      this.#encoder.put({ kind: 'STATE', state, reason: transition.reason }, this.#lastSeq, this.#clock.now());
      transition.fixed = { chunk: this.#encoder.finish(), state };
    } catch (refused) {
      this.#transitions.shift();
      transition.done.reject(refused);
    }
  }

  async #storeTransition(transition: Transition): Promise<void> {
    const { chunk, state } = transition.fixed!;
    try {
      await this.#retry.persist(chunk, async (unstored) => {
        const patch = { ...this.#summaryPatch(), ...transition.patch };
        if (unstored === null) return;
        await this.#store.transition(this.#id, transition.action, patch, unstored, this.#writer(patch));
      });
    } catch (refused) {
      if (!(refused instanceof RepriseError && refused.code === 'REPLAY_STATE')) throw refused;
      // Another process was faster. The number is given out, so the log tells what became of it.
      const { state: actual } = this.#known(await this.#store.get(this.#id));
      const events = decodeChunk(chunk);
      const last = events.pop()!;
      events.push({ kind: 'STATE', seq: last.seq, at: last.at, state: actual, reason: refused.message });
      this.#sealed.unshift(encodeEvents(events));
      this.#transitions.shift();
      transition.done.reject(refused);
      return;
    }
    this.#transitions.shift();
    // A store takes no mark of a run that has ended, and nothing is sent any more.
    if (hasEnded(state)) this.#mark.end(new RepriseError('REPLAY_STATE', `the replay is ${state}`));
    this.#stored(chunk);
    this.#onState(state);
    transition.done.resolve(state);
  }

  /** Who has to own the run for this to be written; who takes it does not yet. */
  #writer(patch: ReplayPatch): string | undefined {
    return patch.ownerId === undefined ? this.#ownerId : undefined;
  }

  #refuseOther({ ownerId }: Replay, patch: ReplayPatch): void {
    const writer = this.#writer(patch);
    if (writer === undefined || writer === ownerId) return;
    throw new RepriseError('REPLAY_STATE', `another process of the service has taken replay ${this.#id}`);
  }

  #known(replay: Replay | null): Replay {
    if (replay === null) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${this.#id}`);
    return replay;
  }

  /** Tells those who wait for what is durable now. */
  #stored(chunk: EventChunk | null): void {
    if (chunk !== null) this.#durableSeq = chunk.lastSeq;
    this.#flushes = this.#flushes.filter(({ through, done }) => {
      if (through > this.#durableSeq) return true;
      done.resolve();
      return false;
    });
    if (this.#room !== null && this.backlog <= BACKLOG_LIMIT / 2) {
      this.#room.resolve();
      this.#room = null;
    }
  }

  #giveUp(reason: unknown): void {
    this.#failure = { reason };
    this.#rejectWaiting(reason);
    if (this.#reported) return;
    this.#reported = true;
    this.#onError(reason);
  }

  #rejectWaiting(reason: unknown): void {
    this.#mark.reject(reason);
    for (const { done } of this.#flushes.splice(0)) done.reject(reason);
    for (const { done } of this.#transitions) done.reject(reason);
    // One whose place in the log is fixed stays, to be repeated: its number is given out.
    const fixed = this.#transitions.filter((transition) => transition.fixed !== null);
    this.#transitions.splice(0, this.#transitions.length, ...fixed);
    this.#room?.reject(reason);
    this.#room = null;
  }
}
