import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PreflightProblem } from '../../src/replay/preflight-problems.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, through, useBench } from '../support/replay.ts';
import { startProxy } from '../target/proxy.ts';

const SCHEMA = `
  CREATE TABLE orders (id int PRIMARY KEY, total numeric, secret text);
  CREATE TABLE items (id int);
  CREATE SCHEMA vault; CREATE TABLE vault.gold (id int);
  CREATE VIEW totals AS SELECT sum(total) FROM orders;
  CREATE FUNCTION audit() RETURNS int LANGUAGE sql AS 'SELECT 1';
  REVOKE EXECUTE ON FUNCTION audit() FROM public`;

const bench = useBench();

/** A target with a login of its own that may do what `grants` say; `login` in them stands for its name. */
async function targetWithLogin(grants = '') {
  const target = await bench.target(SCHEMA);
  const login = `role_${target.name}`;
  const named = (sql: string) => sql.replaceAll('login', `"${login}"`);
  await target.sql(named(`CREATE ROLE login LOGIN PASSWORD 'own'; ${grants}`));
  onTestFinished(async () => {
    await target.sql(named('DROP OWNED BY login CASCADE; DROP ROLE login'));
  });
  return { target, login, users: [{ recorded: 'clerk', user: login, password: 'own' }] };
}

type Input = Omit<ReplayInput, 'target' | 'window'>;

async function found(target: Target, record: HandMadeRecord, input: Input, from?: number): Promise<PreflightProblem[]> {
  await record.store(bench.journal);
  return [...(await bench.engine.preflight({ window: record.window(from), target: target.spec, ...input })).problems];
}

function recordOf(statements: readonly string[], user = 'clerk'): HandMadeRecord {
  const record = new HandMadeRecord();
  for (const statement of statements) record.run('a', statement, { user });
  return record;
}

describe('preflight tells what a login may not do', () => {
  it('in the words of the server, and a run meets just that', async () => {
    const { target, login, users } = await targetWithLogin(
      'GRANT INSERT ON items TO login; GRANT SELECT (id), UPDATE (total) ON orders TO login; GRANT SELECT ON totals TO login',
    );
    const record = recordOf([
      'SELECT id FROM orders WHERE id = 1',
      'WITH items AS (SELECT 1 AS id) SELECT id FROM items',
      'SELECT sum FROM totals',
      'UPDATE orders SET total = 1',
      'SELECT extract(epoch FROM now()) AS items',
      'INSERT INTO items VALUES (1)',
      'INSERT INTO items VALUES (2)',
      'SELECT secret FROM orders',
      'SELECT * FROM items WHERE id = 1',
      'SELECT * FROM items WHERE id = 2',
      'UPDATE orders SET total = 2 WHERE id = 1; DELETE FROM orders WHERE id = 1',
      'SELECT id FROM vault.gold',
      'SELECT audit()',
    ]);
    record.run('b', 'DELETE FROM items', { user: 'somebody else' });
    const problems = await found(target, record, { users });
    const problem = (what: string, statements: string) => ({
      severity: 'ERROR',
      code: 'MISSING_PRIVILEGE',
      message: `permission denied for ${what} (42501) for login "${login}": ${statements}`,
    });
    expect(problems).toEqual([
      problem('table orders', '2 different statements, 2 times, such as SELECT secret FROM orders'),
      problem('table items', '1 statement, 2 times, such as SELECT * FROM items WHERE id = ?'),
      problem('schema vault', '1 statement, 1 time, such as SELECT id FROM vault.gold'),
      problem('function audit', '1 statement, 1 time, such as SELECT audit()'),
    ]);
    const run = await bench.run(target, { window: record.window(), users });
    const failed = run.brief.flatMap((outcome, at) => (outcome === 'SUCCEEDED' ? [] : [`${at} ${outcome}`]));
    expect(failed).toEqual([7, 8, 9, 10, 11, 12].map((at) => `${at} FAILED 42501`));
  });

  it('of statements with parameters, too, and calls nothing', async () => {
    const { target, users } = await targetWithLogin(
      `CREATE FUNCTION spend() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(60); RETURN 1; END$$`,
    );
    const record = new HandMadeRecord();
    const parameters = [{ kind: 'int64', value: 1n } as const];
    const user = 'clerk';
    record.run('a', 'SELECT spend() WHERE $1::int = 1', { user, parameters });
    record.run('a', 'SELECT total FROM orders WHERE id = $1', { user, parameters });
    record.run('a', 'INSERT INTO items (id) VALUES ($1)', { user, parameters });
    const problems = await found(target, record, { users });
    expect(problems.map(({ code, message }) => `${code} ${message.replace(/ for login.*/, '')}`)).toEqual([
      'MISSING_PRIVILEGE permission denied for table orders (42501)',
      'MISSING_PRIVILEGE permission denied for table items (42501)',
    ]);
  });

  it('and what it does not find because it may not look into its schema', async () => {
    const { target, login, users } = await targetWithLogin('ALTER ROLE login SET search_path = vault, public');
    await target.sql(`ALTER DATABASE "${target.name}" SET search_path = vault, public`);
    const [problem, ...others] = await found(target, recordOf(['SELECT * FROM gold', 'SELECT * FROM silver']), {
      users,
    });
    expect(problem?.message).toMatch(/^relation "silver" does not exist \(42P01\): 1 statement/);
    expect(others).toEqual([
      {
        severity: 'ERROR',
        code: 'MISSING_RELATION',
        message: `relation "gold" does not exist (42P01) for login "${login}": 1 statement, 1 time, such as SELECT * FROM gold`,
      },
    ]);
  });

  it("also of the target's own login, for the sessions that go under it", async () => {
    const { target, login } = await targetWithLogin();
    const record = recordOf(['SELECT * FROM items']);
    record.run('b', 'SELECT * FROM orders', { user: 'app' });
    await record.store(bench.journal);
    const { problems } = await bench.engine.preflight({
      window: record.window(),
      target: { ...target.spec, user: login, password: 'own' },
      users: [{ recorded: 'clerk', user: target.user, password: target.password }],
    });
    expect(problems.map(({ message }) => message)).toEqual([
      `permission denied for table orders (42501) for login "${login}": 1 statement, 1 time, such as SELECT * FROM orders`,
    ]);
  });

  it('in the database that the sessions go to', async () => {
    const { target, login } = await targetWithLogin('GRANT SELECT ON items TO login');
    const stock = await bench.target('CREATE TABLE items (id int)');
    const record = recordOf(['SELECT * FROM items']);
    record.run('b', 'SELECT * FROM items', { user: 'clerk', database: 'stock' });
    const problems = await found(target, record, {
      users: [{ recorded: 'clerk', user: login, password: 'own' }],
      databases: [
        { recorded: 'shop', target: target.name },
        { recorded: 'stock', target: stock.name },
      ],
    });
    expect(problems.map(({ message }) => message)).toEqual([
      `permission denied for table items (42501) for login "${login}" in database ${stock.name}: 1 statement, 1 time, such as SELECT * FROM items`,
    ]);
  });
});

it('preflight says how many logins it did not try', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const users = Array.from({ length: 34 }, (_, at) => {
    record.run(`s${at}`, 'SELECT 1', { user: `clerk ${at}` });
    return { recorded: `clerk ${at}`, user: target.user, password: target.password };
  });
  expect((await found(target, record, { users: users.slice(0, 31) })).map(({ code }) => code)).toEqual([]);
  expect(await found(target, record, { users })).toEqual([
    {
      severity: 'WARNING',
      code: 'CHECK_INCOMPLETE',
      message: '2 of the logins of the window (each in each of its databases) were not tried: only the first 32 are',
    },
  ]);
});

it("preflight says when the target's own login is not let in again", async () => {
  const target = await bench.target(SCHEMA);
  const record = recordOf(['SELECT id FROM orders']);
  await record.store(bench.journal);
  let logins = 0;
  const port = await startProxy(target.port, ({ client, server }) => {
    if (++logins > 1) client.destroy();
    client.pipe(server).pipe(client);
  });
  const { problems } = await bench.engine.preflight({ window: record.window(), target: through(port, target).spec });
  expect(problems.map(({ severity, code }) => `${severity} ${code}`)).toEqual(['WARNING CHECK_INCOMPLETE']);
});

describe('preflight raises no false alarm', () => {
  it.each([
    ['takes a role', ['SET ROLE manager', 'DELETE FROM orders']],
    ['takes one for a transaction, in one string', ['BEGIN; SET LOCAL ROLE manager', 'DELETE FROM orders', 'COMMIT']],
    ['takes one by a function', [`SELECT set_config('role', 'manager', false)`, 'DELETE FROM orders']],
    ['is given the rights', ['GRANT ALL ON orders TO clerk', 'DELETE FROM orders']],
    ['is given the rights in a block', ['DO $$BEGIN GRANT ALL ON orders TO clerk; END$$', 'DELETE FROM orders']],
    ['makes the table', ['DROP TABLE orders', 'CREATE TABLE orders (id int)', 'DELETE FROM orders']],
    ['sets another search path', ['SET search_path = own', 'DELETE FROM orders']],
  ])('where a session %s', async (_, statements) => {
    const { target, users } = await targetWithLogin(`
      CREATE SCHEMA own AUTHORIZATION login;
      CREATE TABLE own.orders (id int); ALTER TABLE own.orders OWNER TO login`);
    expect(await found(target, recordOf(statements), { users })).toEqual([]);
  });

  it.each([
    ['took a role', 'SET ROLE manager'],
    ['took one, and has an own search path', 'SET search_path = public; SET ROLE manager'],
    ['set another search path', 'SET search_path TO own'],
  ])('where a session %s before the window', async (_, statement) => {
    const { target, users } = await targetWithLogin(`
      CREATE SCHEMA own AUTHORIZATION login;
      CREATE TABLE own.orders (id int); ALTER TABLE own.orders OWNER TO login`);
    const record = new HandMadeRecord();
    record.run('a', statement, { user: 'clerk', at: 0 });
    record.run('a', 'DELETE FROM orders', { user: 'clerk', at: 10 });
    expect(await found(target, record, { users }, 5)).toEqual([]);
    expect(await found(target, recordOf(['DELETE FROM orders']), { users })).toHaveLength(1);
  });

  it('where a table is in the schema of the login that runs the statements', async () => {
    const { target, users } = await targetWithLogin(`
      CREATE SCHEMA AUTHORIZATION login;
      CREATE TABLE login.baskets (id int); ALTER TABLE login.baskets OWNER TO login`);
    const record = recordOf(['SELECT * FROM baskets', 'SELECT * FROM nowhere']);
    const [missing, ...others] = await found(target, record, { users });
    expect(missing?.message).toMatch(/^relation "nowhere" does not exist \(42P01\): 1 statement/);
    expect(others).toEqual([]);
    expect((await bench.run(target, { window: record.window(), users })).brief).toEqual(['SUCCEEDED', 'FAILED 42P01']);
    // What a login that is not mapped runs, too, the target's own has to find.
    const shared = recordOf(['SELECT * FROM baskets']);
    shared.run('b', 'SELECT * FROM baskets', { user: 'app' });
    expect((await found(target, shared, { users })).map(({ message }) => message)).toEqual([
      'relation "baskets" does not exist (42P01): 1 statement, 2 times, such as SELECT * FROM baskets',
    ]);
    const two = recordOf(['SELECT * FROM baskets']);
    two.run('b', 'SELECT * FROM baskets', { user: 'manager' });
    const other = { recorded: 'manager', user: target.user, password: target.password };
    expect((await found(target, two, { users: [other, ...users] })).map(({ code }) => code)).toEqual([
      'MISSING_RELATION',
    ]);
  });

  it('where the login has its rights by a role, or begins under one', async () => {
    const manager = `manager_${randomUUID().slice(0, 8)}`;
    const { target, login, users } = await targetWithLogin(`
      CREATE ROLE ${manager}; GRANT ALL ON orders TO ${manager}; GRANT ${manager} TO login`);
    onTestFinished(async () => {
      await target.sql(`DROP OWNED BY ${manager}; DROP ROLE ${manager}`);
    });
    const record = recordOf(['DELETE FROM orders']);
    expect(await found(target, record, { users })).toEqual([]);
    const again = async () =>
      (await bench.engine.preflight({ window: record.window(), target: target.spec, users })).problems;
    await target.sql(`GRANT ${manager} TO "${login}" WITH INHERIT FALSE`);
    expect(await again()).toHaveLength(1);
    await target.sql(`ALTER ROLE "${login}" SET role = ${manager}`);
    expect(await again()).toEqual([]);
  });

  it('for statements that failed in the record, and users that are not mapped', async () => {
    const { target, users } = await targetWithLogin();
    const record = new HandMadeRecord();
    record.run('a', 'DELETE FROM orders', { user: 'clerk', fails: '42501' });
    record.run('b', 'DELETE FROM orders', { user: 'app' });
    expect(await found(target, record, { users })).toEqual([]);
  });
});
