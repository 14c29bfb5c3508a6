import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { createReplayStore } from '../src/store/replay-store.ts';
import { scriptedRun, until } from './server/support.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';

const DAY_MS = 86_400_000;

let created: TestDatabase;
let database: Database;
beforeEach(async () => {
  created = await createTestDatabase('journal');
  database = await openDatabase(created.url, { poolSize: 2 });
});
afterEach(async () => {
  await database.close();
  await created.drop();
});

/** A run that ended so many days ago. */
async function ended(days: number): Promise<string> {
  const { id, feed } = await scriptedRun(createReplayStore(database));
  await feed.transition('COMPLETE', { endedAt: (Date.now() - days * DAY_MS) * 1000 }, null);
  return id;
}

/** Starts the service, and stops it when its first pass of retention is over; gives what it logged about runs. */
async function afterOnePass(env: Readonly<Record<string, string>>, isOver: () => Promise<boolean>): Promise<object[]> {
  const lines: { readonly replayId?: string }[] = [];
  const logger = pino(
    { base: null, timestamp: false },
    new Writable({
      write(line, _encoding, done) {
        lines.push(JSON.parse(String(line)));
        done();
      },
    }),
  );
  const app = createApp(loadConfig({ REPRISE_PORT: '0', DATABASE_URL: created.url, ...env }), { logger });
  await app.start();
  await until(isOver);
  await app.stop();
  return lines.filter((line) => 'replayId' in line);
}

const there = async (id: string) => (await createReplayStore(database).get(id)) !== null;

test('a service deletes the runs that ended longer ago than it keeps them, says so at info, and keeps the others', async () => {
  const [old, young, older] = [await ended(8), await ended(6), await ended(400)];
  const logged = await afterOnePass({ REPRISE_REPLAY_RETENTION_DAYS: '7' }, async () => !(await there(older)));
  expect([await there(old), await there(young)]).toEqual([false, true]);
  expect(logged).toEqual([old, older].map((replayId) => ({ level: 30, replayId, msg: 'retention deleted a replay' })));
});

test('a service that is not told how long to keep runs keeps them for ever, whatever it does with entries', async () => {
  const id = await ended(4_000);
  // A stop waits for the pass that the start began.
  expect(await afterOnePass({ REPRISE_RETENTION_DAYS: '1' }, async () => true)).toEqual([]);
  expect(await there(id)).toBe(true);
});
