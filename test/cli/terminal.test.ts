import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/postgres.ts';
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
const TOKEN = 'operator-token-of-a-test';
const READER = 'reader-token-of-a-test';
const NO_RUN = '00000000-0000-4000-8000-000000000000';

const SERVICE = {
  REPRISE_TOKENS: `${TOKEN}:operator,${READER}:reader`,
  REPRISE_TARGETS: '{"gone":{"host":"127.0.0.1","port":1}}',
};

let folder: string;
let service: ServiceProcess;
let target: TestDatabase;
let empty: TestDatabase;
let env: Env;
/** Runs that did as recorded, and that failed throughout; an entry of the journal. */
let good: string;
let bad: string;
let entry: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-terminal-'));
  [service, target, empty] = await Promise.all([
    startService(folder, 0, SERVICE),
    createShopTarget(),
    createTestDatabase(),
  ]);
  env = {
    REPRISE_SERVER_URL: service.url,
    REPRISE_TOKEN: TOKEN,
    REPRISE_DATA_DIR: folder,
    REPRISE_PORT: '0',
    TARGET_PASSWORD: target.password,
  };
  expect(await cliHere(['import', SHOP_LOG], env)).toMatchObject({ code: 0 });
  // Before anything else is done to the target.
  [good, bad] = [await runOn(target), await runOn(empty)];
  const { stdout } = await cliHere(['journal', 'ls', '--window', 'all', '--limit', '1', '--json'], env);
  entry = JSON.parse(stdout).entries[0].id;
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
const runOn = async (database: TestDatabase) =>
  idIn((await cliHere(['replay', 'start', ...BEGINNING, ...at(database), '--watch'], env)).stderr);
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

  test('serve says where it is, and Ctrl-C ends it with 0', async () => {
    const serving = startInTerminal(['serve', '--port', '0', '--data-dir', join(folder, 'other')], {});
    await serving.shows(/Reprise is ready[\s\S]*GraphQL +http:/);
    serving.press(CTRL_C);
    expect([await serving.ended, serving.screen()]).toEqual([0, expect.not.stringContaining('error')]);
  });

  test('a dumb terminal gets lines, like a log', async () => {
    const run = startInTerminal(['replay', 'start', ...BEGINNING, ...at(empty), '--watch'], { ...env, TERM: 'dumb' });
    expect(await run.ended).toBe(1);
    expect(run.screen()).toMatch(/^progress: [\d.]+ s, /m);
    expect(run.screen()).not.toContain('\u001b');
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

describe('every command as a process, with and without a terminal', () => {
  const start = (...flags: readonly string[]) => ['replay', 'start', ...BEGINNING, ...flags];
  test.each<[string, number, () => readonly string[], Env?]>([
    ['import', 0, () => ['import', SHOP_LOG]],
    ['import of no file', 2, () => ['import', 'no-such.log']],
    ['serve with a wrong port', 2, () => ['serve', '--port', '70000']],
    ['journal ls', 0, () => ['journal', 'ls', '--window', 'all']],
    ['journal stats', 0, () => ['journal', 'stats', '--buckets', '5']],
    ['journal show', 0, () => ['journal', 'show', entry]],
    ['journal export', 0, () => ['journal', 'export', ...BEGINNING, '--format', 'csv']],
    ['replay start', 1, () => start(...at(empty), '--watch')],
    ['replay start --dry-run', 3, () => start(...at(empty), '--dry-run')],
    ['replay start on a target that policy refuses', 3, () => start('--host', '192.0.2.1')],
    ['replay start by a reader', 4, () => start(...at(empty)), { REPRISE_TOKEN: READER }],
    ['replay start on a target that is gone', 5, () => start('--target', 'gone', '--watch')],
    ['replay watch', 0, () => ['replay', 'watch', good]],
    ['replay watch of a run that differs', 1, () => ['replay', 'watch', bad]],
    ['replay ls', 0, () => ['replay', 'ls']],
    ['replay ls without a token', 4, () => ['replay', 'ls'], { REPRISE_TOKEN: '' }],
    ['replay show', 0, () => ['replay', 'show', good]],
    ['replay show of none', 2, () => ['replay', 'show', NO_RUN]],
    ['replay failures', 0, () => ['replay', 'failures', bad]],
    ['replay divergences', 0, () => ['replay', 'divergences', bad]],
    ['replay compare', 1, () => ['replay', 'compare', good, bad]],
    ['replay pause of a run that has ended', 2, () => ['replay', 'pause', good]],
    ['replay resume of a run that has ended', 2, () => ['replay', 'resume', good]],
    ['replay speed of a run that has ended', 2, () => ['replay', 'speed', good, '2']],
    ['replay cancel of a run that has ended', 2, () => ['replay', 'cancel', good]],
    ['report', 0, () => ['report', good]],
    ['report with a threshold that is missed', 1, () => ['report', bad, '--threshold', 'failures=0']],
    ['targets ls', 0, () => ['targets', 'ls']],
    ['targets test', 0, () => ['targets', 'test', ...at(target)]],
    ['targets test of one that is gone', 5, () => ['targets', 'test', 'gone']],
    ['doctor', 1, () => ['doctor']],
    ['completion', 0, () => ['completion', 'bash']],
    ['no service', 6, () => ['replay', 'ls'], { REPRISE_SERVER_URL: 'http://127.0.0.1:1' }],
    ['nothing at all', 2, () => []],
  ])('%s is exit status %d', async (_name, status, args, more) => {
    const shown = HAS_TERMINAL ? startInTerminal(args(), { ...env, ...more }) : null;
    const piped = await cli(args(), { ...env, ...more });
    expect([piped.code, piped.stderr]).toEqual([status, piped.stderr]);
    expect(piped.stdout + piped.stderr).not.toMatch(/[^\P{Cc}\n\r]/u);
    if (shown) expect([await shown.ended, shown.screen()]).toEqual([status, shown.screen()]);
  });

  test('a service that fails is exit status 70', async () => {
    const broken = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').writeHead(500);
      response.end('{"errors":[{"message":"oh","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}');
    });
    const { code, stderr } = await withServer(broken, (url) => cli(['replay', 'ls'], { REPRISE_SERVER_URL: url }));
    expect(stderr).toBe('error: the service failed: oh\n');
    expect(code).toBe(70);
  });

  test('an export that is interrupted is exit status 130, and says how far it came', async () => {
    const deaf = createServer(() => {});
    await withServer(deaf, async (url) => {
      const asked = once(deaf, 'request');
      const run = startCli(['journal', 'export', ...BEGINNING, '--after', 'abc'], { REPRISE_SERVER_URL: url });
      await asked;
      expect(await run.end('SIGINT')).toBe(130);
      expect(run.stderr()).toBe('not complete, 0 entries were written: go on with --after abc\n');
    });
  });

  test('a target that dies in the midst of a run is exit status 5', async () => {
    const server = await startTestServer();
    try {
      const login = ['--host', server.host, '--port', String(server.port), '--user', server.user];
      const args = ['replay', 'start', '--window', 'all', ...login, '--password-env', 'DYING', '--speed', '0.1'];
      const run = startCli([...args, '--watch', '--json'], { ...env, DYING: server.password });
      let update = JSON.parse(await run.nextLine());
      while (!(update.summary?.succeeded > 0 || update.summary?.failed > 0)) update = JSON.parse(await run.nextLine());
      await server.kill();
      while (update.kind !== 'ended') update = JSON.parse(await run.nextLine());
      expect(update).toMatchObject({ exitCode: 5, replay: { error: { code: 'TARGET_LOST' } } });
      expect(await run.ended).toBe(5);
    } finally {
      await server.stop();
    }
  });
});

async function withServer<T>(server: Server, work: (url: string) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
