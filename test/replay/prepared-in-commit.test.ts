import { expect, it, onTestFinished } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { LOGGED, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type EndedRun, type Target, untilRunning, useBench } from '../support/replay.ts';

const COMMIT = { ordering: 'COMMIT', restoreIds: false } as const;
/** What `EXECUTE q ('x')` logs as `v:x`. */
const prepare = (v: string, name = 'q') =>
  `PREPARE ${name} (text) AS INSERT INTO log (who) VALUES ('${v}:' || $1) RETURNING who`;

const bench = useBench();

/** A transaction of a session. */
function transaction(record: HandMadeRecord, end: 'COMMIT' | 'ROLLBACK', ...statements: string[]): void {
  for (const statement of ['BEGIN', ...statements, end]) record.run('a', statement);
}

async function replay(
  record: HandMadeRecord,
  input: Partial<ReplayInput> = {},
  schema = SCHEMA,
): Promise<{ run: EndedRun; target: Target; logged: readonly string[] }> {
  const target = await bench.target(schema);
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT, ...input });
  return { run, target, logged: await target.sql(LOGGED) };
}

const failures = ({ outcomes }: EndedRun) =>
  outcomes
    .filter(({ status }) => status !== 'SUCCEEDED')
    .map(({ status, sqlstate, message }) => [status, sqlstate, message]);

const HISTORIES: readonly [string, (record: HandMadeRecord) => void, readonly string[]][] = [
  [
    'prepared by a transaction that rolled back is executed, explained, made a table of and deallocated',
    (record) => {
      transaction(record, 'ROLLBACK', prepare('one'), 'PREPARE r AS SELECT 1 AS n');
      record.run('a', "EXECUTE q ('alone')");
      record.run('a', "EXPLAIN (COSTS OFF) EXECUTE q ('not')");
      transaction(record, 'COMMIT', "/* in one */ execute Q ('in one')", 'CREATE TABLE made AS EXECUTE r');
      record.run('a', "EXPLAIN ANALYZE EXECUTE q ('explained')");
      record.run('a', 'DEALLOCATE PREPARE q');
      record.run('a', 'DEALLOCATE ALL');
    },
    ['one:alone', 'one:in one', 'one:explained'],
  ],
  [
    'prepared behind a savepoint, rolled back to or not, or by a string, is there',
    (record) => {
      transaction(record, 'ROLLBACK', 'SAVEPOINT s', prepare('one'), 'ROLLBACK TO s', prepare('two', 'r'));
      transaction(
        record,
        'ROLLBACK',
        `SELECT 1; ${prepare('lost', 's')}`,
        `VACUUM; ${prepare('three', 't')}; LISTEN x`,
      );
      transaction(record, 'COMMIT', "EXECUTE q ('a')", "EXECUTE r ('b')", "SELECT 1; EXECUTE t ('c'); EXECUTE q ('d')");
    },
    ['one:a', 'two:b', 'three:c', 'one:d'],
  ],
  [
    'prepared anew by one that rolled back takes the place of the older',
    (record) => {
      record.run('a', prepare('one'));
      record.run('a', "EXECUTE q ('a')");
      transaction(record, 'ROLLBACK', 'DEALLOCATE q', prepare('two'));
      record.run('a', "EXECUTE q ('b')");
      transaction(record, 'ROLLBACK', 'DEALLOCATE ALL', prepare('three'));
      transaction(record, 'COMMIT', "EXECUTE q ('c')");
      transaction(record, 'COMMIT', 'DEALLOCATE q', prepare('four'), "EXECUTE q ('d')");
    },
    ['one:a', 'two:b', 'three:c', 'four:d'],
  ],
  [
    'deallocated by one that rolled back is prepared again',
    (record) => {
      record.run('a', prepare('one'));
      transaction(record, 'ROLLBACK', 'DEALLOCATE q');
      transaction(record, 'COMMIT', prepare('two'), "EXECUTE q ('a')");
      transaction(record, 'ROLLBACK', 'DEALLOCATE ALL');
      record.run('a', prepare('three'));
      record.run('a', "EXECUTE q ('b')");
    },
    ['two:a', 'three:b'],
  ],
  [
    'what failed in the record prepares nothing, and takes nothing away',
    (record) => {
      record.run('a', prepare('one'));
      record.run('a', 'BEGIN');
      record.run('a', prepare('two'), { fails: '42P05' });
      record.run('a', 'DEALLOCATE q', { fails: '25P02' });
      record.run('a', 'ROLLBACK');
      record.run('a', "EXECUTE q ('a')");
    },
    ['one:a'],
  ],
  [
    'of names that differ by quotes and case, each is its own',
    (record) => {
      transaction(record, 'ROLLBACK', prepare('one', '"Q ""x"'), prepare('two', 'Long'));
      transaction(record, 'ROLLBACK', 'DEALLOCATE "Q ""x"', prepare('three', '"Q ""x"'));
      transaction(record, 'COMMIT', `EXECUTE "Q ""x" ('a')`, "EXECUTE LONG ('b')");
      transaction(record, 'ROLLBACK', 'DEALLOCATE "Q ""x"', prepare('four', '"Q ""x"'));
      transaction(record, 'COMMIT', `EXECUTE "Q ""x" ('c')`);
    },
    ['three:a', 'two:b', 'four:c'],
  ],
  [
    'prepared by what is only prepared and committed later is there, and prepared then once more',
    (record) => {
      const gid = record.preparedName('a');
      record.run('a', 'BEGIN');
      record.run('a', prepare('one'));
      record.run('a', "EXECUTE q ('later')");
      record.run('a', `PREPARE TRANSACTION '${gid}'`);
      record.run('a', "EXECUTE q ('first')");
      record.run('a', `COMMIT PREPARED '${gid}'`);
      record.run('a', "EXECUTE q ('last')");
    },
    ['one:first', 'one:later', 'one:last'],
  ],
  [
    'executed a thousand times in a pipeline, each finds its own',
    (record) => {
      for (let n = 0; n < 100; n++) {
        transaction(record, 'ROLLBACK', prepare(`${n}`));
        for (let m = 0; m < 9; m++) record.run('a', `EXECUTE q ('${m}')`);
        record.run('a', 'DEALLOCATE q');
      }
    },
    Array.from({ length: 100 }, (_, n) => Array.from({ length: 9 }, (_, m) => `${n}:${m}`)).flat(),
  ],
];

for (const more of [{}, { markProgress: true }, { inFlight: 1 }] satisfies Partial<ReplayInput>[]) {
  it.each(HISTORIES)(`%s, ${JSON.stringify(more)}`, async (_, history, expected) => {
    const record = new HandMadeRecord();
    history(record);
    const { run, logged } = await replay(record, more);
    expect(failures(run).filter(([status]) => status !== 'SKIPPED')).toEqual([]);
    expect(logged).toEqual(expected);
    expect(run.replay.summary.planned).toBe(run.outcomes.length);
  });
}

it('what a rolled back transaction prepared on both sides of the beginning of the window is there', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', prepare('before'), { at: 1 });
  record.run('a', prepare('within', 'r'), { at: 11 });
  record.run('a', 'ROLLBACK', { at: 12 });
  record.run('a', "EXECUTE q ('a')", { at: 13 });
  record.run('a', "EXECUTE r ('b')", { at: 14 });
  await record.store(bench.journal);
  const { logged } = await replay(record, { window: record.window(10, 100) });
  expect(logged).toEqual(['before:a', 'within:b']);
});

it.each(['EXCLUDE', 'CUT', 'INCLUDE'] as const)(
  'with edges %s, what a transaction prepared that began before the window is there for those behind it',
  async (edges) => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', prepare('before'), { at: 1 });
    record.run('a', prepare('within', 'r'), { at: 11 });
    record.run('a', 'COMMIT', { at: 12 });
    record.run('a', 'BEGIN', { at: 13 });
    record.run('a', 'DEALLOCATE q', { at: 14 });
    record.run('a', prepare('undone'), { at: 15 });
    record.run('a', 'ROLLBACK', { at: 16 });
    record.run('a', "EXECUTE q ('a')", { at: 17 });
    record.run('a', "EXECUTE r ('b')", { at: 18 });
    await record.store(bench.journal);
    const { run, logged } = await replay(record, { window: record.window(10, 100), edges });
    expect(failures(run)).toEqual([]);
    expect(logged).toEqual(['undone:a', 'within:b']);
  },
);

it('sessions whose database and user are mapped prepare as that user in that database', async () => {
  const login = `reprise_prepared_${process.pid}`;
  const mapped = await bench.target(
    `${SCHEMA}; CREATE ROLE ${login} LOGIN PASSWORD 'its own'; GRANT ALL ON log TO ${login}`,
  );
  onTestFinished(() => mapped.sql(`DROP OWNED BY ${login}; DROP ROLE ${login}`).then(() => {}));
  const record = new HandMadeRecord();
  transaction(record, 'ROLLBACK', 'PREPARE q AS INSERT INTO log (who) VALUES (current_user)');
  record.run('a', 'EXECUTE q');
  await replay(record, {
    users: [{ recorded: 'app', user: login, password: 'its own' }],
    databases: [{ recorded: 'shop', target: mapped.name }],
  });
  expect(await mapped.sql(LOGGED)).toEqual([login]);
});

it('sessions that share names have their own', async () => {
  const record = new HandMadeRecord();
  for (const session of ['a', 'b', 'c']) {
    record.run(session, 'BEGIN');
    record.run(session, prepare(session));
    record.run(session, 'ROLLBACK');
  }
  for (const session of ['b', 'a', 'c', 'a', 'b']) record.run(session, `EXECUTE q ('${session}')`);
  const { logged } = await replay(record, { maxConnections: 2 });
  expect(logged).toEqual(['b:b', 'a:a', 'c:c', 'a:a', 'b:b']);
});

it.each([
  [{}, false],
  [{}, true],
  [{ markProgress: true }, false],
  [{ markProgress: true }, true],
] as const)(
  'what the target cannot prepare is told of the statement that needs it, %j, in a block %s',
  async (more, block) => {
    const record = new HandMadeRecord();
    transaction(record, 'ROLLBACK', 'PREPARE q AS SELECT * FROM missing');
    if (block) record.run('a', 'BEGIN');
    const failing = record.run('a', 'EXECUTE q');
    if (block) {
      record.run('a', "INSERT INTO log (who) VALUES ('cascade')");
      record.run('a', 'COMMIT');
    }
    record.run('a', "INSERT INTO log (who) VALUES ('next')");
    const { run, logged } = await replay(record, more);
    expect(run.outcome(failing)).toMatchObject({
      status: 'FAILED',
      sqlstate: '42P01',
      message: 'relation "missing" does not exist',
      cascade: false,
      verdict: 'DIVERGED',
    });
    expect(run.replay.summary).toMatchObject({ failed: 1 });
    expect(logged).toEqual(['next']);
  },
);

it('what the target refused to prepare and the record has deallocated, unseen, does not stand in the way', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'PREPARE q AS SELECT * FROM missing');
  transaction(record, 'ROLLBACK', 'DEALLOCATE q');
  transaction(record, 'COMMIT', prepare('two'), "EXECUTE q ('a')");
  const { run, logged } = await replay(record);
  expect(failures(run).map(([, sqlstate]) => sqlstate)).toEqual(['42P01']);
  expect(logged).toEqual(['two:a']);
});

it('what functions prepare and deallocate unseen is left as it is', async () => {
  const record = new HandMadeRecord();
  record.run('a', prepare('one'));
  record.run('a', "DO $$BEGIN EXECUTE 'DEALLO' || 'CATE q'; END$$");
  transaction(record, 'COMMIT', prepare('two'), "EXECUTE q ('a')");
  record.run('a', 'DEALLOCATE q');
  record.run('a', `DO $$BEGIN EXECUTE 'PRE' || $x$${prepare('three').slice(3)}$x$; END$$`);
  record.run('a', "EXECUTE q ('b')");
  const { run, logged } = await replay(record);
  expect(failures(run)).toEqual([]);
  expect(logged).toEqual(['two:a', 'three:b']);
});

it('what the filters of the request leave out in a string is not put in, nor what no run sends', async () => {
  const record = new HandMadeRecord();
  transaction(record, 'ROLLBACK', `${prepare('one')} /* secret */; CHECKPOINT`, `${prepare('two', 's')} /* secret */`);
  record.run('a', 'BEGIN');
  record.run('a', prepare('cut', 'r'), { unreplayable: 'TRUNCATED' });
  record.run('a', 'ROLLBACK');
  record.run('a', "EXECUTE q ('a')");
  record.run('a', "EXECUTE r ('b')");
  record.run('a', "EXECUTE s ('c')");
  const { run, logged } = await replay(record, { filter: { textExcludes: 'secret' } });
  expect(run.brief).toEqual(['FAILED 26000', 'FAILED 26000', 'SUCCEEDED']);
  expect(logged).toEqual(['two:c']);
});

it('in a read-only run, what would let it write is not prepared', async () => {
  const record = new HandMadeRecord();
  transaction(
    record,
    'ROLLBACK',
    "PREPARE q AS SELECT set_config('default_transaction_read_only', 'off', false)",
    'PREPARE r AS SELECT 1',
  );
  record.run('a', 'EXECUTE r');
  record.run('a', 'EXECUTE q');
  const { run } = await replay(record, { readOnly: true });
  expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 26000']);
});

it.each([false, true])(
  'on a connection that was lost, it is prepared once more, markProgress %s',
  async (markProgress) => {
    const record = new HandMadeRecord();
    transaction(record, 'ROLLBACK', prepare('one'));
    record.run('a', "EXECUTE q ('a')");
    record.run('a', 'SELECT pg_sleep(60)');
    transaction(record, 'ROLLBACK', 'DEALLOCATE q', prepare('two'));
    record.run('a', "EXECUTE q ('b')");
    const target = await bench.target(SCHEMA);
    const started = await bench.start(target, {
      window: await record.store(bench.journal),
      ...COMMIT,
      markProgress,
      inFlight: 1,
    });
    const client = await target.connect();
    await untilRunning(client, 'pg_sleep(60)');
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
    );
    await started.ended();
    expect(await target.sql(LOGGED)).toEqual(['one:a', 'two:b']);
  },
);

it.each([false, true])(
  'a resumed run finds what was prepared before it was interrupted, markProgress %s',
  async (markProgress) => {
    const record = new HandMadeRecord();
    record.run('a', prepare('three', 'r'));
    transaction(record, 'ROLLBACK', prepare('one'));
    record.run('a', "EXECUTE q ('a')");
    record.run('b', 'SELECT pg_sleep(60)');
    record.run('a', "EXECUTE q ('b')");
    transaction(record, 'ROLLBACK', 'DEALLOCATE q', 'DEALLOCATE r', prepare('two'));
    record.run('a', "EXECUTE q ('c')");
    record.run('a', prepare('four', 'r'));
    record.run('a', "EXECUTE r ('d')");
    const target = await bench.target(SCHEMA);
    const engine = bench.anotherEngine();
    const input = { window: await record.store(bench.journal), ...COMMIT, markProgress, inFlight: 1 };
    const run = await bench.start(target, input, engine);
    const client = await target.connect();
    await untilRunning(client, 'pg_sleep(60)');
    await engine.stop();
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
    );
    await bench.engine.resume(run.id);
    if (markProgress) {
      // A marked transaction that was interrupted runs again.
      await untilRunning(client, 'pg_sleep(60)');
      await client.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
      );
    }
    await bench.ended(run.id);
    expect(await target.sql(LOGGED)).toEqual(['one:a', 'one:b', 'two:c', 'four:d']);
  },
);

it('more than fits one page of a session is read on', async () => {
  const record = new HandMadeRecord();
  for (let n = 0; n < 3_000; n++) record.run('a', `VACUUM /* ${n} */`);
  transaction(record, 'ROLLBACK', prepare('one'));
  record.run('a', "EXECUTE q ('a')");
  for (let n = 0; n < 3_000; n++) record.run('a', `LISTEN x /* ${n} */`);
  transaction(record, 'ROLLBACK', 'DEALLOCATE q', prepare('two'));
  record.run('a', "EXECUTE q ('b')");
  const { logged } = await replay(record, { filter: { textExcludes: 'vacuum' } });
  expect(logged).toEqual(['one:a', 'two:b']);
});
