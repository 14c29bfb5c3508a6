import { rm } from 'node:fs/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { openNetwork } from '../support/network.ts';
import { initialisedFolder } from '../support/postgres.ts';
import { untilTrue } from '../support/replay.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';
import { cli, cliHere, type ServiceProcess, startCli, startService } from './process.ts';
import { at, idIn } from './shop-service.ts';

let folder: string;
let service: ServiceProcess;
let target: TestDatabase;

beforeAll(async () => {
  folder = await initialisedFolder('cli-resume');
  [service, target] = await Promise.all([startService(folder), createShopTarget()]);
  expect((await cli(['import', SHOP_LOG], { REPRISE_DATA_DIR: folder })).code).toBe(0);
});
afterAll(async () => {
  await service.end('SIGTERM');
  await target.drop();
  await rm(folder, { recursive: true });
});

test('replay resume takes the password of an interrupted run from the environment or standard input', async () => {
  const env = () => ({ REPRISE_SERVER_URL: service.url, TARGET_PASSWORD: target.password, WRONG: 'mistyped' });
  const login = [
    '--host',
    target.host,
    '--port',
    String(target.port),
    '--user',
    target.user,
    '--database',
    target.name,
  ];
  const start = ['replay', 'start', '--window', 'all', '--speed', '0.1', ...login, '--password-env', 'TARGET_PASSWORD'];
  const id = (await cliHere(start, env())).stdout.trim();
  const restarted = async () => {
    const watching = startCli(['replay', 'watch', id, '--json', '--detail', 'failures'], env());
    while (JSON.parse(await watching.nextLine()).state !== 'RUNNING');
    await watching.end('SIGINT');
    await service.end('SIGTERM');
    service = await startService(folder);
  };
  await restarted();

  const without = await cliHere(['replay', 'resume', id], env());
  expect(without.stderr).toContain('--password-env');
  expect(without.code).toBe(2);
  expect((await cliHere(['replay', 'resume', id, '--password-env', 'WRONG'], env())).code).toBe(5);
  const shown = JSON.parse((await cliHere(['replay', 'show', id, '--json'], env())).stdout);
  expect(shown).toMatchObject({ state: 'INTERRUPTED', request: { needsCredentials: true, needsCredentialsOf: [] } });

  expect((await cliHere(['replay', 'resume', id, '--password-env', 'TARGET_PASSWORD'], env())).code).toBe(0);
  await restarted();
  const piped = await cli(['replay', 'resume', id, '--password-stdin', '--json'], env(), `${target.password}\n`);
  expect(JSON.parse(piped.stdout).state).toMatch(/CONNECTING|RUNNING/);
  expect((await cliHere(['replay', 'cancel', id], env())).code).toBe(0);
});

/** A run that is watched over a network which can be cut, and is under way. */
async function watchThroughNetwork() {
  const network = await openNetwork(Number(new URL(service.url).port));
  const env = { REPRISE_SERVER_URL: network.url, TARGET_PASSWORD: target.password };
  const start = ['replay', 'start', '--window', 'all', '--speed', '0.1', ...at(target), '--watch'];
  const watching = startCli([...start, '--interval', '100ms'], env);
  await watching.says(/RUNNING/);
  return { network, watching };
}

test('a run that an orderly restart of the service interrupts is exit status 5, with its summary', async () => {
  const { network, watching } = await watchThroughNetwork();
  // The end of the run comes over the connection that is open; who asks for more meets a service that goes down.
  network.cutRequests();
  await service.end('SIGTERM');
  await watching.says(/trying again in/);
  service = await startService(folder);
  network.leadTo(Number(new URL(service.url).port));
  network.mend();
  expect(await watching.nextLine()).toMatch(/^replay +[0-9a-f-]{36}$/);
  expect(await watching.nextLine()).toMatch(/^state +INTERRUPTED/);
  expect(await watching.ended).toBe(5);
  await network.close();
});

test('Ctrl-C ends the watching also while the end of the run is waited for', async () => {
  const { network, watching } = await watchThroughNetwork();
  network.cutRequests();
  await cli(['replay', 'cancel', idIn(watching.stderr())], { REPRISE_SERVER_URL: service.url });
  await watching.says(/trying again in/);
  expect(await watching.end('SIGINT')).toBe(130);
  expect(watching.stderr()).toContain('no longer watching');
  await network.close();
});

test('a run whose target has taken a transaction with its connection is told to have lost it, by its exit status too', async () => {
  const { host, port, user, password, name } = target;
  const env = { REPRISE_SERVER_URL: service.url, TARGET_PASSWORD: password };
  const client = new Client({ host, port, user, password, database: name });
  await client.connect();
  const window = ['--from', '2026-11-23T16:28:37.447Z', '--to', '2026-11-23T16:28:37.600Z', '--speed', '0.1'];
  const id = (await cli(['replay', 'start', ...window, ...at(target)], env)).stdout.trim();
  await untilTrue(
    client,
    "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'",
  );
  await client.end();
  const watched = await cli(['replay', 'watch', id], env);
  expect(watched.stdout).toMatch(/transactions were lost: \d+ statements? (was|were) not replayed/);
  expect(watched.code).toBe(5);
  const junit = await cli(['report', id, '--format', 'junit'], env);
  expect(junit.stdout).toContain('<error message="transactions were lost');
});
