import { RepriseError } from '../errors.ts';
import type { Micros } from '../journal/entry.ts';

/** Offsets in minutes of abbreviations that mean one thing only. CST, IST, BST, AST and the like are left out. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  UTC: 0, GMT: 0, UCT: 0, Z: 0, Zulu: 0, WET: 0, WEST: 60, CET: 60, CEST: 120, MET: 60, MEST: 120, EET: 120, EEST: 180,
  MSK: 180, SAST: 120, EST: -300, EDT: -240, CDT: -300, MST: -420, MDT: -360, PST: -480, PDT: -420, AKST: -540,
  AKDT: -480, HST: -600, ADT: -180, NST: -210, NDT: -150, JST: 540, KST: 540, HKT: 480, AWST: 480, ACST: 570, ACDT: 630,
  AEST: 600, AEDT: 660, NZST: 720, NZDT: 780,
}; // biome-ignore format: a table

/**
 * What abbreviations mean besides, in minutes: only where `log_timezone` says that they do. Of a zone with summer time, Intl
 * does not know them all: IDT and IST of Jerusalem, CDT and CST of Havana.
 */
const OTHER_MEANINGS: Readonly<Record<string, readonly number[]>> = {
  AST: [-240, 180], BST: [60, 360], CDT: [-240], CST: [-360, -300, 480], IDT: [180], IST: [60, 120, 330], PST: [480],
}; // biome-ignore format: a table

/** No abbreviation is longer: what is, in a log whose zone is known, is damage however often it comes. Characters. */
const LONGEST_ABBREVIATION = 8;
/** Odd abbreviations that are remembered; a log of nothing but damage must not fill the memory. */
const MOST_ODD = 64;

const NUMERIC = /^([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?$/;

/**
 * Reads the stamps of one log. A zone abbreviation that could mean several zones is never guessed: it needs
 * `logTimezone`, the server's `log_timezone` as an IANA name.
 */
export class LogClock {
  readonly #zone: string | null;
  readonly #format: Intl.DateTimeFormat | null;
  #second = '';
  #abbreviation = '';
  #base = 0;
  /** A stamp of this log has told its zone. */
  #told = false;
  /** Abbreviations that could not be told behind one that could: each once so far. */
  readonly #odd = new Set<string>();

  /** @throws RepriseError BAD_INPUT for a zone that Intl does not know. */
  constructor(logTimezone: string | null) {
    this.#zone = logTimezone;
    this.#format = logTimezone === null ? null : zoneFormat(logTimezone);
  }

  /**
   * @param second `YYYY-MM-DD HH:MM:SS`
   * @param fraction digits behind the point, may be empty
   * @param abbreviation the zone as logged
   * @returns microseconds, or NaN when the day or time does not exist, or for a zone that comes once in a log whose zone
   * is known: a damaged record must not end the import of all others
   * @throws RepriseError BAD_INPUT when the zone cannot be told
   */
  micros(second: string, fraction: string, abbreviation: string): Micros {
    // Neighbouring records share their second: parse it once.
    if (second !== this.#second || abbreviation !== this.#abbreviation) {
      const local = localMillis(second);
      const offset = Number.isNaN(local) ? local : this.#offsetMillis(local, abbreviation);
      if (Number.isNaN(offset)) return offset;
      this.#told = true;
      this.#base = (local - offset) * 1000;
      this.#second = second;
      this.#abbreviation = abbreviation;
    }
    return fraction === '' ? this.#base : this.#base + fractionMicros(fraction);
  }

  #offsetMillis(local: number, abbreviation: string): number {
    const numeric = NUMERIC.exec(abbreviation);
    if (numeric) {
      const [, sign, hours, minutes = '0', seconds = '0'] = numeric;
      return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === '-' ? -1000 : 1000);
    }
    if (this.#format) return this.#zoneOffset(local, abbreviation, this.#format);
    const minutes = ABBREVIATIONS[abbreviation];
    if (minutes !== undefined) return minutes * 60_000;
    if (this.#told && !this.#odd.has(abbreviation)) {
      if (abbreviation.length <= LONGEST_ABBREVIATION && this.#odd.size < MOST_ODD) this.#odd.add(abbreviation);
      return Number.NaN;
    }
    throw new RepriseError(
      'BAD_INPUT',
      `the log's time zone ${JSON.stringify(abbreviation)} could be any of several: ` +
        "give the server's log_timezone as --log-timezone, for example America/Chicago",
      { path: ['logTimezone'] },
    );
  }

  /**
   * In the hour that autumn repeats, two offsets fit: the abbreviation decides. One that has a single meaning, which does not
   * fit, is of another zone: of GMT before the server has read its settings, or of the zone that it had before.
   */
  #zoneOffset(local: number, abbreviation: string, format: Intl.DateTimeFormat): number {
    const fitting: number[] = [];
    for (const shift of [-86_400_000, 86_400_000]) {
      const offset = offsetAt(format, local + shift);
      if (!fitting.includes(offset) && offsetAt(format, local - offset) === offset) fitting.push(offset);
    }
    const usual = ABBREVIATIONS[abbreviation];
    const others = OTHER_MEANINGS[abbreviation] ?? [];
    const meant = fitting.filter((offset) => [usual, ...others].includes(offset / 60_000));
    // CST is of Chicago's winter and of Havana's, an hour apart, and so is CDT of their summers: both may fit.
    if (meant.length > 0) return abbreviation.endsWith('DT') ? Math.max(...meant) : Math.min(...meant);
    if (usual !== undefined && others.length === 0) return usual * 60_000;
    if (fitting.length === 0) return offsetAt(format, local);
    const named = fitting.find((offset) => shortName(this.#zone as string, local - offset) === abbreviation);
    return named ?? (fitting[0] as number);
  }
}

function zoneFormat(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (cause) {
    throw new RepriseError(
      'BAD_INPUT',
      `logTimezone ${JSON.stringify(zone)} is no time zone known here: give an IANA name like Europe/Berlin`,
      { path: ['logTimezone'], cause },
    );
  }
}

function offsetAt(format: Intl.DateTimeFormat, utc: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(utc)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utc / 1000) * 1000;
}

function shortName(zone: string, utc: number): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'short' }).formatToParts(utc);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
}

/** The stamp read as if it were UTC, in milliseconds; NaN when there is no such day or time. */
function localMillis(second: string): number {
  if (second.length !== 19) return Number.NaN;
  const day = Number(second.slice(8, 10));
  const millis = Date.UTC(
    Number(second.slice(0, 4)),
    Number(second.slice(5, 7)) - 1,
    day,
    Number(second.slice(11, 13)),
    Number(second.slice(14, 16)),
    Number(second.slice(17, 19)),
  );
  return new Date(millis).getUTCDate() === day ? millis : Number.NaN;
}

function fractionMicros(digits: string): number {
  return digits.length === 3 ? Number(digits) * 1000 : Number(digits.slice(0, 6).padEnd(6, '0'));
}
