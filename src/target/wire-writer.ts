import type { Value } from '../journal/value.ts';
import { valueOid, valueToWire } from '../journal/value-codec.ts';

const INITIAL_BYTES = 16 * 1024;
/** A buffer that grew beyond this for one large statement is not kept. */
const KEEP_BYTES = 1024 * 1024;
/** Up to this length a string's room is reserved at its longest possible UTF-8, which saves measuring it. */
const UNMEASURED_LENGTH = 2048;

/** Bind may carry this many parameters: their count is an unsigned 16-bit number. */
export const MAX_PARAMETERS = 65_535;

/**
 * Frontend messages of the version 3 protocol, appended to one growing buffer. `take` hands over what has been
 * written; `recycle` allows the buffer to be used again.
 */
export class WireWriter {
  private buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private end = 0;

  /** Bytes not yet taken. */
  get length(): number {
    return this.end;
  }

  query(text: string): void {
    const start = this.open(0x51);
    this.cstring(text);
    this.close(start);
  }

  parse(name: string, text: string, parameters: readonly Value[]): void {
    const start = this.open(0x50);
    this.cstring(name);
    this.cstring(text);
    this.reserve(2 + 4 * parameters.length);
    this.int16(parameters.length);
    for (const parameter of parameters) this.int32(valueOid(parameter));
    this.close(start);
  }

  /** Binds the unnamed portal; parameters and results in text format. */
  bind(name: string, parameters: readonly Value[]): void {
    const start = this.open(0x42);
    this.reserve(1);
    this.buffer[this.end++] = 0;
    this.cstring(name);
    const count = parameters.length;
    this.reserve(4);
    // No format codes: all parameters are text.
    this.int16(0);
    this.int16(count);
    for (const parameter of parameters) {
      const wire = valueToWire(parameter);
      this.reserve(4);
      if (wire === null) {
        this.int32(-1);
        continue;
      }
      const at = this.end;
      this.end += 4;
      this.utf8(wire.text);
      this.patch(at, this.end - at - 4);
    }
    this.reserve(2);
    this.int16(0);
    this.close(start);
  }

  /** Executes the unnamed portal to its end. */
  execute(): void {
    this.raw(EXECUTE);
  }

  sync(): void {
    this.raw(SYNC);
  }

  /** Forgets a prepared statement; no error when there is none. */
  closeStatement(name: string): void {
    const start = this.open(0x43);
    this.reserve(1);
    this.buffer[this.end++] = 0x53;
    this.cstring(name);
    this.close(start);
  }

  /** Calls a function without arguments; its result in text format. */
  functionCall(oid: number): void {
    const start = this.open(0x46);
    this.reserve(10);
    this.int32(oid);
    // No argument formats, no arguments, a result in text.
    this.int16(0);
    this.int16(0);
    this.int16(0);
    this.close(start);
  }

  copyFail(reason: string): void {
    const start = this.open(0x66);
    this.cstring(reason);
    this.close(start);
  }

  terminate(): void {
    this.raw(TERMINATE);
  }

  /** A password or SASL message (`p`). */
  password(payload: Uint8Array): void {
    const start = this.open(0x70);
    this.reserve(payload.length);
    this.buffer.set(payload, this.end);
    this.end += payload.length;
    this.close(start);
  }

  /** What was written since the last call. Valid until `recycle`, or for good without it. */
  take(): Buffer {
    return this.buffer.subarray(0, this.end);
  }

  /** Takes back what was written beyond this length: half a message must never reach the server. */
  rewind(length: number): void {
    this.end = length;
  }

  /** Goes on behind a `take`: in the same memory when its bytes are with the kernel, else in fresh memory. */
  recycle(reusable: boolean): void {
    this.end = 0;
    if (!reusable || this.buffer.length > KEEP_BYTES) this.buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  private open(type: number): number {
    this.reserve(5);
    this.buffer[this.end] = type;
    this.end += 5;
    return this.end - 4;
  }

  private close(start: number): void {
    this.patch(start, this.end - start);
  }

  private cstring(text: string): void {
    this.utf8(text);
    this.reserve(1);
    this.buffer[this.end++] = 0;
  }

  private utf8(text: string): void {
    this.reserve(text.length <= UNMEASURED_LENGTH ? text.length * 3 : Buffer.byteLength(text));
    this.end += this.buffer.write(text, this.end, 'utf8');
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
  }

  private int16(value: number): void {
    this.buffer[this.end++] = value >>> 8;
    this.buffer[this.end++] = value;
  }

  private int32(value: number): void {
    this.patch(this.end, value);
    this.end += 4;
  }

  private patch(at: number, value: number): void {
    this.buffer[at] = value >>> 24;
    this.buffer[at + 1] = value >>> 16;
    this.buffer[at + 2] = value >>> 8;
    this.buffer[at + 3] = value;
  }

  private reserve(bytes: number): void {
    const needed = this.end + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.end);
    this.buffer = grown;
  }
}

const EXECUTE = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

/** The start-up message: protocol 3.0 and parameters. Values must hold no NUL. */
export function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  const fields = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`${fields.join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}

/** Asks for TLS; the server answers with one byte, S or N. */
export const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Cancels what the backend runs. `secretKey` as BackendKeyData gave it. */
export function cancelRequest(processId: number, secretKey: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeInt32BE(12 + secretKey.length, 0);
  head.writeInt32BE(80877102, 4);
  head.writeInt32BE(processId, 8);
  return Buffer.concat([head, secretKey]);
}
