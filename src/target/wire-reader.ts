/** What happens to the bytes of result rows. */
export const RowMode = { SKIP: 0, DIGEST: 1, COLLECT: 2 } as const;
export type RowMode = (typeof RowMode)[keyof typeof RowMode];

/** Receives backend messages as the reader finds them. */
export interface FrameHandler {
  /** A whole message: its payload is `buffer[start, end)`, valid during the call only. */
  frame(type: number, buffer: Buffer, start: number, end: number): void;
  /** In `RowMode.DIGEST`: bytes of row messages, headers included, in order, in pieces of any size. */
  rowBytes(bytes: Buffer): void;
}

/** The server sent what no PostgreSQL sends: nothing behind it can be understood. */
export class ProtocolError extends Error {}

/** DataRow and CopyData: the messages of unbounded number and size. */
const DATA_ROW = 0x44;
const COPY_DATA = 0x64;

/** A message that must be held whole (an error that quotes its input, a row of a catalog query) and is larger ends the connection. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/**
 * Splits a socket's bytes into messages, wherever the chunks are cut. Rows are counted and passed over by their
 * length, so that a result of any size costs no memory; only messages cut by a chunk's end are copied.
 */
export class WireReader {
  /** May be changed from within `frame`; holds from the next message on. */
  rowMode: RowMode = RowMode.SKIP;
  /** Rows passed over (not those collected) since the owner last set it to 0. */
  rows = 0;

  private readonly handler: FrameHandler;
  private stopped = false;
  /** A header cut by a chunk's end. */
  private readonly head = Buffer.alloc(5);
  private headLength = 0;
  /** Bytes of the current row still to come. */
  private skip = 0;
  /** A message cut by a chunk's end. */
  private parts: Buffer[] = [];
  private partType = 0;
  private missing = 0;

  constructor(handler: FrameHandler) {
    this.handler = handler;
  }

  /** Passes nothing on any more, also not the rest of the chunk that is being read. */
  stop(): void {
    this.stopped = true;
    this.parts = [];
  }

  /** True when the last chunk ended with a message. */
  get isBetweenMessages(): boolean {
    return this.skip === 0 && this.missing === 0 && this.headLength === 0;
  }

  /**
   * Returns how many bytes were read: all, unless `stop` was called meanwhile.
   * @throws ProtocolError
   */
  push(chunk: Buffer): number {
    if (this.stopped) return 0;
    let at = this.skip > 0 ? this.passRow(chunk, 0) : 0;
    if (this.missing > 0) at = this.collect(chunk, at);
    const end = chunk.length;
    while (at < end && !this.stopped) {
      let type: number;
      let length: number;
      if (this.headLength === 0 && end - at >= 5) {
        type = chunk[at]!;
        length = (chunk[at + 1]! << 24) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 8) | chunk[at + 4]!;
        if ((type === DATA_ROW || type === COPY_DATA) && this.rowMode !== RowMode.COLLECT) {
          this.startRow(length);
          // Header and payload lie together here: one piece for the digest instead of two.
          this.skip += 5;
          at = this.passRow(chunk, at);
          continue;
        }
        at += 5;
      } else {
        const taken = Math.min(5 - this.headLength, end - at);
        chunk.copy(this.head, this.headLength, at, at + taken);
        this.headLength += taken;
        at += taken;
        if (this.headLength < 5) return end;
        this.headLength = 0;
        type = this.head[0]!;
        length = this.head.readInt32BE(1);
        if ((type === DATA_ROW || type === COPY_DATA) && this.rowMode !== RowMode.COLLECT) {
          this.startRow(length);
          if (this.rowMode === RowMode.DIGEST) this.handler.rowBytes(this.head);
          at = this.passRow(chunk, at);
          continue;
        }
      }
      if (length < 4 || length > MAX_FRAME_BYTES) throw new ProtocolError(`a message of ${length} bytes`);
      const payload = length - 4;
      if (end - at >= payload) {
        this.handler.frame(type, chunk, at, at + payload);
        at += payload;
      } else {
        this.partType = type;
        this.missing = payload;
        at = this.collect(chunk, at);
      }
    }
    return at;
  }

  private startRow(length: number): void {
    if (length < 4) throw new ProtocolError(`a row of ${length} bytes`);
    this.rows++;
    this.skip = length - 4;
  }

  private passRow(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.skip);
    this.skip -= end - at;
    if (this.rowMode === RowMode.DIGEST && end > at) this.handler.rowBytes(chunk.subarray(at, end));
    return end;
  }

  private collect(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.missing);
    // The chunk's memory may be used for the next one.
    this.parts.push(Buffer.from(chunk.subarray(at, end)));
    this.missing -= end - at;
    if (this.missing === 0) {
      const whole = Buffer.concat(this.parts);
      this.parts = [];
      this.handler.frame(this.partType, whole, 0, whole.length);
    }
    return end;
  }
}

/** Fields of an ErrorResponse or NoticeResponse that are passed on. */
export interface ServerMessage {
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string | null;
  readonly position: number | null;
}

/** Errors may quote megabytes of input; reports do not. */
const MAX_MESSAGE_LENGTH = 8192;

/** Reads the payload of an ErrorResponse or NoticeResponse. */
export function readServerMessage(buffer: Buffer, start: number, end: number): ServerMessage {
  let severity = '';
  let sqlstate = '';
  let message = '';
  let detail: string | null = null;
  let position: number | null = null;
  let at = start;
  while (at < end && buffer[at] !== 0) {
    const field = buffer[at]!;
    const zero = buffer.indexOf(0, at + 1);
    const stop = zero < 0 || zero > end ? end : zero;
    // V is the severity untranslated; S comes first and serves servers before 9.6.
    if (field === 0x56 || (field === 0x53 && severity === '')) severity = buffer.toString('latin1', at + 1, stop);
    else if (field === 0x43) sqlstate = buffer.toString('latin1', at + 1, stop);
    else if (field === 0x4d) message = cut(buffer, at + 1, stop);
    else if (field === 0x44) detail = cut(buffer, at + 1, stop);
    else if (field === 0x50) position = Number(buffer.toString('latin1', at + 1, stop));
    at = stop + 1;
  }
  return { severity, sqlstate, message, detail, position };
}

function cut(buffer: Buffer, start: number, end: number): string {
  // UTF-8 takes at most three bytes for each UTF-16 unit.
  const text = buffer.toString('utf8', start, Math.min(end, start + MAX_MESSAGE_LENGTH * 3));
  return text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text;
}

/** The count at the end of a command tag (`INSERT 0 5`, `SELECT 3`), or -1 where it has none. */
export function tagCount(tag: string): number {
  let count = 0;
  let unit = 1;
  let i = tag.length - 1;
  for (; i >= 0; i--) {
    const digit = tag.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) break;
    count += digit * unit;
    unit *= 10;
  }
  return i === tag.length - 1 || i < 0 ? -1 : count;
}

/** The value of a FunctionCallResponse as text; null for NULL. */
export function readFunctionResult(buffer: Buffer, start: number, end: number): string | null {
  return buffer.readInt32BE(start) < 0 ? null : buffer.toString('utf8', start + 4, end);
}

/** Columns of a DataRow as text. */
export function readRow(buffer: Buffer, start: number): (string | null)[] {
  const columns = buffer.readUInt16BE(start);
  const row: (string | null)[] = [];
  let at = start + 2;
  for (let i = 0; i < columns; i++) {
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length < 0) {
      row.push(null);
    } else {
      row.push(buffer.toString('utf8', at, at + length));
      at += length;
    }
  }
  return row;
}
