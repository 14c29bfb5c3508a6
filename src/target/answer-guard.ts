import type { StatementMessage } from './statement.ts';

/** A second look before the connection is given up: an answer may lie unread while this process was busy. */
const SECOND_LOOK_MS = 1000;

/**
 * Notices that the path to the server swallows what is sent (a proxy or firewall that forgot the connection
 * while its own side still acknowledges, which no keepalive sees): the server's own `statement_timeout` must
 * bring an answer, so one that is `graceMs` overdue will never come.
 *
 * One timer for the connection, none for a statement.
 */
export class AnswerGuard {
  private readonly statementTimeoutMs: number;
  private readonly graceMs: number;
  private readonly current: () => StatementMessage | null;
  private readonly giveUp: (silentMs: number) => void;
  private timer: NodeJS.Timeout | null = null;
  private heardAt = 0;
  private overdue = false;
  private off: boolean;

  /**
   * @param current the statement whose answer is due, null when none is
   * @param giveUp called once, with the milliseconds without a byte
   */
  constructor(
    statementTimeoutMs: number,
    graceMs: number,
    current: () => StatementMessage | null,
    giveUp: (silentMs: number) => void,
  ) {
    this.statementTimeoutMs = statementTimeoutMs;
    this.graceMs = graceMs;
    this.current = current;
    this.giveUp = giveUp;
    this.off = statementTimeoutMs <= 0;
  }

  /** A statement went out while none was under way. */
  started(now: number): void {
    if (this.off) return;
    this.heardAt = now;
    this.overdue = false;
    this.timer ??= this.lookIn(this.statementTimeoutMs + this.graceMs);
  }

  /** Bytes came. */
  heard(now: number): void {
    this.heardAt = now;
    this.overdue = false;
  }

  /** For good: the connection ended, or the session chose its own statement_timeout. */
  disarm(): void {
    this.off = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.look(), ms).unref();
  }

  private look(): void {
    this.timer = null;
    const message = this.current();
    if (this.off || message === null) return;
    const silentMs = performance.now() - this.heardAt;
    const left = this.statementTimeoutMs * commandsIn(message) + this.graceMs - silentMs;
    if (left > 0) {
      this.timer = this.lookIn(Math.ceil(left));
    } else if (this.overdue) {
      this.giveUp(silentMs);
    } else {
      this.overdue = true;
      this.timer = this.lookIn(SECOND_LOOK_MS);
    }
  }
}

/** At most this many commands: the server's timeout is for each command of a simple string. */
function commandsIn(message: StatementMessage): number {
  if (message.protocol === 'EXTENDED') return 1;
  let count = 1;
  for (let at = message.text.indexOf(';'); at >= 0; at = message.text.indexOf(';', at + 1)) count++;
  return count;
}
