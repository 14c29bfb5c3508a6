import { describe, expect, it } from 'vitest';
import { startCommitProxy } from '../support/commit-proxy.ts';
import { HandMadeRecord } from '../support/record.ts';
import { through, untilTrue, useBench } from '../support/replay.ts';

const DEFERRED = `CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
INSERT INTO parent VALUES (1)`;
const CHILDREN = 'SELECT parent FROM child ORDER BY parent';

const bench = useBench();

it('a connection that is lost while a run looks where it has come to does not end the run', async () => {
  const target = await bench.target(`
    CREATE TABLE ran (n int);
    CREATE TABLE reprise_marker (replay_id uuid PRIMARY KEY, ordinal bigint NOT NULL);
    CREATE SEQUENCE tries;
    CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF nextval('tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
    CREATE TRIGGER die_once BEFORE INSERT ON reprise_marker FOR EACH ROW EXECUTE FUNCTION die_once()`);
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran VALUES (1)');
  const input = { window: await record.store(bench.journal), ordering: 'COMMIT', markProgress: true } as const;
  const run = await bench.run(target, input);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.brief).toEqual(['SUCCEEDED']);
});

it('a run that makes the table of marks while another does uses that one', async () => {
  const target = await bench.target('CREATE TABLE ran (n int)');
  const other = await target.connect();
  await other.query('BEGIN; CREATE TABLE reprise_marker (replay_id uuid PRIMARY KEY, ordinal bigint NOT NULL)');
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran VALUES (1)');
  const input = { window: await record.store(bench.journal), ordering: 'COMMIT', markProgress: true } as const;
  const run = await bench.start(target, input);
  await untilTrue(
    await target.connect(),
    `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND query LIKE 'CREATE TABLE IF NOT EXISTS reprise_marker%'`,
  );
  await other.query('COMMIT');
  const ended = await run.ended();
  expect(ended.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(ended.brief).toEqual(['SUCCEEDED']);
});

it('a target that takes no marks is refused, with what it says and what to do', async () => {
  const target = await bench.target('CREATE TABLE ran (n int)');
  await target.sql(`ALTER DATABASE ${target.name} SET default_transaction_read_only = on`);
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran VALUES (1)');
  const input = { window: await record.store(bench.journal), ordering: 'COMMIT', markProgress: true } as const;
  const run = await bench.run(target, input);
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_REFUSED' } });
  expect(run.replay.error?.message).toMatch(
    /^the run cannot mark its progress on .*: cannot execute CREATE TABLE in a read-only transaction \(25006\); the login has to/,
  );
});

describe('an autocommit statement with a mark', () => {
  it('whose COMMIT fails by a deferred constraint is told as failed, with what COMMIT said', async () => {
    const target = await bench.target(DEFERRED);
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO child VALUES (1)');
    const orphan = record.run('a', 'INSERT INTO child VALUES (2)');
    record.run('a', 'INSERT INTO child VALUES (1)');
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
    });
    expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 23503', 'SUCCEEDED']);
    expect(run.outcome(orphan)).toMatchObject({ cascade: false, rows: null, divergences: ['NEW_FAILURE'] });
    expect(run.outcome(orphan).message).toContain('violates foreign key constraint');
    expect(run.replay.summary).toMatchObject({ planned: 3, succeeded: 2, failed: 1 });
    expect(await target.sql(CHILDREN)).toEqual(['1', '1']);
  });

  it('whose mark is refused is told as failed with what the mark was refused for, as is a COMMIT behind one', async () => {
    const target = await bench.target(
      `CREATE TABLE ran (n int);
      CREATE TABLE reprise_marker (replay_id uuid PRIMARY KEY, ordinal bigint NOT NULL CHECK (ordinal NOT IN (2, 5)))`,
    );
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO ran VALUES (1)');
    record.run('a', 'INSERT INTO ran VALUES (2)');
    record.run('b', 'BEGIN');
    record.run('b', 'INSERT INTO ran VALUES (3)');
    record.run('b', 'COMMIT');
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
    });
    expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 23514', 'SUCCEEDED', 'SUCCEEDED', 'FAILED 23514']);
    expect(run.outcomes.at(-1)).toMatchObject({
      cascade: false,
      message: expect.stringMatching(/^new row for relation "reprise_marker" violates check constraint/),
    });
    expect(await target.sql('SELECT n FROM ran')).toEqual(['1']);
  });

  it.each([
    ['SET search_path = app', 'app'],
    ["SELECT set_config('search_path', '', false)", ''],
  ])('is there behind %s, which leads away from the marks', async (statement, path) => {
    const target = await bench.target('CREATE SCHEMA app; CREATE TABLE app.ran (path text)');
    const record = new HandMadeRecord();
    record.run('a', statement);
    record.run('a', "INSERT INTO app.ran VALUES (current_setting('search_path'))");
    record.run('a', 'BEGIN');
    record.run('a', "INSERT INTO app.ran VALUES (current_setting('search_path'))");
    record.run('a', 'COMMIT');
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
    });
    expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
    expect((await target.sql('SELECT path FROM app.ran')).map((found) => found.replaceAll('"', ''))).toEqual([
      path,
      path,
    ]);
    expect(await target.sql('SELECT ordinal FROM public.reprise_marker')).toEqual(['5']);
  });
});

it('a read-only transaction ends as it was recorded, and has no mark', async () => {
  const target = await bench.target('CREATE TABLE ran (n int)');
  const record = new HandMadeRecord();
  const transaction = (session: string, begin: string, ...statements: string[]) => {
    for (const statement of [begin, ...statements, 'COMMIT']) record.run(session, statement);
  };
  transaction('a', 'BEGIN READ ONLY', 'SELECT n FROM ran');
  transaction('a', 'START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE', 'SELECT n FROM ran');
  transaction('a', 'BEGIN', 'SET TRANSACTION READ ONLY', 'SELECT n FROM ran');
  record.run('b', 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY');
  record.run('b', 'SELECT n FROM ran');
  transaction('b', 'BEGIN', 'SELECT n FROM ran');
  transaction('b', 'BEGIN READ WRITE', 'INSERT INTO ran VALUES (1)');
  const last = record.run('b', 'SELECT n FROM ran');
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ordering: 'COMMIT',
    markProgress: true,
  });
  expect(run.brief).toEqual(Array(19).fill('SUCCEEDED'));
  expect(run.outcome(last).ordinal).toBe(19);
  expect(await target.sql('SELECT n FROM ran')).toEqual(['1']);
  expect(await target.sql('SELECT ordinal FROM reprise_marker')).toEqual(['18']);
});

it('a mapped user marks its transactions where the target keeps the marks in a schema that not everybody may use', async () => {
  const target = await bench.target('CREATE TABLE ran (n int)');
  const user = `Marks of ${process.pid}`;
  await target.sql(`CREATE SCHEMA "Own"; ALTER DATABASE ${target.name} SET search_path = "Own", public;
    CREATE ROLE "${user}" LOGIN PASSWORD 'its own'; GRANT INSERT ON ran TO "${user}"`);
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran VALUES (1)');
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ordering: 'COMMIT',
    markProgress: true,
    users: [{ recorded: 'app', user, password: 'its own' }],
  });
  const marks = await target.sql('SELECT ordinal FROM "Own".reprise_marker');
  await target.sql(`DROP OWNED BY "${user}"; DROP ROLE "${user}"`);
  expect(run.brief).toEqual(['SUCCEEDED']);
  expect(marks).toEqual(['1']);
});

describe('a run with marks that is ended in the middle of a transaction', () => {
  /** One whose second statement waits for a lock until the run is ended. */
  async function waiting() {
    const target = await bench.target('CREATE TABLE ran (n int); CREATE TABLE busy (n int)');
    const blocker = await target.connect();
    await blocker.query('BEGIN; LOCK TABLE busy');
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO ran VALUES (1)');
    record.run('a', 'BEGIN');
    record.run('a', 'INSERT INTO ran VALUES (2)');
    record.run('a', 'INSERT INTO busy VALUES (1)');
    record.run('a', 'COMMIT');
    const engine = bench.anotherEngine();
    const input = { window: await record.store(bench.journal), ordering: 'COMMIT', markProgress: true } as const;
    const started = await bench.start(target, { ...input, inFlight: 1 }, engine);
    const blocked =
      'SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())';
    while ((await blocker.query(blocked)).rowCount === 0) await new Promise(setImmediate);
    return { target, blocker, engine, started };
  }

  it('tells what is known of its statements when it was cancelled', async () => {
    const { engine, started } = await waiting();
    await engine.cancel(started.id);
    const run = await bench.ended(started.id);
    expect(run.replay.state).toBe('CANCELLED');
    expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED', 'SKIPPED RUN_ENDED']);
  });

  it('tells nothing of it when it was interrupted, so that it runs when the run is resumed', async () => {
    const { target, blocker, engine, started } = await waiting();
    await engine.stop();
    expect((await bench.ended(started.id)).brief).toEqual(['SUCCEEDED']);
    await blocker.query('ROLLBACK');
    await bench.engine.resume(started.id);
    const run = await bench.ended(started.id);
    expect(run.replay.state).toBe('COMPLETED');
    expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
    expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '2']);
  });
});

describe('a COMMIT put behind an autocommit statement, its answer lost and nobody there to be asked,', () => {
  async function inDoubt() {
    const target = await bench.target('CREATE TABLE ran (n int)');
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO ran VALUES (1)');
    record.run('a', 'INSERT INTO ran VALUES (2)');
    const port = await startCommitProxy(target.port, 2, 'ANSWER', true);
    const engine = bench.anotherEngine();
    const { id } = await engine.start({
      window: await record.store(bench.journal),
      target: through(port, target).spec,
      ordering: 'COMMIT',
      markProgress: true,
      inFlight: 1,
      connectTimeoutMs: 600_000,
    });
    for await (const event of engine.stream(id, 0)) if (event.kind === 'NOTICE') break;
    return { engine, id };
  }

  it('leaves the statement UNKNOWN in a run that is cancelled', async () => {
    const { engine, id } = await inDoubt();
    await engine.cancel(id);
    expect((await bench.ended(id)).brief).toEqual(['SUCCEEDED', 'UNKNOWN']);
  });

  it('leaves the statement to the mark in a run that is interrupted', async () => {
    const { engine, id } = await inDoubt();
    await engine.stop();
    const run = await bench.ended(id);
    expect(run.replay.state).toBe('INTERRUPTED');
    expect(run.brief).toEqual(['SUCCEEDED']);
  });
});

describe.each([true, false])(
  'with markProgress %s a COMMIT put behind what is recorded of a transaction',
  (markProgress) => {
    it('is told of when it fails', async () => {
      const target = await bench.target(DEFERRED);
      const record = new HandMadeRecord();
      record.run('a', 'BEGIN');
      const { transactionId } = record.run('a', 'INSERT INTO child VALUES (2)');
      const window = await record.store(bench.journal);
      // The record knows that it committed; the statement that did is not in it.
      await bench.journal.append({
        begun: [],
        entries: [],
        ended: [{ transactionId, status: 'COMMITTED', at: record.start + 2000 }],
      });
      const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress });
      expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 23503']);
      expect(run.notices('TRANSACTION_CLOSED').map(({ message }) => message)).toEqual([
        expect.stringMatching(/replayed up to its statement 2; the COMMIT put behind that failed: .*foreign key/),
      ]);
      expect(await target.sql(CHILDREN)).toEqual([]);
    });
  },
);
