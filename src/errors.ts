/**
 * Every code a caller can meet, with its meaning in `docs/errors.md`. The set is closed so that the
 * GraphQL layer, the CLI's exit codes and the documentation can be checked against it.
 */
export const ERROR_CODES = [
  // input
  'BAD_INPUT',
  'WINDOW_INVERTED',
  'CURSOR_INVALID',
  'LIMIT_EXCEEDED',
  'CONFIG_INVALID',
  // journal
  'TRANSACTION_NOT_FOUND',
  'TRANSACTION_ENDED',
  'SAVEPOINT_NOT_FOUND',
  'SEQUENCE_CONFLICT',
  'SEQUENCE_GAP',
  'JOURNAL_LIMIT',
  // capture
  'FILE_UNREADABLE',
  'FORMAT_UNKNOWN',
  'PREFIX_UNUSABLE',
  'IMPORT_CHANGED',
  // target and replay
  'TARGET_UNKNOWN',
  'TARGET_REFUSED',
  'TARGET_UNREACHABLE',
  'TARGET_LOST',
  'CONNECTION_LIMIT',
  'DATABASES_AMBIGUOUS',
  'REPLAY_NOT_FOUND',
  'REPLAY_STATE',
  'REPLAY_STOPPED',
  'RUN_TIMEOUT',
  'ENTRIES_EVICTED',
  'TOO_MANY_REPLAYS',
  // access and storage
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TOO_MANY_REQUESTS',
  'STORE_UNAVAILABLE',
  'STORE_TOO_OLD',
  'EMBEDDED_START_FAILED',
  'EMBEDDED_UNSUPPORTED',
  'DATA_DIR_IN_USE',
  'SERVICE_UNREACHABLE',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * An error that a caller can cause or act on. `message` names the field, file or line at fault and says
 * what to do; it never holds a secret. Everything else that is thrown is a bug and is masked from clients.
 */
export class RepriseError extends Error {
  readonly code: ErrorCode;
  /** Where in the input the fault lies, outermost first: `['input', 'window', 'from']`. */
  readonly path: readonly string[];

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; path?: readonly string[] } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RepriseError';
    this.code = code;
    this.path = options.path ?? [];
  }
}

/** The message of anything thrown, for logs and for errors that wrap another. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
