import type { TestProject } from 'vitest/node';
import { buildWhereStale } from './build.ts';
import { startTestServer, type TestServer } from './postgres.ts';

/** How test files reach the run's shared server. */
export interface SharedServer {
  host: string;
  port: number;
  user: string;
  password: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    sharedServer: SharedServer;
  }
}

let server: TestServer | undefined;

/** Called by vitest once, before the first test file. */
export async function setup(project: TestProject): Promise<void> {
  await buildWhereStale();
  server = await startTestServer({ max_connections: '400', max_prepared_transactions: '20' });
  const { host, port, user, password } = server;
  project.provide('sharedServer', { host, port, user, password });
}

/** Called by vitest once, after the last test file. */
export async function teardown(): Promise<void> {
  await server?.stop();
}
