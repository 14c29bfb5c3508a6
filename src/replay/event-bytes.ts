/*
 * The bytes under the event codec: variable-length integers, float64, and strings through a dictionary that
 * fills as strings first appear. Writer and reader mirror each other, method by method.
 */

/** Strings longer than this are not compared with earlier ones. In UTF-16 units. */
const DICTIONARY_TEXT = 4_096;
/** Buffer that an empty writer keeps; a larger one is given back after its chunk. */
const KEEP_BYTES = 256 * 1024;
/** Long enough for a UUID's 36 characters, and for any one number. */
const ROOM = 64;

/** UUIDs of a chunk that are known again, by three digits of each: a later one takes the place of an earlier one. */
const UUID_SLOTS = 4_096;

/** Lower-case hex digit → its value; 255 for anything else. */
const HEX_VALUE = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) HEX_VALUE[digit.toString(16).charCodeAt(0)] = digit;
const HEX_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** Where a UUID's sixteen bytes begin in its text. */
const UUID_PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** A growing buffer with the chunk's dictionary. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(16 * 1024);
  #view = viewOf(this.#bytes);
  #length = 0;
  readonly #dictionary = new Map<string, number>();
  /** Strings and UUIDs that the reader's dictionary holds by now. */
  #known = 0;
  /** Most UUIDs appear once: to hash each of them would cost more than to forget one now and then. */
  readonly #uuids: string[] = new Array<string>(UUID_SLOTS).fill('');
  readonly #uuidPlaces = new Int32Array(UUID_SLOTS);

  get length(): number {
    return this.#length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }

  byte(value: number): void {
    this.#reserve(ROOM);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1; seven bits a byte, lowest first. */
  uint(value: number): void {
    this.#reserve(ROOM);
    const bytes = this.#bytes;
    let rest = value;
    while (rest >= 2 ** 31) {
      bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      bytes[this.#length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[this.#length++] = rest;
  }

  /** A whole number between ±(2^53 - 1). The sign is the first byte's lowest bit, so small ones take a byte. */
  int(value: number): void {
    const sign = value < 0 ? 1 : 0;
    const size = sign === 1 ? -value : value;
    if (size < 64) {
      this.byte((size << 1) | sign);
      return;
    }
    // Not size * 2 + sign: that would leave the range in which a number is exact.
    this.byte(((size % 64) << 1) | sign | 128);
    this.uint(Math.floor(size / 64));
  }

  int64(value: bigint): void {
    this.#reserve(ROOM);
    this.#view.setBigInt64(this.#length, value, true);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(ROOM);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** 0: null, 1: a new string follows and enters the dictionary, 2: one that does not enter, n + 3: known. */
  string(value: string | null): void {
    if (value === null) {
      this.byte(0);
      return;
    }
    if (value.length > DICTIONARY_TEXT) this.byte(2);
    else {
      const known = this.#dictionary.get(value);
      if (known !== undefined) {
        this.uint(known + 3);
        return;
      }
      this.#dictionary.set(value, this.#known++);
      this.byte(1);
    }
    this.#text(value);
  }

  /** As a string, but never null, and 0 means that 16 bytes of a UUID follow, which enters the dictionary. */
  uuidOrString(value: string): void {
    if (value.length !== 36) {
      this.string(value);
      return;
    }
    const slot = slotOf(value);
    if (this.#uuids[slot] === value) this.uint(this.#uuidPlaces[slot]! + 3);
    else if (this.#uuid(value)) {
      this.#uuids[slot] = value;
      this.#uuidPlaces[slot] = this.#known++;
    } else this.string(value);
  }

  /** Writes 0 and 16 bytes when a text of 36 characters is a UUID in lower case; else nothing. */
  #uuid(text: string): boolean {
    if (text[8] !== '-' || text[13] !== '-' || text[18] !== '-' || text[23] !== '-') return false;
    this.#reserve(ROOM);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = 0;
    for (let n = 0; n < 16; n++) {
      const place = UUID_PLACES[n]!;
      const high = text.charCodeAt(place);
      const low = text.charCodeAt(place + 1);
      if (high > 127 || low > 127) return false;
      const byte = (HEX_VALUE[high]! << 4) | HEX_VALUE[low]!;
      if (byte > 255 || HEX_VALUE[low] === 255) return false;
      bytes[at++] = byte;
    }
    this.#length = at;
    return true;
  }

  #text(value: string): void {
    const length = Buffer.byteLength(value);
    this.uint(length);
    this.#reserve(length + ROOM);
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  /** Text of pairs of lower-case hex digits. */
  hex(text: string): void {
    this.uint(text.length / 2);
    this.#reserve(text.length + ROOM);
    this.#length += this.#bytes.write(text, this.#length, 'hex');
  }

  /** A copy of what was written; the writer is empty again. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    this.#dictionary.clear();
    this.#known = 0;
    this.#uuids.fill('');
    if (this.#bytes.length > KEEP_BYTES) {
      this.#bytes = Buffer.allocUnsafeSlow(KEEP_BYTES);
      this.#view = viewOf(this.#bytes);
    }
    return taken;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The slot of a text of 36 characters. Some kinds of UUID differ in their first digits, others in their last. */
function slotOf(text: string): number {
  const digit = (place: number) => HEX_VALUE[text.charCodeAt(place) & 127]!;
  return (((digit(5) ^ digit(33)) << 8) | ((digit(6) ^ digit(34)) << 4) | (digit(7) ^ digit(35))) & (UUID_SLOTS - 1);
}

/** Reads what a `ByteWriter` wrote. Every method throws an Error when the bytes end too early. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;
  readonly #dictionary: string[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  #skip(length: number): number {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw new Error('the bytes of an event chunk end too early');
    this.#at = from + length;
    return from;
  }

  byte(): number {
    return this.#bytes[this.#skip(1)]!;
  }

  uint(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = this.byte();
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    return value;
  }

  int(): number {
    const first = this.byte();
    let size = (first & 127) >> 1;
    if (first > 127) size += this.uint() * 64;
    return (first & 1) === 1 ? -size : size;
  }

  int64(): bigint {
    return this.#bytes.readBigInt64LE(this.#skip(8));
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#skip(8));
  }

  string(): string | null {
    const tag = this.uint();
    if (tag === 0) return null;
    if (tag > 2) return this.#known(tag - 3);
    const text = this.#text();
    if (tag === 1) this.#dictionary.push(text);
    return text;
  }

  uuidOrString(): string {
    const tag = this.uint();
    if (tag > 2) return this.#known(tag - 3);
    const text = tag === 0 ? this.#uuid() : this.#text();
    if (tag !== 2) this.#dictionary.push(text);
    return text;
  }

  #known(place: number): string {
    const text = this.#dictionary[place];
    if (text === undefined) throw new Error('an event chunk refers to a string that it does not hold');
    return text;
  }

  #text(): string {
    const length = this.uint();
    const from = this.#skip(length);
    return this.#bytes.toString('utf8', from, from + length);
  }

  #uuid(): string {
    const from = this.#skip(16);
    let text = '';
    for (let n = 0; n < 16; n++) {
      if (n === 4 || n === 6 || n === 8 || n === 10) text += '-';
      text += HEX_BYTE[this.#bytes[from + n]!];
    }
    return text;
  }

  hex(): string {
    const length = this.uint();
    const from = this.#skip(length);
    return this.#bytes.toString('hex', from, from + length);
  }
}
