import { z } from 'zod';
import { RepriseError } from '../errors.ts';
import type { ReplayEngine } from '../graphql/context.ts';
import { checkWindow, parseMicros } from '../journal/window.ts';
import type { ReplayInput } from '../replay/request.ts';
import type { RunCause } from '../replay/run-observer.ts';
import type { Replay } from '../replay/store.ts';

/** Answer of `POST /api/replay`, as the scripts that were written for it read it. */
export interface ReplayAnswer {
  /** Sent and answered, failed ones included. */
  readonly statements_replayed: number;
  /** Without those that only followed from an earlier one (25P02). */
  readonly failures: number;
  readonly elapsed_ms: number;
  /** Epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly first_error: string | null;
}

/** What is said of a field that is not what it should be. */
const must = (be: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (input === undefined ? 'is missing' : `must be ${be}`),
});
const time = z.union([z.string(), z.number()], must('an RFC 3339 time with a zone, or epoch seconds'));
const login = z.string(must('text')).min(1, 'is empty: leave it out for the default');
const fields = {
  from: time,
  to: time,
  target_host: z.string(must('text')).min(1, 'is empty'),
  target_port: z.int(must('a whole number')).min(1, must('1 to 65535')).max(65_535, must('1 to 65535')),
  target_user: login.nullish(),
  target_password: z.string(must('text')).nullish(),
  target_database: login.nullish(),
};
// A misspelt field that is passed over would be replayed without: into another database, as another user.
const Body = z.strictObject(fields, must('a JSON object'));

/**
 * Reads the body of `POST /api/replay`.
 * @throws RepriseError BAD_INPUT, WINDOW_INVERTED; no message repeats a value of the body but a timestamp, or the name of a field
 */
export function readReplayBody(text: string): ReplayInput {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RepriseError('BAD_INPUT', 'the body is not JSON');
  }
  const parsed = Body.safeParse(json);
  if (!parsed.success) throw malformed(parsed.error.issues);
  const { from, to, ...target } = parsed.data;
  return {
    window: checkWindow({ from: moment(from, 'from'), to: moment(to, 'to') }, []),
    target: {
      host: target.target_host,
      port: target.target_port,
      ...(target.target_user == null ? {} : { user: target.target_user }),
      ...(target.target_password == null ? {} : { password: target.target_password }),
      ...(target.target_database == null ? {} : { database: target.target_database }),
    },
  };
}

/** The first thing that is wrong; an unknown field before all, since it may be what another one misses. */
function malformed(issues: readonly z.core.$ZodIssue[]): RepriseError {
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys')?.keys[0];
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown.length > 60 ? `${unknown.slice(0, 60)}…` : unknown);
    const known = Object.keys(fields).join(', ');
    return new RepriseError('BAD_INPUT', `the body has an unknown field ${shown}: it takes ${known}`, {
      path: [unknown],
    });
  }
  const path = issues[0]?.path.map(String) ?? [];
  return new RepriseError('BAD_INPUT', `${path.join('.') || 'the body'} ${issues[0]?.message}`, { path });
}

/** What is refused, in the names of the body's fields and not in those of the API. */
function inFieldsOfBody(error: unknown): unknown {
  if (!(error instanceof RepriseError)) return error;
  const message = error.message.replace(/\btarget\.(host|port|user|password|database)\b/g, 'target_$1');
  return new RepriseError(error.code, message, { cause: error });
}

/** RFC 3339, or epoch seconds. */
function moment(value: string | number, field: string): number {
  if (typeof value === 'string') return parseMicros(value, [field]);
  const micros = Math.round(value * 1e6);
  if (!Number.isSafeInteger(micros))
    throw new RepriseError('BAD_INPUT', `${field} lies outside of the years that can be recorded`, { path: [field] });
  return micros;
}

/**
 * Runs a replay and waits for its end. The run goes on when the caller leaves.
 * @throws RepriseError what the engine refuses, or why the run did not complete
 */
export async function runReplay(
  engine: ReplayEngine,
  input: ReplayInput,
  cause: RunCause,
  signal: AbortSignal,
): Promise<ReplayAnswer> {
  const { id } = await engine.start(input, cause).catch((error) => {
    throw inFieldsOfBody(error);
  });
  const reader = engine.events(id, 0);
  const leave = () => reader.close();
  signal.addEventListener('abort', leave, { once: true });
  try {
    while (!signal.aborted && !(await reader.read(1000, 50)).ended);
  } finally {
    signal.removeEventListener('abort', leave);
    reader.close();
  }
  if (signal.aborted)
    throw new RepriseError('STORE_UNAVAILABLE', `the service stops; replay ${id} can be looked up when it is back`);
  const replay = await engine.get(id);
  if (replay === null) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}`);
  return answerOf(replay, input);
}

function answerOf(replay: Replay, { window }: ReplayInput): ReplayAnswer {
  const { id, state, summary, error } = replay;
  if (state !== 'COMPLETED') {
    throw new RepriseError(codeOf(error?.code), error?.message ?? `replay ${id} is ${state}`);
  }
  return {
    statements_replayed: summary.succeeded + summary.failed + summary.cascades,
    failures: summary.failed,
    elapsed_ms: Math.round(summary.elapsedMs),
    from: window.from / 1e6,
    to: window.to / 1e6,
    first_error: summary.firstError,
  };
}

const RUN_ERRORS = [
  'TARGET_REFUSED',
  'TARGET_UNREACHABLE',
  'TARGET_LOST',
  'CONNECTION_LIMIT',
  'DATABASES_AMBIGUOUS',
  'REPLAY_STOPPED',
  'RUN_TIMEOUT',
  'ENTRIES_EVICTED',
  'STORE_UNAVAILABLE',
] as const;

function codeOf(code: string | undefined) {
  return RUN_ERRORS.find((known) => known === code) ?? 'REPLAY_STATE';
}

/** HTTP status of a refusal. */
export function statusOf(error: RepriseError): number {
  switch (error.code) {
    case 'BAD_INPUT':
    case 'WINDOW_INVERTED':
    case 'CURSOR_INVALID':
    case 'DATABASES_AMBIGUOUS':
      return 400;
    case 'UNAUTHENTICATED':
      return 401;
    case 'FORBIDDEN':
    case 'TARGET_REFUSED':
      return 403;
    case 'TARGET_UNKNOWN':
    case 'REPLAY_NOT_FOUND':
      return 404;
    case 'REPLAY_STATE':
    case 'REPLAY_STOPPED':
    case 'ENTRIES_EVICTED':
    case 'CONNECTION_LIMIT':
      return 409;
    case 'LIMIT_EXCEEDED':
      return 413;
    case 'TOO_MANY_REQUESTS':
    case 'TOO_MANY_REPLAYS':
      return 429;
    case 'TARGET_UNREACHABLE':
    case 'TARGET_LOST':
      return 502;
    case 'STORE_UNAVAILABLE':
      return 503;
    case 'RUN_TIMEOUT':
      return 504;
    default:
      return 500;
  }
}
