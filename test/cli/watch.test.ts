import { PassThrough, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { cliHere } from './process.ts';
import { at, type ShopService, startShopService } from './shop-service.ts';

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
