import { Client } from 'pg';
import { expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, useBench } from '../support/replay.ts';

const bench = useBench();

const LOGIN = `limited_${process.pid}`;

/** A target that lets a login in `limit` times at once, and what a run as this login asks for. */
async function limited(
  limit: number,
): Promise<{ target: Target; users: { recorded: string; user: string; password: string }[] }> {
  const target = await bench.target('CREATE TABLE ran (n int)');
  await target.sql(
    `CREATE ROLE ${LOGIN} LOGIN PASSWORD 'its own' CONNECTION LIMIT ${limit}; GRANT INSERT ON ran TO ${LOGIN}`,
  );
  return { target, users: [{ recorded: 'app', user: LOGIN, password: 'its own' }] };
}

const dropLogin = (target: Target) => target.sql(`DROP OWNED BY ${LOGIN}; DROP ROLE ${LOGIN}`);

/** A run of five sessions as a login that may be there twice. */
async function takingTurns(ordering: 'SESSION' | 'TIMESTAMP') {
  const { target, users } = await limited(2);
  const record = new HandMadeRecord();
  for (let n = 1; n <= 20; n++) record.run(`s${n % 5}`, `INSERT INTO ran VALUES (${n})`);
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering, users });
  await dropLogin(target);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.brief).toEqual(Array(20).fill('SUCCEEDED'));
  expect(await target.sql('SELECT count(*) FROM ran')).toEqual(['20']);
  return run;
}

it('sessions without state take turns where the target lets their login in only so often, which is told once', async () => {
  const run = await takingTurns('TIMESTAMP');
  expect(run.notices('CONNECTIONS_LIMITED').map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^the target takes no more connections beside 2 of this run: .*too many connections for role/,
    ),
  ]);
});

it('in SESSION ordering, a session that is not let in waits for one that ends', async () => {
  await takingTurns('SESSION');
});

/** A run of a session that holds a transaction and of another, as a login that may be there once. */
async function besideOneThatHolds(ordering: 'SESSION' | 'TIMESTAMP') {
  const { target, users } = await limited(1);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('b', 'INSERT INTO ran VALUES (2)');
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ordering, users });
  await dropLogin(target);
  return run;
}

it('a session that must wait for one which holds a transaction waits in SESSION ordering', async () => {
  expect((await besideOneThatHolds('SESSION')).brief).toEqual(Array(3).fill('SUCCEEDED'));
});

it('and ends a run in TIMESTAMP ordering, with what the target said', async () => {
  const { replay } = await besideOneThatHolds('TIMESTAMP');
  expect(replay).toMatchObject({ state: 'FAILED', error: { code: 'CONNECTION_LIMIT' } });
  expect(replay.error?.message).toMatch(
    /^1 sessions hold a transaction .*, and the target takes no more connections: .*too many connections for role/,
  );
});

it.each(['SESSION', 'TIMESTAMP'] as const)(
  '%s: a run of which the target lets in no session ends with what the target said',
  async (ordering) => {
    const { target, users } = await limited(1);
    const { host, port, name } = target;
    const other = new Client({ host, port, user: LOGIN, password: 'its own', database: name, ssl: false });
    await other.connect();
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO ran VALUES (1)');
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering, users });
    await other.end();
    await dropLogin(target);
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'CONNECTION_LIMIT' } });
    expect(run.replay.error?.message).toMatch(/the target takes no more connections: .*too many connections for role/);
  },
);
