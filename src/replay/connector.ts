import { RepriseError } from '../errors.ts';
import { pause } from '../pause.ts';
import { TargetConnection } from '../target/connection.ts';
import { isBreak } from '../target/handshake.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import type { ConnectOptions } from '../target/statement.ts';
import { runHasEnded } from './control.ts';

/** How often something is done on a connection of its own that is lost each time; milliseconds before the second. */
const ATTEMPTS = 3;
const AGAIN_MS = 250;

/**
 * Opens the connections of a run. When the run is being ended nobody waits for one that is still on its way, and
 * it is closed as soon as it arrives.
 */
export class Connector {
  readonly target: ResolvedTarget;
  private readonly signal: AbortSignal;
  private readonly onTheirWay = new Set<Promise<unknown>>();

  constructor(target: ResolvedTarget, signal: AbortSignal) {
    this.target = target;
    this.signal = signal;
  }

  /** @throws RepriseError TARGET_UNREACHABLE; REPLAY_STATE when the run is being ended */
  open(options: ConnectOptions): Promise<TargetConnection> {
    const { signal } = this;
    if (signal.aborted) return Promise.reject(runHasEnded());
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(runHasEnded());
      signal.addEventListener('abort', onAbort, { once: true });
      const connecting = TargetConnection.connect(this.target, { ...options, signal })
        .then((connection) => {
          if (signal.aborted) connection.destroy('the run has ended');
          else resolve(connection);
        }, reject)
        .finally(() => {
          signal.removeEventListener('abort', onAbort);
          this.onTheirWay.delete(connecting);
        });
      this.onTheirWay.add(connecting);
    });
  }

  /**
   * Does something on a connection of its own, which is closed behind it; cut off when the run is being ended. Where the connection
   * is lost, it is done again on another: `work` must stand that.
   * @throws RepriseError as `open`; TARGET_LOST when that has happened three times; what `work` throws
   */
  use<T>(options: ConnectOptions, work: (connection: TargetConnection) => Promise<T>): Promise<T> {
    return this.persist(options.connectTimeoutMs, () => this.useOnce(options, work));
  }

  /**
   * Does again what a connection was lost in, some times. What has taken longer than a connection may take to be made is not done
   * again: who waits for that long has waited for a path that swallows what is sent. `lost`: told of each time.
   * @throws what `work` throws
   */
  async persist<T>(
    connectTimeoutMs: number,
    work: () => Promise<T>,
    lost: (error: Error) => void = () => {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const startedAt = performance.now();
      try {
        return await work();
      } catch (error) {
        const isLate = performance.now() - startedAt > connectTimeoutMs;
        if (!wasLost(error) || isLate || attempt === ATTEMPTS || this.signal.aborted) throw error;
        lost(error);
        await pause(AGAIN_MS * attempt, this.signal);
      }
    }
  }

  private async useOnce<T>(options: ConnectOptions, work: (connection: TargetConnection) => Promise<T>): Promise<T> {
    const connection = await this.open(options);
    const onAbort = () => connection.destroy('the run has ended');
    this.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await work(connection);
    } finally {
      this.signal.removeEventListener('abort', onAbort);
      await connection.close();
    }
  }

  /** Resolves when no connection is on its way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.onTheirWay);
  }
}

/** True for a connection that was there, or about to be, and was lost. */
export function wasLost(error: unknown): error is RepriseError {
  if (!(error instanceof RepriseError)) return false;
  return error.code === 'TARGET_LOST' || (error.code === 'TARGET_UNREACHABLE' && isBreak(error.cause));
}
