import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inFlags } from '../../src/cli/flag-names.ts';
import { RepriseError } from '../../src/errors.ts';
import { MAIN } from '../support/build.ts';
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
      `error: --fail-on names "${word}": it takes new-failure, missing-failure, different-failure, unverifiable-failure, ` +
        'row-count, checksum, nothing-replayed, slower, skipped, or none [BAD_INPUT]\n',
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  }
  expect(await runs()).toEqual(before);
});

test.each([
  [['--fail-on', 'slower'], '--fail-on needs --watch'],
  [['--allow', '3'], '--allow needs --watch'],
  [['--interval', '1s'], '--interval needs --watch'],
  [['--detail', 'failures', '--json'], '--detail needs --watch'],
  [['--detail', 'failures', '--watch'], '--detail needs --json'],
  [['--sse'], '--sse needs --watch'],
  [['--interval', '1s', '--watch', '--json'], '--interval is not for --json'],
])('a flag that would change nothing starts no replay: %j', async (flags, message) => {
  const before = await runs();
  const args = ['replay', 'start', ...BEGINNING, ...at(shop.empty), '--read-only', ...flags];
  const { code, stdout, stderr } = await cliHere(args, shop.env);
  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(await runs()).toEqual(before);
  if (!flags.includes('--watch')) expect((await cliHere([...args, '--dry-run'], shop.env)).code).not.toBe(2);
});

const RECORD = '00000000-0000-4000-8000-000000000000';
test.each([
  [['journal', 'show', `${RECORD}/1`, '--limit', '5'], '--limit is for a transaction, not for one entry'],
  [['journal', 'show', `${RECORD}/1`, '--after', 'x'], '--after is for a transaction, not for one entry'],
  [['journal', 'show', RECORD, '--neighbours', '5'], '--neighbours is for an entry, not for a transaction'],
  [['journal', 'show', `${RECORD}/1`, '--neighbours', '50'], '--neighbours must be at most 49, not 50'],
  [['journal', 'export', '--window', 'all', '--no-header'], '--no-header is for CSV'],
  [['journal', 'ls', '--window', 'all', '--sse'], "unknown option '--sse'"],
  [['journal', 'ls', '--window', 'all', '--text', 'a', '--text', 'b'], 'it takes one, and was given two.'],
  [['replay', 'watch', RECORD, '--after', 'x'], '--after needs --json'],
  [['import', '--format', 'csv', '--log-line-prefix', '%m', 'a.csv'], '--log-line-prefix is for stderr logs'],
])('a flag that would change nothing is refused: %j', async (args, message) => {
  const { code, stdout, stderr } = await cliHere(args, shop.env);
  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('fractions of an hour, a minute and a second are times like others', async () => {
  const times = ['--run-timeout', '1.1h', '--statement-timeout', '4.1m', '--connect-timeout', '1.0001s'];
  const args = ['replay', 'start', ...BEGINNING, ...at(shop.empty), '--read-only', ...times, '--json'];
  const { stderr, stdout } = await cliHere(args, shop.env);
  expect(stderr).toBe('');
  const { id } = JSON.parse(stdout);
  const { request } = JSON.parse((await cliHere(['replay', 'show', id, '--json'], shop.env)).stdout);
  expect(request).toMatchObject({ runTimeoutMs: 3_960_000, statementTimeoutMs: 246_000, connectTimeoutMs: 1000 });
  const half = await cliHere([...args, '--statement-timeout', '0.5ms'], shop.env);
  expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining('--statement-timeout') });
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

test('what --allow does not know is refused', async () => {
  const { code, stderr } = await cliHere(['replay', 'watch', shop.good, '--allow', 'failures'], shop.env);
  expect(stderr).toBe('error: --allow must be a whole number or nothing-replayed, not "failures" [BAD_INPUT]\n');
  expect(code).toBe(2);
});

test('progress at no interval is refused', async () => {
  const { code, stderr } = await cliHere(['replay', 'watch', shop.good, '--interval', '0s'], shop.env);
  expect(stderr).toMatch(/^error: option '--interval <time>' argument '0s' is invalid. it must be more than 0./);
  expect(code).toBe(2);
});

const HOST = ['replay', 'start', '--host', 'localhost'];
const ALL = [...HOST, '--window', 'all'];
const ALIAS = ['replay', 'start', '--window', 'all', '--target', 'gone'];
test.each([
  [
    [...HOST, '--from', 'today', '--to', '2026-11-23T17:00:00Z'],
    '--from: timestamp "today" is not an RFC 3339 timestamp',
    '--from',
  ],
  [
    ['journal', 'ls', '--from', '2026-11-23T17:00:01Z', '--to', '2026-11-23T17:00:00Z'],
    '--from (2026-11-23T17:00:01.000000Z) is later than --to (2026-11-23T17:00:00.000000Z): swap them',
    '',
  ],
  [[...ALL, '--stop-after', '0'], '--stop-after must be 1 to 9007199254740991, not 0', '--stop-after'],
  [
    [...ALL, '--statement-timeout', '0s'],
    '--statement-timeout (in ms) must be 1 to 86400000, not 0',
    '--statement-timeout',
  ],
  [
    [...ALL, '--statement-timeout', '9999999h'],
    '--statement-timeout (in ms) is out of range: 35999996400000',
    '--statement-timeout',
  ],
  [['replay', 'start', '--window', 'all', '--host', ''], '--host is empty: name a host', '--host'],
  [[...ALL, '--speed', '1000'], '--speed must be 0.1 to 100, not 1000', '--speed'],
  [[...ALL, '--speed', '1', '--max-idle', '48h'], '--max-idle (in ms) must be 0 to 86400000', '--max-idle'],
  [[...ALL, '--map-user', 'a=b', '--map-user', 'a=c'], '--map-user must not map "a" twice', '--map-user'],
  [[...ALL, '--port', '99999'], '--port must be 1 to 65535, not 99999', '--port'],
  [
    [...ALL, '--read-only', '--mark-progress', '--ordering', 'commit'],
    '--mark-progress writes to the target, which --read-only forbids',
    '--mark-progress',
  ],
  [[...ALIAS, '--port', '5'], '--target brings its own host, port and tls', 'input,target'],
])('a value that the service refuses is named by its flag: %j', async (args, message, path) => {
  const { code, stderr } = await cliHere([...args, '--json'], shop.env);
  const { error } = JSON.parse(stderr);
  expect(error.message.slice(0, message.length)).toBe(message);
  expect(String(error.path)).toBe(path);
  expect(code).toBe(2);
});

test.each([
  [['--tls', 'on'], 'it must be one of disable, prefer, require, verify-full.'],
  [['--statement-timeout', '30'], 'write it with its unit, like 250ms, 5s, 2m or 1h.'],
  [['--map-user', 'app'], '--map-user "app" is not of the form recorded=login[:ENV]'],
  [['--map-user', 'app=login:'], '--map-user "app=login:" is not of the form recorded=login[:ENV]'],
  [['--map-user', 'app=login:HOME:more'], '--map-user "app=login:HOME:more" is not of the form recorded=login[:ENV]'],
  [['--map-user', 'app=:PASSWORD'], '--map-user "app=:PASSWORD" is not of the form recorded=login[:ENV]'],
])('what a flag takes is told in the words that it takes: %j', async (flags, message) => {
  const { code, stderr } = await cliHere([...ALL, ...flags], shop.env);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});

test.each([[['--format', 'csv']], [['--output', 'journal.CSV']]])('CSV is no JSON: %j', async (flags) => {
  const { code, stdout, stderr } = await cliHere(
    ['journal', 'export', '--window', 'all', '--json', ...flags],
    shop.env,
  );
  const message = '--json excludes CSV: leave it out, or give --format jsonl';
  expect(JSON.parse(stderr)).toEqual({ error: { code: 'BAD_INPUT', message, path: ['--json'] } });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('an SQLSTATE that is none is refused, and one may be in small letters', async () => {
  for (const wrong of ['2350', '23505x', '']) {
    const { code, stderr } = await cliHere(['replay', 'statements', shop.good, '--sqlstate', wrong], shop.env);
    expect(stderr).toContain(`'${wrong}' is invalid. it must be five digits or letters, like 23505.`);
    expect(code).toBe(2);
  }
  const found = await cliHere(['replay', 'statements', shop.good, '--sqlstate', 'xx000'], shop.env);
  expect(found).toMatchObject({ code: 0, stdout: 'no such statements\n' });
});

test.each([
  [['journal', 'ls', '--limit', "it's"], ['--limit']],
  [['journal', 'ls', '--limit'], ['--limit']],
  [['journal', 'export', '--format', 'xml'], ['--format']],
  [['replay', 'ls', '--nothing-known'], ['--nothing-known']],
  [['replay', 'speed', '00000000-0000-4000-8000-000000000000'], ['<factor>']],
  [['replay', 'speed', '00000000-0000-4000-8000-000000000000', "fast'"], ['<factor>']],
  [['import'], ['<file>']],
  [['replay', 'nothing-known'], []],
])('wrong usage is told with its place, with --json: %j', async (args, path) => {
  const { code, stderr } = await cliHere([...args, '--json']);
  expect(JSON.parse(stderr)).toEqual({ error: { code: 'BAD_INPUT', message: expect.any(String), path } });
  expect(code).toBe(2);
});

test.each([
  [['replay', 'ls'], 'REPRISE_SERVER_URL', 'localhost:4000', '--server'],
  [['serve'], 'REPRISE_PORT', 'many', '--port'],
  [['import', 'a.csv'], 'REPRISE_NODE_ID', 'two words', '--node'],
])('what is wrong with the configuration is named as it was given: %j %s', async (command, variable, value, flag) => {
  const byFlag = await cliHere([...command, flag, value, '--json'], { [variable]: 'not this one' });
  const byVariable = await cliHere([...command, '--json'], { [variable]: value });
  for (const [{ code, stderr }, name] of [[byFlag, flag] as const, [byVariable, variable] as const]) {
    const { error } = JSON.parse(stderr);
    expect(error.message).toMatch(new RegExp(`^${name}: `));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', path: [name] });
    expect(code).toBe(2);
  }
});

test('a zone that is none is named by its flag', () => {
  const error = new RepriseError('BAD_INPUT', 'logTimezone "Foo/Bar" is no time zone known here', {
    path: ['logTimezone'],
  });
  expect(inFlags(error, new Set(['--log-timezone']))).toMatchObject({
    message: '--log-timezone "Foo/Bar" is no time zone known here',
    path: ['--log-timezone'],
  });
});

test('a flag that takes one word is not given two', async () => {
  const flags = ['--only-outcome', 'failed', '--only-outcome', 'unknown'];
  const { code, stderr } = await cliHere(['journal', 'ls', '--window', 'all', ...flags], shop.env);
  expect(stderr).toContain(
    "'--only-outcome <outcome>' argument 'unknown' is invalid. it takes one, and was given two.",
  );
  expect(code).toBe(2);
  const twice = ['--only-outcome', 'failed', '--only-outcome', 'FAILED'];
  expect(await cliHere(['journal', 'ls', '--window', 'all', ...twice], shop.env)).toMatchObject({ code: 0 });
});

test('a field without a flag in the command that was given keeps its name', async () => {
  const { stderr } = await cliHere(['replay', 'speed', shop.good, '1000'], shop.env);
  expect(stderr).toBe('error: speed must be 0.1 to 100, not 1000 [BAD_INPUT]\n');
});

test('replay ls takes a limit above what one request to the service may ask for', async () => {
  const { code, stderr } = await cliHere(['replay', 'ls', '--limit', '100000'], shop.env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const two = JSON.parse((await cliHere(['replay', 'ls', '--limit', '2', '--json'], shop.env)).stdout);
  expect(two.nodes.map(({ id }: { readonly id: string }) => id)).toEqual(
    (await runs()).slice(0, 2).map(({ id }) => id),
  );
});

test.skipIf(!existsSync('/dev/full'))('a command whose messages find no room keeps its exit status', async () => {
  const full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, [MAIN, 'replay', 'nothing-known'], { stdio: ['ignore', 'ignore', full.fd] });
  expect(await once(child, 'close')).toEqual([2, null]);
  await full.close();
});

test('a command whose messages nobody reads keeps its exit status', async () => {
  const child = spawn(process.execPath, [MAIN, 'replay', 'nothing-known'], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.destroy();
  expect(await once(child, 'close')).toEqual([2, null]);
});
