import { type ErrorCode, RepriseError } from '../errors.ts';
import { builder, enumOf, type NamedRef } from './builder.ts';

const ErrorCodeEnum = enumOf<ErrorCode>(
  'ErrorCode',
  'Every way in which a caller can be refused. Closed set; see `docs/errors.md`.',
  {
    BAD_INPUT: 'A value is malformed or out of its range; `path` names the field.',
    WINDOW_INVERTED: 'The window begins after it ends.',
    CURSOR_INVALID: 'The cursor did not come from this list or stream.',
    LIMIT_EXCEEDED: 'The request is larger, deeper or longer than the service takes.',
    CONFIG_INVALID: 'The configuration of the service is wrong.',
    TRANSACTION_NOT_FOUND: 'The journal holds no transaction with this id.',
    TRANSACTION_ENDED: 'The transaction has ended, in another way than asked for.',
    SAVEPOINT_NOT_FOUND: 'The transaction has no savepoint of this name now.',
    SEQUENCE_CONFLICT: 'The place in the transaction is held by another statement.',
    SEQUENCE_GAP: 'The place in the transaction lies beyond the next one.',
    JOURNAL_LIMIT: 'The transaction has reached its limit of entries or bytes.',
    FILE_UNREADABLE: 'A log file cannot be read.',
    FORMAT_UNKNOWN: 'A log file is in no known format.',
    PREFIX_UNUSABLE: 'The `log_line_prefix` does not tell sessions apart.',
    IMPORT_CHANGED: 'A log file is no longer what an earlier part of its import read.',
    TARGET_UNKNOWN: 'The configuration names no target with this alias.',
    TARGET_REFUSED: 'Policy does not allow this target.',
    TARGET_UNREACHABLE: 'The target does not answer or does not let the user in.',
    TARGET_LOST: 'The target went away during the run.',
    CONNECTION_LIMIT: 'The run needs more connections than the target or the request allows.',
    DATABASES_AMBIGUOUS: 'The window holds several databases: name one in the filter, or map them.',
    REPLAY_NOT_FOUND: 'There is no replay with this id.',
    REPLAY_STATE: 'The replay is in a state that does not allow this.',
    REPLAY_STOPPED: 'The run stopped by itself after the failures that the request allows.',
    RUN_TIMEOUT: 'The run took longer than the request allows.',
    ENTRIES_EVICTED: 'Retention took statements of the window out of the journal before the run came to them.',
    TOO_MANY_REPLAYS: 'As many replays are under way as the service allows.',
    UNAUTHENTICATED: 'The request carries no access token, or an unknown one.',
    FORBIDDEN: 'The access token does not allow this.',
    TOO_MANY_REQUESTS: 'Too many requests: try again later.',
    STORE_UNAVAILABLE: 'The database of the journal does not answer.',
    STORE_TOO_OLD: 'The database of the journal is of a version that is not supported.',
    EMBEDDED_START_FAILED: 'The embedded PostgreSQL did not start.',
    EMBEDDED_UNSUPPORTED: 'There is no embedded PostgreSQL for this platform.',
    DATA_DIR_IN_USE: 'Another service owns the data directory.',
    SERVICE_UNREACHABLE: 'No service answers at the address.',
  },
);

type Family = 'InputError' | 'NotFoundError' | 'ConflictError' | 'TargetError' | 'ServiceError';

/** Families by what a caller does next; total, so that a new code cannot be forgotten. */
const FAMILY: Readonly<Record<ErrorCode, Family>> = {
  BAD_INPUT: 'InputError',
  WINDOW_INVERTED: 'InputError',
  CURSOR_INVALID: 'InputError',
  LIMIT_EXCEEDED: 'InputError',
  CONFIG_INVALID: 'ServiceError',
  TRANSACTION_NOT_FOUND: 'NotFoundError',
  TRANSACTION_ENDED: 'ConflictError',
  SAVEPOINT_NOT_FOUND: 'NotFoundError',
  SEQUENCE_CONFLICT: 'ConflictError',
  SEQUENCE_GAP: 'ConflictError',
  JOURNAL_LIMIT: 'InputError',
  FILE_UNREADABLE: 'InputError',
  FORMAT_UNKNOWN: 'InputError',
  PREFIX_UNUSABLE: 'InputError',
  IMPORT_CHANGED: 'ConflictError',
  TARGET_UNKNOWN: 'NotFoundError',
  TARGET_REFUSED: 'TargetError',
  TARGET_UNREACHABLE: 'TargetError',
  TARGET_LOST: 'TargetError',
  CONNECTION_LIMIT: 'TargetError',
  DATABASES_AMBIGUOUS: 'InputError',
  REPLAY_NOT_FOUND: 'NotFoundError',
  REPLAY_STATE: 'ConflictError',
  REPLAY_STOPPED: 'ConflictError',
  RUN_TIMEOUT: 'TargetError',
  ENTRIES_EVICTED: 'ConflictError',
  TOO_MANY_REPLAYS: 'ConflictError',
  UNAUTHENTICATED: 'ServiceError',
  FORBIDDEN: 'ServiceError',
  TOO_MANY_REQUESTS: 'ServiceError',
  STORE_UNAVAILABLE: 'ServiceError',
  STORE_TOO_OLD: 'ServiceError',
  EMBEDDED_START_FAILED: 'ServiceError',
  EMBEDDED_UNSUPPORTED: 'ServiceError',
  DATA_DIR_IN_USE: 'ServiceError',
  SERVICE_UNREACHABLE: 'ServiceError',
};

/** A RepriseError as a value: graphql-js throws every Error instance that a resolver returns. */
export class Refusal {
  readonly error: RepriseError;

  constructor(error: RepriseError) {
    this.error = error;
  }
}

export const ErrorInterface = builder.interfaceRef<Refusal>('Error').implement({
  description: 'Why a request was refused. Every error of every result can be read by it.',
  resolveType: ({ error }) => FAMILY[error.code],
  fields: (t) => ({
    code: t.field({ type: ErrorCodeEnum, description: 'What to decide on.', resolve: ({ error }) => error.code }),
    message: t.string({
      description: 'For people: names the field at fault and says what to do.',
      resolve: ({ error }) => error.message,
    }),
    path: t.stringList({
      description: 'The field of the arguments at fault, outermost first; empty where there is none.',
      resolve: ({ error }) => [...error.path],
    }),
  }),
});

function family(name: Family, description: string) {
  return builder.objectRef<Refusal>(name).implement({ description, interfaces: [ErrorInterface] });
}

const families = [
  family('InputError', 'The arguments are wrong: change them.'),
  family('NotFoundError', 'What the arguments name does not exist.'),
  family('ConflictError', 'The state of what the arguments name does not allow this.'),
  family('TargetError', 'The target is refused, out of reach or not able to take the run.'),
  family('ServiceError', 'The service cannot do it now: try again later, or tell its operator.'),
] as const;

/** The union of a success and every error family. */
export function resultOf<Success extends object>(name: string, success: NamedRef<Success>) {
  return builder.unionType(name, {
    description: `\`${success.name}\` when it worked, else an \`Error\`: its type tells the family, its \`code\` the case.`,
    types: [success, ...families],
    resolveType: (value) => (value instanceof Refusal ? FAMILY[value.error.code] : success.name),
  });
}

/** The result of a query of one run; null when there is no such run. */
export async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'REPLAY_NOT_FOUND') return null;
    throw error;
  }
}

/** Runs a resolver; what a caller can act on becomes data, everything else is thrown on. */
export async function asData<T>(work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RepriseError) return new Refusal(error);
    throw error;
  }
}
