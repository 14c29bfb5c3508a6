import type { WindowInput } from '../../client/index.ts';

/** Whole microseconds since 1970 UTC: exact in a number until the year 2255. */
export type Micros = number;

/** A span of recorded time, inclusive at both ends. */
export interface Span {
  readonly from: Micros;
  readonly to: Micros;
}

/** Wider than any record: years that timestamps of microseconds can name. */
export const ALWAYS: WindowInput = { from: '1970-01-01T00:00:00Z', to: '2200-01-01T00:00:00Z' };

const PATTERN = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,6})\d*)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/** Reads a timestamp; without a zone it is taken as UTC. Null when it is none. */
export function parseMicros(text: string): Micros | null {
  const match = PATTERN.exec(text.trim());
  if (!match) return null;
  const [, date, clock, fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${date}T${clock?.length === 5 ? `${clock}:00` : clock}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? null : ms * 1000 + Number(fraction.padEnd(6, '0'));
}

/** Reads a timestamp of the API. */
export function micros(timestamp: string): Micros {
  const value = parseMicros(timestamp);
  if (value === null) throw new Error(`${timestamp} is not a timestamp`);
  return value;
}

/** RFC 3339 in UTC with six fractional digits, as the API writes it. */
export function formatMicros(value: Micros): string {
  const ms = Math.floor(value / 1000);
  return `${new Date(ms).toISOString().slice(0, 19)}.${String(value - Math.floor(value / 1_000_000) * 1_000_000).padStart(6, '0')}Z`;
}

/** A span as the API takes it. */
export function windowOf({ from, to }: Span): WindowInput {
  return { from: formatMicros(from), to: formatMicros(to) };
}

/** `16:29:27.576`, or with six digits where they are not zero. */
export function clock(timestamp: string): string {
  const time = timestamp.slice(11, 26);
  return time.endsWith('000') ? time.slice(0, 12) : time;
}

/** `2026-11-23 16:29:27.576` in UTC. */
export function dateTime(timestamp: string): string {
  return `${timestamp.slice(0, 10)} ${clock(timestamp)}`;
}

/** `2026-11-23 16:29:27`, for times of the service, where fractions say nothing. */
export function toSecond(timestamp: string): string {
  return `${timestamp.slice(0, 10)} ${timestamp.slice(11, 19)}`;
}

/** Steps of a time axis, microseconds. */
const STEPS = [
  1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 1.2e8, 3e8, 6e8, 9e8, 1.8e9, 3.6e9,
  7.2e9, 1.08e10, 2.16e10, 4.32e10, 8.64e10, 1.728e11, 6.048e11, 2.592e12, 7.776e12, 3.1536e13,
];

/** Round times inside a span, at most `most` of them, with labels no finer than they need to be. */
export function ticks({ from, to }: Span, most: number): readonly { readonly at: Micros; readonly label: string }[] {
  const step = STEPS.find((candidate) => (to - from) / candidate <= most) ?? 3.1536e13;
  const result = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const iso = formatMicros(at);
    const label =
      step >= 8.64e10
        ? iso.slice(0, 10)
        : step >= 6e7
          ? iso.slice(11, 16)
          : step >= 1e6
            ? iso.slice(11, 19)
            : iso.slice(11, 23);
    result.push({ at, label });
  }
  return result;
}
