import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, useBench } from '../support/replay.ts';
import { spawnReplay } from '../support/spawn-replay.ts';

const PASSWORD = 'its own';

const bench = useBench();

/** A target, and roles of its own that may log in; neither may end what the other runs. */
async function targetWithRoles(...names: string[]): Promise<{ target: Target; roles: string[] }> {
  const target = await bench.target(
    'CREATE TABLE ran (n int); GRANT ALL ON ran TO public; GRANT ALL ON SCHEMA public TO public',
  );
  const roles = names.map((name) => `${name}_${randomBytes(5).toString('hex')}`);
  await target.sql(roles.map((role) => `CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`).join(';'));
  onTestFinished(() =>
    target.sql(roles.map((role) => `DROP OWNED BY ${role}; DROP ROLE ${role}`).join(';')).then(() => {}),
  );
  return { target, roles };
}

/** A run that was interrupted behind its first statement, logged in as one role and as another for its session. */
async function interrupted(target: Target, runner: string, mapped: string) {
  const { host, port, name } = target;
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran VALUES (1)');
  record.run('a', 'INSERT INTO ran SELECT 2 FROM pg_sleep(600)');
  record.run('a', 'INSERT INTO ran VALUES (3)');
  const engine = bench.anotherEngine();
  const { id } = await engine.start({
    window: await record.store(bench.journal),
    target: { host, port, user: runner, password: PASSWORD, database: name },
    users: [{ recorded: 'app', user: mapped, password: PASSWORD }],
  });
  for await (const event of engine.stream(id, 0)) if (event.kind === 'OUTCOME') break;
  await engine.stop();
  return {
    id,
    resume: () => bench.engine.resume(id, { password: PASSWORD, users: [{ recorded: 'app', password: PASSWORD }] }),
  };
}

/** A session that a process of the run has left, in a transaction; null when it has been ended. */
async function leftBehind({ host, port, name }: Target, id: string, user: string) {
  const application_name = `reprise ${id.slice(0, 8)}`;
  const client = new Client({ host, port, user, password: PASSWORD, database: name, application_name, ssl: false });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN; LOCK TABLE ran');
  return client;
}

it('a resumed run ends what a dead process has left under a mapped login, which its own may not', async () => {
  const { target, roles } = await targetWithRoles('runner', 'mapped');
  const [runner = '', mapped = ''] = roles;
  const { id, resume } = await interrupted(target, runner, mapped);
  const left = await leftBehind(target, id, mapped);
  await resume();
  const run = await bench.ended(id);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '3']);
  await expect(left.query('SELECT 1')).rejects.toThrow();
});

it('a run stays interrupted while a session of its name is there that no login of it may end, and says so', async () => {
  const { target, roles } = await targetWithRoles('runner', 'mapped', 'stranger');
  const [runner = '', mapped = '', stranger = ''] = roles;
  const { id, resume } = await interrupted(target, runner, mapped);
  const left = await leftBehind(target, id, stranger);
  await resume();
  const waiting = await bench.ended(id);
  expect(waiting.replay.state).toBe('INTERRUPTED');
  const reason = waiting.events.findLast((event) => event.kind === 'STATE')?.reason;
  expect(reason).toContain(`1 of role "${stranger}"`);
  expect(reason).toContain(`GRANT pg_signal_backend TO "${runner}"`);
  await left.end();
  await resume();
  expect((await bench.ended(id)).replay.state).toBe('COMPLETED');
});

it('what a crash has left in doubt is not repeated though its first resumption was interrupted at once', async () => {
  const target = await bench.target('CREATE TABLE ran (n int)');
  const record = new HandMadeRecord();
  for (let n = 1; n <= 300; n++) record.run('a', `INSERT INTO ran SELECT ${n} FROM pg_sleep(0.001)`);
  const window = await record.store(bench.journal);
  const { id, kill } = await spawnReplay(bench.url, { window, target: target.spec });
  let outcomes = 0;
  for await (const event of bench.engine.stream(id, 0)) if (event.kind === 'OUTCOME' && ++outcomes > 100) break;
  await kill();
  while (!(await bench.engine.recover()).includes(id)) await new Promise(setImmediate);
  const engine = bench.anotherEngine();
  await engine.resume(id);
  await engine.stop();
  await bench.engine.resume(id);
  const run = await bench.ended(id);
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.outcomes).toHaveLength(300);
  expect(run.replay.summary.unknown).toBeGreaterThan(0);
  expect(await target.sql('SELECT n FROM ran GROUP BY n HAVING count(*) > 1')).toEqual([]);
});
