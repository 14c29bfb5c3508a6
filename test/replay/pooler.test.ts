import { expect, it } from 'vitest';
import { LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { startPooler, startSharingPooler } from '../support/pooler.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, through, useBench } from '../support/replay.ts';

const MARK_READ = 'SELECT ordinal, pg_catalog.array_to_string(gaps';

const bench = useBench();

/** A process id that no backend has. */
const NOBODYS = 0x3fffffff;

/** A run of three transactions through a pooler that holds the COMMIT of the second back. */
async function throughPooler(target: Target, markProgress: boolean, pid = NOBODYS) {
  const pooler = await startPooler(target.port, pid, 2);
  const record = new HandMadeRecord();
  for (const who of ['first', 'doubtful', 'last']) {
    record.run('a', 'BEGIN');
    record.run('a', `INSERT INTO log (who) VALUES ('${who}')`);
    record.run('a', 'COMMIT');
  }
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: through(pooler.port, target).spec,
    ordering: 'COMMIT',
    markProgress,
    inFlight: 1,
  });
  return { pooler, id };
}

it('behind a pooler a COMMIT that is still on its way is not told as failed, and one connection asks for it', async () => {
  const target = await bench.target(SCHEMA);
  const { pooler, id } = await throughPooler(target, true);
  await pooler.reads(MARK_READ, 1);
  const before = pooler.connections.get(`reprise ${id.slice(0, 8)} marker`) ?? 0;
  await pooler.reads(MARK_READ, 4);
  expect(pooler.connections.get(`reprise ${id.slice(0, 8)} marker`)).toBe(before);
  pooler.deliver();
  const run = await bench.ended(id);
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.brief).toEqual(Array(9).fill('SUCCEEDED'));
  expect(await target.sql('SELECT who FROM log ORDER BY n')).toEqual(['first', 'doubtful', 'last']);
  expect((await bench.engine.report(id)).remarks).toContainEqual(expect.stringContaining('connection pooler'));
});

it('behind a pooler a COMMIT of which nothing is known is UNKNOWN', async () => {
  const { pooler, id } = await throughPooler(await bench.target(SCHEMA), true);
  await pooler.reads(MARK_READ, 2);
  await bench.engine.cancel(id);
  const run = await bench.ended(id);
  expect(run.brief.at(-1)).toBe('UNKNOWN');
  expect(run.replay.summary.unknown).toBe(1);
});

it('behind a pooler no backend is ended that only has the process id which the pooler gave out', async () => {
  const target = await bench.target(SCHEMA);
  const bystander = await target.connect();
  const { rows } = await bystander.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const { pooler, id } = await throughPooler(target, false, rows[0]?.pid);
  await pooler.reads('SELECT pg_catalog.pg_xact_status', 2);
  pooler.deliver();
  const run = await bench.ended(id);
  expect(run.brief).toEqual(Array(9).fill('SUCCEEDED'));
  expect((await bystander.query('SELECT 1 AS there')).rows).toEqual([{ there: 1 }]);
});

it('a pooler that lends one backend to several connections is refused, with what to do', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', "INSERT INTO log (who) VALUES ('nobody')");
  const port = await startSharingPooler(target.port);
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: through(port, target).spec,
  });
  const { replay } = await bench.ended(id);
  expect(replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_REFUSED' } });
  expect(replay.error?.message).toMatch(/connection pooler .* let it pool sessions/);
  expect(await target.sql('SELECT who FROM log')).toEqual([]);
});
