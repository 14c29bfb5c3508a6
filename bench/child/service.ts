import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { createApp } from '../../src/app.ts';
import { importLog } from '../../src/capture/import-log.ts';
import { keepHeapSmall } from '../../src/cli/heap.ts';
import { loadConfig } from '../../src/config.ts';
import { ReplayEngine } from '../../src/replay/engine.ts';
import { readServiceFile } from '../../src/service-file.ts';
import { createTargetPolicy } from '../../src/target/policy.ts';
import { answer, type Calls, type FinishedReplay } from './calls.ts';
import { discardingStore } from './discarding-store.ts';

// The service as `reprise serve` runs it, and beside it what the benchmark asks for over IPC.

keepHeapSmall();
const dataDir = process.argv[2]!;
const app = createApp(loadConfig({}, { REPRISE_DATA_DIR: dataDir, REPRISE_PORT: '0', REPRISE_LOG_LEVEL: 'error' }));
const running = await app.start();
const { databaseUrl } = (await readServiceFile(dataDir))!;
const discarding = new ReplayEngine({
  journal: running.journal,
  store: discardingStore(),
  policy: createTargetPolicy({ aliases: [], allow: ['loopback'], forbidden: [] }),
  ownerId: randomUUID(),
  maxReplays: 1,
  journalFacts: async () => null,
  onStoreFailure: (_, error) => {
    throw error;
  },
});
const nothing = {
  append: async () => ({ accepted: 0, duplicates: 0, refused: 0, unplaced: [], arrival: 0n }),
  importCheckpoint: async () => null,
  page: async () => ({ entries: [], hasMore: false }),
  transactions: async () => [],
};

let engine = running.engine;
let startedAt = 0;
let session: Session | null = null;

const calls: Calls = {
  import: (options) => importLog({ ...options, store: running.journal }),
  scan: (options) => importLog({ ...options, store: nothing }),
  async start(input, results) {
    engine = results === 'DURABLE' ? running.engine : discarding;
    startedAt = performance.now();
    return (await engine.start(input)).id;
  },
  async finish(id): Promise<FinishedReplay> {
    // A look at a number in memory: a subscription or a query would be part of what is measured.
    while (engine.running > 0) await delay(2);
    const ms = performance.now() - startedAt;
    return { replay: (await engine.get(id))!, ms };
  },
  async profileStart() {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 200 });
    await session.post('Profiler.start');
  },
  async profileStop(file) {
    const { profile } = await session!.post('Profiler.stop');
    session!.disconnect();
    await writeFile(file, JSON.stringify(profile));
  },
  async settle() {
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query('vacuum analyze');
    await client.query('checkpoint');
    await client.end();
  },
};

answer({
  ...calls,
  ready: async () => ({ url: running.url, databaseUrl }),
  stop: async () => {
    await app.stop();
    setImmediate(() => process.disconnect());
  },
});
process.on('disconnect', () => void app.stop().then(() => process.exit(0)));
