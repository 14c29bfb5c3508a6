import { expect, it } from 'vitest';
import { normaliseStatement } from '../../src/journal/normalise.ts';
import { LOG_SCHEMA, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
const GONE = 'SELECT * FROM gone';

it.each([
  ['TIMESTAMP', 1],
  ['SESSION', 1],
  // Whether a statement on its own committed is not known, so that it is not replayed.
  ['COMMIT', 0],
] as const)('%s: failures of which the record does not tell the outcome are counted', async (ordering, alone) => {
  const target = await bench.target(LOG_SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  record.run('a', GONE, { unknown: true });
  record.run('a', log('b'), { unknown: true });
  record.run('a', GONE, { fails: '?????' });
  record.run('b', 'BEGIN');
  record.run('b', `${GONE} WHERE n = 1`, { unknown: true });
  record.run('b', log('c'), { unknown: true });
  record.run('b', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ordering, restoreIds: false });
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.replay.summary).toMatchObject({ unverifiableFailures: alone + 1 });
  const { statements } = await bench.engine.report(run.replay.id);
  const lines = new Map(statements.map((line) => [line.normalised, line]));
  expect(lines.get(`${GONE} WHERE n = ?`)).toMatchObject({ unverifiableFailures: 1, regressed: true });
  expect(lines.get(GONE)?.unverifiableFailures ?? 0).toBe(alone);
  expect(lines.get(normaliseStatement(log('b')))?.unverifiableFailures).toBe(0);
});

it('a run that was stopped and resumed counts them once, and over both of its stretches', async () => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  record.run('a', GONE, { unknown: true });
  record.run('a', GONE, { fails: '?????' });
  record.run('a', 'SELECT pg_sleep(600)');
  record.run('a', GONE, { unknown: true });
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 2);
  await engine.stop();
  await bench.engine.resume(run.id);
  const { replay } = await bench.ended(run.id);
  expect(replay).toMatchObject({ state: 'COMPLETED', summary: { failed: 3, unverifiableFailures: 2 } });
});
