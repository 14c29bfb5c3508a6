import { RepriseError } from '../errors.ts';
import { nameProblem } from '../journal/name.ts';
import { checkFilter, checkWindow } from '../journal/window.ts';
import { EDGES, ORDERINGS, RECORD_SLOWER, type ReplayInput, type ReplayRequest, SPEED_RANGE } from './request.ts';
import { parseThreshold } from './thresholds.ts';

/** Most statements under way on one connection: beyond it nothing gets faster. */
const MAX_IN_FLIGHT = 1024;
/**
 * Statements under way on one connection where the request does not say. The target must not run dry while answers
 * gather (some milliseconds) and while a page of the journal is read; where there are many connections, the others have
 * work for it meanwhile.
 */
const IN_FLIGHT = { COMMIT: 1024, SESSION: 256, TIMESTAMP: 1 } as const;
const DAY_MS = 86_400_000;
/** Most conditions of a request, and of one reading of a report. */
export const MAX_THRESHOLDS = 100;
const MAX_MAPPINGS = 1000;

/**
 * Fills in the defaults of a request and checks every field.
 * @throws RepriseError WINDOW_INVERTED, or BAD_INPUT naming the field and its range.
 */
export function completeRequest(input: ReplayInput): ReplayRequest {
  checkWindow(input.window, ['input', 'window']);
  const ordering = oneOf('ordering', input.ordering ?? 'TIMESTAMP', ORDERINGS);
  const pace = input.pace ?? { mode: 'AS_FAST_AS_POSSIBLE' };
  if (pace.mode === 'RECORDED') {
    inRange('pace.speed', pace.speed, SPEED_RANGE.min, SPEED_RANGE.max);
    if (pace.maxIdleMs != null) inRange('pace.maxIdleMs', pace.maxIdleMs, 0, DAY_MS);
  }
  const scale = inRange('scale', input.scale ?? 1, 1, 1000, true);
  if (scale > 1 && ordering !== 'SESSION') throw bad('scale', 'multiplies sessions, which only SESSION ordering can');
  const syncCommits = input.syncCommits ?? false;
  if (syncCommits && ordering !== 'SESSION')
    throw bad('syncCommits', 'is for SESSION ordering; the others keep commits in order anyway');
  if (syncCommits && scale > 1)
    throw bad('syncCommits', 'cannot be kept with scale above 1: each commit would happen several times');
  const markProgress = input.markProgress ?? false;
  if (markProgress && ordering !== 'COMMIT')
    throw bad('markProgress', 'is for COMMIT ordering, which replays whole transactions');
  const readOnly = input.readOnly ?? false;
  if (readOnly && markProgress) throw bad('markProgress', 'writes to the target, which readOnly forbids');
  if (input.restoreIds && ordering !== 'COMMIT')
    throw bad('restoreIds', 'is for COMMIT ordering: in the others nobody can tell which statement draws next');
  const stopAfterFailures = optional('stopAfterFailures', input.stopAfterFailures, 1, Number.MAX_SAFE_INTEGER);
  // Behind a first failure nothing is to be done any more, and what is under way cannot be called back.
  const fewest = stopAfterFailures === 1 ? 1 : IN_FLIGHT[ordering];
  const inFlight = inRange('inFlight', input.inFlight ?? fewest, 1, MAX_IN_FLIGHT, true);
  if ((input.inFlight ?? 1) > 1) {
    if (ordering === 'TIMESTAMP')
      throw bad('inFlight', 'above 1 is for COMMIT and SESSION ordering; TIMESTAMP sends one statement after another');
    if (ordering === 'SESSION' && pace.mode === 'RECORDED')
      throw bad('inFlight', 'above 1 is not for SESSION ordering at recorded pace, which sends what is due one by one');
  }
  // In a pipeline the question costs most and settles least: what is under way behind it is lost with its answer.
  const oneByOne = ordering === 'TIMESTAMP' || inFlight === 1 || (ordering === 'SESSION' && pace.mode === 'RECORDED');
  const slower = input.slower ?? RECORD_SLOWER;
  return {
    window: input.window,
    target: input.target,
    ordering,
    pace,
    edges: oneOf('edges', input.edges ?? (ordering === 'COMMIT' ? 'INCLUDE' : 'CUT'), EDGES),
    filter: checkFilter(input.filter ?? {}, ['input', 'filter']),
    databases: input.databases?.length ? mappings('databases', input.databases, ({ target }) => target) : null,
    users: logins(input.users ?? []),
    stopAfterFailures,
    statementTimeoutMs: inRange('statementTimeoutMs', input.statementTimeoutMs ?? 60_000, 1, DAY_MS, true),
    connectTimeoutMs: inRange('connectTimeoutMs', input.connectTimeoutMs ?? 10_000, 1, 600_000, true),
    runTimeoutMs: optional('runTimeoutMs', input.runTimeoutMs, 1, 30 * DAY_MS),
    maxConnections: inRange('maxConnections', input.maxConnections ?? 100, 2, 10_000, true),
    inFlight,
    readOnly,
    digestRows: input.digestRows ?? false,
    slower: checkSlower(slower),
    thresholds: thresholdsOf(input.thresholds ?? []),
    restoreIds: input.restoreIds ?? (ordering === 'COMMIT' && !readOnly),
    markProgress,
    settleCommits: (input.settleCommits ?? oneByOne) && !readOnly,
    syncCommits,
    scale,
  };
}

/**
 * Checks the argument `speed` of a change of speed.
 * @throws RepriseError BAD_INPUT outside of 0.1 to 100.
 */
export function checkSpeed(speed: number): number {
  return inRange('speed', speed, SPEED_RANGE.min, SPEED_RANGE.max, false, []);
}

/**
 * Checks a measure of SLOWER; `path`: where the argument that holds it stands.
 * @throws RepriseError BAD_INPUT: below 1 times, less would be slower than more
 */
export function checkSlower(
  { ratio, minMs }: ReplayRequest['slower'],
  path: readonly string[] = ['input'],
): ReplayRequest['slower'] {
  inRange('slower.ratio', ratio, 1, 1_000_000, false, path);
  inRange('slower.minMs', minMs, 0, DAY_MS, false, path);
  return { ratio, minMs };
}

function thresholdsOf(given: readonly string[]): readonly string[] {
  if (given.length > MAX_THRESHOLDS) throw bad('thresholds', `are at most ${MAX_THRESHOLDS}, not ${given.length}`);
  return given.map((text) => parseThreshold(text, ['input', 'thresholds']).text);
}

/** Which of two would win is nothing to guess at: statements would be executed elsewhere than somebody meant. */
function mappings<Mapping extends { readonly recorded: string }>(
  field: 'databases' | 'users',
  given: readonly Mapping[],
  nameOf: (mapping: Mapping) => string,
): readonly Mapping[] {
  if (given.length > MAX_MAPPINGS) throw bad(field, `must be at most ${MAX_MAPPINGS}, not ${given.length}`);
  const seen = new Set<string>();
  for (const mapping of given) {
    const { recorded } = mapping;
    const from = nameProblem(recorded);
    if (from !== null) throw bad(field, `must not map a recorded name that ${from}`);
    const shown = JSON.stringify(recorded);
    if (seen.has(recorded)) throw bad(field, `must not map ${shown} twice: give it one place to go`);
    seen.add(recorded);
    const name = nameOf(mapping);
    if (name === '') throw bad(field, `must not map ${shown} to an empty name: leave it out, or name a place to go`);
    // The start-up message separates its fields by NUL: one in a name would smuggle in options.
    const to = nameProblem(name);
    if (to !== null) throw bad(field, `must not map ${shown} to a name that ${to}`);
  }
  return given;
}

function logins(given: ReplayRequest['users']): ReplayRequest['users'] {
  const users = mappings('users', given, ({ user }) => user);
  const wrong = users.find(({ password }) => password?.includes('\0'));
  if (wrong)
    throw bad('users', `must not give ${JSON.stringify(wrong.recorded)} a password that holds a NUL character`);
  return users;
}

function bad(field: string, why: string, path: readonly string[] = ['input']): RepriseError {
  return new RepriseError('BAD_INPUT', `${field} ${why}`, { path: [...path, ...field.split('.')] });
}

function inRange(
  field: string,
  value: number,
  low: number,
  high: number,
  whole = false,
  path?: readonly string[],
): number {
  if (!Number.isFinite(value) || value < low || value > high)
    throw bad(field, `must be ${low} to ${high}, not ${value}`, path);
  if (whole && !Number.isInteger(value)) throw bad(field, `must be a whole number, not ${value}`, path);
  return value;
}

function optional(field: string, value: number | null | undefined, low: number, high: number): number | null {
  return value === null || value === undefined ? null : inRange(field, value, low, high, true);
}

function oneOf<T extends string>(field: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw bad(field, `must be one of ${allowed.join(', ')}, not ${value}`);
  return value;
}
