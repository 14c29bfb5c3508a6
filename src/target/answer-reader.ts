import { messageOf } from '../errors.ts';
import { readParameter } from './handshake.ts';
import type { Pending, PendingQueue } from './pending.ts';
import type { TransactionStatus } from './statement.ts';
import type { StatementEncoder } from './statement-encoder.ts';
import {
  type FrameHandler,
  ProtocolError,
  RowMode,
  readFunctionResult,
  readRow,
  readServerMessage,
  type ServerMessage,
  WireReader,
} from './wire-reader.ts';

/**
 * Takes the server's answers apart and gives each to the statement that it belongs to: the first in the queue, which
 * leaves it with its ReadyForQuery. Outcomes are told when a read has been taken apart, not in the midst of it: only
 * then is it known how many answers share its time.
 */
export class AnswerReader implements FrameHandler {
  private readonly queue: PendingQueue;
  private readonly encoder: StatementEncoder;
  private readonly parameters: Map<string, string>;
  private readonly onParameter: () => void;
  private readonly wire = new WireReader(this);
  /** Answered in the read that is being taken apart, not told of yet. */
  private readonly answered: Pending[] = [];
  private status: TransactionStatus = 'I';
  private readAt = 0;
  private previousDoneAt = 0;
  private share = 0;
  private fatal: ServerMessage | null = null;

  /**
   * @param queue statements under way in the order sent; whoever pushes the first one calls `prepare`
   * @param encoder hears of each outcome, and refuses COPY data
   * @param parameters gets each ParameterStatus, of which `onParameter` tells
   */
  constructor(
    queue: PendingQueue,
    encoder: StatementEncoder,
    parameters: Map<string, string>,
    onParameter: () => void,
  ) {
    this.queue = queue;
    this.encoder = encoder;
    this.parameters = parameters;
    this.onParameter = onParameter;
  }

  /** Statements that have left the queue and were not told of yet. */
  get untold(): number {
    return this.answered.length;
  }

  /** Milliseconds that each answer of the last read took; 0 when it held none, or only a part of one at its end. */
  get shareMs(): number {
    return this.share;
  }

  /** From the ReadyForQuery of the last statement that was told of. */
  get transactionStatus(): TransactionStatus {
    return this.status;
  }

  /** What the server said to end the session; null when it said nothing. */
  get lastWords(): ServerMessage | null {
    return this.fatal;
  }

  /** The next answer is this statement's. */
  prepare(next: Pending): void {
    this.wire.rows = 0;
    if (next.collected !== null) this.wire.rowMode = RowMode.COLLECT;
    else this.wire.rowMode = next.message.digest ? RowMode.DIGEST : RowMode.SKIP;
  }

  /**
   * Takes one read of the socket apart, then tells what it answered.
   * @throws ProtocolError; what was answered before it is left to `tell`
   */
  read(chunk: Buffer, now: number): void {
    this.readAt = now;
    try {
      this.wire.push(chunk);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      // A length that does not fit what it says to hold: nobody else may fall with this connection.
      throw new ProtocolError(`a message that cannot be read (${messageOf(error)})`);
    } finally {
      this.shareTime();
    }
    this.tell();
  }

  /** Takes nothing in any more, also not the rest of the read that is being taken apart. */
  stop(): void {
    this.wire.stop();
  }

  /** Tells of every answered statement, in order. */
  tell(): void {
    // A listener may end the connection, which tells the rest.
    for (let head = this.answered.shift(); head !== undefined; head = this.answered.shift()) {
      this.status = head.statusAfter;
      const outcome = head.outcome(this.readAt);
      this.encoder.settle(head, outcome);
      head.done(outcome);
    }
  }

  /** For the wire reader only. */
  rowBytes(bytes: Buffer): void {
    this.queue.first?.rowBytes(bytes);
  }

  /** For the wire reader only: one message of the server. */
  frame(type: number, buffer: Buffer, start: number, end: number): void {
    const head = this.queue.first;
    switch (type) {
      case 0x5a: // ReadyForQuery
        if (head === undefined) throw new ProtocolError('an answer that nothing asked for');
        this.answer(head, String.fromCharCode(buffer[start]!) as TransactionStatus);
        return;
      case 0x43: // CommandComplete
        head?.commandComplete(buffer.toString('latin1', start, end - 1), this.wire.rows);
        this.wire.rows = 0;
        return;
      case 0x44: // DataRow, in RowMode.COLLECT
        head?.collected?.push(readRow(buffer, start));
        return;
      case 0x45: // ErrorResponse
        this.onError(head, readServerMessage(buffer, start, end));
        return;
      case 0x56: // FunctionCallResponse
        head?.collected?.push([readFunctionResult(buffer, start, end)]);
        return;
      case 0x31: // ParseComplete
        if (head?.prepared) head.prepared.confirmed = true;
        return;
      case 0x47: // CopyInResponse
        if (head !== undefined) this.encoder.refuseCopy(head);
        return;
      case 0x4e: // NoticeResponse
        head?.notice(buffer.subarray(start, end));
        return;
      case 0x53: // ParameterStatus
        readParameter(buffer, start, end, this.parameters);
        this.onParameter();
        return;
      case 0x32: // BindComplete
      case 0x33: // CloseComplete
      case 0x41: // NotificationResponse
      case 0x48: // CopyOutResponse
      case 0x49: // EmptyQueryResponse
      case 0x54: // RowDescription
      case 0x57: // CopyBothResponse
      case 0x63: // CopyDone
      case 0x64: // CopyData, in RowMode.COLLECT
      case 0x6e: // NoData
        return;
      default:
        throw new ProtocolError(`a message of unknown type 0x${type.toString(16)}`);
    }
  }

  private answer(head: Pending, status: TransactionStatus): void {
    head.statusAfter = status;
    this.answered.push(head);
    this.queue.shift();
    const next = this.queue.first;
    if (next !== undefined) this.prepare(next);
  }

  private onError(head: Pending | undefined, error: ServerMessage): void {
    if (error.severity === 'FATAL' || error.severity === 'PANIC') this.fatal = error;
    else if (head !== undefined) head.error ??= error;
  }

  /** Answers that came in one read share its time: which of them took it cannot be told. */
  private shareTime(): void {
    this.share = 0;
    const [first] = this.answered;
    if (first === undefined) return;
    const { readAt, previousDoneAt } = this;
    const share = (readAt - Math.max(previousDoneAt, first.sentAt)) / this.answered.length;
    for (const head of this.answered) {
      head.serviceMs = Math.min(share, readAt - Math.max(previousDoneAt, head.sentAt));
    }
    this.previousDoneAt = readAt;
    if (this.wire.isBetweenMessages) this.share = share;
  }
}
