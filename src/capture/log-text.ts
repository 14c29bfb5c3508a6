import { isUtf8 } from 'node:buffer';

/** A lone surrogate. */
const FOREIGN = /\p{Surrogate}/gu;
/** U+DC80 to U+DCFF stand for the bytes 0x80 to 0xFF. */
const FOREIGN_BYTES = 0xdc00;

/**
 * Decodes a log piece by piece. The server writes each record in the encoding of its database, which it does not name: a
 * byte that is not UTF-8 becomes a lone surrogate, as no UTF-8 gives one, and `repair` tells the records that have some.
 */
export class LogDecoder {
  /** True once a byte was not UTF-8. */
  foreign = false;
  readonly #windows: boolean;
  #rest: Buffer = Buffer.alloc(0);
  /** A carriage return at the end of what was given, of which a line feed may be the other half. */
  #half = '';

  /** `windows`: each line feed has got a carriage return from the server's file system, within texts, too; it is taken out. */
  constructor(windows = false) {
    this.#windows = windows;
  }

  /** `fileBegins`: a file begins with these bytes. */
  write(data: Buffer, fileBegins = false): string {
    const bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const whole = bytes.length - unfinished(bytes);
    this.#rest = bytes.subarray(whole);
    const text = this.#decode(bytes.subarray(0, whole));
    return this.#windows ? this.#withoutReturns(text, fileBegins) : text;
  }

  /** What is left of a character that was cut off. */
  end(): string {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return this.#decode(rest);
  }

  #withoutReturns(text: string, fileBegins: boolean): string {
    if (text === '') return '';
    // A line end that was cut in half where a file ends is no text of the next one.
    const half = fileBegins && !text.startsWith('\n') ? '' : this.#half;
    const joined = half + text;
    this.#half = joined.endsWith('\r') ? '\r' : '';
    return joined.slice(0, joined.length - this.#half.length).replaceAll('\r\n', '\n');
  }

  #decode(bytes: Buffer): string {
    if (isUtf8(bytes)) return bytes.toString('utf8');
    this.foreign = true;
    let text = '';
    let from = 0;
    for (let at = 0; at < bytes.length; ) {
      const length = sequenceLength(bytes[at] as number);
      if (length === 1 || (length > 1 && isUtf8(bytes.subarray(at, at + length)))) at += length;
      else {
        text += bytes.toString('utf8', from, at) + String.fromCharCode(FOREIGN_BYTES + (bytes[at] as number));
        from = ++at;
      }
    }
    return text + bytes.toString('utf8', from);
  }
}

/** Whether a log that begins with these lines was written on Windows, where each line feed becomes a carriage return and one. */
export function hasWindowsLineEnds(lines: readonly string[]): boolean {
  // Statements may hold such line ends on any system, but then lines that end a record have others.
  return lines.every((line) => line.endsWith('\r'));
}

/** The text with U+FFFD for each byte that was not UTF-8: the same string where there was none. */
export function repair(text: string): string {
  return text.replace(FOREIGN, '\ufffd');
}

/** Length of the UTF-8 sequence that this byte begins; 0 where it begins none. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** How many bytes at the end begin a sequence that goes on behind it. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte >= 0x80 && byte < 0xc0) continue;
    return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}
