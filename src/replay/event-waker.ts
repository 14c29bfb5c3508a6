import type { ReplayEvent } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import { noReplay } from './no-replay.ts';
import { hasEnded, type RunState } from './run-state.ts';
import { SelectedTail, type Selection } from './selected-tail.ts';
import type { Replay, ReplayStore } from './store.ts';

/** A read of the store decodes chunks until it has this many events. */
const READ_EVENTS = 1_000;
/** Reads that are kept for other readers: at most this many, of at most this many encoded bytes in all. */
const CACHE = { reads: 64, bytes: 1024 * 1024 } as const;
/** The end of a run is known so late to those who wait for nothing else: a look at each hint would be twenty a second. Milliseconds. */
const END_LOOK_MS = 100;
const NOTHING: readonly ReplayEvent[] = Object.freeze([]);

/** How patient readers are. */
export interface EventWakerOptions {
  /** How often waiting readers look by themselves, in milliseconds; default 1,000. */
  readonly lookMs?: number;
}

/** Some of a run's events. */
export interface SelectedBatch {
  /** In order of `seq`. */
  readonly events: readonly ReplayEvent[];
  /** `seq` of the last event, selected or not, up to which everything was looked at. */
  readonly lastSeq: number;
  /** This was all that there is now. */
  readonly complete: boolean;
  /** The run has ended, and this is the last of it. */
  readonly ended: boolean;
}

/** One run, as its open readers share it. */
export interface RunWatch {
  /** Grows with every hint and every look: what was read before it grew may be out of date. */
  readonly generation: number;
  /** Events later than `after`, from at most `chunks` chunks; none when there are none yet. */
  read(after: number, chunks: number): Promise<readonly ReplayEvent[]>;
  /** The run's row: of this generation, or (`fresh`) as it is now. */
  row(fresh: boolean): Promise<Replay | null>;
  /** Selected events later than `after`, as of this generation. @throws RepriseError REPLAY_NOT_FOUND */
  selected(selection: Selection, after: number): Promise<SelectedBatch>;
  /** Calls back once when the run has ended or is gone, or that cannot be told: a read says which. Returns what takes that back. */
  onEnd(callback: () => void): () => void;
  /** Calls back once at the next hint or look; returns what takes that back. */
  onWake(callback: () => void): () => void;
  release(): void;
}

/**
 * What the event readers of one store share: its one `onEvents` subscription, one timer that looks once a
 * second in case a hint was lost, reads of the store that are under way, and the last megabyte of events read.
 * Fifty readers at the tail of a run cost one read a chunk.
 */
export class EventWaker {
  readonly #store: ReplayStore;
  readonly #lookMs: number;
  readonly #runs = new Map<string, SharedRun>();
  readonly #cache = new ReadCache();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(store: ReplayStore, options: EventWakerOptions = {}) {
    this.#store = store;
    this.#lookMs = options.lookMs ?? 1_000;
    this.#unsubscribe = store.onEvents((replayId) => this.#runs.get(replayId)?.wake());
  }

  /** Watches a run until `release`. For `openEventReader`. */
  watch(replayId: string): RunWatch {
    let run = this.#runs.get(replayId);
    if (run === undefined) {
      run = new SharedRun(this.#store, this.#cache, replayId, () => this.#forget(replayId));
      this.#runs.set(replayId, run);
      this.#timer ??= setInterval(() => this.wake(), this.#lookMs);
    }
    run.watchers += 1;
    return run;
  }

  /** Lets every reader that waits look, as at a hint. */
  wake(): void {
    for (const run of this.#runs.values()) run.wake();
  }

  /** Ends the subscription. Readers still open wait until they are closed. */
  close(): void {
    this.#unsubscribe();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #forget(replayId: string): void {
    this.#runs.delete(replayId);
    if (this.#runs.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** A wait of one reader. One at a time. */
export class Pause {
  readonly #watch: RunWatch;
  #finish: ((woken: boolean) => void) | null = null;

  constructor(watch: RunWatch) {
    this.#watch = watch;
  }

  /** Waits for a hint or a look, at most `ms` (null: for ever); false when the time was up or it was interrupted. */
  wait(ms: number | null): Promise<boolean> {
    return this.#until((callback) => this.#watch.onWake(callback), ms);
  }

  /** Waits for the end of the run, at most `ms`; false when the time was up or it was interrupted. */
  waitForEnd(ms: number): Promise<boolean> {
    return this.#until((callback) => this.#watch.onEnd(callback), ms);
  }

  interrupt(): void {
    this.#finish?.(false);
  }

  #until(register: (callback: () => void) => () => void, ms: number | null): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = ms === null ? null : setTimeout(() => finish(false), Math.max(0, ms));
      const forget = register(() => finish(true));
      const finish = (woken: boolean) => {
        if (timer !== null) clearTimeout(timer);
        forget();
        this.#finish = null;
        resolve(woken);
      };
      this.#finish = finish;
    });
  }
}

/** A run's row, and whether the tail has come to its end. */
interface Look {
  readonly state: RunState;
  readonly lastSeq: number;
  readonly complete: boolean;
}

class SharedRun implements RunWatch {
  generation = 0;
  watchers = 0;
  readonly #store: ReplayStore;
  readonly #cache: ReadCache;
  readonly #id: string;
  readonly #forget: () => void;
  readonly #waiting = new Set<() => void>();
  readonly #waitingForEnd = new Set<() => void>();
  #endLook: NodeJS.Timeout | null = null;
  /** Reads under way in this generation, by the place they begin after. */
  readonly #reading = new Map<number, Promise<readonly ReplayEvent[]>>();
  #row: Promise<Replay | null> | null = null;
  readonly #tails = new Map<Selection, SelectedTail>();
  /** The looks at row and tail that serve all readers of this generation. */
  readonly #looks = new Map<Selection, Promise<Look>>();

  constructor(store: ReplayStore, cache: ReadCache, id: string, forget: () => void) {
    this.#store = store;
    this.#cache = cache;
    this.#id = id;
    this.#forget = forget;
  }

  wake(): void {
    this.generation += 1;
    // A read that began before the hint may lack what the hint is about: nobody joins it any more.
    this.#reading.clear();
    this.#row = null;
    this.#looks.clear();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
    this.#lookForEnd();
  }

  onEnd(callback: () => void): () => void {
    this.#waitingForEnd.add(callback);
    // It may have ended since whoever waits has looked.
    this.#lookForEnd();
    return () => this.#waitingForEnd.delete(callback);
  }

  onWake(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  release(): void {
    this.watchers -= 1;
    if (this.watchers > 0) return;
    if (this.#endLook !== null) clearTimeout(this.#endLook);
    this.#forget();
  }

  row(fresh: boolean): Promise<Replay | null> {
    if (fresh) this.#row = null;
    if (this.#row !== null) return this.#row;
    const row = this.#store.get(this.#id);
    this.#row = row;
    // A failure is not kept: the next reader asks again.
    row.catch(() => {
      if (this.#row === row) this.#row = null;
    });
    return row;
  }

  #lookForEnd(): void {
    if (this.#endLook !== null || this.#waitingForEnd.size === 0) return;
    this.#endLook = setTimeout(() => {
      this.#endLook = null;
      void this.#tellEnd();
    }, END_LOOK_MS);
  }

  /** A hint that comes during this look leads to another. */
  async #tellEnd(): Promise<void> {
    const goesOn = await this.row(false).then(
      (row) => row !== null && !hasEnded(row.state),
      () => false,
    );
    if (goesOn) return;
    const waiting = [...this.#waitingForEnd];
    this.#waitingForEnd.clear();
    for (const callback of waiting) callback();
  }

  async selected(selection: Selection, after: number): Promise<SelectedBatch> {
    let tail = this.#tails.get(selection);
    if (tail === undefined) {
      tail = new SelectedTail(this.#store, this.#id, selection, after);
      this.#tails.set(selection, tail);
    }
    const { state, lastSeq, ...look } = await this.#lookAt(selection, tail);
    let { complete } = look;
    if (after < tail.from || after > tail.through) {
      // Further behind than what the others still hold, or further on than they have come.
      tail = new SelectedTail(this.#store, this.#id, selection, after);
      complete = await tail.advance(lastSeq);
    }
    const { through } = tail;
    // A row that is older than the events says nothing about what comes behind them.
    const ended = complete && hasEnded(state) && through === lastSeq;
    // Chunks of a run that was deleted behind the look at its row are as if they held nothing.
    if (ended && (await this.row(true)) === null) throw noReplay(this.#id);
    return { events: tail.since(after), lastSeq: through, complete, ended };
  }

  #lookAt(selection: Selection, tail: SelectedTail): Promise<Look> {
    const underWay = this.#looks.get(selection);
    if (underWay !== undefined) return underWay;
    const look = this.#rowAndTail(tail);
    this.#looks.set(selection, look);
    const forget = () => {
      if (this.#looks.get(selection) === look) this.#looks.delete(selection);
    };
    // Neither a failure is kept nor a look that left something over: the next reader asks again.
    look.then(({ complete }) => complete || forget(), forget);
    return look;
  }

  async #rowAndTail(tail: SelectedTail): Promise<Look> {
    // First the row: everything up to its last event is in the chunks that are read behind it.
    const { state, lastSeq } = await this.#known();
    tail.trim();
    return { state, lastSeq, complete: await tail.advance(lastSeq) };
  }

  async #known(): Promise<Replay> {
    const row = await this.row(false);
    if (row === null) throw noReplay(this.#id);
    return row;
  }

  read(after: number, chunks: number): Promise<readonly ReplayEvent[]> {
    const cached = this.#cache.get(this.#id, after);
    if (cached !== undefined) return Promise.resolve(cached);
    const underWay = this.#reading.get(after);
    if (underWay !== undefined) return underWay;
    const reading = this.#readStore(after, chunks);
    this.#reading.set(after, reading);
    const forget = () => {
      if (this.#reading.get(after) === reading) this.#reading.delete(after);
    };
    reading.then(forget, forget);
    return reading;
  }

  async #readStore(after: number, limit: number): Promise<readonly ReplayEvent[]> {
    const chunks = await this.#store.chunks(this.#id, after, limit);
    let events: ReplayEvent[] = [];
    let bytes = 0;
    for (const chunk of chunks) {
      const decoded = decodeChunk(chunk);
      // A cursor may point into a chunk.
      const first = Math.max(0, after + 1 - chunk.firstSeq);
      if (events.length === 0) events = first === 0 ? decoded : decoded.slice(first);
      else for (const event of decoded) events.push(event);
      bytes += chunk.payload.length;
      if (events.length >= READ_EVENTS) break;
    }
    const next = events[0];
    if (next === undefined) return NOTHING;
    if (next.seq !== after + 1 || events.at(-1)!.seq !== after + events.length) {
      throw new Error(`the events of replay ${this.#id} have a gap after ${after}`);
    }
    this.#cache.set(this.#id, after, events, bytes);
    return events;
  }
}

/** The reads used last. Chunks never change, so what is here is never out of date. */
class ReadCache {
  readonly #reads = new Map<string, { readonly events: readonly ReplayEvent[]; readonly bytes: number }>();
  #bytes = 0;

  get(id: string, after: number): readonly ReplayEvent[] | undefined {
    const key = `${id} ${after}`;
    const read = this.#reads.get(key);
    if (read === undefined) return undefined;
    // A Map keeps the order of insertion: the first is the one not used for longest.
    this.#reads.delete(key);
    this.#reads.set(key, read);
    return read.events;
  }

  set(id: string, after: number, events: readonly ReplayEvent[], bytes: number): void {
    const key = `${id} ${after}`;
    this.#drop(key);
    this.#reads.set(key, { events, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#reads.keys()) {
      if (this.#reads.size <= CACHE.reads && this.#bytes <= CACHE.bytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const read = this.#reads.get(key);
    if (read === undefined) return;
    this.#reads.delete(key);
    this.#bytes -= read.bytes;
  }
}
