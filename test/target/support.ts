import { onTestFinished } from 'vitest';
import type { Value } from '../../src/journal/value.ts';
import { TargetConnection } from '../../src/target/connection.ts';
import type { ResolvedTarget } from '../../src/target/spec.ts';
import type { ConnectOptions, StatementMessage, TargetOutcome } from '../../src/target/statement.ts';

/** What a target is made of: a test database, or a server of the test's own. */
export interface Reachable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly name?: string;
}

export function targetOf(server: Reachable, changes: Partial<ResolvedTarget> = {}): ResolvedTarget {
  return {
    alias: null,
    host: server.host,
    address: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: server.name ?? 'postgres',
    tls: 'DISABLE',
    ca: null,
    ...changes,
  };
}

export const OPTIONS: ConnectOptions = {
  connectTimeoutMs: 10_000,
  applicationName: 'reprise test',
  statementTimeoutMs: 30_000,
  readOnly: false,
};

/** Connects; the connection is closed after the test. */
export async function open(target: ResolvedTarget, options: Partial<ConnectOptions> = {}): Promise<TargetConnection> {
  const connection = await TargetConnection.connect(target, { ...OPTIONS, ...options });
  onTestFinished(() => connection.close());
  return connection;
}

export function simple(text: string, digest = false): StatementMessage {
  return { protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest };
}

export function extended(
  text: string,
  parameters: readonly Value[] = [],
  preparedName: string | null = null,
): StatementMessage {
  return { protocol: 'EXTENDED', text, preparedName, parameters, digest: false };
}

/** Sends all at once; the outcomes in the order in which they came. */
export async function runAll(
  connection: TargetConnection,
  messages: readonly StatementMessage[],
): Promise<TargetOutcome[]> {
  const outcomes: TargetOutcome[] = [];
  return new Promise((resolve) => {
    for (const message of messages) {
      connection.send(message, (outcome) => {
        outcomes.push(outcome);
        if (outcomes.length === messages.length) resolve(outcomes);
      });
    }
  });
}

export async function run(connection: TargetConnection, message: StatementMessage): Promise<TargetOutcome> {
  return (await runAll(connection, [message]))[0]!;
}

/** Waits until the backend sleeps in pg_sleep, asking the server over another connection. */
export async function untilSleeping(observer: TargetConnection, processId: number): Promise<void> {
  for (;;) {
    const { rows } = await observer.query(`SELECT wait_event FROM pg_stat_activity WHERE pid = ${processId}`);
    if (rows[0]?.[0] === 'PgSleep') return;
  }
}

export const text = (value: string, oid: number | null = null): Value => ({ kind: 'text', value, oid });
export const int = (value: bigint | number): Value => ({ kind: 'int64', value: BigInt(value) });
