import type { Value } from '../journal/value.ts';

/** The parameters of one execution as the log shows them. */
export interface LoggedParameters {
  readonly values: readonly Value[];
  /** True when a value may have been cut by `log_parameter_max_length`, or the list itself is damaged. */
  readonly truncated: boolean;
}

/** `parameters: ` up to PostgreSQL 15, `Parameters: ` later; the CONTEXT of an error says `… with parameters: `. */
const INTRODUCTION = /(?:^|with )parameters: (?=\$1 = )/i;
const NULL_VALUE: Value = { kind: 'null' };
const APOSTROPHE = 39;

/**
 * Reads `parameters: $1 = 'it''s', $2 = NULL` from a DETAIL or CONTEXT line. Values keep their text; their types are
 * not in the log. Returns null when the line shows no parameters.
 *
 * A cut value ends in `...'`, and so may a whole one. `longest` tells them apart where it can: the limit is one for
 * all values, so a value that is shorter than another one was not cut.
 * @param longest bytes of the longest value that was seen with these settings
 */
export function readParameters(line: string | null, longest: LongestValue): LoggedParameters | null {
  if (line === null) return null;
  const introduction = INTRODUCTION.exec(line);
  if (!introduction) return null;
  let index = introduction.index + introduction[0].length;
  const values: Value[] = [];
  let shortestSuspect = Number.POSITIVE_INFINITY;
  for (let number = 1; ; number++) {
    const name = `$${number} = `;
    if (!line.startsWith(name, index)) return { values, truncated: true };
    index += name.length;
    if (line.charCodeAt(index) === APOSTROPHE) {
      const close = closingApostrophe(line, index + 1);
      if (close < 0) return { values, truncated: true };
      const raw = line.slice(index + 1, close);
      const value = raw.includes("'") ? raw.replaceAll("''", "'") : raw;
      if (value.endsWith('...')) shortestSuspect = Math.min(shortestSuspect, Buffer.byteLength(value) - 3);
      else longest.saw(value);
      values.push({ kind: 'text', value, oid: null });
      index = close + 1;
    } else if (line.startsWith('NULL', index)) {
      values.push(NULL_VALUE);
      index += 4;
    } else return { values, truncated: true };
    if (!line.startsWith(', $', index)) break;
    index += 2;
  }
  // The CONTEXT of an error may go on with other lines.
  const whole = index === line.length || line.charCodeAt(index) === 10;
  const cut = shortestSuspect !== Number.POSITIVE_INFINITY && shortestSuspect >= longest.bytes;
  return { values, truncated: !whole || cut };
}

/** The longest value of a session, in bytes, that was certainly not cut. */
export class LongestValue {
  bytes = 0;

  saw(value: string): void {
    // A UTF-16 unit is at most three bytes: most values need no counting.
    if (value.length * 3 > this.bytes) this.bytes = Math.max(this.bytes, Buffer.byteLength(value));
  }
}

function closingApostrophe(line: string, from: number): number {
  for (let index = from; ; index += 2) {
    index = line.indexOf("'", index);
    if (index < 0 || line.charCodeAt(index + 1) !== APOSTROPHE) return index;
  }
}
