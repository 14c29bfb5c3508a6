import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type RecordedSession, Recorder } from './ids-recorder.ts';
import { type Bench, openBench, run } from './ids-support.ts';

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
