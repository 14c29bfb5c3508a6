import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';
import { chooseAccount } from '../../src/store/embedded-account.ts';
import { locateBinaries, prepareBinaries } from '../../src/store/embedded-binaries.ts';
import { isRunning, killIn, processesIn, waitUntilGone } from '../../src/store/embedded-process.ts';
import { launch } from '../../src/store/embedded-server.ts';
import { createTestDatabase } from '../support/database.ts';
import { FAST_SETTINGS, startTestServer } from '../support/postgres.ts';

const settings = FAST_SETTINGS;
const root = process.geteuid?.() === 0;
const MODULE = new URL('../../src/store/embedded.ts', import.meta.url).href;

let dataDir: string;
let running: EmbeddedPostgres[];
let owners: ChildProcess[];

beforeEach(async () => {
  dataDir = await fs.mkdtemp(join(tmpdir(), 'reprise-embedded-'));
  running = [];
  owners = [];
});

afterEach(async () => {
  for (const owner of owners) owner.kill('SIGKILL');
  for (const server of running) await server.stop();
  // The watch of a killed owner is still shutting its server down.
  await waitUntilGone(await processesIn(join(dataDir, 'pgdata')), 10_000);
  const left = await processesIn(join(dataDir, 'pgdata'));
  await killIn(join(dataDir, 'pgdata'), '');
  await fs.rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  expect(left).toEqual([]);
});

/** Starts on `dataDir`, from the template when it is empty. */
async function start(more: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  if ((await fs.readdir(dataDir)).length === 0) copyTemplate();
  const server = await startEmbedded({ dataDir, settings: { ...settings, ...more } });
  running.push(server);
  return server;
}

function copyTemplate(): void {
  // As root, the files belong to the server's account: fs.cp would not keep that.
  execFileSync('cp', ['-a', `${inject('initialised')}/.`, dataDir]);
}

async function query(server: EmbeddedPostgres, sql: string, database = 'postgres'): Promise<unknown[][]> {
  const client = new Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** A Node process that starts the server, reports its pids and then does `after`. */
async function startOwner(after: string): Promise<{ owner: ChildProcess; postmaster: number; watch: number }> {
  copyTemplate();
  const code = `
    import { startEmbedded } from ${JSON.stringify(MODULE)};
    import { execFileSync } from 'node:child_process';
    const server = await startEmbedded({ dataDir: ${JSON.stringify(dataDir)}, settings: ${JSON.stringify(settings)} });
    const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\\n');
    const row = rows.find((line) => line.includes('kill -INT ' + server.pid));
    console.log('ready ' + server.pid + ' ' + row.trim().split(/\\s+/)[0]);
    ${after}`;
  const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  owners.push(owner);
  for await (const line of createInterface({ input: owner.stdout })) {
    const [word, postmaster, watch] = line.split(' ');
    if (word === 'ready') return { owner, postmaster: Number(postmaster), watch: Number(watch) };
  }
  throw new Error('the owner ended before its server was ready');
}

async function killed(owner: ChildProcess): Promise<void> {
  const exit = once(owner, 'exit');
  owner.kill('SIGKILL');
  await exit;
}

const forever = 'setInterval(() => undefined, 1000);';

describe('an embedded server', () => {
  it('starts with durable defaults, UTF8 and UTC', async () => {
    const server = await startEmbedded({ dataDir });
    running.push(server);
    const names = ['server_version_num', 'fsync', 'server_encoding', 'TimeZone', 'listen_addresses', 'max_connections'];
    const rows = await query(server, `SELECT ${names.map((name) => `current_setting('${name}')`).join()}, upper('ä')`);
    expect(rows[0]).toEqual([expect.stringMatching(/^18/), 'on', 'UTF8', 'UTC', '127.0.0.1', '200', 'Ä']);
  });

  it('creates a database once, however often and however many ask', async () => {
    const server = await start();
    const name = 'Odd "name" ü';
    await Promise.all([server.createDatabase(name), server.createDatabase(name), server.createDatabase(name)]);
    await server.createDatabase(name);
    expect(await query(server, 'SELECT current_database()', name)).toEqual([[name]]);
  });

  it('lets nobody in without the password', async () => {
    const server = await start();
    const hba = await query(server, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(hba).toEqual([['scram-sha-256']]);
    const client = new Client({
      host: server.host,
      port: server.port,
      user: server.user,
      password: 'wrong',
      database: 'postgres',
    });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('keeps its password in a file that only we can read, the same one at every start', async () => {
    const first = await start();
    await first.stop();
    const second = await start();
    expect(second.password).toBe(first.password);
    expect((await fs.stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
    expect(await fs.readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toContain(first.password);
  });

  it('keeps committed rows through kill()', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE t (n int)');
    await query(first, 'INSERT INTO t SELECT generate_series(1, 1000)');
    const busy = query(first, 'SELECT pg_sleep(600)').catch((error: Error) => error);
    await first.kill();
    expect(await busy).toBeInstanceOf(Error);
    expect(await processesIn(join(dataDir, 'pgdata'))).toEqual([]);
    const second = await start();
    expect(await query(second, 'SELECT count(*)::int FROM t')).toEqual([[1000]]);
  });

  it('comes back on the same port when the settings name it', async () => {
    const first = await start();
    await first.kill();
    const second = await start({ port: String(first.port) });
    expect(second.port).toBe(first.port);
  });

  it('stops idempotently and leaves no process and no lock', async () => {
    const server = await start();
    const stopping = [server.stop(), server.stop(), server.kill()];
    await Promise.all(stopping);
    await server.stop();
    await server.exited;
    expect(isRunning(server.pid)).toBe(false);
    expect(await processesIn(join(dataDir, 'pgdata'))).toEqual([]);
    expect((await fs.readdir(dataDir)).sort()).toEqual(['password', 'pgdata', 'postgres.log']);
  });

  it('tells when the postmaster ends by itself', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGINT');
    await server.exited;
    await server.stop();
  });

  it.runIf(root)('runs as an unprivileged account under root, in a folder that this account cannot reach', async () => {
    const server = await start();
    expect((await fs.stat(dataDir)).mode & 0o077).toBe(0);
    expect((await fs.stat(`/proc/${server.pid}`)).uid).not.toBe(0);
    expect((await fs.stat(join(dataDir, 'password'))).uid).toBe(0);
  });

  it.runIf(root)('takes back a data directory whose files were given to root', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE t (n int)');
    await first.stop();
    execFileSync('chown', ['-R', '0:0', join(dataDir, 'pgdata')]);
    const second = await start();
    expect(await query(second, 'SELECT count(*)::int FROM t')).toEqual([[0]]);
  });

  it('hears nothing of PG* variables', async () => {
    // Never by another object for `process.env`: what others in this worker stub would stay in it.
    onTestFinished(() => void vi.unstubAllEnvs());
    const own = {
      PGDATA: '/nowhere',
      PGPORT: '1',
      PGOPTIONS: '-c work_mem=1',
      PGTZ: 'Asia/Tokyo',
      PGUSER: 'x',
    };
    for (const [name, value] of Object.entries(own)) vi.stubEnv(name, value);
    const server = await start();
    await server.createDatabase('quiet');
    const environment = await fs.readFile(`/proc/${server.pid}/environ`, 'utf8').catch(() => '');
    const names = environment.split('\0').map((entry) => entry.split('=')[0]);
    // PG_GRANDPARENT_PID and the like are the server's own business and never begin as ours did.
    for (const name of Object.keys(own)) expect(names).not.toContain(name);
  });
});

describe('a data directory', () => {
  it('is refused to a second owner in the same process', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
  });

  it('is refused to a second owner while another process holds it', async () => {
    const { owner } = await startOwner(forever);
    await expect(start()).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(`process ${owner.pid}`),
    });
  });

  it('goes to exactly one of several that start at once over a dead lock', async () => {
    const { owner, postmaster } = await startOwner(forever);
    await killed(owner);
    await waitUntilGone([postmaster], 30_000);
    const results = await Promise.allSettled([start(), start(), start(), start()]);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'DATA_DIR_IN_USE' });
    }
  });

  it('is refused while a holder in another container shows a heartbeat, and taken once it is silent', async () => {
    const lock = join(dataDir, 'reprise.lock');
    await fs.writeFile(lock, JSON.stringify({ pid: 1, startTime: '1', realm: 'another container' }));
    const beat = setInterval(() => void fs.utimes(lock, new Date(), new Date()), 300);
    try {
      await expect(start()).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    } finally {
      clearInterval(beat);
    }
    const longAgo = new Date(Date.now() - 60_000);
    await fs.utimes(lock, longAgo, longAgo);
    await start();
  });

  it('survives an initialisation that was interrupted', async () => {
    await fs.mkdir(join(dataDir, 'pgdata.init-0123', 'base'), { recursive: true });
    await fs.writeFile(join(dataDir, 'pgdata.init-0123', 'PG_VERSION'), '18\n');
    const server = await start();
    expect(await query(server, 'SELECT 1')).toEqual([[1]]);
    expect(await fs.readdir(dataDir)).not.toContain('pgdata.init-0123');
  });

  it('of another major version is refused with both versions', async () => {
    await (await start()).stop();
    await fs.writeFile(join(dataDir, 'pgdata', 'PG_VERSION'), '12\n');
    await expect(start()).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringMatching(/12.*18/s),
    });
  });

  it('that cannot be made is named with the reason, and what can be is made for us alone', async () => {
    const file = join(dataDir, 'file');
    await fs.writeFile(file, '');
    await expect(startEmbedded({ dataDir: join(file, 'data'), settings })).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringMatching(
        /^the data folder \S+\/file\/data cannot be made: .*'\S+\/file'; name another one/,
      ),
    });
    const deep = join(dataDir, 'a', 'b');
    running.push(await startEmbedded({ dataDir: deep, settings }));
    for (const folder of [join(dataDir, 'a'), deep]) expect((await fs.stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('that holds something else is left alone', async () => {
    await fs.mkdir(join(dataDir, 'pgdata'));
    await fs.writeFile(join(dataDir, 'pgdata', 'precious'), 'data');
    await expect(start()).rejects.toMatchObject({ code: 'EMBEDDED_START_FAILED' });
    expect(await fs.readdir(join(dataDir, 'pgdata'))).toEqual(['precious']);
  });
});

describe('when the owner dies', () => {
  it('with SIGKILL, the server shuts down by itself', async () => {
    const { owner, postmaster, watch } = await startOwner(forever);
    await killed(owner);
    expect(await waitUntilGone([postmaster, watch], 30_000)).toBe(true);
  });

  it('with process.exit() and no stop(), nothing hangs and the server ends', async () => {
    const { owner, postmaster } = await startOwner('process.exit(7);');
    if (owner.exitCode === null) await once(owner, 'exit');
    expect(owner.exitCode).toBe(7);
    expect(await waitUntilGone([postmaster], 30_000)).toBe(true);
  });

  it('by having nothing left to do, Node ends although the server runs', async () => {
    const { owner, postmaster } = await startOwner('');
    if (owner.exitCode === null) await once(owner, 'exit');
    expect(owner.exitCode).toBe(0);
    expect(await waitUntilGone([postmaster], 30_000)).toBe(true);
  });

  it('and its watch with it, the next start stops the stale postmaster and keeps the rows', async () => {
    const { owner, postmaster, watch } = await startOwner(`
      const { Client } = await import('pg').then((pg) => pg.default);
      const client = new Client({ connectionString: server.url('postgres') });
      await client.connect();
      await client.query('CREATE TABLE t AS SELECT 42 AS n');
      console.log('written');
      ${forever}`);
    await until(owner, 'written');
    process.kill(watch, 'SIGKILL');
    await waitUntilGone([watch], 10_000);
    await killed(owner);
    expect(isRunning(postmaster)).toBe(true);
    const server = await start();
    expect(isRunning(postmaster)).toBe(false);
    expect(await query(server, 'SELECT n FROM t')).toEqual([[42]]);
  });

  it('and its postmaster too, backends that are left do not block the next start', async () => {
    const { owner, postmaster, watch } = await startOwner(`
      const { Client } = await import('pg').then((pg) => pg.default);
      const client = new Client({ connectionString: server.url('postgres') });
      client.on('error', () => undefined);
      await client.connect();
      client.query('DO $$ BEGIN LOOP END LOOP; END $$').catch(() => undefined);
      console.log('written');
      ${forever}`);
    await until(owner, 'written');
    process.kill(watch, 'SIGKILL');
    await killed(owner);
    process.kill(postmaster, 'SIGKILL');
    await waitUntilGone([postmaster], 10_000);
    const server = await start();
    expect(await query(server, 'SELECT 1')).toEqual([[1]]);
  });

  it('and its pid went to a stranger, the stranger is left alone', async () => {
    await (await start()).stop();
    const pidFile = join(dataDir, 'pgdata', 'postmaster.pid');
    await fs.writeFile(pidFile, `${process.pid}\n${join(dataDir, 'pgdata')}\n1\n5432\n\n127.0.0.1\n0\nready\n`);
    const lock = JSON.stringify({ pid: process.pid, startTime: 'earlier', realm: await realmOf() });
    await fs.writeFile(join(dataDir, 'reprise.lock'), lock);
    const server = await start();
    expect(await query(server, 'SELECT 1')).toEqual([[1]]);
  });
});

describe('starting', () => {
  it('takes another port when the chosen one is taken', async () => {
    await (await start()).stop();
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const taken = (blocker.address() as { port: number }).port;
    try {
      const pgdata = join(dataDir, 'pgdata');
      const account = await chooseAccount(pgdata);
      const binaries = await prepareBinaries(locateBinaries(), account);
      const site = { dataDir, pgdata, logFile: join(dataDir, 'postgres.log'), binaries, account };
      let asked = 0;
      const server = await launch(site, settings, async () => (asked++ === 0 ? taken : await freePort()));
      expect(asked).toBe(2);
      expect(server.port).not.toBe(taken);
      process.kill(server.pid, 'SIGINT');
      await server.exited;
    } finally {
      blocker.close();
    }
  });

  it('reports a failure with the end of the log and without the password, and gives the directory free', async () => {
    await expect(start({ shared_buffers: 'plenty' })).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringContaining('invalid value for parameter "shared_buffers": "plenty"'),
    });
    await start();
  });
});

describe('the support for tests', () => {
  it('gives databases on the shared server that do not see each other', async () => {
    const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    expect(one.name).not.toBe(two.name);
    const client = new Client({ connectionString: one.url });
    await client.connect();
    expect((await client.query('SELECT current_database() AS name')).rows).toEqual([{ name: one.name }]);
    await client.end();
    await one.drop();
    await two.drop();
  });

  it('fails a test that leaves a connection open', async () => {
    const database = await createTestDatabase();
    const client = new Client({ connectionString: database.url, application_name: 'forgotten' });
    client.on('error', () => undefined);
    await client.connect();
    await expect(database.drop()).rejects.toThrow('forgotten');
  });

  it('gives a server of its own whose folder goes with it', async () => {
    const server = await startTestServer();
    expect(await query(server, 'SELECT 1')).toEqual([[1]]);
    await server.stop();
    await expect(fs.stat(server.dataDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

async function until(owner: ChildProcess, word: string): Promise<void> {
  if (owner.stdout === null) throw new Error('no output to wait for');
  for await (const line of createInterface({ input: owner.stdout })) if (line === word) return;
  throw new Error(`the owner ended before it said ${word}`);
}

/** The realm that a lock of this machine carries, read from one. */
async function realmOf(): Promise<string> {
  const server = await start();
  const { realm } = JSON.parse(await fs.readFile(join(dataDir, 'reprise.lock'), 'utf8')) as { realm: string };
  await server.stop();
  return realm;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
