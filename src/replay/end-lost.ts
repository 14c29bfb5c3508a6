import { setMaxListeners } from 'node:events';
import { pause } from '../pause.ts';
import { TargetQueryError } from '../target/connection.ts';
import { within } from './cut-short.ts';
import type { TargetMonitor } from './target-monitor.ts';

/** How long what comes next waits for that. Milliseconds. */
const WAIT_MS = 1_000;
/** Between two looks at first, and at most: each wait is twice the one before. */
const AGAIN_MS = 10;
const MOST_AGAIN_MS = 640;

/**
 * Ends the backends of connections that were lost. Who lost one is not always all that did: where a firewall has dropped the path,
 * nobody tells the server, and a transaction would keep its locks for as long as it takes to find that out, which is hours.
 */
export class LostBackends {
  private readonly monitor: Pick<TargetMonitor, 'isDirect' | 'endBackend'>;
  private readonly signal: AbortSignal;
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  constructor(monitor: Pick<TargetMonitor, 'isDirect' | 'endBackend'>, signal: AbortSignal) {
    this.monitor = monitor;
    this.signal = signal;
    // One for each that is being ended: a target that restarts loses all at once.
    setMaxListeners(0, this.stopping.signal);
  }

  /** Resolves when it has gone, or is not to be waited for any longer; it is ended all the same. Never rejects. */
  end(processId: number): Promise<void> {
    const ending = this.insist(processId, performance.now()).finally(() => this.underWay.delete(ending));
    this.underWay.add(ending);
    return within(WAIT_MS, ending);
  }

  /** Nothing is sent any more. Waits as long as who comes next would. Never rejects. */
  async close(): Promise<void> {
    if (!this.signal.aborted) await within(WAIT_MS, Promise.all(this.underWay));
    this.stopping.abort();
  }

  private async insist(processId: number, lostAt: number): Promise<void> {
    for (let waitMs = AGAIN_MS; !this.isOver; waitMs = Math.min(2 * waitMs, MOST_AGAIN_MS)) {
      try {
        // A pooler's process ids are not the server's.
        if (!(await this.monitor.isDirect())) return;
        if ((await this.monitor.endBackend(processId, lostAt)) !== 'TOLD') return;
      } catch (error) {
        // One of a mapped login, which the target's user may not end.
        if (error instanceof TargetQueryError) return;
      }
      if (!this.isOver) await pause(waitMs, this.stopping.signal);
    }
  }

  private get isOver(): boolean {
    return this.signal.aborted || this.stopping.signal.aborted;
  }
}
