import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';
import {
  cli,
  cliHere,
  type Env,
  HAS_TERMINAL,
  type ServiceProcess,
  startCli,
  startInTerminal,
  startService,
} from './process.ts';

const BEGINNING = ['--from', '2026-11-23T16:28:37.447Z', '--to', '2026-11-23T16:28:37.500Z'];
const CTRL_C = '\u0003';

let folder: string;
let service: ServiceProcess;
let target: TestDatabase;
let empty: TestDatabase;
let env: Env;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-terminal-'));
  [service, target, empty] = await Promise.all([startService(folder), createShopTarget(), createTestDatabase()]);
  env = { REPRISE_SERVER_URL: service.url, REPRISE_DATA_DIR: folder, TARGET_PASSWORD: target.password };
  expect(await cliHere(['import', SHOP_LOG], env)).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await service.end('SIGTERM');
  await Promise.all([target.drop(), empty.drop()]);
  await rm(folder, { recursive: true });
});

const at = (database: TestDatabase) => [
  ...['--host', database.host, '--port', String(database.port), '--user', database.user],
  ...['--password-env', 'TARGET_PASSWORD', '--database', database.name],
];
/** Takes far longer than any test. */
const long = () => ['replay', 'start', '--window', 'all', ...at(target), '--speed', '0.1', '--watch'];

const state = async (id: string) => JSON.parse((await cliHere(['replay', 'show', id, '--json'], env)).stdout).state;
const idIn = (text: string) => /replay ([0-9a-f-]{36})/.exec(text)?.[1] ?? text;

describe.runIf(HAS_TERMINAL)('on a terminal', () => {
  test('a run is one block that is redrawn, with failures scrolling above it', async () => {
    const run = startInTerminal(['replay', 'start', ...BEGINNING, ...at(empty), '--watch'], env);
    expect(await run.ended).toBe(1);
    const screen = run.screen();
    // Bar, share, count; then rate and place; then counts: each redrawn by going up two lines.
    expect(screen).toMatch(/RUNNING +[█░]{24} \d+ % {2}[\d,]+ of [\d,]+/);
    expect(screen).toMatch(/[\d,]+\/s.* at 2026-11-23T/);
    expect(screen).toMatch(/[\d,]+ succeeded, [\d,]+ failed/);
    expect(screen).toContain('\r\u001b[2K\u001b[1A\u001b[2K\u001b[1A\u001b[2K');
    expect(screen).toMatch(/\d\d:\d\d:\d\d {2}42P01 {2}[0-9a-f-]{36}\/\d+ {2}relation/);
    // The block is gone at the end, the summary stays.
    const after = screen.split('\u001b[2K').at(-1);
    expect(after).toMatch(/^replay +[0-9a-f-]{36}\r\nstate +COMPLETED/);
    expect(after).not.toContain('█');
  });

  test('Ctrl-C once leaves the run to itself and prints the command to watch it again', async () => {
    const run = startInTerminal([...long(), '--fail-on', 'checksum', '--allow', '3'], env);
    await run.shows(/RUNNING/);
    run.press(CTRL_C);
    expect(await run.ended).toBe(130);
    const id = idIn(run.screen());
    expect(run.screen()).toContain(
      `no longer watching; the replay goes on: reprise replay watch ${id} --fail-on checksum --allow 3`,
    );
    expect(await state(id)).toBe('RUNNING');

    const again = startInTerminal(['replay', 'watch', id], env);
    await again.shows(/RUNNING/);
    await cliHere(['replay', 'cancel', id], env);
    expect(await again.ended).toBe(1);
    expect(again.screen()).toMatch(/state +CANCELLED/);
  });

  test('Ctrl-C cancels the run where --cancel-on-interrupt says so, and shows its end', async () => {
    const run = startInTerminal([...long(), '--cancel-on-interrupt'], env);
    await run.shows(/RUNNING/);
    run.press(CTRL_C);
    expect(await run.ended).toBe(130);
    expect(run.screen()).toContain('cancelling the replay; Ctrl-C again leaves at once');
    expect(run.screen()).toMatch(/state +CANCELLED/);
    expect(await state(idIn(run.screen()))).toBe('CANCELLED');
  });

  test('a dumb terminal gets lines, like a log', async () => {
    const run = startInTerminal(['replay', 'start', ...BEGINNING, ...at(empty), '--watch'], { ...env, TERM: 'dumb' });
    expect(await run.ended).toBe(1);
    expect(run.screen()).toMatch(/^progress: [\d.]+ s, /m);
    expect(run.screen()).not.toContain('\u001b');
  });

  test.each([
    [['replay', 'ls'], 0],
    [['journal', 'ls', '--window', 'all', '--limit', '2'], 0],
    [['replay', 'cancel', 'nope'], 2],
    [['replay', 'start', '--window', 'all', '--target', 'nowhere'], 3],
    [['targets', 'test', '--host', '127.0.0.1', '--port', '1'], 5],
    [['--help'], 0],
  ])('%j is exit status %d', async (args, status) => {
    const run = startInTerminal(args, env);
    expect(await run.ended).toBe(status);
    for (const line of run.screen().split('\r\n')) expect(line.length).toBeLessThanOrEqual(160);
  });
});

describe('without a terminal', () => {
  test('a run is a line each interval, as pgbench prints them, without control characters', async () => {
    const run = startCli([...long(), '--interval', '100ms', '--cancel-on-interrupt'], env);
    const twoLines = /(progress: [\d.]+ s, RUNNING, \d+ %, [\d,]+ of [\d,]+, [\d,]+\/s.*\n[\s\S]*){2}/;
    await run.says(twoLines);
    expect(await run.end('SIGINT')).toBe(130);
    expect(run.stderr()).not.toMatch(/[^\P{Cc}\n]/u);
    expect(run.stderr()).toContain('cancelling the replay');
  });

  test('an interrupt in the midst of JSON tells the cursor to go on from', async () => {
    const run = startCli([...long(), '--json', '--sse'], { ...env });
    const { replay } = JSON.parse(await run.nextLine());
    let update = JSON.parse(await run.nextLine());
    while (update.state !== 'RUNNING') update = JSON.parse(await run.nextLine());
    expect(await run.end('SIGINT')).toBe(130);
    const command = new RegExp(`reprise replay watch ${replay.id} --sse --json --after (\\S+)`).exec(run.stderr());
    const after = command?.[1] ?? '';
    await cliHere(['replay', 'cancel', replay.id], env);
    const rest = await cli(['replay', 'watch', replay.id, '--json', '--after', after], env);
    expect(rest.code).toBe(1);
    const events = rest.stdout
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line).events ?? []);
    expect(events.some(({ state: reached }) => reached === 'CANCELLED')).toBe(true);
    expect(events.some(({ state: reached }) => reached === 'CONNECTING')).toBe(false);
  });

  test('the second interrupt ends the command at once, also while nothing answers', async () => {
    const run = startCli([...long(), '--cancel-on-interrupt', '--interval', '100ms'], env);
    await run.says(/RUNNING/);
    process.kill(service.pid, 'SIGSTOP');
    try {
      process.kill(run.pid, 'SIGINT');
      await run.says(/cancelling the replay; Ctrl-C again leaves at once/);
      expect(await run.end('SIGINT')).toBe(130);
    } finally {
      process.kill(service.pid, 'SIGCONT');
    }
    await cliHere(['replay', 'cancel', idIn(run.stderr())], env);
  });

  test('--cancel-on-interrupt without --watch is exit status 2', async () => {
    const { code, stderr } = await cliHere(
      ['replay', 'start', ...BEGINNING, ...at(target), '--cancel-on-interrupt'],
      env,
    );
    expect(stderr).toContain('--watch');
    expect(code).toBe(2);
  });
});
