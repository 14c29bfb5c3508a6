import { messageOf, RepriseError } from '../errors.ts';

/** SQLSTATE of anything thrown by `pg`, or null. */
export function sqlstateOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : null;
}

/** Says that the store is not there (as opposed to: a statement is wrong). */
export function isUnavailable(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state !== null) {
    return (
      // connection exceptions, resources, operator intervention except query_canceled, I/O errors
      /^(08|28|53|58|3D)/.test(state) ||
      (state.startsWith('57') && state !== '57014') ||
      state === '25006' ||
      state === '55P03' ||
      state === '25P03'
    );
  }
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && /^(E[A-Z]+|ERR_TLS.*|CERT_.*|DEPTH_ZERO.*|UNABLE_TO.*|SELF_SIGNED.*)$/.test(code))
    return true;
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|after calling end on the pool|Cannot use a pool|does not support SSL|Password must be a string|SASL/i.test(
    messageOf(error),
  );
}

/**
 * What a caller of the store sees of an error: STORE_UNAVAILABLE for a server that is gone, LIMIT_EXCEEDED for
 * a read that ran into its time limit, and everything else as it is (a bug).
 */
export function storeError(error: unknown, doing: string): unknown {
  if (error instanceof RepriseError) return error;
  if (sqlstateOf(error) === '57014') {
    return new RepriseError('LIMIT_EXCEEDED', `${doing} took too long: narrow the window or the filter`, {
      cause: error,
    });
  }
  if (isUnavailable(error)) {
    return new RepriseError('STORE_UNAVAILABLE', `${doing}: the journal's database cannot be used (${reason(error)})`, {
      cause: error,
    });
  }
  return error;
}

/** Node wraps the failures of several addresses into an AggregateError with an empty message. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return messageOf(error);
}

/** Runs a piece of work of the store and maps what it throws. */
export async function guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, doing);
  }
}
