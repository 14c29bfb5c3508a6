import { createConnection, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Frames } from '../support/commit-proxy.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, through, useBench } from '../support/replay.ts';
import { spawnReplay } from '../support/spawn-replay.ts';
import { listen } from '../target/proxy.ts';

const bench = useBench();

/** Three transactions, of which the second one fails on the target. */
async function failing(): Promise<{ target: Target; window: { from: number; to: number } }> {
  const target = await bench.target('CREATE TABLE ran (n int CHECK (n <> 2))');
  const record = new HandMadeRecord();
  for (let n = 1; n <= 3; n++) record.run('a', `INSERT INTO ran VALUES (${n})`);
  return { target, window: await record.store(bench.journal) };
}

/** A proxy that lets no answer through behind the first COMMIT of a session, and calls back at that of the last one. */
async function startSilentProxy(port: number, commits: number, onLast: (client: Socket) => void): Promise<number> {
  let withheld = 0;
  return listen((client) => {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    onTestFinished(() => void server.destroy());
    let silent = false;
    const fromServer = new Frames(false, (frame, type, text) => {
      if (type === 'C' && text.startsWith('COMMIT') && withheld < commits) {
        silent = true;
        withheld += 1;
        if (withheld === commits) onLast(client);
      }
      if (!silent) client.write(frame);
    });
    client.setNoDelay(true);
    client.on('data', (chunk) => server.write(chunk)).on('close', () => server.destroy());
    server.on('data', (chunk) => fromServer.push(chunk)).on('error', () => {});
    server.on('close', () => client.destroy());
  });
}

it('a transaction that failed by itself is not told as committed because later ones left their marks, its answer lost', async () => {
  const { target, window } = await failing();
  const port = await startSilentProxy(target.port, 2, (client) => client.end());
  const run = await bench.run(through(port, target), { window, ordering: 'COMMIT', markProgress: true });
  expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 08006', 'SUCCEEDED']);
  expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '3']);
});

it('a resumed run says of a transaction that failed before its service was killed that it left no mark', async () => {
  const { target, window } = await failing();
  let onLast = () => {};
  const committed = new Promise<void>((resolve) => {
    onLast = resolve;
  });
  const port = await startSilentProxy(target.port, 2, onLast);
  const { spec } = through(port, target);
  const child = await spawnReplay(bench.url, { window, target: spec, ordering: 'COMMIT', markProgress: true });
  await committed;
  await child.kill();
  while (!(await bench.engine.recover()).includes(child.id)) await new Promise(setImmediate);
  await bench.engine.resume(child.id, { password: target.password });
  const run = await bench.ended(child.id);
  expect(run.brief).toEqual(['UNKNOWN', 'UNKNOWN', 'UNKNOWN']);
  expect(run.outcomes.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^its transaction committed before the service stopped/),
    expect.stringMatching(/^its transaction left no mark before the service stopped/),
    expect.stringMatching(/^its transaction committed before the service stopped/),
  ]);
  expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '3']);
});

it('so many transactions that fail among others leave the target a row that does not grow', async () => {
  const target = await bench.target('CREATE TABLE ran (n int CHECK (n % 2 = 0))');
  const record = new HandMadeRecord();
  for (let n = 1; n <= 3_000; n++) record.run('a', `INSERT INTO ran VALUES (${n})`);
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress: true });
  expect(run.replay.summary).toMatchObject({ succeeded: 1_500, failed: 1_500 });
  expect(await target.sql('SELECT ordinal, cardinality(gaps) FROM reprise_marker')).toEqual(['3000|1024']);
});

it('a table of marks that an older release has made gets what it lacks', async () => {
  const { target, window } = await failing();
  await target.sql('CREATE TABLE reprise_marker (replay_id uuid PRIMARY KEY, ordinal bigint NOT NULL)');
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress: true });
  expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 23514', 'SUCCEEDED']);
  expect(await target.sql('SELECT ordinal, gaps::text FROM reprise_marker')).toEqual(['3|{1,3}']);
});
