import { expect, it } from 'vitest';
import { findEarlierState } from '../../src/replay/earlier-state.ts';
import { sessionKey } from '../../src/replay/plan.ts';
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
  const found = await findEarlierState(bench.journal, from, [{ key, sessionId }]);
  return (found.get(key) ?? []).map(({ statement }) => statement);
}

it('of settings that a session has made again and again, the last of each name is found, in the order of the last', async () => {
  const tenants = Array.from({ length: 5_000 }, (_, tenant) => `SET search_path TO tenant_${tenant}`);
  expect(
    await lasting(['SET timezone TO UTC', "SET work_mem TO '1MB'", ...tenants, "SET work_mem TO '2MB'", 'VACUUM']),
  ).toEqual(['SET timezone TO UTC', 'SET search_path TO tenant_4999', "SET work_mem TO '2MB'"]);
});

it('what resets settings stands where it did between them', async () => {
  expect(
    await lasting(['SET work_mem TO 100', 'RESET ALL', 'SET work_mem TO 200', 'RESET ALL', 'SET a.b TO 1']),
  ).toEqual(['SET work_mem TO 200', 'RESET ALL', 'SET a.b TO 1']);
});

it('statements that were prepared and deallocated are not found, however many there were', async () => {
  const pairs = Array.from({ length: 2_000 }, (_, n) => [`PREPARE q${n} AS SELECT ${n}`, `DEALLOCATE q${n}`]).flat();
  expect(await lasting(['PREPARE kept AS SELECT 1', ...pairs])).toEqual(['PREPARE kept AS SELECT 1']);
});

it('a string of several statements is kept beside those that do a part of it', async () => {
  const both = "SET work_mem TO '1MB'; SET timezone TO UTC";
  expect(await lasting([both, "SET work_mem TO '2MB'"])).toEqual([both, "SET work_mem TO '2MB'"]);
});
