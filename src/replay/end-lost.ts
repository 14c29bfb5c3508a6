import { setMaxListeners } from 'node:events';
import { messageOf } from '../errors.ts';
import { pause } from '../pause.ts';
import { TargetQueryError } from '../target/connection.ts';
import { within } from './cut-short.ts';
import { MayNotEnd, type TargetMonitor } from './target-monitor.ts';

/** How long what comes next waits for that. Milliseconds. */
const WAIT_MS = 1_000;
/** Between two looks at first, and at most: each wait is twice the one before. A target that lets nobody in may stay so for hours. */
const AGAIN_MS = 10;
const MOST_AGAIN_MS = 5_000;

/**
 * Ends the backends of connections that were lost. Who lost one is not always all that did: where a firewall has dropped the path,
 * nobody tells the server, and a transaction would keep its locks for as long as it takes to find that out, which is hours.
 */
export class LostBackends {
  private readonly monitor: Pick<TargetMonitor, 'isDirect' | 'endBackend'>;
  private readonly signal: AbortSignal;
  private readonly stays: (sessionId: string | null, why: string) => void;
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  /** `stays`: told of the backend of a session (null: one of the run's own) that no login of the run may end. */
  constructor(
    monitor: Pick<TargetMonitor, 'isDirect' | 'endBackend'>,
    signal: AbortSignal,
    stays: (sessionId: string | null, why: string) => void,
  ) {
    this.monitor = monitor;
    this.signal = signal;
    this.stays = stays;
    // One for each that is being ended: a target that restarts loses all at once.
    setMaxListeners(0, this.stopping.signal);
  }

  /**
   * Ends that of a session; null: of the run's own. Resolves when it has gone, or is not to be waited for any longer; it is ended all
   * the same. Never rejects.
   */
  end(processId: number, sessionId: string | null): Promise<void> {
    const ending = this.insist(processId, sessionId, performance.now()).finally(() => this.underWay.delete(ending));
    this.underWay.add(ending);
    return within(WAIT_MS, ending);
  }

  /** Nothing is sent any more. Waits as long as who comes next would. Never rejects. */
  async close(): Promise<void> {
    if (!this.signal.aborted) await within(WAIT_MS, Promise.all(this.underWay));
    this.stopping.abort();
  }

  private async insist(processId: number, sessionId: string | null, lostAt: number): Promise<void> {
    for (let waitMs = AGAIN_MS; !this.isOver; waitMs = Math.min(2 * waitMs, MOST_AGAIN_MS)) {
      try {
        // A pooler's process ids are not the server's.
        if (!(await this.monitor.isDirect())) return;
        if ((await this.monitor.endBackend(processId, lostAt)) !== 'TOLD') return;
      } catch (error) {
        if (error instanceof MayNotEnd || error instanceof TargetQueryError) {
          if (!this.isOver) this.stays(sessionId, messageOf(error));
          return;
        }
      }
      if (!this.isOver) await pause(waitMs, this.stopping.signal);
    }
  }

  private get isOver(): boolean {
    return this.signal.aborted || this.stopping.signal.aborted;
  }
}
