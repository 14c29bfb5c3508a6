import { expect, it, onTestFinished } from 'vitest';
import { ORDERINGS } from '../../src/replay/request.ts';
import { LOGGED, log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

function twoDatabases(): HandMadeRecord {
  const record = new HandMadeRecord();
  record.run('a', log('shop 1'), { database: 'shop' });
  record.run('b', log('stock 1'), { database: 'stock' });
  record.run('a', log('shop 2'), { database: 'shop' });
  record.run('b', log('stock 2'), { database: 'stock' });
  return record;
}

it.each(ORDERINGS)('%s: a window of several databases is refused unless one is named', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = twoDatabases();
  const window = await record.store(bench.journal);
  const refused = await bench.run(target, { window, ordering, restoreIds: false });
  expect(refused.replay).toMatchObject({ state: 'FAILED', error: { code: 'DATABASES_AMBIGUOUS' } });
  expect(refused.replay.error?.message).toContain('2 databases (shop, stock)');
  const named = await bench.run(target, { window, ordering, restoreIds: false, filter: { databases: ['stock'] } });
  expect(named.replay.state).toBe('COMPLETED');
  expect(await target.sql(LOGGED)).toEqual(['stock 1', 'stock 2']);
});

it.each(ORDERINGS)('%s: each database goes to the one that it is mapped to', async (ordering) => {
  const shop = await bench.target(SCHEMA);
  const stock = await bench.target(SCHEMA);
  const run = await bench.run(shop, {
    window: await twoDatabases().store(bench.journal),
    ordering,
    restoreIds: false,
    databases: [
      { recorded: 'shop', target: shop.name },
      { recorded: 'stock', target: stock.name },
    ],
  });
  expect(run.replay.summary).toMatchObject({ planned: 4, succeeded: 4, connectionsOpened: 2 });
  expect(await shop.sql(LOGGED)).toEqual(['shop 1', 'shop 2']);
  expect(await stock.sql(LOGGED)).toEqual(['stock 1', 'stock 2']);
});

const STOCK_LEFT_OUT =
  '2 statements of 1 session of database "stock" in the window are left out: it is not mapped; map it too, or name those ' +
  'that are meant in filter.databases';

it.each(ORDERINGS)('%s: a mapping chooses: what is not mapped is not replayed, and is told of', async (ordering) => {
  const shop = await bench.target(SCHEMA);
  const input = {
    window: await twoDatabases().store(bench.journal),
    ordering,
    restoreIds: false,
    databases: [{ recorded: 'shop', target: shop.name }],
  };
  const { statements, problems } = await bench.engine.preflight({ ...input, target: shop.spec });
  expect(statements).toBe(2);
  expect(problems).toEqual([{ severity: 'WARNING', code: 'DATABASE_LEFT_OUT', message: STOCK_LEFT_OUT }]);
  const run = await bench.run(shop, input);
  expect(run.replay.summary).toMatchObject({ planned: 2, succeeded: 2 });
  expect(run.notices('DATABASE_LEFT_OUT').map(({ message }) => message)).toEqual([STOCK_LEFT_OUT]);
  expect((await bench.engine.report(run.replay.id)).remarks).toContain(STOCK_LEFT_OUT);
});

it('a filter that names the databases leaves nothing out that somebody did not know of', async () => {
  const shop = await bench.target(SCHEMA);
  const input = {
    window: await twoDatabases().store(bench.journal),
    filter: { databases: ['shop'] },
    databases: [{ recorded: 'shop', target: shop.name }],
  };
  expect((await bench.engine.preflight({ ...input, target: shop.spec })).problems).toEqual([]);
  const run = await bench.run(shop, input);
  expect(run.notices('DATABASE_LEFT_OUT')).toEqual([]);
  expect((await bench.engine.report(run.replay.id)).remarks).toEqual([]);
});

it('what a mapping leaves out is counted as the filter has it, of many databases and of none that is known, too', async () => {
  const shop = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('shop'), { database: 'shop' });
  for (let tenant = 10; tenant < 31; tenant++) record.run(`t${tenant}`, 'SELECT 1', { database: `tenant ${tenant}` });
  record.run('b', 'SELECT 1', { database: 'tenant 10', user: 'clerk' });
  record.run('c', 'SELECT 1', { database: null, user: 'clerk' });
  const window = await record.store(bench.journal);
  const databases = [{ recorded: 'shop', target: shop.name }];
  const found = async (filter = {}) => {
    const { problems } = await bench.engine.preflight({ window, target: shop.spec, databases, filter });
    return problems.filter(({ code }) => code === 'DATABASE_LEFT_OUT').map(({ message }) => message);
  };
  const all = await found();
  expect(all).toHaveLength(21);
  expect(all[0]).toMatch(/^2 statements of 2 sessions of database "tenant 10" in the window are left out/);
  expect(all[20]).toBe('2 statements of 2 more databases in the window are left out, likewise');
  expect(await found({ users: ['clerk'] })).toEqual([
    expect.stringMatching(/^1 statement of 1 session of database "tenant 10" in the window is left out/),
    '1 statement of 1 session in the window is left out: the record does not tell the database, and only mapped ones are replayed',
  ]);
});

it('an empty list of mappings is none: one database goes to the target, several are refused, by preflight too', async () => {
  const target = await bench.target(SCHEMA);
  const record = twoDatabases();
  const window = await record.store(bench.journal);
  const several = await bench.run(target, { window, databases: [] });
  expect(several.replay).toMatchObject({ state: 'FAILED', error: { code: 'DATABASES_AMBIGUOUS' } });
  const before = await bench.engine.preflight({ window, target: target.spec, databases: [] });
  expect(before.problems.filter(({ severity }) => severity === 'ERROR')).toMatchObject([
    { code: 'DATABASES_AMBIGUOUS' },
  ]);
  const one = await bench.run(target, { window: record.window(0, 0), databases: [] });
  expect(one.brief).toEqual(['SUCCEEDED']);
  expect(await target.sql(LOGGED)).toEqual(['shop 1']);
});

it('a mapped database that does not exist fails the run at once, with what was attempted', async () => {
  const shop = await bench.target(SCHEMA);
  const run = await bench.run(shop, {
    window: await twoDatabases().store(bench.journal),
    databases: [
      { recorded: 'shop', target: shop.name },
      { recorded: 'stock', target: 'no_such_database' },
    ],
  });
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_UNREACHABLE' } });
  expect(run.replay.error?.message).toMatch(/^connect to target .*no_such_database/);
});

it.each(ORDERINGS)(
  '%s: a mapped user logs in with credentials of its own, the others as the target says',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const role = `role_${target.name}`;
    await target.sql(`CREATE ROLE "${role}" LOGIN PASSWORD 'own secret'; GRANT INSERT ON log TO "${role}"`);
    // Behind the target's own clean-up, which takes what depends on the role.
    onTestFinished(async () => {
      await bench.database.maintain(`DROP ROLE "${role}"`);
    });
    await target.sql(`ALTER TABLE log ALTER who SET DEFAULT current_user`);
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO log DEFAULT VALUES', { user: 'clerk' });
    record.run('b', 'INSERT INTO log DEFAULT VALUES', { user: 'app' });
    record.run('a', 'DELETE FROM log', { user: 'clerk' });
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering,
      restoreIds: false,
      users: [{ recorded: 'clerk', user: role, password: 'own secret' }],
    });
    expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'FAILED 42501']);
    expect((await target.sql(LOGGED)).sort()).toEqual([role, target.user].sort());
    expect(JSON.stringify(run.replay)).not.toContain('own secret');
    await target.sql(`DROP OWNED BY "${role}"`);
  },
);

it('a mapped user with the wrong password fails the run, and never gets the password of the target', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { user: 'clerk' });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    users: [{ recorded: 'clerk', user: 'nobody_of_this_name', password: 'wrong secret' }],
  });
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_UNREACHABLE' } });
  expect(run.replay.error?.message).toMatch(/^connect to target /);
  expect(JSON.stringify(run.replay)).not.toContain('secret');
});
