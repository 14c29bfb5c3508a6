import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { type Client, createClient } from 'graphql-ws';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import type { ServiceContext } from '../../src/graphql/context.ts';
import { createRecorder, type Recorder } from '../../src/journal/recorder.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { ReplayEngine } from '../../src/replay/engine.ts';
import type { NewReplayEvent } from '../../src/replay/event.ts';
import { EventFeed } from '../../src/replay/feed.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import { Tally } from '../../src/replay/tally.ts';
import { createServer, type Server, type ServerConfig } from '../../src/server/http.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTargetPolicy } from '../../src/target/policy.ts';
import { outcome as usualOutcome } from '../replay/event-arbitrary.ts';
import { createTestDatabase } from '../support/database.ts';

/** Stores, engine and recorder on a database of their own. */
export interface Backend extends ServiceContext {
  readonly engine: ReplayEngine;
  readonly replays: ReplayStore;
  /** Of the database that keeps the journal. */
  readonly databaseUrl: string;
  /** Its name. */
  readonly database: string;
  close(): Promise<void>;
}

/** `engineStore`: what the engine uses instead of the store. */
export async function openBackend(
  engineStore: (replays: ReplayStore) => ReplayStore = (replays) => replays,
): Promise<Backend> {
  const testDatabase = await createTestDatabase('journal');
  const database = await openDatabase(testDatabase.url);
  const limits = { entriesPerTransaction: 10_000, bytesPerTransaction: 64e6, retentionMs: null, retentionBytes: null };
  const journal: JournalStore = createJournalStore(database, limits);
  const replays = createReplayStore(database);
  const recorder: Recorder = createRecorder(journal, { nodeId: 'test' });
  const { host, port, name } = testDatabase;
  const engine = new ReplayEngine({
    journal,
    store: engineStore(replays),
    policy: createTargetPolicy({ aliases: [], allow: ['loopback'], forbidden: [{ host, port, database: name }] }),
    ownerId: 'test',
    maxReplays: 4,
    journalFacts: async () => null,
    onStoreFailure: (_id, error) => {
      throw error;
    },
  });
  return {
    journal,
    recorder,
    replays,
    engine,
    databaseUrl: testDatabase.url,
    database: name,
    async close() {
      await engine.stop();
      await database.close();
      await testDatabase.drop();
    },
  };
}

export interface TestService {
  readonly url: string;
  readonly server: Server;
  /** Every line that was logged. */
  readonly log: string[];
  stop(): Promise<void>;
}

/** A server on a free port over the given context. */
export async function startService(context: ServiceContext, config: Partial<ServerConfig> = {}): Promise<TestService> {
  const log: string[] = [];
  const logger = pino(
    { level: 'trace' },
    new Writable({
      write(line, _encoding, done) {
        log.push(String(line));
        done();
      },
    }),
  );
  const server = createServer({ config: { host: '127.0.0.1', port: 0, tokens: [], ...config }, context, logger });
  const { url } = await server.start();
  return { url, server, log, stop: () => server.stop() };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests read fields of many shapes
  readonly data: any;
  readonly errors: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
}

/** One operation over HTTP. */
export async function ask(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  const { data, errors } = text.startsWith('{') ? JSON.parse(text) : { data: undefined, errors: undefined };
  return { status: response.status, headers: response.headers, data, errors: errors ?? [] };
}

/** A graphql-ws client that does not try again. */
export function socketClient(url: string, connectionParams: Record<string, unknown> = {}): Client {
  return createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    lazy: true,
  });
}

/** Waits until the condition holds; looks at every turn of the event loop, so that it sleeps for no fixed time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const WINDOW = { from: Date.UTC(2026, 10, 23, 10) * 1000, to: Date.UTC(2026, 10, 23, 11) * 1000 };

/** A run whose events the test writes itself, into the real store. */
export async function scriptedRun(replays: ReplayStore): Promise<{ readonly id: string; readonly feed: EventFeed }> {
  const id = randomUUID();
  await replays.create({
    id,
    request: completeRequest({ window: WINDOW, target: { host: '127.0.0.1', port: 5432 } }),
    targetLabel: '127.0.0.1:5432/postgres',
    ownerId: 'test',
    createdAt: Date.now() * 1000,
    summary: new Tally().summary(0),
    lossMark: 0,
  });
  const feed = new EventFeed(replays, id, {
    lastSeq: 0,
    flushMs: 5,
    onError: (error) => {
      throw error;
    },
  });
  await feed.transition('CONNECT', {}, null);
  await feed.transition('RUN', {}, null);
  return { id, feed };
}

type NewOutcome = Extract<NewReplayEvent, { kind: 'OUTCOME' }>;

export function outcome(ordinal: number, over: Partial<NewOutcome> = {}): NewOutcome {
  const key = { timestamp: WINDOW.from + ordinal, position: 1n, sequence: ordinal };
  return usualOutcome({ ordinal, key, ...over });
}

export function failure(ordinal: number): NewOutcome {
  return outcome(ordinal, {
    status: 'FAILED',
    sqlstate: '23505',
    message: 'duplicate key',
    rows: null,
    verdict: 'DIVERGED',
    divergences: ['NEW_FAILURE'],
  });
}
