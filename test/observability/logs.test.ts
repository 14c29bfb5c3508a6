import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient, StartReplayDocument, unwrap } from '../../src/client/index.ts';
import { cli, type ServiceProcess, startService } from '../cli/process.ts';
import { ask, until } from '../server/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';

const WINDOW = { from: '2026-11-23T16:28:37.426000Z', to: '2026-11-23T16:28:37.700000Z' };

let folder: string;
let store: TestDatabase;
let target: TestDatabase;
let service: ServiceProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-logs-'));
  [store, target] = [await createTestDatabase('journal'), await createShopTarget()];
  const env = { DATABASE_URL: store.url };
  service = await startService(folder, 0, { ...env, REPRISE_LOG_LEVEL: 'debug' });
  const imported = await cli(['import', '--data-dir', folder, SHOP_LOG], env);
  expect(imported.code, imported.stderr).toBe(0);
});
afterAll(async () => {
  await service.end('SIGTERM');
  await Promise.all([store.drop(), target.drop()]);
  await rm(folder, { recursive: true, force: true });
});

type Line = Readonly<Record<string, unknown>>;
const lines = (): readonly Line[] =>
  service
    .stderr()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

const START = `mutation ($input: ReplayInput!) {
  startReplay(input: $input) { ... on Replay { id } }
}`;

const secret = 'a-password-that-no-line-may-show';

test('every line is JSON with a time, a level and a message', async () => {
  await fetch(`${service.url}/health`);
  await until(() => lines().some((line) => line['msg'] === 'request'));
  for (const line of lines()) {
    expect(line).toMatchObject({ level: expect.any(Number), time: expect.any(String), msg: expect.any(String) });
  }
});

test('a request keeps the id that it came with, or gets one, and its lines carry it', async () => {
  const given = await fetch(`${service.url}/ready`, { headers: { 'x-request-id': 'from-the-proxy.1' } });
  expect(given.headers.get('x-request-id')).toBe('from-the-proxy.1');
  const { headers } = await fetch(`${service.url}/nowhere`);
  const made = headers.get('x-request-id');
  expect(made).toMatch(/^[0-9a-f-]{36}$/);
  const odd = await fetch(`${service.url}/health`, { headers: { 'x-request-id': 'two words {"level":60}' } });
  expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  const line = (requestId: string | null) => lines().find((one) => one['requestId'] === requestId);
  await until(() => line(made) !== undefined);
  expect(line('from-the-proxy.1')).toMatchObject({ method: 'GET', route: '/ready', status: 200 });
  expect(line(made)).toMatchObject({ method: 'GET', route: 'other', status: 404 });
});

test('a run is followed by its id, from the request that started it to its end', async () => {
  const { host, port, user, password, name } = target;
  const { data } = await ask(
    service.url,
    START,
    { input: { window: WINDOW, target: { host, port, user, password, database: name } } },
    { 'x-request-id': 'who-started-it' },
  );
  const { id } = data.startReplay;
  const ofRun = () => lines().filter((line) => line['replayId'] === id);
  await until(() => ofRun().some((line) => line['msg'] === 'replay ended'));
  expect(ofRun().every((line) => line['requestId'] === 'who-started-it')).toBe(true);
  expect(ofRun().flatMap((line) => line['state'] ?? [])).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
  expect(ofRun()[0]).toMatchObject({ msg: 'replay begins', target: `${host}:${port}/${name}` });
  expect(ofRun().at(-1)).toMatchObject({ succeeded: expect.any(Number), elapsedMs: expect.any(Number) });
  expect(lines()).toContainEqual(
    expect.objectContaining({ requestId: 'who-started-it', type: 'mutation', transport: 'http', outcome: 'begun' }),
  );
});

test('a run that fails says why, and no line shows a password or a statement', async () => {
  const client = createClient({ url: service.url });
  const { host, port, user } = target;
  const input = { window: WINDOW, target: { host, port, user, password: secret, database: 'there is none' } };
  const { id } = unwrap((await client.request(StartReplayDocument, { input })).startReplay);
  const end = () => lines().find((line) => line['replayId'] === id && line['msg'] === 'replay ended');
  await until(() => end() !== undefined);
  expect(end()).toMatchObject({ level: 40, state: 'FAILED', code: 'TARGET_UNREACHABLE', reason: expect.any(String) });
  for (const hidden of [secret, target.password, 'INSERT', 'SELECT']) expect(service.stderr()).not.toContain(hidden);
});
