import { RepriseError } from '../errors.ts';
import type { GraphQLErrorLike } from './errors.ts';

/** A GraphQL operation as it goes over the wire. */
export interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** One message of a subscription. */
export interface Result {
  readonly data?: unknown;
  readonly errors?: readonly GraphQLErrorLike[];
}

/** Where the service is, and who asks. */
export interface Endpoint {
  /** Base, without a slash at its end: `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly token: string | null;
}

/**
 * One attempt at a subscription: yields null when the service has taken it, then its messages; ends when the
 * server completes it. Throws
 * ConnectionLost where a later attempt may succeed, anything else where it will not. An abort of `signal`
 * settles a pending `next()` at once and ends it.
 */
export type Transport = (
  endpoint: Endpoint,
  operation: Operation,
  signal: AbortSignal,
) => AsyncGenerator<Result | null, void, undefined>;

/** A server that says nothing for this long is taken for dead: both transports are pinged every 12 s. */
export const SILENCE_MS = 40_000;

/**
 * The header that shows the token; none without one.
 * @throws RepriseError UNAUTHENTICATED when no header can carry it: what refuses it otherwise would show it
 */
export function authorizationOf({ token }: Endpoint): Readonly<Record<string, string>> {
  if (token === null) return {};
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new RepriseError(
      'UNAUTHENTICATED',
      'the access token holds a space, a line end or a letter that is not ASCII, which no header can carry: copy it again',
    );
  }
  return { authorization: `Bearer ${token}` };
}
