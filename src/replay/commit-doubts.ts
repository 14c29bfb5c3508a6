import { isPlainCommit } from '../journal/transaction-effect.ts';
import { pause } from '../pause.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { PlannedEntry, Reporter } from './reporter.ts';
import type { TargetMonitor } from './target-monitor.ts';
import { rollsBackToSavepoint } from './target-session.ts';

/** How long a doubt may take to be settled: the target may be restarting. Milliseconds. */
const SETTLE_MS = 10_000;
/** Between two questions at first, and at most: each wait is twice the one before. */
const AGAIN_MS = 20;
const MOST_AGAIN_MS = 640;

/** The transaction that a COMMIT is to end, as the target calls it. */
export interface Doubt {
  /** Null until the target has told, and for a transaction that has written nothing. */
  xid: string | null;
}

/** What the target says of a transaction; null: it cannot be told. */
export type Fate = 'COMMITTED' | 'ROLLED_BACK' | null;

/** `gone`: the backend that the transaction ran on certainly is. Null: not yet to be told. */
export type AskFate = (gone: boolean) => Promise<Fate>;

/** A statement whose answer was lost with its connection. */
export interface LostStatement {
  readonly place: PlannedEntry;
  /** Of one that was to commit: a COMMIT that was asked for, or an autocommit statement with a COMMIT of its own. */
  readonly doubt: Doubt | null;
  /**
   * Its outcome is known, whatever becomes known of the transaction, and `unknown` reports that: the server ended the session with
   * its failure, or it was never sent itself.
   */
  readonly tellsItself: boolean;
  /** Reports it as it is where nothing becomes known of its transaction: as UNKNOWN, unless it `tellsItself`. */
  unknown(): void;
  /** Asked when it is to be reported: false when nothing is to be told of it, because a resumed run repeats it. */
  mayTell?(fate: Fate): boolean;
}

/**
 * Settles COMMITs whose answer was lost with the connection (docs/replay.md S3): ahead of a COMMIT that may have
 * something to commit the target is asked for the transaction's xid, and with it, when the answer to COMMIT was
 * lost, for what became of the transaction (`pg_xact_status`).
 */
export class CommitDoubts {
  private readonly monitor: TargetMonitor;
  private readonly reporter: Reporter;
  private readonly signal: AbortSignal;
  private readonly underWay = new Set<Promise<void>>();
  /** `pg_current_xact_id_if_assigned()` of the target; null: it has none. */
  private readonly functionOid: number | null;

  private constructor(monitor: TargetMonitor, reporter: Reporter, signal: AbortSignal, functionOid: number | null) {
    this.monitor = monitor;
    this.reporter = reporter;
    this.signal = signal;
    this.functionOid = functionOid;
  }

  /** `asks`: false where nothing is written, or a mark on the target tells more. */
  static async open(
    monitor: TargetMonitor,
    reporter: Reporter,
    signal: AbortSignal,
    asks: boolean,
  ): Promise<CommitDoubts> {
    return new CommitDoubts(monitor, reporter, signal, asks ? await monitor.xidFunction() : null);
  }

  /** True when COMMITs are asked for at all. */
  get asks(): boolean {
    return this.functionOid !== null;
  }

  /** Asks ahead of a COMMIT. `answered` is called when the answer is there, or lost. */
  ask(connection: TargetConnection, answered: () => void): Doubt {
    const doubt: Doubt = { xid: null };
    if (this.functionOid === null) queueMicrotask(answered);
    else
      connection.call(this.functionOid, (xid) => {
        doubt.xid = xid;
        answered();
      });
    return doubt;
  }

  /**
   * Reports statements that were under way, in order, when their connection was lost: those of transactions whose
   * COMMIT was among them by what the target says, the others as UNKNOWN. Null: all of that was done at once.
   * `fateOf` asks for what is known otherwise. Never rejects; ends early, with UNKNOWN, when the run is being ended.
   */
  settle(
    lost: readonly LostStatement[],
    processId: number,
    fateOf: ((one: LostStatement) => AskFate | null) | null = null,
  ): Promise<void> | null {
    if (this.signal.aborted || (fateOf === null && lost.every(({ doubt }) => (doubt?.xid ?? null) === null))) {
      for (const one of lost) if (one.mayTell?.(null) ?? true) one.unknown();
      return null;
    }
    const settling = this.settleNow(lost, processId, fateOf).finally(() => this.underWay.delete(settling));
    this.underWay.add(settling);
    return settling;
  }

  /** Resolves when nothing is being settled any more. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private async settleNow(
    lost: readonly LostStatement[],
    processId: number,
    fateOf: ((one: LostStatement) => AskFate | null) | null,
  ): Promise<void> {
    const lostAt = performance.now();
    const fates = new Map<string, Fate>();
    const undoes = new Set<string>();
    for (const one of lost) {
      const { transactionId, statement, statementType } = one.place.entry;
      if (statementType === 'TRANSACTION' && rollsBackToSavepoint(statement)) undoes.add(transactionId);
      const xid = one.doubt?.xid ?? null;
      const ask = xid !== null ? () => this.monitor.fateOf(xid) : fateOf === null ? null : fateOf(one);
      if (ask !== null && !fates.has(transactionId))
        fates.set(transactionId, await this.insist(lostAt, processId, ask));
    }
    for (const one of lost) {
      const { transactionId, statement } = one.place.entry;
      const fate = fates.get(transactionId) ?? null;
      if (one.mayTell?.(fate) === false) continue;
      const commits = one.doubt !== null || isPlainCommit(statement);
      // One that failed may have been undone by a ROLLBACK TO behind it: then COMMIT alone is certain.
      if (one.tellsItself) one.unknown();
      else if (fate === 'COMMITTED' && (commits || !undoes.has(transactionId))) this.reporter.settled(one.place);
      else if (fate === 'ROLLED_BACK') this.reporter.rolledBack(one.place, commits);
      else one.unknown();
    }
  }

  /**
   * Asks until there is an answer. The old backend is ended meanwhile: with a COMMIT in a socket's buffer nothing
   * would be certain.
   */
  private async insist(lostAt: number, processId: number, ask: AskFate): Promise<Fate> {
    for (let waitMs = AGAIN_MS; ; waitMs = Math.min(2 * waitMs, MOST_AGAIN_MS)) {
      const age = performance.now() - lostAt;
      if (this.signal.aborted || age > SETTLE_MS) return null;
      const ended = this.monitor.endBackend(processId, lostAt).then(
        (left) => left === 'GONE',
        () => false,
      );
      const fate = await this.orEnded(ended.then(ask), SETTLE_MS - age);
      if (fate !== null) return fate;
      await pause(waitMs, this.signal);
    }
  }

  /** Null also when the target could not be asked or did not answer in time, or the run was ended before it did. */
  private orEnded(work: Promise<Fate>, withinMs: number): Promise<Fate> {
    return new Promise((resolve) => {
      const settle = (fate: Fate) => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', onEnd);
        resolve(fate);
      };
      const onEnd = () => settle(null);
      // Logging in to a target that does not answer may take longer than all of this.
      const timer = setTimeout(onEnd, withinMs);
      this.signal.addEventListener('abort', onEnd, { once: true });
      work.catch(() => null).then(settle);
    });
  }
}
