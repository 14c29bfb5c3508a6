import { RepriseError } from '../../src/errors.ts';
import type { ReplayEvent } from '../../src/replay/event.ts';
import { decodeChunk } from '../../src/replay/event-codec.ts';
import { hasEnded, nextState, type RunState } from '../../src/replay/run-state.ts';
import type {
  ChunkKind,
  ChunkPlace,
  EventChunk,
  Replay,
  ReplayPatch,
  ReplayReport,
  ReplayStore,
} from '../../src/replay/store.ts';
import { Tally } from '../../src/replay/tally.ts';

/** A call of the store, as faults are decided on it. */
export interface StoreCall {
  readonly method: 'append' | 'transition' | 'chunks' | 'get';
  /** How many calls of this method came before. */
  readonly index: number;
}

/**
 * A `ReplayStore` in memory for one purpose: faults that a real PostgreSQL gives only by chance. What it does with
 * states and events keeps the same contract as the real one (`test/store/replay-contract.ts`); the rest it does not do.
 */
export class MemoryReplayStore implements ReplayStore {
  /** Awaited before a call takes effect; throw or wait in it. */
  before: (call: StoreCall) => Promise<void> | void = () => {};
  /** Awaited after a call took effect, before it is answered: throwing here is a lost answer. */
  after: (call: StoreCall) => Promise<void> | void = () => {};
  /** When false, no reader is told of anything: every hint is lost. */
  hints = true;
  readonly calls = { append: 0, transition: 0, chunks: 0, get: 0 };
  readonly patches: ReplayPatch[] = [];
  readonly #runs = new Map<string, { replay: Replay; readonly chunks: EventChunk[]; sentThrough: number }>();
  readonly #listeners = new Set<(replayId: string) => void>();

  /** Adds a run; PENDING and without events unless told otherwise. */
  seed(id: string, state: RunState = 'PENDING', chunks: readonly EventChunk[] = []): void {
    const replay: Replay = {
      id,
      number: this.#runs.size + 1,
      request: {} as Replay['request'],
      state,
      createdAt: 0,
      startedAt: null,
      endedAt: null,
      targetLabel: 'localhost:5432/shop',
      targetVersion: null,
      summary: new Tally().summary(0),
      error: null,
      lastSeq: chunks.at(-1)?.lastSeq ?? 0,
      ownerId: 'owner',
      lossMark: 0,
    };
    this.#runs.set(id, { replay, chunks: [...chunks], sentThrough: 0 });
  }

  /** Everything durable, decoded. */
  events(id: string): ReplayEvent[] {
    return this.#run(id).chunks.flatMap(decodeChunk);
  }

  chunkCount(id: string): number {
    return this.#run(id).chunks.length;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  async append(...[id, chunk, patch, ownerId]: Parameters<ReplayStore['append']>): Promise<void> {
    await this.#call('append', () => {
      this.#refuseOther(id, ownerId);
      this.#apply(id, chunk, patch, null);
    });
    this.#wake(id);
  }

  async transition(...[id, action, patch, chunk, ownerId]: Parameters<ReplayStore['transition']>): Promise<RunState> {
    const state = await this.#call('transition', () => {
      this.#refuseOther(id, ownerId);
      const next = nextState(this.#run(id).replay.state, action);
      this.#apply(id, chunk, patch, next);
      return next;
    });
    this.#wake(id);
    return state;
  }

  async chunksBefore(
    ...[id, beforeSeq, limit, only]: Parameters<ReplayStore['chunksBefore']>
  ): Promise<readonly EventChunk[]> {
    const chunks = await this.chunks(id, 0, Number.MAX_SAFE_INTEGER, only);
    return chunks
      .filter((chunk) => beforeSeq === null || chunk.firstSeq < beforeSeq)
      .reverse()
      .slice(0, limit);
  }

  async chunksByRecord(
    ...[id, from, after, limit]: Parameters<ReplayStore['chunksByRecord']>
  ): Promise<readonly EventChunk[]> {
    const order = (a: ChunkPlace, b: ChunkPlace) => a.recordedFrom! - b.recordedFrom! || a.lastSeq - b.lastSeq;
    const chunks = await this.chunks(id, 0, Number.MAX_SAFE_INTEGER);
    return chunks
      .filter((chunk) => chunk.recordedTo !== null && chunk.recordedTo >= from)
      .filter((chunk) => after === null || order(chunk, after) > 0)
      .sort(order)
      .slice(0, limit);
  }

  async chunks(...[id, afterSeq, limit, only]: Parameters<ReplayStore['chunks']>): Promise<readonly EventChunk[]> {
    const counts: Record<ChunkKind, (chunk: EventChunk) => number> = {
      FAILURES: (chunk) => chunk.failures,
      DIVERGED: (chunk) => chunk.diverged,
      SKIPPED: (chunk) => chunk.skipped,
      UNKNOWN: (chunk) => chunk.unknown,
      OTHER: (chunk) => chunk.lastSeq - chunk.firstSeq + 1 - chunk.outcomes,
      TROUBLE: (chunk) => counts.OTHER(chunk) + chunk.failures + chunk.diverged + chunk.unknown,
    };
    return this.#call('chunks', () =>
      (this.#runs.get(id)?.chunks ?? [])
        .filter((chunk) => chunk.lastSeq > afterSeq && (only === undefined || counts[only](chunk) > 0))
        .slice(0, limit),
    );
  }

  async get(id: string): Promise<Replay | null> {
    return this.#call('get', () => this.#runs.get(id)?.replay ?? null);
  }

  async sentThrough(id: string): Promise<number> {
    return this.#run(id).sentThrough;
  }

  onEvents(listener: (replayId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #call<T>(method: StoreCall['method'], effect: () => T): Promise<T> {
    const call = { method, index: this.calls[method] };
    this.calls[method] += 1;
    await this.before(call);
    const result = effect();
    await this.after(call);
    return result;
  }

  #apply(id: string, chunk: EventChunk | null, patch: ReplayPatch, state: RunState | null): void {
    const run = this.#run(id);
    const before = run.replay.state;
    if (hasEnded(before) && state === null) throw new RepriseError('REPLAY_STATE', `replay ${id} is ${before}`);
    if (chunk !== null) {
      if (chunk.firstSeq !== run.replay.lastSeq + 1) throw new RepriseError('REPLAY_STATE', 'events do not follow');
      run.chunks.push(chunk);
    }
    this.patches.push(patch);
    const { sentThrough, ...columns } = patch;
    run.sentThrough = Math.max(run.sentThrough, sentThrough ?? 0);
    const resumed = hasEnded(before) && state !== null && !hasEnded(state) ? { endedAt: null, error: null } : {};
    run.replay = {
      ...run.replay,
      ...resumed,
      ...columns,
      state: state ?? before,
      lastSeq: chunk?.lastSeq ?? run.replay.lastSeq,
    };
  }

  #refuseOther(id: string, ownerId: string | undefined): void {
    if (ownerId === undefined || ownerId === this.#run(id).replay.ownerId) return;
    throw new RepriseError('REPLAY_STATE', `another process has taken replay ${id}`);
  }

  #run(id: string) {
    const run = this.#runs.get(id);
    if (run === undefined) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}`);
    return run;
  }

  #wake(id: string): void {
    if (this.hints) for (const listener of this.#listeners) listener(id);
  }

  async create({ id, ...given }: Parameters<ReplayStore['create']>[0]): Promise<Replay> {
    this.seed(id);
    const run = this.#run(id);
    run.replay = { ...run.replay, ...given };
    return run.replay;
  }
  async list(): Promise<readonly Replay[]> {
    return [...this.#runs.values()].map((run) => run.replay);
  }
  async saveSequenceStarts(): Promise<void> {}

  async sequenceStarts(): Promise<null> {
    return null;
  }

  async saveReport(): Promise<void> {}
  async timeline(): Promise<never[]> {
    return [];
  }
  async report(): Promise<ReplayReport | null> {
    return null;
  }
  async interruptOrphans(): Promise<readonly string[]> {
    return [];
  }
  async holdOwnership(): Promise<void> {}
  async delete(): Promise<void> {}
  async deleteEnded(): Promise<null> {
    return null;
  }
}
