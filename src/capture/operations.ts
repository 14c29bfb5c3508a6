import type { Micros, NewEntry, StatementType } from '../journal/entry.ts';
import type { JournalBatch, Loss, LossReason } from '../journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../journal/transaction.ts';
import type { ReportedLoss } from './import-report.ts';
import type { Continuation, OperationSink } from './operation-sink.ts';
import type { Seam } from './seams.ts';

/** Counts what passes, for the report; holds no statement. */
class Tally {
  entries = 0;
  begun = 0;
  committed = 0;
  rolledBack = 0;
  failures = 0;
  withoutOutcome = 0;
  withoutDuration = 0;
  unreplayable = 0;
  simple = 0;
  readonly byType: Partial<Record<StatementType, number>> = {};
  readonly bySqlstate: Record<string, number> = {};
  readonly #losses = new Map<LossReason, { count: number; first: string; detail: string }>();

  entry(entry: NewEntry): void {
    this.entries++;
    this.byType[entry.statementType] = (this.byType[entry.statementType] ?? 0) + 1;
    if (entry.protocol === 'SIMPLE') this.simple++;
    if (entry.durationMs === null) this.withoutDuration++;
    if (entry.unreplayable) this.unreplayable++;
    if (entry.outcome.status === 'UNKNOWN') this.withoutOutcome++;
    else if (entry.outcome.status === 'FAILED') {
      this.failures++;
      this.bySqlstate[entry.outcome.sqlstate] = (this.bySqlstate[entry.outcome.sqlstate] ?? 0) + 1;
    }
  }

  loss(reason: LossReason, source: string, detail: string, count = 1): void {
    const seen = this.#losses.get(reason);
    if (seen) seen.count += count;
    else this.#losses.set(reason, { count, first: source, detail });
  }

  losses(): ReportedLoss[] {
    return [...this.#losses].map(([reason, loss]) => ({ reason, ...loss })).sort((a, b) => b.count - a.count);
  }
}

/** Gathers operations to batches, leaving out the first `skip`, which are durable already. */
export class BatchBuilder implements OperationSink {
  readonly tally = new Tally();
  /** Operations passed so far, in the log's own order: what a checkpoint counts. */
  operations = 0;
  /** Operations waiting to be taken. */
  waiting = 0;
  /** Characters of the statements among them. */
  characters = 0;
  /** Entries among the operations left out. */
  skippedEntries = 0;
  #skip = 0;
  #last: 'begin' | 'entry' | 'end' | 'loss' = 'loss';
  #begun: NewTransaction[] = [];
  #entries: NewEntry[] = [];
  #ended: TransactionEnd[] = [];
  #seams: Seam[] = [];
  #losses = new Map<string, { -readonly [K in keyof Loss]: Loss[K] }>();

  /** Leaves out the operations up to this number; `Infinity` leaves out all that come. */
  skipTo(operations: number): void {
    this.#skip = operations;
  }

  begin(transaction: NewTransaction, goesOnWith: Continuation | null): void {
    this.tally.begun++;
    if (goesOnWith !== null) {
      const { nodeId, sessionId } = transaction.origin;
      this.#seams.push({ transactionId: transaction.id, nodeId, sessionId, ...goesOnWith });
    }
    if (this.#passes('begin')) this.#begun.push(transaction);
  }

  entry(entry: NewEntry): void {
    this.tally.entry(entry);
    if (this.#passes('entry')) {
      this.#entries.push(entry);
      this.characters += entry.statement.length;
    } else this.skippedEntries++;
  }

  end(end: TransactionEnd): void {
    if (end.status === 'COMMITTED') this.tally.committed++;
    else this.tally.rolledBack++;
    if (this.#passes('end')) this.#ended.push(end);
  }

  loss(reason: LossReason, at: Micros | null, source: string, detail: string): void {
    this.tally.loss(reason, source, detail);
    if (!this.#passes('loss')) return;
    const key = `${reason}\0${detail}`;
    const same = this.#losses.get(key);
    if (!same) this.#losses.set(key, { reason, count: 1, from: at, to: at, source, detail });
    else {
      same.count++;
      if (at !== null) {
        same.from = Math.min(same.from ?? at, at);
        same.to = Math.max(same.to ?? at, at);
      }
    }
  }

  /**
   * Takes what waits, but for the last operation: so there is always one left for the batch that ends the import,
   * whose checkpoint is then ahead of every other one. Null where the last operation is a loss, which cannot be
   * told from those before it.
   */
  takeAllButLast(): { readonly batch: JournalBatch; readonly operations: number } | null {
    const last = this.#last === 'begin' ? this.#begun : this.#last === 'entry' ? this.#entries : this.#ended;
    const kept = this.#last === 'loss' ? undefined : last.pop();
    if (kept === undefined) return null;
    const batch = this.take();
    if (this.#last === 'begin') this.#begun.push(kept as NewTransaction);
    else if (this.#last === 'entry') this.#entries.push(kept as NewEntry);
    else this.#ended.push(kept as TransactionEnd);
    this.waiting = 1;
    return { batch, operations: this.operations - 1 };
  }

  /** Takes the seams met since they were taken last, those of operations that are left out included. */
  takeSeams(): readonly Seam[] {
    const seams = this.#seams;
    this.#seams = [];
    return seams;
  }

  /** Takes the losses that wait, so that those to come are counted apart. */
  takeLosses(): readonly Loss[] {
    const losses = [...this.#losses.values()];
    this.#losses = new Map();
    return losses;
  }

  take(): JournalBatch {
    const batch = {
      begun: this.#begun,
      entries: this.#entries,
      ended: this.#ended,
      losses: this.takeLosses(),
    };
    this.#begun = [];
    this.#entries = [];
    this.#ended = [];
    this.waiting = 0;
    this.characters = 0;
    return batch;
  }

  #passes(kind: 'begin' | 'entry' | 'end' | 'loss'): boolean {
    this.#last = kind;
    if (++this.operations <= this.#skip) return false;
    this.waiting++;
    return true;
  }
}
