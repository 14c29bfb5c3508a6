import { RepriseError } from '../errors.ts';
import { known, type LogRecord } from './log-record.ts';
import type { LogClock } from './log-time.ts';

/**
 * Prefixes tried when none is given: the default, and what pgBadger, RDS, Debian, Azure and Cloud SQL use. Of those
 * that fit equally many lines the first is taken, so the plain ones come first.
 */
export const COMMON_PREFIXES: readonly string[] = [
  '%m [%c] ',
  '%t [%c] ',
  '%m [%p] ',
  '%t [%p] ',
  '%t [%p]: ',
  '%m [%p]: ',
  '%m|%u|%d|%c|%l|%v|%x|%a|',
  '%m|%u|%d|%c|',
  '%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ',
  '%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ',
  '%t [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ',
  '%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ',
  '%t [%p]: user=%u,db=%d,app=%a,client=%h ',
  '%m [%p]: user=%u,db=%d,app=%a,client=%h ',
  '%t [%p]: [%l-1] user=%u,db=%d ',
  '%t [%p-%l] %q%u@%d ',
  '%m [%p-%l] %q%u@%d ',
  '%m [%p] %q%u@%d ',
  '%t [%p] %q%u@%d ',
  '%t:%r:%u@%d:[%p]:',
  '%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:',
  '%m:%r:%u@%d:[%p]:',
  '%t-%c-',
  '%m-%c-',
  '%m [%p]: [%l-1] db=%d,user=%u ',
];

const SEVERITIES =
  'DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT|BACKTRACE';

const STAMP = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d';
const TEXT = '.*?';
const HOST = '\\[local\\]|[^ ]*?';
/** What each escape of `log_line_prefix` writes. `[unknown]`, and nothing at all, stand for a missing value. */
const ESCAPES: Readonly<Record<string, string>> = {
  a: TEXT,
  u: TEXT,
  d: TEXT,
  r: `${HOST}(?:\\([0-9]+\\))?`,
  h: HOST,
  L: `\\[none\\]|${HOST}`,
  b: TEXT,
  p: '\\d+',
  P: '\\d*',
  t: `${STAMP} [^\\s"]{1,40}?`,
  m: `${STAMP}\\.\\d{3} [^\\s"]{1,40}?`,
  n: '\\d+\\.\\d{3}',
  i: TEXT,
  e: '[0-9A-Z]{5}',
  c: '[0-9a-f]+\\.[0-9a-f]+',
  l: '\\d+',
  s: `${STAMP} [^\\s"]{1,40}?`,
  v: '(?:-?\\d+\\/\\d+)?',
  x: '\\d+',
  Q: '-?\\d+',
};

/** Characters that an escape may write: names have at most 63 bytes. */
const LONGEST = 300;
const LONG_LINE = 500;

/** A line that begins with the prefix, taken apart. */
export interface PrefixMatch {
  readonly groups: RegExpExecArray;
  /** LOG, ERROR, … or that of a follow-up line: DETAIL, STATEMENT, … */
  readonly severity: string;
  readonly rest: string;
}

/** A `log_line_prefix`, compiled. */
export class StderrPrefix {
  readonly text: string;
  /** True when the prefix has `%c`; otherwise sessions are told apart by pid and connection lines. */
  readonly hasSessionId: boolean;
  readonly #pattern: RegExp;
  /** The same for long lines, with a bound on what an escape may take, which costs time, and saves it where several may end anywhere. */
  readonly #bounded: RegExp;
  /** Group number of each escape; 0 where the prefix does not have it. */
  readonly #group: Readonly<Record<string, number>>;
  readonly #groups: number;

  /** @throws RepriseError PREFIX_UNUSABLE when the prefix has no stamp or cannot tell sessions apart. */
  constructor(prefix: string) {
    this.text = prefix;
    const group: Record<string, number> = {};
    let pattern = '';
    let count = 0;
    let optional = false;
    for (const match of prefix.matchAll(/%(-?\d*)([a-zA-Z%])|([^%]+|%)/g)) {
      const [, padding = '', letter, literal] = match;
      if (letter === undefined || letter === '%') {
        pattern += escapeRegExp(letter ?? (literal as string));
      } else if (letter === 'q') {
        if (!optional) pattern += '(?:';
        optional = true;
      } else {
        const written = ESCAPES[letter];
        // The server leaves out an escape that it does not know.
        if (written === undefined) continue;
        count++;
        group[letter] ??= count;
        const padded = padding !== '' && padding !== '-';
        pattern += `${padded && !padding.startsWith('-') ? ' *' : ''}(${written})${padded && padding.startsWith('-') ? ' *' : ''}`;
      }
    }
    // Lazy: a background process writes nothing here, and its message must not be taken for user and database.
    if (optional) pattern += ')??';
    this.#group = group;
    this.#groups = count;
    const bounded = pattern.replaceAll('.*?', `.{0,${LONGEST}}?`).replaceAll('[^ ]*?', `[^ ]{0,${LONGEST}}?`);
    [this.#pattern, this.#bounded] = [pattern, bounded].map(
      (prefix) => new RegExp(`^${prefix}(${SEVERITIES}):  (.*)$`, 's'),
    ) as [RegExp, RegExp];
    this.hasSessionId = group['c'] !== undefined;
    if (group['m'] === undefined && group['t'] === undefined && group['n'] === undefined) {
      throw unusable(prefix, 'has no time: it needs %m (or %t or %n)');
    }
    if (!this.hasSessionId && group['p'] === undefined) {
      throw unusable(prefix, 'cannot tell sessions apart: it needs %c, or %p together with log_connections = on');
    }
  }

  match(line: string): PrefixMatch | null {
    const groups = (line.length > LONG_LINE ? this.#bounded : this.#pattern).exec(line);
    if (!groups) return null;
    return {
      groups,
      severity: groups[this.#groups + 1] as string,
      rest: groups[this.#groups + 2] as string,
    };
  }

  /** What tells whose follow-up line this is. */
  session(match: PrefixMatch): string {
    return this.#value(match, 'c') ?? this.#value(match, 'p') ?? '';
  }

  /** The number of the line within its session, where the prefix has it. */
  lineNumber(match: PrefixMatch): number | null {
    const lineNumber = this.#value(match, 'l');
    return lineNumber === null ? null : Number(lineNumber);
  }

  /** Fills in what the prefix knows. Returns false when its day or time does not exist. */
  fill(record: LogRecord, match: PrefixMatch, clock: LogClock): boolean {
    const stamp = this.#value(match, 'm') ?? this.#value(match, 't');
    if (stamp === null) {
      record.time = Math.round(Number(this.#value(match, 'n')) * 1000) * 1000;
    } else {
      const zoneAt = stamp.indexOf(' ', 19);
      const fraction = stamp.slice(20, zoneAt);
      record.time = clock.micros(stamp.slice(0, 19), fraction, stamp.slice(zoneAt + 1));
      record.unit = fraction === '' ? 1_000_000 : 1000;
    }
    record.user = this.#value(match, 'u');
    record.database = this.#value(match, 'd');
    record.application = this.#value(match, 'a');
    record.sessionId = this.#value(match, 'c');
    const pid = this.#value(match, 'p');
    record.pid = pid === null ? pidOf(record.sessionId) : Number(pid);
    record.lineNumber = this.lineNumber(match);
    record.tag = this.#value(match, 'i');
    record.virtualXid = this.#value(match, 'v');
    record.sqlstate = this.#value(match, 'e');
    record.backendType = this.#value(match, 'b');
    return !Number.isNaN(record.time);
  }

  #value(match: PrefixMatch, letter: string): string | null {
    const group = this.#group[letter];
    return group === undefined ? null : known(match.groups[group]);
  }
}

function pidOf(sessionId: string | null): number | null {
  if (sessionId === null) return null;
  const pid = Number.parseInt(sessionId.slice(sessionId.indexOf('.') + 1), 16);
  return Number.isNaN(pid) ? null : pid;
}

/**
 * The first of the common prefixes that most of these lines begin with.
 * @throws RepriseError PREFIX_UNUSABLE when none does.
 */
export function recognisePrefix(lines: readonly string[]): StderrPrefix | null {
  const candidates = lines.filter((line) => line !== '' && !line.startsWith('\t')).slice(0, 200);
  let best: StderrPrefix | null = null;
  let bestCount = 0;
  for (const text of COMMON_PREFIXES) {
    const prefix = new StderrPrefix(text);
    let count = 0;
    for (const line of candidates) {
      if (prefix.match(line)) count++;
    }
    if (count > bestCount) {
      best = prefix;
      bestCount = count;
    }
  }
  return bestCount * 2 > candidates.length ? best : null;
}

/** Whether a line looks like one of the server's, whatever its prefix. */
export function looksLikeServerLine(line: string): boolean {
  return (
    /(?:LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|DETAIL|STATEMENT|HINT|CONTEXT): {2}/.test(line) ||
    /^\d{4}-\d\d-\d\d /.test(line)
  );
}

/** Whether a line of the server has a severity that is no English word. */
export function isInAnotherLanguage(line: string): boolean {
  const severity = STAMPED_SEVERITY.exec(line)?.[1];
  return severity !== undefined && !ENGLISH.test(severity);
}

const STAMPED_SEVERITY = new RegExp(`${STAMP}.*?(?<!\\p{L})(\\p{L}{2,}): {2}`, 'u');
const ENGLISH = new RegExp(`^(?:${SEVERITIES})$`);

function escapeRegExp(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

function unusable(prefix: string, why: string): RepriseError {
  return new RepriseError('PREFIX_UNUSABLE', `log_line_prefix ${JSON.stringify(prefix)} ${why}`, {
    path: ['logLinePrefix'],
  });
}
