import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { Connector } from '../../src/replay/connector.ts';
import { ProgressMarker } from '../../src/replay/progress-marker.ts';
import { drawKills, KILLS, killAndResume } from '../support/kills.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';
import { spawnReplay } from '../support/spawn-replay.ts';

const bench = useBench();

/** Transactions, autocommit statements and rollbacks of three sessions; `effects` is what must be there, once. */
function history(rounds: number): { record: HandMadeRecord; effects: number[] } {
  const record = new HandMadeRecord();
  const effects: number[] = [];
  let next = 0;
  const insert = (session: string, lasts: boolean) => {
    next += 1;
    record.run(session, `INSERT INTO ran VALUES (${next})`);
    if (lasts) effects.push(next);
  };
  for (let round = 0; round < rounds; round++) {
    insert('a', true);
    record.run('b', 'BEGIN');
    insert('b', true);
    insert('c', true);
    insert('b', true);
    record.run('b', 'COMMIT');
    record.run('c', 'BEGIN');
    insert('c', false);
    record.run('c', 'ROLLBACK');
  }
  return { record, effects };
}

describe('COMMIT ordering with marks', () => {
  it('has each transaction on the target exactly once, whenever its process is killed', {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    const { record, effects } = history(400);
    const window = await record.store(bench.journal);
    const entries = await bench.journal.committedCount(window, {}, 'INCLUDE');
    for (const kill of drawKills(entries)) {
      const target = await bench.target('CREATE TABLE ran (n int)');
      const child = await spawnReplay(bench.url, {
        window,
        target: target.spec,
        ordering: 'COMMIT',
        markProgress: true,
        ...(kill.odd && { inFlight: 16 }),
      });
      await killAndResume(bench, child, kill);
      const run = await bench.ended(child.id);
      expect(run.replay.state).toBe('COMPLETED');
      const ran = (await target.sql('SELECT n FROM ran ORDER BY n')).map(Number);
      expect(ran, `killed behind outcome ${kill.moment}`).toEqual(effects);
      // Every statement has its one outcome; what is in doubt is said to be.
      expect(new Set(run.outcomes.map((event) => event.ordinal)).size).toBe(run.outcomes.length);
      expect(run.brief.filter((outcome) => outcome !== 'SUCCEEDED' && outcome !== 'UNKNOWN')).toEqual([]);
      expect(run.replay.summary.succeeded + run.replay.summary.unknown).toBe(run.replay.summary.planned);
    }
  });

  it('stopped in order and resumed, is as if it had never been stopped', async () => {
    const { record, effects } = history(200);
    const window = await record.store(bench.journal);
    const target = await bench.target('CREATE TABLE ran (n int)');
    const engine = bench.anotherEngine();
    const started = await bench.start(target, { window, ordering: 'COMMIT', markProgress: true, inFlight: 8 }, engine);
    await started.event((event) => event.kind === 'OUTCOME' && event.ordinal > 100);
    await engine.stop();
    await bench.engine.resume(started.id);
    const run = await bench.ended(started.id);
    expect(run.replay.state).toBe('COMPLETED');
    expect((await target.sql('SELECT n FROM ran ORDER BY n')).map(Number)).toEqual(effects);
  });

  it('takes no more marks of a process that was cut off from the journal, and whose run another one has taken on', async () => {
    const target = await bench.target();
    const window = { from: 0, to: 0 };
    const request = completeRequest({ window, target: target.spec, ordering: 'COMMIT', markProgress: true });
    const connector = new Connector(await bench.policy.resolve(target.spec, []), new AbortController().signal);
    const id = randomUUID();
    const cutOff = await ProgressMarker.open(connector, request, id);
    const resumed = await ProgressMarker.open(connector, request, id);
    const mark = { ordinal: 3, database: null, mays: null };
    const client = await target.connect();
    await expect(client.query(cutOff.update(mark))).rejects.toMatchObject({ code: '22012' });
    await client.query(resumed.update(mark));
    expect(await target.sql('SELECT ordinal FROM reprise_marker')).toEqual(['3']);
  });

  it('runs what cannot be in a transaction without a mark', async () => {
    const target = await bench.target('CREATE TABLE ran (n int); CREATE TABLE part (n int) PARTITION BY LIST (n)');
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO ran VALUES (1)');
    const alone = [
      'VACUUM ran',
      'CREATE INDEX CONCURRENTLY ON ran (n)',
      'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS once ON ran (n)',
      `CREATE DATABASE ${target.name}_2`,
      `DROP DATABASE IF EXISTS ${target.name}_2`,
      'ALTER SYSTEM RESET log_duration',
      'CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)',
      'ALTER TABLE part DETACH PARTITION part_1 CONCURRENTLY',
      'DISCARD ALL',
    ];
    for (const statement of alone) record.run('a', statement);
    record.run('a', 'INSERT INTO ran VALUES (2)');
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
    });
    expect(run.brief).toEqual(Array(11).fill('SUCCEEDED'));
    expect(await target.sql('SELECT ordinal FROM reprise_marker')).toEqual(['11']);
  });

  it('marks no transaction that is only prepared: its lock would hold up the marks behind it', async () => {
    const target = await bench.target('CREATE TABLE ran (n int)');
    const record = new HandMadeRecord();
    const gids = ['a', 'b'].map((session) => record.preparedName(session));
    for (const [index, gid] of gids.entries()) {
      record.run(`s${index}`, 'BEGIN');
      record.run(`s${index}`, `INSERT INTO ran VALUES (${index})`);
      record.run(`s${index}`, `PREPARE TRANSACTION '${gid}'`);
    }
    record.run('c', `COMMIT PREPARED '${gids[1]}'`);
    record.run('c', 'INSERT INTO ran VALUES (2)');
    record.run('c', `COMMIT PREPARED '${gids[0]}'`);
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
      statementTimeoutMs: 5_000,
    });
    expect(run.brief).toEqual(Array(9).fill('SUCCEEDED'));
    expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['0', '1', '2']);
  });

  it('puts no mark ahead of a string that is a transaction of its own', async () => {
    const target = await bench.target('CREATE TABLE ran (n int)');
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO ran VALUES (1)');
    record.run('a', 'BEGIN; INSERT INTO ran SELECT ordinal FROM reprise_marker; COMMIT');
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
    });
    expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(await target.sql('SELECT n FROM ran')).toEqual(['1', '1']);
  });
});
