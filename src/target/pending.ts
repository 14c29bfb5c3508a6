import { createHash, type Hash } from 'node:crypto';
import { transactionEffect } from '../journal/transaction-effect.ts';
import type { PreparedStatement } from './prepared-names.ts';
import type { OutcomeListener, StatementMessage, TargetOutcome, TransactionStatus } from './statement.ts';
import { readServerMessage, type ServerMessage, tagCount } from './wire-reader.ts';

/**
 * With these the server ends a session whose transaction has gone on for too long, which waits in one or out of one for too long (a
 * statement that is sent by then is not run), or which is in the way of a standby's recovery. Not with 57P01: somebody else has
 * ended that session, or the server, at whatever time.
 */
const ENDS_UNCOMMITTED: ReadonlySet<string> = new Set(['25P03', '25P04', '57P05', '40001']);
/** SHA-256 of nothing: the digest of a result without rows. */
const EMPTY_DIGEST = createHash('sha256').digest('hex');

/** A statement under way: gathers its answer until ReadyForQuery. */
export class Pending {
  readonly message: StatementMessage;
  readonly done: OutcomeListener;
  /** Where rows are collected, for `query`; null: they are passed over. */
  readonly collected: (string | null)[][] | null;
  sentAt = 0;
  /** False as soon as another statement is under way with it. */
  alone: boolean;
  /** The named statement that it parses, or binds without parsing. */
  prepared: PreparedStatement | null = null;
  /** CopyFail went out with the statement, because its text may ask for data. */
  copyFailSent = false;
  copyRefused = false;
  error: ServerMessage | null = null;
  tag: string | null = null;
  /** From its ReadyForQuery. */
  statusAfter: TransactionStatus = 'I';
  /** Its share of the time, once answered. Milliseconds. */
  serviceMs = 0;
  private rows = -1;
  private hash: Hash | null = null;
  private notices = 0;
  private lastNotice: Buffer | null = null;

  constructor(message: StatementMessage, done: OutcomeListener, collected: (string | null)[][] | null, alone: boolean) {
    this.message = message;
    this.done = done;
    this.collected = collected;
    this.alone = alone;
  }

  /** `passed`: rows that came since the last command completed. */
  commandComplete(tag: string, passed: number): void {
    this.tag = tag;
    let count = tagCount(tag);
    if (count < 0) count = passed > 0 ? passed : -1;
    if (count >= 0) this.rows = this.rows < 0 ? count : this.rows + count;
  }

  rowBytes(bytes: Buffer): void {
    this.hash ??= createHash('sha256');
    this.hash.update(bytes);
  }

  /** Notices may come by the million: only the last is kept, undecoded. */
  notice(payload: Buffer): void {
    this.notices++;
    this.lastNotice = Buffer.from(payload);
  }

  /** Once answered. */
  outcome(doneAt: number): TargetOutcome {
    return this.report(this.error, null, this.statusAfter, doneAt, this.serviceMs);
  }

  /** `lastWords`: what the server said before it was gone. `first`: of those under way. */
  lostOutcome(
    reason: string,
    lastWords: ServerMessage | null,
    transactionStatus: TransactionStatus,
    doneAt: number,
    first = false,
  ): TargetOutcome {
    // Queued but never handed over: no time has passed for it.
    if (this.sentAt === 0) this.sentAt = doneAt;
    const outcome = this.report(this.error ?? lastWords, reason, transactionStatus, doneAt, doneAt - this.sentAt);
    return first && this.endedBy(lastWords) ? { ...outcome, fatal: true } : outcome;
  }

  /**
   * Whether the last words are its own failure. Behind a command that completed, or with a COMMIT under way, the server may have
   * committed by the time that it ended the session.
   */
  private endedBy(lastWords: ServerMessage | null): boolean {
    if (lastWords === null || this.error !== null || this.tag !== null) return false;
    if (lastWords.severity !== 'FATAL' || !ENDS_UNCOMMITTED.has(lastWords.sqlstate)) return false;
    return transactionEffect(this.message.text).every(
      ({ kind }) => kind !== 'COMMIT' && kind !== 'PREPARE_TRANSACTION',
    );
  }

  private report(
    error: ServerMessage | null,
    lost: string | null,
    transactionStatus: TransactionStatus,
    doneAt: number,
    serviceMs: number,
  ): TargetOutcome {
    const ok = error === null && lost === null;
    let lastNotice: string | null = null;
    if (this.lastNotice !== null) {
      const { severity, message } = readServerMessage(this.lastNotice, 0, this.lastNotice.length);
      lastNotice = `${severity}: ${message}`;
    }
    return {
      ok,
      sqlstate: error === null ? null : error.sqlstate,
      message: error === null ? lost : error.message,
      severity: error === null ? null : error.severity,
      position: error === null ? null : error.position,
      detail: error === null ? null : error.detail,
      rows: ok && this.rows >= 0 ? this.rows : null,
      tag: this.tag,
      digest: ok && this.message.digest ? (this.hash?.digest('hex') ?? EMPTY_DIGEST) : null,
      transactionStatus,
      sentAt: this.sentAt,
      doneAt,
      serviceMs,
      alone: this.alone,
      copyRefused: this.copyRefused,
      notices: this.notices,
      lastNotice,
      lost: lost !== null,
      fatal: false,
    };
  }
}

/** First in, first out; what was taken out costs nothing. */
export class PendingQueue {
  private items: (Pending | undefined)[] = [];
  private start = 0;

  get length(): number {
    return this.items.length - this.start;
  }

  get first(): Pending | undefined {
    return this.items[this.start];
  }

  get last(): Pending | undefined {
    return this.items[this.items.length - 1];
  }

  push(pending: Pending): void {
    this.items.push(pending);
  }

  shift(): void {
    this.items[this.start++] = undefined;
    if (this.start === this.items.length) {
      this.items.length = 0;
      this.start = 0;
    } else if (this.start === 1024) {
      this.items.splice(0, this.start);
      this.start = 0;
    }
  }

  /** Empties the queue. */
  takeAll(): Pending[] {
    const all = this.items.slice(this.start) as Pending[];
    this.items = [];
    this.start = 0;
    return all;
  }
}
