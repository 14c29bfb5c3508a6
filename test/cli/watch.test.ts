import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { createTestDatabase } from '../support/database.ts';
import { openNetwork } from '../support/network.ts';
import { SHOP_LOG } from '../support/shop.ts';
import { cli, cliHere, startCli, startService } from './process.ts';
import { at, BEGINNING, idIn, type ShopService, startShopService } from './shop-service.ts';

let shop: ShopService;
beforeAll(async () => {
  shop = await startShopService();
});
afterAll(() => shop.close());

/** Standard output whose reader is slow, and whether it was written to while that had more to take than it had room for. */
class SlowOutput extends Writable {
  overrun = false;
  text = '';

  constructor() {
    super({ highWaterMark: 1, decodeStrings: false });
  }

  override write(chunk: string): boolean {
    if (this.writableNeedDrain) this.overrun = true;
    return super.write(chunk);
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    setTimeout(done, 50);
  }
}

test('watching with --json takes no more from the service than its reader has room for', async () => {
  const start = ['replay', 'start', '--window', 'all', ...at(shop.empty), '--read-only', '--watch', '--json'];
  const { id } = JSON.parse((await cliHere(start, shop.env)).stdout.split('\n')[0] ?? '').replay;
  const stdout = new SlowOutput();
  await runCli(['replay', 'watch', id, '--json', '--detail', 'statements'], {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: new PassThrough() as unknown as NodeJS.WriteStream,
    stdin: process.stdin,
    env: shop.env,
    signal: new AbortController().signal,
  });
  expect(stdout.text.split('"kind":"update"').length).toBeGreaterThan(5);
  expect(stdout.overrun).toBe(false);
});

test('a cancel that is refused ends the watching, and is told', async () => {
  const [folder, journal] = await Promise.all([mkdtemp(join(tmpdir(), 'reprise-two-')), createTestDatabase()]);
  const database = { DATABASE_URL: journal.url };
  const owner = await startService(folder, 0, database);
  const other = await startService(folder, 0, database);
  const network = await openNetwork(Number(new URL(owner.url).port));
  const env = { ...shop.env, REPRISE_SERVER_URL: network.url, REPRISE_TOKEN: undefined };
  expect(await cli(['import', SHOP_LOG], { ...database, REPRISE_DATA_DIR: folder })).toMatchObject({ code: 0 });
  const watching = startCli([...shop.long(), '--cancel-on-interrupt', '--interval', '100ms'], env);
  await watching.says(/RUNNING/);
  network.leadTo(Number(new URL(other.url).port));
  expect(await watching.end('SIGINT')).toBe(130);
  expect(watching.stderr()).toMatch(/the replay could not be cancelled: .* another process of the service runs it/);
  expect(watching.stderr()).toContain('no longer watching; the replay goes on');
  expect(await cli(['replay', 'cancel', idIn(watching.stderr()), '--server', owner.url])).toMatchObject({ code: 0 });
  await network.close();
  for (const service of [owner, other]) await service.end('SIGTERM');
  await journal.drop();
  await rm(folder, { recursive: true });
});

const runs = async (): Promise<number> =>
  JSON.parse((await cliHere(['replay', 'ls', '--json', '--limit', '500'], shop.env)).stdout).nodes.length;

/** Starts a replay of the shop's beginning with this standard input. */
async function startInterruptedly(args: readonly string[], stdin: Readable, signal: AbortSignal): Promise<number> {
  return runCli(['replay', 'start', ...BEGINNING, ...args], {
    stdout: new PassThrough() as unknown as NodeJS.WriteStream,
    stderr: new PassThrough() as unknown as NodeJS.WriteStream,
    stdin: stdin as unknown as NodeJS.ReadStream,
    env: shop.env,
    signal,
  });
}

test('Ctrl-C while a password is read from standard input starts no replay', async () => {
  const before = await runs();
  const interrupt = new AbortController();
  const stdin: Readable = new Readable({
    read() {
      interrupt.abort();
      this.push(`${shop.target.password}\n`);
      this.push(null);
    },
  });
  const login = at(shop.target).filter((word) => word !== '--password-env' && word !== 'TARGET_PASSWORD');
  expect(await startInterruptedly([...login, '--password-stdin'], stdin, interrupt.signal)).toBe(130);
  expect(await runs()).toBe(before);
});

test('Ctrl-C ahead of the request starts no replay', async () => {
  const before = await runs();
  expect(await startInterruptedly(at(shop.target), Readable.from([]), AbortSignal.abort())).toBe(130);
  expect(await runs()).toBe(before);
});
