import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawKills, KILLS, killAndResume } from '../support/kills.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';
import { spawnReplay } from '../support/spawn-replay.ts';

const bench = useBench();
/** A role of the application, which knows nothing of the marks. */
const ROLE = `Reprise "app" of ${process.pid}`;
const QUOTED = `"${ROLE.replaceAll('"', '""')}"`;
/** The role may use a schema of its own, and not the one that holds the marks. */
const SCHEMA = `REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA app;
CREATE TABLE app.ran (n int, who text NOT NULL DEFAULT current_user);
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT SELECT, INSERT ON app.ran TO PUBLIC`;
const RAN = 'SELECT n, who FROM app.ran ORDER BY n';

const newTarget = () => bench.target(SCHEMA);
const insert = (n: number) => `INSERT INTO app.ran VALUES (${n})`;

/** A connection of the tests' server, behind which no target is left. */
async function administer(sql: string): Promise<void> {
  const client = new Client({ connectionString: bench.url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

beforeAll(() => administer(`CREATE ROLE ${QUOTED}`));
afterAll(() => administer(`DROP ROLE ${QUOTED}`));

/** Replays a record with marks; each statement succeeds, and the last one has its mark. */
async function expectMarked(target: Awaited<ReturnType<typeof newTarget>>, record: HandMadeRecord): Promise<void> {
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress: true });
  expect(run.brief).toEqual(Array(run.outcomes.length).fill('SUCCEEDED'));
  expect(await target.sql('SELECT ordinal FROM public.reprise_marker')).toEqual([String(run.outcomes.length)]);
}

it.each([
  `SET ROLE ${QUOTED}`,
  `SET SESSION ROLE ${QUOTED}`,
  `set "Role" to ${QUOTED}`,
  `SET /* as */ SESSION AUTHORIZATION ${QUOTED}`,
  `SET session_authorization = ${QUOTED}`,
  `SELECT pg_catalog.set_config('role', '${ROLE}', false)`,
  `SELECT set_config('ro' || 'le', '${ROLE}', false)`,
  `SET search_path = app; SET ROLE ${QUOTED}`,
  `PREPARE become AS SELECT set_config('role', '${ROLE}', false); EXECUTE become`,
])('behind %s what the session does is there with its mark, and its role stands on', async (statement) => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  record.run('a', insert(1));
  record.run('a', statement);
  record.run('a', insert(2));
  record.run('a', 'BEGIN');
  record.run('a', insert(3));
  record.run('a', 'COMMIT');
  record.run('a', insert(4));
  await expectMarked(target, record);
  expect(await target.sql(RAN)).toEqual([`1|${target.user}`, `2|${ROLE}`, `3|${ROLE}`, `4|${ROLE}`]);
});

it('a role whose name is a parameter of set_config is one, too', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  const text = (value: string) => ({ kind: 'text' as const, value, oid: null });
  record.run('a', 'SELECT set_config($1, $2, false)', { parameters: [text('role'), text(ROLE)] });
  record.run('a', insert(1));
  await expectMarked(target, record);
  expect(await target.sql(RAN)).toEqual([`1|${ROLE}`]);
});

it.each([`SET LOCAL ROLE ${QUOTED}`, `SELECT set_config('role', '${ROLE}', true)`])(
  'behind %s a transaction is there with its mark, and the next has the role of the session',
  async (statement) => {
    const target = await newTarget();
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', statement);
    record.run('a', insert(1));
    record.run('a', 'COMMIT');
    record.run('a', insert(2));
    await expectMarked(target, record);
    expect(await target.sql(RAN)).toEqual([`1|${ROLE}`, `2|${target.user}`]);
  },
);

it.each([`SET LOCAL ROLE ${QUOTED}`, `SET LOCAL ROLE ${QUOTED}; ${insert(1)}`])(
  'the string %s, a transaction of its own, has its mark',
  async (statement) => {
    const target = await newTarget();
    const record = new HandMadeRecord();
    record.run('a', statement);
    record.run('a', insert(2));
    await expectMarked(target, record);
    expect((await target.sql(RAN)).at(-1)).toBe(`2|${target.user}`);
  },
);

it('a role set by a string that writes stays with its session', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  record.run('a', `SET ROLE ${QUOTED}; ${insert(1)}`);
  record.run('b', insert(2));
  record.run('a', insert(3));
  await expectMarked(target, record);
  expect(await target.sql(RAN)).toEqual([`1|${ROLE}`, `2|${target.user}`, `3|${ROLE}`]);
});

it.each([
  [`DO $$BEGIN EXECUTE 'SET ROLE ' || quote_ident('${ROLE}'); END$$`, false],
  [`DO $$BEGIN EXECUTE 'SET ROLE ' || quote_ident('${ROLE}'); END$$`, true],
  [`SELECT 1; /* then */ do $$BEGIN EXECUTE 'SET ROLE ' || quote_ident('${ROLE}'); END$$`, true],
])('a role taken in %s stays with its session, marks: %j', async (statement, markProgress) => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  record.run('a', statement);
  record.run('b', insert(1));
  record.run('a', insert(2));
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress });
  expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
  expect(await target.sql(RAN)).toEqual([`1|${target.user}`, `2|${ROLE}`]);
});

it('what a transaction has set lasts, also below a SET LOCAL and in savepoints', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  const other = target.user;
  const transaction = (...statements: string[]) => {
    for (const statement of ['BEGIN', ...statements, 'COMMIT']) record.run('a', statement);
  };
  transaction(`SET ROLE ${QUOTED}`, insert(1));
  record.run('a', insert(2));
  transaction(`SET LOCAL ROLE ${other}`, insert(3));
  record.run('a', insert(4));
  transaction(`SET ROLE ${other}`, 'SAVEPOINT one', `SET LOCAL ROLE ${QUOTED}`, insert(5));
  record.run('a', insert(6));
  transaction(`SET ROLE ${other}`, 'SAVEPOINT two', `SET ROLE ${QUOTED}`, 'ROLLBACK TO two', insert(7));
  record.run('a', insert(8));
  transaction(`SET SESSION AUTHORIZATION ${QUOTED}`, `SET LOCAL SESSION AUTHORIZATION ${other}`, insert(9));
  record.run('a', insert(10));
  transaction('RESET SESSION AUTHORIZATION', `SET ROLE ${QUOTED}`, insert(11));
  record.run('a', insert(12));
  record.run('a', 'RESET ROLE');
  record.run('a', insert(13));
  await expectMarked(target, record);
  const who = [ROLE, ROLE, other, ROLE, ROLE, other, other, other, other, ROLE, ROLE, ROLE, other];
  expect(await target.sql(RAN)).toEqual(who.map((user, index) => `${index + 1}|${user}`));
});

it('a session authorization and a role below it both stand again behind the mark', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  const login = `reprise_login_${process.pid}`;
  await target.sql(`CREATE ROLE ${login}; GRANT ${QUOTED} TO ${login}`);
  record.run('a', `SET SESSION AUTHORIZATION ${login}`);
  record.run('a', `SET ROLE ${QUOTED}`);
  for (const n of [1, 2]) record.run('a', `INSERT INTO app.ran VALUES (${n}, session_user || ' as ' || current_user)`);
  await expectMarked(target, record);
  await target.sql(`DROP OWNED BY ${login}; DROP ROLE ${login}`);
  expect(await target.sql(RAN)).toEqual([`1|${login} as ${ROLE}`, `2|${login} as ${ROLE}`]);
});

it('a role that has been dropped since, or taken away, does not keep the mark from its transaction', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  const [taken, gone] = ['taken', 'gone'].map((name) => `reprise_${name}_${process.pid}`);
  await target.sql(`CREATE ROLE ${taken}; CREATE ROLE ${gone}`);
  record.run('a', `SET ROLE ${gone}`);
  record.run('b', `SET SESSION AUTHORIZATION ${taken}`);
  record.run('b', `SET ROLE ${taken}`);
  record.run('c', `DROP ROLE ${gone}, ${taken}`);
  for (const [session, n] of [['a', 1] as const, ['b', 2] as const, ['a', 3] as const, ['b', 4] as const])
    record.run(session, `INSERT INTO app.ran VALUES (${n}, current_setting('role'))`);
  await expectMarked(target, record);
  expect(await target.sql(RAN)).toEqual([`1|${gone}`, `2|${taken}`, `3|${gone}`, `4|${taken}`]);
});

it('what happens at COMMIT is done by the recorded role', async () => {
  const target = await newTarget();
  await target.sql(`CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF new.n < 100 THEN INSERT INTO app.ran VALUES (new.n + 100); END IF; RETURN new; END';
    CREATE CONSTRAINT TRIGGER noted AFTER INSERT ON app.ran DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION app.note()`);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', `SET LOCAL ROLE ${QUOTED}`);
  record.run('a', insert(1));
  // Its rows are made at COMMIT.
  record.run('a', 'DECLARE held CURSOR WITH HOLD FOR SELECT current_user::text');
  record.run('a', 'COMMIT');
  record.run('a', 'BEGIN');
  record.run(
    'a',
    `DO $$ DECLARE held refcursor := 'held'; who text; BEGIN
      FETCH held INTO who; INSERT INTO app.ran VALUES (2, who); END $$`,
  );
  record.run('a', 'COMMIT');
  await expectMarked(target, record);
  expect(await target.sql(RAN)).toEqual([`1|${ROLE}`, `2|${ROLE}`, `101|${ROLE}`, `102|${target.user}`]);
});

it('settings of the session do not keep the mark from a transaction under a role', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  record.run('a', `SET ROLE ${QUOTED}`);
  for (const setting of ["search_path = ''", 'statement_timeout = 5000', 'default_transaction_read_only = on'])
    record.run('a', `SET ${setting}`);
  record.run('a', 'BEGIN READ WRITE');
  record.run('a', insert(1));
  record.run('a', 'COMMIT');
  record.run('a', 'BEGIN');
  record.run('a', 'TABLE app.ran');
  record.run('a', 'COMMIT');
  record.run('a', 'SET default_transaction_read_only = off');
  record.run('a', insert(2));
  await expectMarked(target, record);
  expect(await target.sql(RAN)).toEqual([`1|${ROLE}`, `2|${ROLE}`]);
});

it('a role that the session took before the window counts', async () => {
  const target = await newTarget();
  const record = new HandMadeRecord();
  record.run('a', `SET ROLE ${QUOTED}`, { at: 0 });
  record.run('a', insert(1), { at: 1000 });
  await record.store(bench.journal);
  const window = record.window(500);
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress: true });
  expect(run.brief).toEqual(['SUCCEEDED']);
  expect(await target.sql(RAN)).toEqual([`1|${ROLE}`]);
});

it('a mapped user marks what its sessions do under another role', async () => {
  const target = await newTarget();
  const user = `reprise_mapped_${process.pid}`;
  await target.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'its own'; GRANT ${QUOTED} TO ${user}`);
  const record = new HandMadeRecord();
  record.run('a', `SET ROLE ${QUOTED}`);
  record.run('a', insert(1));
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ordering: 'COMMIT',
    markProgress: true,
    users: [{ recorded: 'app', user, password: 'its own' }],
  });
  await target.sql(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  expect(await target.sql(RAN)).toEqual([`1|${ROLE}`]);
});

it.each(['', ' IN DATABASE'])(
  'a mapped user whose sessions begin under another role%s marks what they do',
  async (where) => {
    const target = await newTarget();
    const user = `reprise_mapped_${process.pid}`;
    const to = where === '' ? '' : `${where} ${target.name}`;
    await target.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'its own'; GRANT ${QUOTED} TO ${user};
    ALTER ROLE ${user}${to} SET role = ${QUOTED}`);
    const record = new HandMadeRecord();
    record.run('a', insert(1));
    record.run('a', 'BEGIN');
    record.run('a', 'SET LOCAL ROLE NONE');
    record.run('a', insert(2));
    record.run('a', 'COMMIT');
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'COMMIT',
      markProgress: true,
      users: [{ recorded: 'app', user, password: 'its own' }],
    });
    await target.sql(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
    expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
    expect(await target.sql(RAN)).toEqual([`1|${ROLE}`, `2|${user}`]);
  },
);

it('sessions under other roles are on the target exactly once, whenever their process is killed', {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  const record = new HandMadeRecord();
  const effects: string[] = [];
  const admin = bench.engine.targets()[0]?.user;
  const ran = (session: string, who: string) => {
    effects.push(`${effects.length + 1}|${who}`);
    record.run(session, insert(effects.length));
  };
  record.run('a', `SET ROLE ${QUOTED}`);
  record.run('b', `SET SESSION AUTHORIZATION ${QUOTED}`);
  for (let round = 0; round < 150; round++) {
    ran('a', ROLE);
    record.run('b', 'BEGIN');
    ran('b', ROLE);
    record.run('b', 'COMMIT');
    record.run('c', 'BEGIN');
    record.run('c', `SET LOCAL ROLE ${QUOTED}`);
    ran('c', ROLE);
    record.run('c', 'COMMIT');
    ran('c', String(admin));
  }
  const window = await record.store(bench.journal);
  const entries = await bench.journal.committedCount(window, {}, 'INCLUDE');
  for (const kill of drawKills(entries)) {
    const target = await newTarget();
    const input = { window, target: target.spec, ordering: 'COMMIT', markProgress: true } as const;
    const child = await spawnReplay(bench.url, { ...input, ...(kill.odd && { inFlight: 16 }) });
    await killAndResume(bench, child, kill);
    const run = await bench.ended(child.id);
    expect(run.replay.state).toBe('COMPLETED');
    expect(await target.sql(RAN), `killed behind outcome ${kill.moment}`).toEqual(effects);
    expect(run.brief.filter((outcome) => outcome !== 'SUCCEEDED' && outcome !== 'UNKNOWN')).toEqual([]);
  }
});
