import { expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

it('percentiles and thresholds of a run that was stopped and resumed are over both of its stretches', async () => {
  const record = new HandMadeRecord();
  for (let n = 0; n < 6; n++) record.run('a', 'SELECT 1', { durationMs: 100 });
  record.run('a', 'SELECT pg_sleep(600)', { durationMs: 600_000 });
  for (let n = 0; n < 3; n++) record.run('a', 'SELECT 1', { durationMs: 1 });
  const engine = bench.anotherEngine();
  const window = await record.store(bench.journal);
  const pace = { mode: 'RECORDED', speed: 100, maxIdleMs: null } as const;
  const run = await bench.start(await bench.target(), { window, pace, thresholds: ['p99<1000s'] }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 6);
  await engine.stop();
  await bench.engine.resume(run.id);
  const { replay, outcomes, brief } = await bench.ended(run.id);
  expect(brief).toEqual([...Array(6).fill('SUCCEEDED'), 'SKIPPED RUN_ENDED', ...Array(3).fill('SUCCEEDED')]);
  const longest = (of: 'durationMs' | 'lagMs') => Math.max(...outcomes.map((outcome) => outcome[of] ?? 0));
  const { duration, lag, recordedDuration } = replay.summary;
  // Events hold whole microseconds, histograms 1 %.
  for (const [p99, most] of [
    [duration.p99, longest('durationMs')],
    [lag.p99, longest('lagMs')],
  ] as const)
    expect(Math.abs((p99 ?? 0) - most)).toBeLessThanOrEqual(0.011 * most + 0.001);
  expect(recordedDuration.p50).toBeCloseTo(100, -1);
  const [threshold] = (await bench.engine.report(run.id)).thresholds;
  expect(threshold).toMatchObject({ actual: duration.p99, passed: true });
});

it('a resumed run that sent nothing but transaction control over its stretches says so, with every reason', async () => {
  const record = new HandMadeRecord();
  const copied = (at: number) => {
    record.run('a', 'BEGIN', { at });
    record.run('a', 'COPY log FROM STDIN', { unreplayable: 'COPY_DATA' });
    record.run('a', 'COMMIT');
  };
  copied(0);
  copied(60_000);
  const engine = bench.anotherEngine();
  const window = await record.store(bench.journal);
  const pace = { mode: 'RECORDED', speed: 0.1, maxIdleMs: null } as const;
  const run = await bench.start(await bench.target(), { window, pace }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 3);
  await engine.stop();
  await bench.engine.resume(run.id);
  await bench.engine.setSpeed(run.id, 100);
  const ended = await bench.ended(run.id);
  const why = 'nothing but transaction control was replayed: all 2 other statements were skipped (COPY_DATA 2)';
  expect(ended.notices('NOTHING_REPLAYED').map(({ message }) => message)).toEqual([why]);
  expect((await bench.engine.report(run.id)).remarks).toContain(why);
});
