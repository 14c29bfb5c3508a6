import { RepriseError } from '../errors.ts';
import type { Micros, NewEntry, StatementType } from './entry.ts';

/** `[from, to]`, inclusive at both ends. */
export interface Window {
  readonly from: Micros;
  readonly to: Micros;
}

/** Which entries of a window to take; every given field must match (lists: any of). */
export interface EntryFilter {
  readonly sessionIds?: readonly string[];
  readonly transactionIds?: readonly string[];
  readonly databases?: readonly string[];
  readonly users?: readonly string[];
  readonly applications?: readonly string[];
  readonly statementTypes?: readonly StatementType[];
  /** Case-insensitive substring of the statement text. */
  readonly text?: string;
  /** Case-insensitive substring that the statement text must not hold. */
  readonly textExcludes?: string;
  readonly outcome?: 'SUCCEEDED' | 'FAILED' | 'UNKNOWN';
  readonly minDurationMs?: number;
  /**
   * Transaction control and what `changesSession` pass whatever `statementTypes`, texts, `outcome` and `minDurationMs` say: a
   * replay that filtered COMMIT away would leave its transactions open, without SET what follows would run under other settings.
   */
  readonly keepControl?: boolean;
}

const SPACE = ' \t\n\v\f\r';
/**
 * PREPARE or DEALLOCATE behind comments, as the one statement of its text, in any case of letters; one that holds a `;` elsewhere
 * may do anything behind it. For the regular expressions of JavaScript and of PostgreSQL alike.
 */
export const PREPARES = `^([${SPACE}]|--[^\n]*\n|/[*][^*]*[*]+([^/*][^*]*[*]+)*/)*(prepare|deallocate)[^a-z0-9_$;][^;]*(;[;${SPACE}]*)?$`;
const MAKES_PREPARED = new RegExp(PREPARES, 'i');

/** True for SET, RESET, DISCARD, PREPARE and DEALLOCATE: later statements of the session go by what they leave. */
export function changesSession({ statement, statementType }: Pick<NewEntry, 'statement' | 'statementType'>): boolean {
  return statementType === 'SET' || (statementType === 'OTHER' && MAKES_PREPARED.test(statement));
}

/** Most values in one list of a filter: each is held against every origin or transaction of a window, or is put into a set. */
const MOST_LISTED = 10_000;

/** Most characters that a statement may be asked to hold: the database folds their case anew for each statement. */
const LONGEST_TEXT = 10_000;

/**
 * Refuses a filter that asks for what nothing can be, or for too much; `path`: where it stands among the arguments.
 * @throws RepriseError BAD_INPUT, LIMIT_EXCEEDED
 */
export function checkFilter<Filter extends EntryFilter>(filter: Filter, path: readonly string[] = ['filter']): Filter {
  const { minDurationMs } = filter;
  if (minDurationMs !== undefined && !(minDurationMs >= 0 && minDurationMs < Number.POSITIVE_INFINITY)) {
    throw new RepriseError('BAD_INPUT', `filter.minDurationMs must be 0 or more, not ${minDurationMs}`, {
      path: [...path, 'minDurationMs'],
    });
  }
  for (const field of ['text', 'textExcludes'] as const) {
    const text = filter[field] ?? 'absent';
    const { length } = text;
    const fail = (code: 'BAD_INPUT' | 'LIMIT_EXCEEDED', why: string): never => {
      throw new RepriseError(code, `filter.${field} ${why}`, { path: [...path, field] });
    };
    if (length === 0) fail('BAD_INPUT', 'is empty, which every statement holds: leave it out');
    if (text.includes('\0')) fail('BAD_INPUT', 'holds a NUL character, which no statement does');
    if (length > LONGEST_TEXT) fail('LIMIT_EXCEEDED', `has ${length} characters: give at most ${LONGEST_TEXT}`);
  }
  checkLists(filter, path);
  for (const field of ['sessionIds', 'databases', 'users', 'applications'] as const) {
    if (!filter[field]?.some((name) => name.includes('\0'))) continue;
    const why = 'hold a name with a NUL character, which no name of PostgreSQL has';
    throw new RepriseError('BAD_INPUT', `filter.${field} ${why}`, { path: [...path, field] });
  }
  return filter;
}

/**
 * Refuses the fields of a filter whose lists are too long; `path`: where it stands among the arguments.
 * @throws RepriseError LIMIT_EXCEEDED
 */
export function checkLists(filter: object, path: readonly string[] = ['filter']): void {
  for (const [field, value] of Object.entries(filter)) {
    if (!Array.isArray(value) || value.length <= MOST_LISTED) continue;
    const name = [...path.slice(-1), field].join('.');
    throw new RepriseError('LIMIT_EXCEEDED', `${name} are ${value.length}: give at most ${MOST_LISTED}`, {
      path: [...path, field],
    });
  }
}

/** True when the entry passes the filter; what the store does in SQL. */
export function matchesEntry(filter: EntryFilter, entry: NewEntry): boolean {
  const { origin } = entry;
  const within = (list: readonly string[] | undefined, value: string | null) =>
    list === undefined || (value !== null && list.includes(value));
  if (
    !within(filter.sessionIds, origin.sessionId) ||
    !within(filter.transactionIds, entry.transactionId) ||
    !within(filter.databases, origin.database) ||
    !within(filter.users, origin.user) ||
    !within(filter.applications, origin.application)
  ) {
    return false;
  }
  return matchesStatement(filter, entry);
}

/** True when the statement passes what the filter says about single statements, whatever transaction it is of. */
export function matchesStatement(filter: EntryFilter, entry: NewEntry): boolean {
  if (filter.keepControl === true && (entry.statementType === 'TRANSACTION' || changesSession(entry))) return true;
  return (
    (filter.statementTypes === undefined || filter.statementTypes.includes(entry.statementType)) &&
    (filter.text === undefined || entry.statement.toLowerCase().includes(filter.text.toLowerCase())) &&
    (filter.textExcludes === undefined || !entry.statement.toLowerCase().includes(filter.textExcludes.toLowerCase())) &&
    (filter.outcome === undefined || entry.outcome.status === filter.outcome) &&
    (filter.minDurationMs === undefined || (entry.durationMs !== null && entry.durationMs >= filter.minDurationMs))
  );
}

/**
 * Refuses an inverted window.
 * @throws RepriseError WINDOW_INVERTED when `from` is later than `to`.
 */
export function checkWindow(window: Window, path: readonly string[] = ['window']): Window {
  if (window.from > window.to) {
    throw new RepriseError(
      'WINDOW_INVERTED',
      `window.from (${formatMicros(window.from)}) is later than window.to (${formatMicros(window.to)}): swap them`,
      { path },
    );
  }
  return window;
}

/** RFC 3339 in UTC with always six fractional digits: `2026-11-23T16:28:37.426000Z`. */
export function formatMicros(micros: Micros): string {
  const second = Math.floor(micros / 1_000_000);
  if (second !== lastSecond) {
    // Throws for what is no time, before anything is kept of it.
    lastPrefix = new Date(second * 1000).toISOString().slice(0, -4);
    lastSecond = second;
  }
  return `${lastPrefix}${String(micros - second * 1_000_000).padStart(6, '0')}Z`;
}

/** Timestamps are written by the thousand, most of one second after another of the same: its text is kept. */
let lastSecond = Number.NaN;
let lastPrefix = '';

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|z|UTC|GMT|[+-]\d\d(?::?[0-5]\d)?)$/;

/** PostgreSQL's own bound for a zone, in minutes: below 16 hours. */
const MAX_OFFSET_MINUTES = 16 * 60 - 1;

/**
 * Reads an RFC 3339 timestamp (also with a space for the T, without seconds, or with a zone of two digits).
 * A zone is required: a journal that guessed one would replay the wrong hour.
 * Fractions finer than a microsecond are cut. A leap second is refused: no clock of the server shows one.
 * @throws RepriseError BAD_INPUT
 */
export function parseMicros(text: string, path: readonly string[] = []): Micros {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  const bad = (why: string) => new RepriseError('BAD_INPUT', `${path.at(-1) ?? 'timestamp'} ${shown} ${why}`, { path });
  const match = RFC3339.exec(text.trim());
  if (!match) throw bad('is not an RFC 3339 timestamp with a zone: write it like 2026-11-23T16:28:37.426Z');
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone = 'Z'] = match;
  const base = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Date.parse rolls 31 February and 24:00 over to the next day; a timestamp that shifts by itself is refused instead.
  if (Number.isNaN(base) || new Date(base).getUTCDate() !== Number(day)) {
    throw bad('names a day or time that does not exist');
  }
  let offsetMinutes = 0;
  if (/^[+-]/.test(zone)) {
    const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
    offsetMinutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
    if (offsetMinutes > MAX_OFFSET_MINUTES) throw bad('has a zone that does not exist');
    if (zone[0] === '-') offsetMinutes = -offsetMinutes;
  }
  const micros = (base - offsetMinutes * 60_000) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  // Beyond 2^53 a number loses microseconds, and with them the order of entries.
  if (!Number.isSafeInteger(micros))
    throw bad('lies outside of what microseconds in a number can hold (1684-07 to 2255-06)');
  return micros;
}
