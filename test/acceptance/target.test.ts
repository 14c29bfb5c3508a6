import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-target-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('`npm run target` gives a database for each ordering, and Ctrl-C takes all of it away', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/target.ts', 'shop'], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.includes('--ordering session')) break;
  }
  const [, password] = /TARGET_PASSWORD=(\S+)/.exec(text) ?? [];
  const commands = [
    ...text.matchAll(/--host (\S+) --port (\d+) --user (\S+)[\s\S]*?--database (\S+) --ordering (\w+)/g),
  ];
  expect(commands.map(([, , , , , ordering]) => ordering)).toEqual(['timestamp', 'commit', 'session']);
  const logins = commands.map(([, host, port, user, database]) => ({
    host,
    port: Number(port),
    user,
    database,
    password,
  }));
  for (const login of logins) {
    const client = new Client(login);
    await client.connect();
    const { rows } = await client.query(
      'SELECT (SELECT count(*) FROM products) > 0 AS stocked, count(*)::int FROM orders',
    );
    expect(rows).toEqual([{ stocked: true, count: 0 }]);
    await client.end();
  }
  child.kill('SIGINT');
  expect((await closed)[0]).toBe(0);
  await expect(new Client(logins[0]).connect()).rejects.toThrow('ECONNREFUSED');
  expect((await readdir(folder)).filter((name) => name.startsWith('reprise-target-'))).toEqual([]);
});

test('`npm run target` of another workload is exit status 2', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/target.ts', 'bank'], { stdio: 'ignore' });
  expect(await once(child, 'close')).toEqual([2, null]);
});
