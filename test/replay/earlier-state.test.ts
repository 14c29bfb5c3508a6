import { expect, it } from 'vitest';
import { findEarlierState } from '../../src/replay/earlier-state.ts';
import { sessionKey } from '../../src/replay/session-key.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

/** What of the statements of one session is found before a window, in its order. */
async function lasting(statements: readonly string[]): Promise<readonly string[]> {
  const record = new HandMadeRecord();
  for (const statement of statements) record.run('a', statement);
  await record.store(bench.journal);
  const sessionId = record.sessionId('a');
  const key = sessionKey({ nodeId: 'db-1', sessionId });
  const { from } = record.window(1_000_000);
  const { made } = await findEarlierState(bench.journal, from, [{ key, sessionId }]);
  return (made.get(key) ?? []).map(({ statement }) => statement);
}

it('of settings that a session has made again and again, the last of each name is found, in the order of the last', async () => {
  const tenants = Array.from({ length: 5_000 }, (_, tenant) => `SET search_path TO tenant_${tenant}`);
  expect(
    await lasting(['SET timezone TO UTC', "SET work_mem TO '1MB'", ...tenants, "SET work_mem TO '2MB'", 'VACUUM']),
  ).toEqual(['SET timezone TO UTC', 'SET search_path TO tenant_4999', "SET work_mem TO '2MB'"]);
});

it('what resets settings takes the place of those before it', async () => {
  expect(
    await lasting([
      'SET work_mem TO 100',
      'SET a.b TO 1',
      'RESET work_mem',
      'SET work_mem TO 200',
      'RESET ALL',
      'SET a.b TO 2',
    ]),
  ).toEqual(['RESET work_mem', 'RESET ALL', 'SET a.b TO 2']);
});

it('modes of transactions are found one by one, and not once they are reset under their own names', async () => {
  const modes = 'SET SESSION CHARACTERISTICS AS TRANSACTION';
  expect(
    await lasting([
      `${modes} ISOLATION LEVEL SERIALIZABLE`,
      `${modes} DEFERRABLE`,
      `${modes} READ ONLY`,
      'RESET default_transaction_deferrable',
    ]),
  ).toEqual([`${modes} ISOLATION LEVEL SERIALIZABLE`, `${modes} READ ONLY`, 'RESET default_transaction_deferrable']);
});

it('settings of set_config are found, the last of each name', async () => {
  const call = (name: string, value: string) => `SELECT set_config('${name}', '${value}', false)`;
  expect(
    await lasting([call('search_path', 'a'), call('a.b', '1'), call('search_path', 'b'), 'SELECT 1', 'RESET a.b']),
  ).toEqual([call('search_path', 'b'), 'RESET a.b']);
});

it('what went back to a savepoint is not found, but what it had taken the place of', async () => {
  expect(
    await lasting([
      'SET a.b TO 1',
      'SET a.c TO 1',
      'SET a.d TO 1',
      'BEGIN',
      'SET a.c TO 2',
      'SAVEPOINT s',
      'SET a.b TO 2',
      'DO $$ BEGIN SET a.d TO 2; DELETE FROM t; END $$',
      'PREPARE p AS SELECT 1',
      'RESET ALL',
      'ROLLBACK TO s',
      'SET a.e TO 1',
      'COMMIT',
    ]),
  ).toEqual(['SET a.b TO 1', 'SET a.d TO 1', 'SET a.c TO 2', 'PREPARE p AS SELECT 1', 'SET a.e TO 1']);
});

it('what lies far behind the savepoint that its transaction went back to is not found either', async () => {
  const selects = Array.from({ length: 20 }, () => 'SELECT 1');
  const undone = ['SAVEPOINT s', ...selects, 'SET a.b TO 2', 'ROLLBACK TO SAVEPOINT s'];
  expect(await lasting(['BEGIN', ...undone, 'SET a.c TO 1', 'RELEASE s', 'COMMIT'])).toEqual(['SET a.c TO 1']);
  expect(await lasting(['BEGIN', ...undone, 'COMMIT'])).toEqual([]);
});

it('roles that a session has taken are found behind RESET ALL, which leaves them', async () => {
  expect(await lasting(['SET ROLE a', 'SET work_mem TO 100', 'RESET ALL'])).toEqual(['SET ROLE a', 'RESET ALL']);
});

it('statements that were prepared and deallocated are not found, however many there were', async () => {
  const pairs = Array.from({ length: 2_000 }, (_, n) => [`PREPARE q${n} AS SELECT ${n}`, `DEALLOCATE q${n}`]).flat();
  expect(await lasting(['PREPARE kept AS SELECT 1', ...pairs])).toEqual(['PREPARE kept AS SELECT 1']);
});

it('a string of several statements is kept beside those that do a part of it', async () => {
  const both = "SET work_mem TO '1MB'; SET timezone TO UTC";
  expect(await lasting([both, "SET work_mem TO '2MB'"])).toEqual([both, "SET work_mem TO '2MB'"]);
});

it('statements that make nothing that lasts push nothing out', async () => {
  const closed = Array.from({ length: 1_200 }, (_, n) => `CLOSE cursor_${n}`);
  const traced = Array.from({ length: 1_200 }, (_, n) => `DEALLOCATE ALL /* request ${n} */`);
  expect(await lasting(['SET search_path TO x', ...closed, ...traced])).toEqual(['SET search_path TO x']);
});

it('what a string has prepared is deallocated still', async () => {
  const both = 'PREPARE a AS SELECT 1; PREPARE b AS SELECT 2';
  expect(await lasting([both, 'DEALLOCATE a', 'PREPARE c AS SELECT 3', 'DEALLOCATE c'])).toEqual([
    both,
    'DEALLOCATE a',
  ]);
});

it('a string that takes back what it does leaves what was before', async () => {
  const undone = "SET work_mem TO '1MB'; ROLLBACK";
  expect(await lasting(["SET work_mem TO '5MB'", undone])).toEqual(["SET work_mem TO '5MB'", undone]);
});

it('a statement that does more than set is not found, nor what it set before', async () => {
  const block = 'DO $$ BEGIN SET search_path = x; INSERT INTO audit VALUES (1); END $$';
  expect(await lasting(['SET search_path TO y', 'SET a.b TO 1', block])).toEqual(['SET a.b TO 1']);
  expect(await lasting([block, 'SET search_path TO y'])).toEqual(['SET search_path TO y']);
});

it('a block that may set the search path is found', async () => {
  const block = "DO $$ BEGIN EXECUTE 'SET search_path TO x'; END $$";
  expect(await lasting(['DO $$ BEGIN PERFORM 1; END $$', block])).toEqual([block]);
});

it('each of more sessions than are asked for at once gets its own, without what was rolled back', async () => {
  const record = new HandMadeRecord();
  const names = Array.from({ length: 1_200 }, (_, n) => `s${n}`);
  for (const name of names) {
    record.run(name, `SET search_path TO ${name}`);
    record.run(name, 'BEGIN');
    record.run(name, 'SET search_path TO undone');
    record.run(name, `PREPARE ${name} AS SELECT 1`);
    record.run(name, 'ROLLBACK');
    record.run(name, 'SET work_mem TO 100', { fails: '22023' });
  }
  await record.store(bench.journal);
  // Every second one has no statement in the window.
  const sessions = names
    .filter((_, n) => n % 2 === 0)
    .map((name) => ({ name, sessionId: record.sessionId(name) }))
    .map((session) => ({ ...session, key: sessionKey({ nodeId: 'db-1', sessionId: session.sessionId }) }));
  const { made } = await findEarlierState(bench.journal, record.window(1_000_000).from, sessions);
  expect([...made].map(([key, entries]) => [key, entries.map(({ statement }) => statement)])).toEqual(
    sessions.map(({ key, name }) => [key, [`SET search_path TO ${name}`, `PREPARE ${name} AS SELECT 1`]]),
  );
});
