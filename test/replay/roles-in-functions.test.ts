import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { takesRole } from '../../src/replay/role-routines.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
/** A role of the application, which may use its own schema and knows nothing of the marks. */
const ROLE = `Reprise "app" of ${process.pid} in functions`;
const QUOTED = `"${ROLE.replaceAll('"', '""')}"`;
const SCHEMA = `REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA app;
CREATE TABLE app.ran (id bigserial, n int, who text NOT NULL DEFAULT current_user);
CREATE TABLE app.users (name text, role text);
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT SELECT, INSERT ON app.ran, app.users TO PUBLIC;
GRANT USAGE ON SEQUENCE app.ran_id_seq TO PUBLIC;
CREATE FUNCTION app.become(who text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SET ROLE %I', who); END $$;
CREATE FUNCTION app.become_here(who text) RETURNS void LANGUAGE sql AS $$ SELECT set_config('role', who, true) $$;
CREATE FUNCTION app.become_atomic(who text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT set_config('role', who, false); END;
CREATE FUNCTION app.login(who text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM app.become(who); END $$;`;
const RAN = 'SELECT id, n, who FROM app.ran ORDER BY n';

const insert = (n: number) => `INSERT INTO app.ran (n) VALUES (${n})`;

async function administer(sql: string): Promise<void> {
  const client = new Client({ connectionString: bench.url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

it('are looked for in sources however many of their strings look like comments', () => {
  const strings = "'/* ' || ".repeat(300_000);
  expect(takesRole(`/* SET ROLE a; */ -- SET ROLE b */\nBEGIN RETURN ${strings}''; -- SET ROLE c\nEND`)).toBe(false);
  expect(takesRole(`/* of the app */ BEGIN RETURN ${strings}''; SET ROLE app; END`)).toBe(true);
});

beforeAll(() => administer(`CREATE ROLE ${QUOTED}`));
afterAll(() => administer(`DROP ROLE ${QUOTED}`));

/** Replays a record; each statement succeeds, those of other sessions under the login. */
async function expectRan(record: HandMadeRecord, ran: string[], schema = '', markProgress = true): Promise<void> {
  const target = await bench.target(SCHEMA + schema);
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress });
  expect(run.brief).toEqual(Array(run.outcomes.length).fill('SUCCEEDED'));
  expect(await target.sql(RAN)).toEqual(ran.map((row) => row.replace('login', target.user)));
  if (markProgress)
    expect(await target.sql('SELECT ordinal FROM public.reprise_marker')).toEqual([String(run.outcomes.length)]);
}

it.each([
  [`SELECT app.become('${ROLE}')`, true],
  [`SELECT app.become('${ROLE}')`, false],
  [`SELECT app.become_atomic('${ROLE}')`, true],
  [`SELECT app.login('${ROLE}')`, true],
  [`SELECT APP . "login"('${ROLE}')`, true],
  [`DO $$ BEGIN PERFORM app.login('${ROLE}'); END $$`, false],
])(
  'behind %s a session runs under the role that the function took, and no other does, marks: %j',
  async (statement, marks) => {
    const record = new HandMadeRecord();
    record.run('a', insert(1));
    record.run('a', statement);
    for (const sql of ['BEGIN', insert(100), 'ROLLBACK']) record.run('b', sql);
    record.run('a', insert(2));
    record.run('b', insert(3));
    record.run('a', 'BEGIN');
    record.run('a', insert(4));
    record.run('a', 'COMMIT');
    await expectRan(record, ['1|1|login', `3|2|${ROLE}`, '4|3|login', `5|4|${ROLE}`], '', marks);
  },
);

it('a role that a function takes up to the end of a transaction loses nothing of it', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', `SELECT app.become_here('${ROLE}')`);
  record.run('a', insert(1));
  record.run('a', 'COMMIT');
  record.run('a', insert(2));
  await expectRan(record, [`1|1|${ROLE}`, '2|2|login']);
});

it('a role that a trigger takes loses nothing of its transaction', async () => {
  const record = new HandMadeRecord();
  record.run('a', insert(1));
  record.run('a', 'BEGIN');
  record.run('a', insert(2));
  record.run('a', insert(3));
  record.run('a', 'COMMIT');
  await expectRan(
    record,
    ['1|1|login', '2|2|login', `3|3|${ROLE}`],
    `CREATE FUNCTION app.taken() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN PERFORM set_config('role', '${ROLE}', true); RETURN NULL; END $$;
     CREATE TRIGGER taken AFTER INSERT ON app.ran FOR EACH ROW EXECUTE FUNCTION app.taken()`,
  );
});

it('a role that a function takes which the record creates loses nothing', async () => {
  const record = new HandMadeRecord();
  record.run(
    'a',
    `CREATE OR REPLACE FUNCTION app."Take it" () RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET LOCAL ROLE ${QUOTED}; END $$`,
  );
  record.run('a', 'BEGIN');
  record.run('a', 'SELECT app."Take it"()');
  record.run('a', insert(1));
  record.run('a', 'COMMIT');
  await expectRan(record, [`1|1|${ROLE}`]);
});

it('thousands of functions that may take a role are told from what only has the name of one', async () => {
  const target = await bench.target(`DO $do$ BEGIN FOR i IN 1..3000 LOOP
    EXECUTE format('CREATE FUNCTION setter_%s(x int) RETURNS text LANGUAGE sql AS $f$ SELECT set_config(''app.x'' || x, '''', true) $f$', i);
    END LOOP; END $do$`);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT setter_2999(1)');
  for (const session of ['b', 'c', 'd']) record.run(session, 'SELECT 1 AS setter_2999');
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress: true });
  expect(run.brief).toEqual(Array(4).fill('SUCCEEDED'));
  // One for the session that calls one, and one for all others.
  expect(run.replay.summary?.connectionsOpened).toBe(2);
}, 60_000);
