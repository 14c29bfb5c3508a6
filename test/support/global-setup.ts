import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, escapeLiteral } from 'pg';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/store/database.ts';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';
import { buildWhereStale } from './build.ts';
import { FAST_SETTINGS } from './postgres.ts';

/** How test files reach the run's shared server. */
export interface SharedServer {
  host: string;
  port: number;
  user: string;
  password: string;
}

/** A database of the server that holds an empty journal, for others to be made of. */
export const EMPTY_JOURNAL = 'empty_journal';

declare module 'vitest' {
  export interface ProvidedContext {
    sharedServer: SharedServer;
    /** Data folder of a server that was initialised and stopped; see `initialisedFolder`. */
    initialised: string;
  }
}

const SETTINGS = { ...FAST_SETTINGS, max_connections: '400', max_prepared_transactions: '20', autovacuum: 'off' };

let server: EmbeddedPostgres | undefined;
const folders: string[] = [];

/** Called by vitest once, before the first test file. */
export async function setup(project: TestProject): Promise<void> {
  await buildWhereStale();
  const initialised = await folder('initialised');
  await (await startEmbedded({ dataDir: initialised, settings: FAST_SETTINGS })).stop();
  project.provide('initialised', initialised);
  const dataDir = await folder('shared');
  server = await startEmbedded({ dataDir, settings: SETTINGS });
  await makeLoginsCheap(server);
  await server.createDatabase(EMPTY_JOURNAL);
  await (await openDatabase(server.url(EMPTY_JOURNAL))).close();
  const { host, port, user, password } = server;
  project.provide('sharedServer', { host, port, user, password });
}

/** Called by vitest once, after the last test file. */
export async function teardown(): Promise<void> {
  await server?.stop();
  await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true })));
}

async function folder(name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `reprise-${name}-`));
  folders.push(path);
  return path;
}

/** The run's tens of thousands of logins would derive their key in 4,096 rounds each. Roles that tests make have these. */
async function makeLoginsCheap({ host, port, user, password }: SharedServer): Promise<void> {
  const admin = new Client({ host, port, user, password, database: 'postgres', ssl: false });
  await admin.connect();
  try {
    await admin.query(`SET scram_iterations = 1; ALTER ROLE postgres PASSWORD ${escapeLiteral(password)}`);
  } finally {
    await admin.end();
  }
}
