import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { PROPERTY_RUNS, PROPERTY_SEED } from '../support/property.ts';
import { type RecordedSession, Recorder } from './ids-recorder.ts';
import { type Bench, failures, openBench, run } from './ids-support.ts';

const SCHEMA = 'CREATE TABLE log (who text)';
const CONTENTS = 'SELECT who FROM log ORDER BY who';
const HOUR = 3_600_000_000;

const KINDS = [
  'begin',
  'begin',
  'commit',
  'rollback',
  'rollback',
  'savepoint',
  'to savepoint',
  'prepare',
  'prepare',
  'again',
  'deallocate',
  'all',
  'discard',
  'execute',
  'execute',
  'execute',
  'executes',
  'explain',
  'broken',
] as const;

interface Step {
  readonly session: number;
  readonly kind: (typeof KINDS)[number];
  readonly name: string;
}

const step = fc.record<Step>({
  session: fc.nat(1),
  kind: fc.constantFrom(...KINDS),
  name: fc.constantFrom('p', 'q', '"P"'),
});

let bench: Bench;
let source: TestDatabase;
let target: TestDatabase;
let start = Date.UTC(2026, 5) * 1000;

beforeAll(async () => {
  [bench, source, target] = await Promise.all([openBench(), createTestDatabase(), createTestDatabase()]);
  await Promise.all([run(source, SCHEMA), run(target, SCHEMA)]);
});

afterAll(async () => {
  await Promise.all([bench.close(), source.drop(), target.drop()]);
});

function textOf({ kind, name }: Step, at: number): string {
  const prepare = `PREPARE ${name} (int) AS INSERT INTO log (who) VALUES ('${at}:' || $1)`;
  switch (kind) {
    case 'savepoint':
      return 'SAVEPOINT s';
    case 'to savepoint':
      return 'ROLLBACK TO s';
    case 'prepare':
      return prepare;
    case 'again':
      return `DEALLOCATE ${name}; ${prepare}`;
    case 'deallocate':
      return `DEALLOCATE ${name}`;
    case 'all':
      return 'DEALLOCATE ALL';
    case 'discard':
      return 'DISCARD ALL';
    case 'execute':
      return `EXECUTE ${name} (${at})`;
    case 'executes':
      return `EXECUTE ${name} (${at}); EXECUTE p (-${at})`;
    case 'explain':
      return `EXPLAIN EXECUTE ${name} (${at})`;
    case 'broken':
      return 'SELECT 1 / 0';
    default:
      return kind.toUpperCase();
  }
}

/** Runs a history on the source; gives from when it is replayed, and what was there by then. */
async function record(
  recorder: Recorder,
  steps: readonly Step[],
  cut: number,
): Promise<{ from: number; before: string }> {
  const sessions = await Promise.all(['a', 'b'].map((id) => recorder.session(id)));
  const failed = new Set<RecordedSession>();
  let cutAt = { from: 0, before: '' };
  for (const [at, one] of steps.entries()) {
    if (at === cut) cutAt = { from: recorder.tick(), before: await run(source, CONTENTS) };
    const session = sessions[one.session] as RecordedSession;
    const { inTransaction } = session;
    if (inTransaction === (one.kind === 'begin') && ['begin', 'commit', 'rollback', 'savepoint'].includes(one.kind))
      continue;
    // The record of a COMMIT that rolled back says ROLLBACK.
    const text = one.kind === 'commit' && failed.has(session) ? 'ROLLBACK' : textOf(one, at);
    const ran = await session.run(text);
    if (ran.failed === null && one.kind === 'to savepoint') failed.delete(session);
    else if (ran.failed !== null && inTransaction) failed.add(session);
    if (!session.inTransaction) failed.delete(session);
  }
  return cutAt;
}

it('whatever was prepared, deallocated and rolled back, COMMIT ordering executes what the record executed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60 }),
      fc.option(fc.nat(30), { nil: -1 }),
      fc.constantFrom({}, { markProgress: true }, { inFlight: 1 }, { maxConnections: 3 }),
      async (steps, cut, more) => {
        await Promise.all([source, target].map((side) => run(side, 'TRUNCATE log')));
        start += HOUR;
        const recorder = new Recorder(source, start, 2_000);
        const { from, before } = await record(recorder, steps, cut);
        const window = await recorder.finish(bench.journal);
        const replayed = await bench.replay(
          target,
          { ...window, from: Math.max(from, window.from) },
          { restoreIds: false, ...more },
        );
        expect(failures(replayed)).toEqual([]);
        const known = new Set(before.split('\n'));
        const since = (await run(source, CONTENTS)).split('\n').filter((row) => row === '' || !known.has(row));
        expect(await run(target, CONTENTS)).toBe(since.join('\n'));
      },
    ),
    { seed: PROPERTY_SEED, numRuns: PROPERTY_RUNS },
  );
}, 1_800_000);
