import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEmbedded } from '../../src/store/embedded.ts';
import { FAST_SETTINGS, startTestServer, type TestServer } from '../support/postgres.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

/** Ends the server without a word, as a crash does, and brings it back at the same port. */
async function restart(): Promise<void> {
  const { dataDir, port, stop: _, ...rest } = server;
  await rest.kill();
  const again = await startEmbedded({ dataDir, settings: { ...FAST_SETTINGS, port: String(port) } });
  const removeBoth = server.stop;
  server = { ...again, dataDir, stop: () => again.stop().then(removeBoth) };
}

function target(database: string) {
  const { host, port, user, password } = server;
  return { host, port, user, password, database, tls: 'DISABLE' } as const;
}

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: a target that restarts costs what was open, and the run goes on',
  async (ordering) => {
    const name = `t_${ordering.toLowerCase()}`;
    await server.createDatabase(name);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', 'CREATE TABLE log (who text)', { at: 1 });
    record.run('a', 'COMMIT', { at: 2 });
    record.run('a', 'BEGIN', { at: 3 });
    record.run('a', "INSERT INTO log VALUES ('lost')", { at: 4 });
    record.run('a', "INSERT INTO log VALUES ('lost too')", { at: 2_000 });
    record.run('a', 'COMMIT', { at: 2_001 });
    record.run('b', "INSERT INTO log VALUES ('after')", { at: 2_002 });
    const { id } = await bench.engine.start({
      window: await record.store(bench.journal),
      target: target(name),
      ordering,
      restoreIds: false,
      pace: { mode: 'RECORDED', speed: 1, maxIdleMs: null },
    });
    for await (const event of bench.engine.stream(id, 0)) if (event.kind === 'OUTCOME' && event.ordinal === 5) break;
    await restart();
    const run = await bench.ended(id);
    expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
    expect(run.brief).toEqual([
      ...Array(5).fill('SUCCEEDED'),
      'SKIPPED TRANSACTION_LOST',
      'SKIPPED TRANSACTION_LOST',
      'SUCCEEDED',
    ]);
    expect(run.notices('CONNECTION_LOST').length).toBeGreaterThan(0);
  },
);

it('a target that does not come back fails the run', async () => {
  await server.createDatabase('gone');
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1', { at: 0 });
  record.run('a', 'SELECT 2', { at: 800 });
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: target('gone'),
    pace: { mode: 'RECORDED', speed: 1, maxIdleMs: null },
  });
  for await (const event of bench.engine.stream(id, 0)) if (event.kind === 'OUTCOME') break;
  await server.kill();
  const run = await bench.ended(id);
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_LOST' } });
  expect(run.replay.error?.message).toMatch(/^the target was lost during the run: connect to target /);
});
