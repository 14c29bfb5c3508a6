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
