import { RepriseError } from '../errors.ts';
import { type Operation, request } from './client.ts';
import { isErrorCode, ServiceError } from './errors.ts';
import { sseTransport } from './sse.ts';
import { type TailOptions, type TailUpdate, tailJournal } from './tail.ts';
import type { Endpoint } from './transport.ts';
import { type ReplayUpdate, type WatchOptions, watchReplay } from './watch.ts';
import { webSocketTransport } from './websocket.ts';

export { ERROR_CODES, type ErrorCode, RepriseError } from '../errors.ts';
export type { Operation } from './client.ts';
export { ServiceError } from './errors.ts';
export * from './generated/graphql.ts';
export * from './report/index.ts';
export type { ConnectionState } from './resuming-stream.ts';
export type { TailOptions, TailUpdate } from './tail.ts';
export { hasEnded, type ReplayUpdate, type WatchOptions } from './watch.ts';

/** Where the service is, and as whom to talk to it. */
export interface ClientOptions {
  /** Where the service is: `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Access token, where the service asks for one. */
  readonly token?: string | null;
  /** How subscriptions travel: WebSocket (default), or server-sent events where a proxy allows nothing else. */
  readonly transport?: 'ws' | 'sse';
}

/** A typed client of the service. Holds no connection between calls. */
export interface Client {
  /**
   * Sends a query or mutation.
   * @throws RepriseError with the service's code, or SERVICE_UNREACHABLE; ServiceError when the service failed
   */
  request<Result, Variables>(
    document: Operation<Result, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result>;
  /**
   * Follows a run: gives every event once and in order, reconnects behind the last one when the connection breaks,
   * and ends when the run has ended. `return()` (leaving the loop) ends it at once.
   * @throws RepriseError SERVICE_UNREACHABLE, REPLAY_NOT_FOUND, CURSOR_INVALID; ServiceError on a gap in the numbers
   */
  watchReplay(replayId: string, options?: WatchOptions): AsyncIterableIterator<ReplayUpdate, void, undefined>;
  /**
   * Follows the journal: gives entries as they arrive, each once, and reconnects behind the last one when the connection
   * breaks. Never ends by itself. What arrives while the connection is lost is given if there was an entry or an
   * `after` before, behind which to go on.
   * @throws RepriseError SERVICE_UNREACHABLE, CURSOR_INVALID, BAD_INPUT
   */
  tailJournal(options?: TailOptions): AsyncIterableIterator<TailUpdate, void, undefined>;
}

/** A client of a service. Connects nothing yet. */
export function createClient(options: ClientOptions): Client {
  const endpoint: Endpoint = { url: options.url.replace(/\/+$/, ''), token: options.token?.trim() || null };
  const transport = options.transport === 'sse' ? sseTransport : webSocketTransport;
  return {
    request: (document, variables, signal) => request(endpoint, document, variables, signal),
    watchReplay: (replayId, watch) => watchReplay(endpoint, transport, replayId, watch),
    tailJournal: (tail) => tailJournal(endpoint, transport, tail),
  };
}

/** What a result union holds when the request was refused. */
interface Refused {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[];
}

/**
 * The success of a result union.
 * @throws RepriseError with the code of its error
 */
export function unwrap<T extends object>(result: T): Exclude<T, Refused> {
  if (!('code' in result) || !('path' in result)) return result as Exclude<T, Refused>;
  const { code, message, path } = result as unknown as Refused;
  if (isErrorCode(code)) throw new RepriseError(code, message, { path });
  throw new ServiceError(message);
}
