import { createConnection, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ORDERINGS } from '../../src/replay/request.ts';
import { TargetMonitor } from '../../src/replay/target-monitor.ts';
import { Frames } from '../support/commit-proxy.ts';
import { HandMadeRecord } from '../support/record.ts';
import { NOTHING_LEFT, through, useBench } from '../support/replay.ts';
import { listen } from '../target/proxy.ts';
import { open, targetOf } from '../target/support.ts';

const bench = useBench();

/** A way to a local server that loses the connection on which a statement with this text is sent; the server is told nothing. */
async function losing(port: number, text: string): Promise<number> {
  const servers: Socket[] = [];
  onTestFinished(() => {
    for (const server of servers) server.destroy();
  });
  return listen((client) => {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    servers.push(server);
    let lost = false;
    const fromClient = new Frames(true, (frame, _type, message) => {
      lost ||= message.includes(text);
      if (lost) client.destroy();
      else server.write(frame);
    });
    client.on('data', (chunk) => fromClient.push(chunk));
    client.on('close', () => {
      if (!lost) server.destroy();
    });
    server.on('data', (chunk) => client.write(chunk)).on('error', () => {});
    server.on('close', () => client.destroy());
  });
}

it.each(ORDERINGS)('%s: a connection that is lost without the server being told leaves no locks', async (ordering) => {
  const target = await bench.target('CREATE TABLE hot (n int); INSERT INTO hot VALUES (0)');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'UPDATE hot SET n = 1');
  record.run('a', "SELECT 'lost'");
  record.run('a', 'COMMIT');
  const after = [record.run('a', 'UPDATE hot SET n = n + 10'), record.run('b', 'UPDATE hot SET n = n + 10')];
  const way = through(await losing(target.port, "'lost'"), target);
  const window = await record.store(bench.journal);
  const run = await bench.run(way, { window, ordering, restoreIds: false, statementTimeoutMs: 10_000, inFlight: 1 });
  expect(run.replay.state).toBe('COMPLETED');
  expect(after.map((place) => run.outcome(place).status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  expect(await target.sql('SELECT n FROM hot')).toEqual(['20']);
  expect(await target.sql(NOTHING_LEFT)).toEqual(['true']);
});

it('who has the process id of a lost connection, and no mark of the run, is left alone', async () => {
  // As behind a failover, where the process ids of the run are those of others.
  const target = await bench.target('');
  const marks = { name: 'reprise 01234567', key: '1234567' };
  const connect = () => open(targetOf(target));
  const monitor = new TargetMonitor(await connect(), connect, marks);
  const [stranger, own] = [await connect(), await open(targetOf(target), { applicationName: marks.name })];
  const lostAt = performance.now();
  expect(await monitor.endBackend(stranger.processId, lostAt)).toBe('STRANGER');
  expect((await stranger.query('SELECT 1')).rows).toEqual([['1']]);
  expect(await monitor.endBackend(own.processId, lostAt)).toBe('TOLD');
  await expect(own.query('SELECT 1')).rejects.toThrow();
});
