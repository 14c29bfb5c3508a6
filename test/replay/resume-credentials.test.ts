import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { openNetwork } from '../support/network.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, through, useBench } from '../support/replay.ts';

const bench = useBench();
const STATEMENTS = 30;

/** A run that was interrupted in its middle, with the passwords of `over` gone. */
async function interrupted(over: (target: Target) => Partial<ReplayInput>): Promise<{ id: string; target: Target }> {
  const target = await bench.target(
    'CREATE TABLE ran (n int, who text DEFAULT current_user); GRANT ALL ON ran TO public',
  );
  const record = new HandMadeRecord();
  for (let n = 0; n < STATEMENTS; n++) record.run('a', `INSERT INTO ran SELECT ${n} FROM pg_sleep(0.01)`);
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window, ...over(target) }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 3);
  await engine.stop();
  return { id: run.id, target };
}

const freeForm = ({ host, port, user, password, name }: Target) => ({
  target: { host, port, user, password, database: name },
});

it('a run that was started with a password is refused without it, and goes on with it', async () => {
  const { id, target } = await interrupted(freeForm);
  const stored = await bench.engine.get(id);
  expect(stored?.request.withheld).toEqual({ target: true, users: [] });
  expect(JSON.stringify(stored?.request)).not.toContain(target.password);

  await expect(bench.engine.resume(id)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    path: ['credentials', 'password'],
    message: expect.stringContaining('--password-env'),
  });
  await expect(bench.engine.resume(id, { password: 'mistyped' })).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
  expect(await bench.engine.get(id)).toMatchObject({ state: 'INTERRUPTED', lastSeq: stored?.lastSeq });

  await bench.engine.resume(id, { password: target.password });
  const ended = await bench.ended(id);
  expect(ended.replay.state).toBe('COMPLETED');
  expect(ended.outcomes).toHaveLength(STATEMENTS);
});

it('a run whose target cannot be reached stays interrupted, to be resumed when it can', async () => {
  const { id, target } = await interrupted(() => ({}));
  const client = await bench.target();
  await client.sql(`ALTER DATABASE "${target.name}" WITH ALLOW_CONNECTIONS false`);
  await expect(bench.engine.resume(id)).rejects.toMatchObject({
    code: 'TARGET_UNREACHABLE',
    message: expect.stringMatching(/^connect to target /),
  });
  expect((await bench.engine.get(id))?.state).toBe('INTERRUPTED');
  await client.sql(`ALTER DATABASE "${target.name}" WITH ALLOW_CONNECTIONS true`);
  await bench.engine.resume(id);
  expect((await bench.ended(id)).replay.state).toBe('COMPLETED');
});

it('a run whose target goes away before the resumed run has sent anything stays interrupted', async () => {
  const { port, password } = await bench.target();
  const network = await openNetwork(port);
  onTestFinished(() => network.close());
  const { id } = await interrupted((target) => ({ target: through(network.port, target).spec }));
  const cutting = bench.anotherEngine({
    journal: {
      ...bench.journal,
      tailEnd: () => {
        // Behind the look at the logins, ahead of all else that is done on the target.
        network.cut();
        return bench.journal.tailEnd();
      },
    },
  });
  await cutting.resume(id, { password });
  const { replay, states } = await bench.ended(id);
  expect(states.slice(-2)).toEqual(['CONNECTING', 'INTERRUPTED']);
  expect(replay.error).toBeNull();
  network.mend();
  await bench.engine.resume(id, { password });
  const ended = await bench.ended(id);
  expect(ended.replay.state).toBe('COMPLETED');
  expect(ended.outcomes).toHaveLength(STATEMENTS);
});

it('passwords of mapped logins are asked for again too, by recorded user', async () => {
  const login = `login_${randomBytes(5).toString('hex')}`;
  const admin = await bench.target();
  await admin.sql(`CREATE ROLE ${login} LOGIN PASSWORD 'its own'`);
  onTestFinished(async () => {
    await admin.sql(`DROP ROLE ${login}`);
  });
  const { id, target } = await interrupted(() => ({ users: [{ recorded: 'app', user: login, password: 'its own' }] }));
  await expect(bench.engine.resume(id)).rejects.toMatchObject({ code: 'BAD_INPUT', path: ['credentials', 'users'] });
  const given = (recorded: string, password: string) => ({ users: [{ recorded, password }] });
  await expect(bench.engine.resume(id, given('nobody', 'x'))).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(bench.engine.resume(id, given('app', 'x'))).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
  await bench.engine.resume(id, given('app', 'its own'));
  expect((await bench.ended(id)).replay.state).toBe('COMPLETED');
  expect(await target.sql('SELECT DISTINCT who FROM ran')).toEqual([login]);
});
