import type { Entry } from '../journal/entry.ts';
import { isRollbackPrepared, transactionEffect } from '../journal/transaction-effect.ts';
import type { TargetOutcome } from '../target/statement.ts';

/** What `pg_blocking_pids` gives instead of a process id where a prepared transaction holds the lock. */
export const NO_PROCESS = 0;
/** Those that a notice names one by one. */
const MOST_NAMED = 20;

/**
 * Follows which two-phase transactions this run has prepared and not ended. Their locks belong to no connection, and
 * whoever waits for one waits for a `COMMIT PREPARED` that any session may bring.
 */
export class PreparedTransactions {
  private readonly open = new Set<string>();
  /** Those among them, and others, whose PREPARE TRANSACTION was sent, answered or not. */
  private readonly sent = new Set<string>();

  /** Notes a statement that is being sent. */
  noteSent(entry: Entry): void {
    if (!/prepare/i.test(entry.statement)) return;
    for (const name of preparedBy(entry.statement)) this.sent.add(name);
  }

  /** True for `ROLLBACK PREPARED` of what this run has not prepared. */
  rollsBackOthers(statement: string): boolean {
    if (!/\bprepared\b/i.test(statement) || !isRollbackPrepared(statement)) return false;
    const name = endedBy(statement);
    return !this.open.has(name) && !this.sent.has(name);
  }

  /** Notes a statement that was answered, or whose answer was lost. */
  note(entry: Entry, { ok, lost, tag }: Pick<TargetOutcome, 'ok' | 'lost' | 'tag'>): void {
    if (lost) this.noteUncertain(entry);
    else if (!ok) return;
    else if (tag === 'PREPARE TRANSACTION') this.add(entry);
    else if (tag === 'COMMIT PREPARED' || tag === 'ROLLBACK PREPARED') {
      const name = endedBy(entry.statement);
      this.open.delete(name);
      this.sent.delete(name);
    }
  }

  /** Notes a statement that this run has sent before it was interrupted, or whose answer was lost: it may have prepared one. */
  noteUncertain(entry: Entry): void {
    if (/prepare/i.test(entry.statement)) this.add(entry);
  }

  /** True when one of them may be among these blockers. */
  isAmong(blockers: readonly number[]): boolean {
    return this.open.size > 0 && blockers.includes(NO_PROCESS);
  }

  /**
   * What is to be told at the end of the run of those that stand on the target; null: of none. `standing` gives the
   * names of all that stand there, null where it cannot be asked.
   */
  async left(standing: () => Promise<readonly string[] | null>): Promise<string | null> {
    if (this.open.size === 0) return null;
    const there = await standing();
    const left = there === null ? [...this.open] : there.filter((name) => this.open.has(name));
    if (left.length === 0) return null;
    const names = left.slice(0, MOST_NAMED).map((name) => `'${name.replaceAll("'", "''")}'`);
    const more = left.length > names.length ? ` and ${left.length - names.length} more` : '';
    return `prepared transactions ${there === null ? 'may stand' : 'stand'} on the target, with their locks, until COMMIT PREPARED or ROLLBACK PREPARED ends them: ${names.join(', ')}${more}`;
  }

  private add({ statement }: Entry): void {
    for (const name of preparedBy(statement)) this.open.add(name);
  }
}

function preparedBy(statement: string): readonly string[] {
  return transactionEffect(statement).flatMap((effect) => (effect.kind === 'PREPARE_TRANSACTION' ? [effect.name] : []));
}

function endedBy(statement: string): string {
  const [, name = ''] = /PREPARED\s+'([^']*(?:''[^']*)*)'/i.exec(statement) ?? [];
  return name.replaceAll("''", "'");
}
