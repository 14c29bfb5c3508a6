import { createConnection, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { LostBackends } from '../../src/replay/end-lost.ts';
import { ORDERINGS } from '../../src/replay/request.ts';
import { type AsLogin, TargetMonitor } from '../../src/replay/target-monitor.ts';
import { Frames } from '../support/commit-proxy.ts';
import { HandMadeRecord } from '../support/record.ts';
import { NOTHING_LEFT, through, untilTrue, useBench } from '../support/replay.ts';
import { listen } from '../target/proxy.ts';
import { open, targetOf } from '../target/support.ts';

const bench = useBench();

/** A way to a local server that loses the connection on which such a text is first sent; the server is told nothing. */
async function losing(port: number, text: string): Promise<number> {
  const servers: Socket[] = [];
  let hasLost = false;
  onTestFinished(() => {
    for (const server of servers) server.destroy();
  });
  return listen((client) => {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    servers.push(server);
    let lost = false;
    const fromClient = new Frames(true, (frame, _type, message) => {
      lost ||= !hasLost && message.includes(text);
      hasLost ||= lost;
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

it('the run ends what is left on the target of a connection of its own that it has lost', async () => {
  const target = await bench.target('CREATE TABLE hot (n int); INSERT INTO hot VALUES (0)');
  const outsider = await target.connect();
  await outsider.query('BEGIN; UPDATE hot SET n = 1');
  const record = new HandMadeRecord();
  record.run('a', 'UPDATE hot SET n = n + 1');
  const way = through(await losing(target.port, 'pg_blocking_pids'), target);
  const run = await bench.start(way, { window: await record.store(bench.journal) });
  // The monitor has asked whom the statement waits for, and again.
  const watcher = await target.connect();
  await untilTrue(
    watcher,
    `SELECT count(*) = 1 AND bool_and(query LIKE '%pg_blocking_pids%') FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'reprise % monitor'`,
  );
  await outsider.query('COMMIT');
  expect((await run.ended()).brief).toEqual(['SUCCEEDED']);
  await untilTrue(watcher, NOTHING_LEFT);
});

it('a mapped login ends its own lost backend where the target’s user may not, and what nobody may end is told', async () => {
  const target = await bench.target('');
  const [runner, mapped, other] = ['runner', 'mapped', 'other'].map((name) => `${name}_${process.pid}`) as [
    string,
    string,
    string,
  ];
  const roles = [runner, mapped, other];
  await target.sql(roles.map((role) => `CREATE ROLE ${role} LOGIN PASSWORD 'its own'`).join(';'));
  onTestFinished(() => target.sql(roles.map((role) => `DROP ROLE ${role}`).join(';')).then(() => {}));
  const marks = { name: 'reprise 01234567', key: '1234567' };
  const as = (user: string) => targetOf({ ...target, user, password: 'its own' });
  const connect = () => open(as(runner));
  const asLogin: AsLogin = (user) => (user === mapped ? async (work) => work(await open(as(user))) : null);
  const monitor = new TargetMonitor(await connect(), connect, marks, asLogin);
  const [own, others] = await Promise.all(
    [mapped, other].map((user) => open(as(user), { applicationName: marks.name })),
  );
  const told: unknown[] = [];
  const backends = new LostBackends(monitor, new AbortController().signal, (...args) => told.push(args));
  await backends.end(own!.processId, 'a');
  await expect(own!.query('SELECT 1')).rejects.toThrow();
  expect(told).toEqual([]);
  await backends.end(others!.processId, 'b');
  expect(told).toEqual([['b', expect.stringContaining(`role "${other}"`)]]);
  expect((await others!.query('SELECT 1')).rows).toEqual([['1']]);
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
