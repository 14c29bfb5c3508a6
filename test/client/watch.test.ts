import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type App, createApp, type RunningApp } from '../../src/app.ts';
import { importLog } from '../../src/capture/import-log.ts';
import {
  type Client,
  createClient,
  ReplayStatementsDocument,
  type ReplayUpdate,
  StartReplayDocument,
  unwrap,
  ViewerDocument,
} from '../../src/client/index.ts';
import { loadConfig } from '../../src/config.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';

let journal: TestDatabase;
let target: TestDatabase;
let app: App;
let service: RunningApp;
let client: Client;
let runId: string;

/** Forwards to the service, and cuts what passes through it on command. */
class CuttingProxy {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((incoming) => {
    const outgoing = connect(Number(new URL(service.url).port), '127.0.0.1');
    for (const socket of [incoming, outgoing]) {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
    }
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}

beforeAll(async () => {
  [journal, target] = await Promise.all([createTestDatabase('journal'), createShopTarget()]);
  app = createApp(loadConfig({ DATABASE_URL: journal.url, REPRISE_PORT: '0', REPRISE_LOG_LEVEL: 'silent' }));
  service = await app.start();
  client = createClient({ url: service.url });
  await importLog({ files: [SHOP_LOG], store: service.journal });
  const { host, port, user, password, name } = target;
  const input = {
    window: { from: '2026-11-23T16:28:37.447Z', to: '2026-11-23T16:28:37.800Z' },
    target: { host, port, user, password, database: name },
  };
  runId = unwrap((await client.request(StartReplayDocument, { input })).startReplay).id;
});

afterAll(async () => {
  await app.stop();
  await Promise.all([journal.drop(), target.drop()]);
});

async function all(updates: AsyncIterable<ReplayUpdate>): Promise<ReplayUpdate[]> {
  const found: ReplayUpdate[] = [];
  for await (const update of updates) found.push(update);
  return found;
}

const seqs = (updates: readonly ReplayUpdate[]) => updates.flatMap(({ events }) => events.map(({ seq }) => seq));
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe.each(['ws', 'sse'] as const)('watchReplay over %s', (transport) => {
  test('a token that is empty is none, and one may have been read with the end of its line', async () => {
    for (const token of ['', 'anything\n'])
      expect(await createClient({ url: service.url, token }).request(ViewerDocument, {})).toHaveProperty('viewer');
  });

  test('gives every event of a run once, and ends with it', async () => {
    const updates = await all(createClient({ url: service.url, transport }).watchReplay(runId));
    const last = updates.at(-1);
    expect(last?.state).toBe('COMPLETED');
    expect(seqs(updates)).toEqual(upTo(seqs(updates).length));
    const outcomes = updates.flatMap(({ events }) => events.filter(({ __typename }) => __typename === 'OutcomeEvent'));
    expect(outcomes.length).toBe(last?.summary.planned);
    const { replayStatements } = await client.request(ReplayStatementsDocument, {
      replayId: runId,
      filter: null,
      first: 1000,
      after: null,
    });
    expect(replayStatements?.nodes).toEqual(outcomes.slice(0, 1000));
  });

  test('connections that are cut lose nothing and repeat nothing', async () => {
    const proxy = new CuttingProxy();
    const url = await proxy.start();
    const states: string[] = [];
    const updates: ReplayUpdate[] = [];
    const watching = createClient({ url, transport }).watchReplay(runId, {
      batchSize: 10,
      onConnection: ({ state }) => states.push(state),
    });
    for await (const update of watching) {
      updates.push(update);
      if (updates.length === 1 || updates.length === 5) proxy.cut();
    }
    expect(seqs(updates)).toEqual(upTo(seqs(updates).length));
    expect(updates.at(-1)?.state).toBe('COMPLETED');
    expect(states).toContain('RECONNECTING');
    await proxy.stop();
  });

  test('a cursor takes it up behind an update, also behind the last one', async () => {
    const sameClient = createClient({ url: service.url, transport });
    const updates = await all(sameClient.watchReplay(runId, { batchSize: 50 }));
    const after = updates[2]?.cursor ?? null;
    expect(seqs(await all(sameClient.watchReplay(runId, { batchSize: 50, after })))).toEqual(seqs(updates.slice(3)));
    expect(await all(sameClient.watchReplay(runId, { after: updates.at(-1)?.cursor ?? null }))).toEqual([]);
  });

  test('SUMMARY leaves outcomes out and still ends', async () => {
    const updates = await all(createClient({ url: service.url, transport }).watchReplay(runId, { detail: 'SUMMARY' }));
    const kinds = updates.flatMap(({ events }) => events.map(({ __typename }) => __typename));
    expect(kinds).not.toContain('OutcomeEvent');
    expect(updates.at(-1)?.state).toBe('COMPLETED');
  });

  test('a run that does not exist is REPLAY_NOT_FOUND', async () => {
    const watching = createClient({ url: service.url, transport }).watchReplay('00000000-0000-4000-8000-000000000000');
    await expect(all(watching)).rejects.toMatchObject({ code: 'REPLAY_NOT_FOUND' });
    const malformed = createClient({ url: service.url, transport }).watchReplay('no-uuid');
    await expect(all(malformed)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('leaving the loop closes the stream at the service', async () => {
    for await (const update of createClient({ url: service.url, transport }).watchReplay(runId, { batchSize: 1 })) {
      expect(update.events.length).toBe(1);
      break;
    }
    // Stopping waits for every stream: a leaked one would hold the app's stop in afterAll until it is cut.
  });
});
