import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cliHere } from './process.ts';
import { at, BEGINNING, type ShopService, startShopService } from './shop-service.ts';

let shop: ShopService;
beforeAll(async () => {
  shop = await startShopService();
});
afterAll(() => shop.close());

const runs = async (): Promise<readonly { readonly id: string }[]> =>
  JSON.parse((await cliHere(['replay', 'ls', '--json', '--limit', '500'], shop.env)).stdout).nodes;

test.each(['worse', ''])('a word that --fail-on does not know starts no replay: "%s"', async (word) => {
  const before = await runs();
  const args = ['replay', 'start', ...BEGINNING, ...at(shop.empty), '--read-only', '--fail-on', word];
  for (const flags of [[...args, '--watch'], args]) {
    const { code, stdout, stderr } = await cliHere(flags, shop.env);
    expect(stderr).toBe(
      `error: --fail-on names "${word}": it takes new-failure, missing-failure, different-failure, row-count, checksum, ` +
        'slower, skipped, or none [BAD_INPUT]\n',
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  }
  expect(await runs()).toEqual(before);
});

test('a condition that is none is refused while the run that is watched goes on', async () => {
  const args = shop.long().filter((word) => word !== '--watch');
  const id = (await cliHere([...args, '--read-only'], shop.env)).stdout.trim();
  try {
    const { code, stdout, stderr } = await cliHere(['replay', 'watch', id, '--threshold', 'p95<50'], shop.env);
    expect(stderr).toBe('error: threshold "p95<50" has no unit: p95 takes us, ms, s [BAD_INPUT]\n');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  } finally {
    await cliHere(['replay', 'cancel', id], shop.env);
  }
});

test.each([
  ['journal', 'ls', '--window', 'all'],
  ['journal', 'show', '00000000-0000-4000-8000-000000000000'],
  ['replay', 'ls'],
  ['replay', 'statements', '00000000-0000-4000-8000-000000000000'],
])('a list of no rows is refused: %s %s', async (...command) => {
  const { code, stderr } = await cliHere([...command, '--limit', '0'], shop.env);
  expect(stderr).toMatch(/^error: option '--limit <count>' argument '0' is invalid. it must be 1 or more./);
  expect(code).toBe(2);
});

test('replay ls takes a limit above what one request to the service may ask for', async () => {
  const { code, stderr } = await cliHere(['replay', 'ls', '--limit', '100000'], shop.env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const two = JSON.parse((await cliHere(['replay', 'ls', '--limit', '2', '--json'], shop.env)).stdout);
  expect(two.nodes.map(({ id }: { readonly id: string }) => id)).toEqual(
    (await runs()).slice(0, 2).map(({ id }) => id),
  );
});

test('a command whose messages nobody reads keeps its exit status', async () => {
  const args = ['--import', 'tsx', 'src/main.ts', 'replay', 'nothing-known'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.destroy();
  expect(await once(child, 'close')).toEqual([2, null]);
});
