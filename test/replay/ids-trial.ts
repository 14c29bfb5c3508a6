import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type RecordedSession, Recorder } from './ids-recorder.ts';
import { type Bench, failures, openBench, type Replayed, run } from './ids-support.ts';

const HOUR = 3_600_000_000;

// Made anew for each test; the bench, for each file.
export let bench: Bench;
export let source: TestDatabase;
export let target: TestDatabase;
export let recorder: Recorder;
export let a: RecordedSession;
export let b: RecordedSession;

/** For each test of a file a source and a target that hold the same, and a record of an hour of its own with two sessions. */
export function trialOfEachTest(schema = ''): void {
  let start = Date.UTC(2026, 3) * 1000;
  beforeAll(async () => {
    bench = await openBench();
  });
  afterAll(() => bench.close());
  beforeEach(async () => {
    [source, target] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    start += HOUR;
    recorder = new Recorder(source, start, 2_000);
    await given(schema);
    a = await recorder.session('a');
    b = await recorder.session('b');
  });
  afterEach(async () => {
    await Promise.all([source.drop(), target.drop()]);
  });
}

/** Runs the same on both sides, ahead of the record. */
export async function given(sql: string): Promise<void> {
  await Promise.all([run(source, sql), run(target, sql)]);
}

/** A draw of another session that the record rolled back, so that nothing stands where it did: the sequence has to be set. */
export async function rolledBack(gone = "INSERT INTO orders (name) VALUES ('gone')"): Promise<void> {
  await b.run('BEGIN');
  await b.run(gone);
  await b.run('ROLLBACK');
}

/** A draw that only the order of the record shows, and one that lasts. */
export async function twice(gone: string, kept = gone): Promise<void> {
  await rolledBack(gone);
  await a.run(kept);
}

/** Replays, and expects what queries give on the source, with nothing left to guess. */
export async function expectRestored(...queries: readonly string[]): Promise<Replayed> {
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(replayed.replay.state).toBe('COMPLETED');
  expect(failures(replayed)).toEqual([]);
  for (const sql of [...queries, 'SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2'])
    expect(await run(target, sql)).toBe(await run(source, sql));
  expect(replayed.report?.remarks.join()).not.toMatch(/which value they drew|values were drawn|do not agree/);
  return replayed;
}
