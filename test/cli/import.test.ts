import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { SHOP_LOG } from '../support/shop.ts';
import { cli } from './process.ts';

let journal: TestDatabase;

beforeAll(async () => {
  journal = await createTestDatabase();
});
afterAll(() => journal.drop());

test('a terminal shows how far an import is, at what rate, and when it will end', async () => {
  const [stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY: true, columns: 200 })];
  const code = await runCli(['import', SHOP_LOG, '--json'], {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    stdin: process.stdin,
    env: { DATABASE_URL: journal.url },
    signal: new AbortController().signal,
  });
  expect(code).toBe(0);
  // As JSON: counts by class, losses by reason.
  expect(JSON.parse(String(stdout.read()))).toMatchObject({
    entries: { total: 8233, accepted: 8233 },
    byType: { SELECT: expect.any(Number) },
    losses: [],
  });
  expect(String(stderr.read())).toMatch(/■* +\d+ % {2}[\d.]+ [kM]?B, [\d,]+ entries {2}[\d,]+ entries\/s {2}ETA /);
});

test('`-` is standard input, plain or compressed', async () => {
  const env = { DATABASE_URL: journal.url };
  const plain = gunzipSync(await readFile(SHOP_LOG)).toString('utf8');
  const again = await cli(['import', '-', '--json'], env, plain);
  expect(again.stderr).not.toContain('%');
  expect(JSON.parse(again.stdout)).toMatchObject({
    files: ['-'],
    format: 'csv',
    entries: { total: 8233, accepted: 0 },
  });
  const compressed = await cli(['import', '-', '--json'], env, await readFile(SHOP_LOG));
  expect(JSON.parse(compressed.stdout)).toEqual({ ...JSON.parse(again.stdout), elapsedMs: expect.any(Number) });
});
