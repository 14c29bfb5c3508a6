import { type Client, type Operation, type Ordering, StartReplayDocument, unwrap } from '../../src/client/index.ts';
import { SHOP } from './support.ts';

export interface RunOptions {
  /** Alias; default: `staging`. */
  readonly target?: string;
  /** On the recorded schedule, so many times as fast; default: as fast as possible. */
  readonly speed?: number;
  /** End of the window; default: that of the record. */
  readonly to?: string;
  /** Default: TIMESTAMP. */
  readonly ordering?: Ordering;
  /** Wait for its end. */
  readonly wait?: boolean;
}

/** Starts a run beside the page, and gives its id. */
export async function startRun(client: Client, options: RunOptions = {}): Promise<string> {
  const { target = 'staging', speed, to = SHOP.to, ordering = 'TIMESTAMP', wait = false } = options;
  const { startReplay } = await client.request(StartReplayDocument, {
    input: {
      window: { from: SHOP.from, to },
      target: { alias: target },
      ordering,
      statementTimeoutMs: 5000,
      ...(speed === undefined ? {} : { pace: { mode: 'RECORDED', speed } }),
    },
  });
  const { id } = unwrap(startReplay);
  if (wait) for await (const _update of client.watchReplay(id, { detail: 'SUMMARY', batchSize: 1000 }));
  return id;
}

/** A run that failed, because nothing listens where its target should be. */
export async function startFailingRun(client: Client): Promise<string> {
  const { startReplay } = await client.request(StartReplayDocument, {
    input: { window: SHOP, target: { host: '127.0.0.1', port: 1, tls: 'DISABLE' } },
  });
  const { id } = unwrap(startReplay);
  for await (const _update of client.watchReplay(id));
  return id;
}

interface LogResult {
  readonly logStatement: { readonly __typename: string };
}

/** No generated operation logs a statement: only tests and captures do. */
export const LogStatementForTest = {
  toString: () => 'mutation ($input: LogStatementInput!) { logStatement(input: $input) { __typename } }',
} as Operation<LogResult, { readonly input: unknown }>;
