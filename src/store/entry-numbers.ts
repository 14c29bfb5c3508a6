import type { EntriesTable } from './tables.ts';

/** The numbers of an entry in the order in which `NumberReader` meets them in a record. */
export const ENTRY_NUMBERS = [
  'origin_id',
  'position',
  'ts',
  'arrival',
  'sequence',
  'type',
  'protocol',
  'outcome',
  'unreplayable',
  'duration_ms',
  'rows',
] as const satisfies readonly (keyof EntriesTable)[];

/** The first number of a record of `ENTRY_NUMBERS`. */
export function originIdIn(record: string): number {
  return new NumberReader(record).integer();
}

/** The second one, as text. */
export function positionIn(record: string): string {
  const comma = record.indexOf(',');
  return record.slice(comma + 1, record.indexOf(',', comma + 1));
}

/** The third one. */
export function timestampIn(record: string): number {
  const numbers = new NumberReader(record);
  numbers.text();
  numbers.text();
  return numbers.integer();
}

const POINT = 46;
const ZERO = 48;
const NINE = 57;

const COMMA = 44;
const CLOSING = 41;

/** Any number of so many digits is below 2^31. */
const SMALL_DIGITS = 9;

/** Any number of so many digits is one that a double holds exactly. */
const EXACT_DIGITS = 15;

const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/**
 * Takes the text of a record of numbers, `(1,2,,0.25)`, apart, from its start or from `at` to its end. Digit by digit: a
 * split and a conversion of each part would cost several times as much.
 */
export class NumberReader {
  readonly #record: string;
  /** Behind the parenthesis or comma in front of the next field. */
  #at: number;

  constructor(record: string, at = 1) {
    this.#record = record;
    this.#at = at;
  }

  /** A number as it is written. */
  text(): string {
    return this.#field(this.#at);
  }

  /** An integer that is not null. */
  integer(): number {
    const start = this.#at;
    const value = this.#digits();
    return value < 0 ? Number(this.#field(start)) : value;
  }

  integerOrNull(): number | null {
    return this.#isNull() ? null : this.integer();
  }

  /** An integer that is not null and may be beyond what a double holds. */
  bigint(): bigint {
    const start = this.#at;
    const value = this.#digits();
    return BigInt(value < 0 ? this.#field(start) : value);
  }

  floatOrNull(): number | null {
    if (this.#isNull()) return null;
    const start = this.#at;
    const record = this.#record;
    let value = 0;
    let point = -1;
    let at = start;
    for (; ; at += 1) {
      const code = record.charCodeAt(at);
      if (code >= ZERO && code <= NINE) value = value * 10 + (code - ZERO);
      else if (code === POINT) point = at;
      else break;
    }
    const length = at - start;
    // Signs, exponents, NaN and the infinities stop the digits early.
    if (length > EXACT_DIGITS || !isEnd(record, at)) return Number(this.#field(start));
    this.#at = at + 1;
    // Both are exact, so the division rounds once, as the conversion of the text would.
    return point < 0 ? value : value / (POWERS_OF_TEN[at - point - 1] as number);
  }

  /** The field, where it is digits that a double holds exactly, and goes behind it; -1, and stays, for any other. */
  #digits(): number {
    const record = this.#record;
    const start = this.#at;
    let at = start;
    let code = record.charCodeAt(at);
    // Small integers as long as they are, which are no objects to the engine.
    let small = 0;
    for (const end = at + SMALL_DIGITS; code >= ZERO && code <= NINE && at < end; code = record.charCodeAt(at)) {
      small = (small * 10 + (code - ZERO)) | 0;
      at += 1;
    }
    if (code === COMMA || code === CLOSING) {
      if (at === start) return -1;
      this.#at = at + 1;
      return small;
    }
    let large = small;
    for (; code >= ZERO && code <= NINE; code = record.charCodeAt(at)) {
      large = large * 10 + (code - ZERO);
      at += 1;
    }
    if (at === start || large > Number.MAX_SAFE_INTEGER || !isEnd(record, at)) return -1;
    this.#at = at + 1;
    return large;
  }

  /** The text of the field that starts there, and goes behind it. */
  #field(start: number): string {
    let end = start;
    while (!isEnd(this.#record, end)) end += 1;
    this.#at = end + 1;
    return this.#record.slice(start, end);
  }

  #isNull(): boolean {
    if (!isEnd(this.#record, this.#at)) return false;
    this.#at += 1;
    return true;
  }
}

function isEnd(record: string, at: number): boolean {
  const code = record.charCodeAt(at);
  return code === COMMA || code === CLOSING || at >= record.length;
}
