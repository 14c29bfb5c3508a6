import { RepriseError } from '../errors.ts';
import { TargetConnection } from '../target/connection.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import type { ConnectOptions } from '../target/statement.ts';

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
      const connecting = TargetConnection.connect(this.target, options)
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

  /** Resolves when no connection is on its way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.onTheirWay);
  }
}

/** What is thrown into whatever waits for the target when the run is being ended; nobody is shown it. */
export function runHasEnded(): RepriseError {
  return new RepriseError('REPLAY_STATE', 'the run has ended');
}
