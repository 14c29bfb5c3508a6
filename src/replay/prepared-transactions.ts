import type { TargetOutcome } from '../target/statement.ts';

/** What `pg_blocking_pids` gives instead of a process id where a prepared transaction holds the lock. */
const NO_PROCESS = 0;

/**
 * Follows which two-phase transactions this run has prepared and not ended. Their locks belong to no connection, and
 * whoever waits for one waits for a `COMMIT PREPARED` that any session may bring.
 */
export class PreparedTransactions {
  private open = 0;

  /** Notes a statement that was answered. */
  note({ ok, tag }: Pick<TargetOutcome, 'ok' | 'tag'>): void {
    if (!ok) return;
    if (tag === 'PREPARE TRANSACTION') this.open += 1;
    else if (tag === 'COMMIT PREPARED' || tag === 'ROLLBACK PREPARED') this.open = Math.max(0, this.open - 1);
  }

  /** True when one of them may be among these blockers. */
  isAmong(blockers: readonly number[]): boolean {
    return this.open > 0 && blockers.includes(NO_PROCESS);
  }
}
