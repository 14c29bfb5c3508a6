import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openNetwork } from '../support/network.ts';
import { cli, type Env, type ServiceProcess, startService } from './process.ts';

const READER = 'reader-token-of-a-test';

let folder: string;
let target: TestDatabase;
let journal: TestDatabase;
beforeAll(async () => {
  [folder, target, journal] = await Promise.all([
    mkdtemp(join(tmpdir(), 'reprise-doctor-')),
    createTestDatabase(),
    createTestDatabase(),
  ]);
});
afterAll(async () => {
  await Promise.all([target.drop(), journal.drop()]);
  await rm(folder, { recursive: true });
});

interface Finding {
  readonly area: string;
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly advice: string | null;
}

/** A port where nothing listens, for what would else look at the machine's own 4000. */
async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

async function examined(env: Env) {
  const { code, stdout, stderr } = await cli(['doctor', '--json'], env);
  expect(stderr).toBe('');
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: readonly Finding[] };
  expect(code).toBe(ok ? 0 : 1);
  expect(stdout).not.toContain(target.password);
  const of = (name: string) => findings.find((finding) => finding.name === name);
  return { code, findings, of };
}

const targets = () => {
  const { host, port, user, password, name: database } = target;
  return JSON.stringify({ staging: { host, port, user, password, database }, gone: { host, port: 1, password } });
};

describe('doctor, with no service running', () => {
  test('is content with a fresh installation and makes nothing', async () => {
    const dataDir = join(folder, 'fresh');
    const { code, of } = await examined({ REPRISE_DATA_DIR: dataDir, REPRISE_PORT: await freePort() });
    expect(code).toBe(0);
    expect(of('REPRISE_DATA_DIR')).toMatchObject({ status: 'OK', detail: `${dataDir} (environment)` });
    expect(of('embedded PostgreSQL')).toMatchObject({ status: 'OK' });
    expect(of('data folder')).toMatchObject({ status: 'OK', detail: expect.stringContaining('makes') });
    expect(of('port')).toMatchObject({ status: 'OK', detail: expect.stringContaining('is free') });
    expect(existsSync(dataDir)).toBe(false);
  });

  test('says what to do about each fault, exit status 1', async () => {
    const env = {
      REPRISE_PORT: 'many',
      REPRISE_TAGRETS: '{}',
      REPRISE_SERVER_URL: 'http://127.0.0.1:1',
      REPRISE_TOKENS: `${target.password}-and-more:operator`,
    };
    const { code, of } = await examined(env);
    expect(code).toBe(1);
    expect(of('REPRISE_PORT')).toMatchObject({ status: 'FAIL', advice: expect.stringContaining('whole number') });
    expect(of('REPRISE_TAGRETS')).toMatchObject({ status: 'WARN', advice: expect.stringContaining('spelling') });
    expect(of('service')).toMatchObject({ status: 'FAIL', advice: expect.stringContaining('reprise serve') });
    expect(of('database')).toMatchObject({ status: 'WARN', detail: 'not looked at' });
    const { stdout } = await cli(['doctor'], env);
    expect(stdout).toMatch(/^ {2}FAIL {2}REPRISE_PORT +many \(environment\)$/m);
    expect(stdout).toMatch(/^ +→ "many" is not a whole number/m);
    expect(stdout).toMatch(/^2 failed, \d to look at$/m);
  });

  test.each([
    ['REPRISE_ALLOW_TARGETS', '10.0.0.0/99', 'is not a network'],
    ['REPRISE_TARGETS', '{"staging":{"host":"no such host"}}', 'neither a host name nor an IP address'],
  ])('fails where the service would not start for what %s says of targets', async (variable, value, why) => {
    const env = { REPRISE_DATA_DIR: join(folder, 'none'), REPRISE_PORT: '0', [variable]: value };
    const { code, of } = await examined(env);
    expect(code).toBe(1);
    expect(of(variable)).toMatchObject({ status: 'FAIL', advice: expect.stringContaining(why) });
    const served = await cli(['serve', '--json'], env);
    expect(served.code).toBe(2);
    expect(JSON.parse(served.stderr).error).toMatchObject({ code: 'CONFIG_INVALID', path: [variable] });
    // Nothing of the service was begun for it.
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  test('looks into DATABASE_URL without migrating it, and at the targets of the configuration', async () => {
    const env = { DATABASE_URL: journal.url, REPRISE_PORT: '0', REPRISE_TARGETS: targets() };
    const { code, of } = await examined(env);
    expect(code).toBe(1);
    expect(of('database')).toMatchObject({ status: 'OK', detail: expect.stringContaining('applies 0001-journal') });
    expect(of('staging')).toMatchObject({ status: 'OK', detail: expect.stringContaining('round trip') });
    expect(of('gone')).toMatchObject({ status: 'FAIL', detail: expect.stringContaining('connect to target') });
    const again = await examined(env);
    expect(again.of('database')?.detail).toBe(of('database')?.detail);
    const dead = await examined({ DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/journal', REPRISE_PORT: '0' });
    expect(dead.of('database')).toMatchObject({ status: 'FAIL', advice: expect.stringContaining('DATABASE_URL') });
    expect(JSON.stringify(dead.findings)).not.toContain('secret');
  });

  test("refuses a target that is the journal's own database, by whatever way it leads there", async () => {
    const { user, password, port, name: database } = journal;
    const forwarded = await openNetwork(port);
    try {
      const aliases = {
        itself: { host: 'localhost', port, user, password, database },
        forwarded: { host: '127.0.0.1', port: forwarded.port, user, password, database },
        other: { host: '127.0.0.1', port, user, password, database: target.name },
      };
      const { code, of } = await examined({
        DATABASE_URL: journal.url,
        REPRISE_PORT: '0',
        REPRISE_TARGETS: JSON.stringify(aliases),
      });
      expect(code).toBe(1);
      for (const name of ['itself', 'forwarded']) {
        expect(of(name)).toMatchObject({
          status: 'FAIL',
          detail: expect.stringMatching(/journal's own database|keeps the journal/),
        });
      }
      expect(of('other')).toMatchObject({ status: 'OK' });
    } finally {
      await forwarded.close();
    }
  });

  test('names a port that another program holds', async () => {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = other.address() as AddressInfo;
      const { of } = await examined({ REPRISE_DATA_DIR: folder, REPRISE_PORT: String(port) });
      expect(of('port')).toMatchObject({ status: 'FAIL', detail: expect.stringContaining('another program') });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });
});

describe('doctor, with a service running', () => {
  let service: ServiceProcess;
  let dataDir: string;
  beforeAll(async () => {
    dataDir = join(folder, 'service');
    const env = { REPRISE_TOKENS: `${READER}:reader`, REPRISE_TARGETS: targets() };
    service = await startService(dataDir, 0, env);
  });
  afterAll(() => service.end('SIGTERM'));

  test('looks at its journal, its port and its targets', async () => {
    const { code, of } = await examined({
      REPRISE_DATA_DIR: dataDir,
      REPRISE_SERVER_URL: service.url,
      REPRISE_PORT: new URL(service.url).port,
      REPRISE_TOKEN: READER,
    });
    expect(of('service')).toMatchObject({ status: 'OK', detail: expect.stringContaining('is ready') });
    expect(of('database')).toMatchObject({ status: 'OK', detail: expect.stringContaining('migrations applied') });
    expect(of('port')).toMatchObject({ status: 'OK', detail: expect.stringContaining(`process ${service.pid}`) });
    expect(of('staging')).toMatchObject({ status: 'OK' });
    expect(of('gone')).toMatchObject({ status: 'FAIL' });
    expect(code).toBe(1);
  });

  test('finds it by the data folder where nothing names its address, and says how others find it', async () => {
    const { of } = await examined({ REPRISE_DATA_DIR: dataDir, REPRISE_TOKEN: READER });
    expect(of('service')).toMatchObject({
      status: 'WARN',
      detail: expect.stringContaining(`answers at ${service.url} and is ready`),
      advice: expect.stringContaining(`REPRISE_SERVER_URL=${service.url}`),
    });
    expect(of('port')).toMatchObject({
      status: 'OK',
      detail: expect.stringMatching(new RegExp(`^${new URL(service.url).port} of .* process ${service.pid}$`)),
    });
    expect(of('staging')).toMatchObject({ status: 'OK' });
    const { databaseUrl } = JSON.parse(await readFile(join(dataDir, 'service.json'), 'utf8'));
    const { hostname, port, username, password, pathname } = new URL(databaseUrl);
    const own = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) };
    const unasked = await examined({
      REPRISE_DATA_DIR: dataDir,
      REPRISE_TOKEN: 'not-one-of-its-tokens',
      REPRISE_TARGETS: JSON.stringify({ own }),
    });
    expect(unasked.of('own')).toMatchObject({ status: 'FAIL', detail: expect.stringContaining("journal's own") });
  });

  test('says that the token is wrong', async () => {
    const { of } = await examined({
      REPRISE_DATA_DIR: dataDir,
      REPRISE_SERVER_URL: service.url,
      REPRISE_PORT: new URL(service.url).port,
      REPRISE_TOKEN: 'not-one-of-its-tokens',
    });
    expect(of('service')).toMatchObject({ status: 'FAIL', advice: expect.stringContaining('REPRISE_TOKEN') });
  });
});
