import { EventFeed } from './feed.ts';
import { hasEnded } from './run-state.ts';
import type { Replay, ReplayStore } from './store.ts';

/** Between two attempts while the store is away. Milliseconds. */
const AGAIN_MS = 5_000;

const WHY = 'the end of the run could not be stored';

/**
 * Runs of this process that it no longer works on, though the store says so: it was away when they ended. Nobody takes them for
 * those of a dead process as long as this one lives. They become INTERRUPTED when the store is back, in doubt as those are.
 */
export class AbandonedRuns {
  private readonly store: ReplayStore;
  private readonly ownerId: string;
  private readonly isUnderWay: (id: string) => boolean;
  private readonly ids = new Set<string>();
  private attempt: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** `isUnderWay`: whether this process works on a run after all, having resumed it. */
  constructor(store: ReplayStore, ownerId: string, isUnderWay: (id: string) => boolean) {
    this.store = store;
    this.ownerId = ownerId;
    this.isUnderWay = isUnderWay;
  }

  /** Interrupts the run as soon as the store takes it, now or later. */
  add(id: string): void {
    this.ids.add(id);
    this.begin();
  }

  /** Tries now. @throws RepriseError STORE_UNAVAILABLE */
  interrupt(): Promise<void> {
    this.attempt ??= this.interruptAll().finally(() => {
      this.attempt = null;
    });
    return this.attempt;
  }

  /** Leaves the rest to the process that finds them. Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.attempt?.catch(() => {});
  }

  private begin(): void {
    clearTimeout(this.timer);
    this.interrupt().catch(() => {
      if (!this.closed) this.timer = setTimeout(() => this.begin(), AGAIN_MS);
    });
  }

  private async interruptAll(): Promise<void> {
    for (const id of this.ids) {
      const replay = await this.store.get(id);
      const isAbandoned = replay !== null && !hasEnded(replay.state) && replay.ownerId === this.ownerId;
      if (isAbandoned && !this.isUnderWay(id)) await this.interruptOne(replay);
      this.ids.delete(id);
    }
  }

  private async interruptOne({ id, lastSeq }: Replay): Promise<void> {
    const { store, ownerId } = this;
    const feed = new EventFeed(store, id, { lastSeq, ownerId, retryForMs: 0, onError: () => {} });
    const patch = { endedAt: Date.now() * 1000, error: { code: 'INTERRUPTED', message: WHY } };
    try {
      await feed.transition('INTERRUPT', patch, WHY);
    } finally {
      await feed.close();
    }
  }
}
