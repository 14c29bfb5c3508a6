import { ERROR_CODES, type ErrorCode, RepriseError } from '../errors.ts';

/** What a GraphQL response carries in `errors[]`, as far as this client reads it. */
export interface GraphQLErrorLike {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: { readonly code?: unknown } | undefined;
}

/** The service failed in a way that the caller did not cause: a bug, to be found in its log. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

/** A stream broke off, and may be taken up again after the last cursor. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** True for a code that `RepriseError` knows. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return ERROR_CODES.includes(code as ErrorCode);
}

/** The first error as a RepriseError when it has a known code, else as a ServiceError. */
export function fromGraphQL(errors: readonly GraphQLErrorLike[]): Error {
  const error = errors[0];
  const code = error?.extensions?.code;
  if (error && isErrorCode(code)) {
    if (code === 'BAD_INPUT' && error.message.startsWith('Variable "$')) return badInput(error.message);
    return new RepriseError(code, error.message, { path: (error.path ?? []).map(String) });
  }
  // graphql-js's own word on variables that do not fit their types; over a subscription it may come without a code.
  if (error && (code === 'BAD_USER_INPUT' || error.message.startsWith('Variable "$'))) return badInput(error.message);
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  // A document that the schema does not know comes of a client and a service of different versions.
  if (code === 'GRAPHQL_VALIDATION_FAILED') {
    return new ServiceError(`the service does not know this request: ${error?.message}; use a client of its version`);
  }
  return new ServiceError(`the service failed: ${error?.message ?? 'it answered without data'}${rest}`);
}

/** The service's `Variable "$input" got an invalid value at "input.window.from"; why` as the field and the reason. */
function badInput(message: string): RepriseError {
  const [, variable, field, why] =
    /^Variable "\$(\w+)" got (?:an )?invalid value[\s\S]*?(?: at "([\w.[\]]+)")?; ([\s\S]+)$/.exec(message) ?? [];
  const place = field ?? variable;
  if (place === undefined) return new RepriseError('BAD_INPUT', message);
  // In graphql-js's words, a number that is out of range by far is of the wrong type.
  const tooFar = /^Int cannot represent non 32-bit signed integer value: (.+)$/.exec(why ?? '')?.[1];
  const reason = tooFar === undefined ? `: ${why}` : ` is out of range: ${tooFar}`;
  return new RepriseError('BAD_INPUT', `${place}${reason}`, { path: place.split('.') });
}

/** What a plain HTTP status says when the body holds no GraphQL answer. */
export function fromStatus(url: string, status: number, detail: string): Error {
  if (status === 401) {
    return new RepriseError('UNAUTHENTICATED', 'the service wants an access token: set REPRISE_TOKEN or pass `token`');
  }
  if (status === 403)
    return new RepriseError('FORBIDDEN', `the service refused: ${detail || 'not allowed with this token'}`);
  if (status === 429)
    return new RepriseError('TOO_MANY_REQUESTS', 'the service takes no more requests now: try again later');
  // Said by a proxy that does not reach the service, or not in time; the service itself says more than a status.
  if (status >= 502 && status <= 504) return unanswered(url, status);
  // The service has this path, and takes what is sent there.
  if (status < 400 || status === 404 || status === 405) return noService(url, `it answered ${status}`);
  return new ServiceError(`the service answered ${status}${detail ? `: ${detail}` : ''}`);
}

/** Nothing answers at the address. */
export function unreachable(url: string, cause: unknown): RepriseError {
  return new RepriseError(
    'SERVICE_UNREACHABLE',
    `no answer from ${withoutLogin(url)} (${reason(cause)}): start the service with \`reprise serve\`, or set REPRISE_SERVER_URL to where it is`,
    { cause },
  );
}

/** A proxy answers at the address, and not the service behind it. */
function unanswered(url: string, status: number): RepriseError {
  return new RepriseError(
    'SERVICE_UNREACHABLE',
    `no answer from the service behind ${withoutLogin(url)}: what stands before it says ${status}; look whether the service runs, and is reached from there`,
  );
}

function withoutLogin(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1');
}

/** Something else answers at the address. */
export function noService(url: string, why: string): RepriseError {
  return new RepriseError(
    'SERVICE_UNREACHABLE',
    `what answers at ${withoutLogin(url)} is no Reprise service (${why}): set REPRISE_SERVER_URL to its base, like http://127.0.0.1:4000`,
  );
}

/** The innermost reason of a failed fetch or socket: `fetch failed` tells nobody anything. */
function reason(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return reason(thrown.errors[0]);
  if (thrown instanceof Error) {
    if (thrown.cause !== undefined) return reason(thrown.cause);
    const code = (thrown as { code?: unknown }).code;
    return thrown.message || (typeof code === 'string' ? code : thrown.name);
  }
  return String(thrown);
}
