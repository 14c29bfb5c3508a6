import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { initialisedFolder } from '../support/postgres.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';
import { cli, cliHere, type Env, type ServiceProcess, startCli, startService } from './process.ts';
import { at, BEGINNING } from './shop-service.ts';

const OPERATOR = 'operator-token-of-a-test';
const READER = 'reader-token-of-a-test';

let folder: string;
let service: ServiceProcess;
let target: TestDatabase;
let empty: TestDatabase;
let env: Env;

beforeAll(async () => {
  folder = await initialisedFolder('cli');
  [service, target, empty] = await Promise.all([
    startService(folder, 0, { REPRISE_TOKENS: `${OPERATOR}:operator,${READER}:reader`, REPRISE_MAX_REPLAYS: '1' }),
    createShopTarget(),
    createTestDatabase(),
  ]);
  env = {
    REPRISE_SERVER_URL: service.url,
    REPRISE_TOKEN: OPERATOR,
    REPRISE_DATA_DIR: folder,
    TARGET_PASSWORD: target.password,
  };
  const imported = await cli(['import', '--json', SHOP_LOG], env);
  expect(imported).toMatchObject({ code: 0 });
  expect(JSON.parse(imported.stdout)).toMatchObject({ entries: { total: 8233, accepted: 8233 }, losses: [] });
});

afterAll(async () => {
  await service.end('SIGTERM');
  await Promise.all([target.drop(), empty.drop()]);
  await rm(folder, { recursive: true });
});

describe('import', () => {
  test('joins the running service, and importing again adds nothing', async () => {
    const again = await cli(['import', SHOP_LOG], env);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('8,233: 0 new, 0 duplicates, 8,233 imported before');
  });

  test('names the file that cannot be read, exit status 2', async () => {
    const result = await cli(['import', '--json', 'no-such.log'], env);
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code: 'FILE_UNREADABLE' } });
  });
});

describe('journal', () => {
  test('stats tells what a window holds', async () => {
    const { stdout, code } = await cliHere(['journal', 'stats', '--json'], env);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ entries: 8233, failures: 122, databases: ['shop'], sessions: 8 });
  });

  test('ls lists in order and goes on behind a cursor', async () => {
    const page = async (...args: string[]) =>
      JSON.parse((await cliHere(['journal', 'ls', '--window', 'all', '--json', ...args], env)).stdout);
    const [first, whole] = await Promise.all([page('--limit', '3'), page('--limit', '6')]);
    const rest = await page('--limit', '3', '--after', first.endCursor);
    expect([...first.entries, ...rest.entries]).toEqual(whole.entries);
    expect(first.hasNextPage).toBe(true);
  });

  test('ls filters, for people as a table in UTC', async () => {
    const { stdout } = await cliHere(
      ['journal', 'ls', '--window', 'all', '--only-outcome', 'failed', '--limit', '1'],
      env,
    );
    const [heading, row] = stdout.split('\n');
    expect(heading).toMatch(/^time \(UTC\) +session +duration +outcome +statement$/);
    expect(row).toBe('2026-11-23T16:28:37.521000Z  6b0469b5.2b67         –  42601    SELEC 1');
  });
});

describe('replay', () => {
  test('start --watch follows the run and ends with 0 when it went as recorded', async () => {
    const { code, stdout, stderr } = await cli(['replay', 'start', ...BEGINNING, ...at(target), '--watch'], env);
    expect(stderr).toMatch(/^replay [0-9a-f-]{36}: 2026-11-23T16:28:37.447000Z to /);
    expect(stdout).toMatch(/^state +COMPLETED$/m);
    expect(code).toBe(0);
    const [, id = ''] = /replay ([0-9a-f-]{36})/.exec(stderr) ?? [];
    const shown = JSON.parse((await cliHere(['replay', 'show', id, '--json'], env)).stdout);
    expect(shown).toMatchObject({ id, state: 'COMPLETED', summary: { failed: 0 } });
    expect((await cliHere(['replay', 'ls'], env)).stdout).toContain(id);
    expect((await cliHere(['replay', 'failures', id], env)).stdout).toBe('no failures\n');
  });

  test('--watch --json --detail statements carries every event once, and ends with the exit status', async () => {
    const args = [
      'replay',
      'start',
      ...BEGINNING,
      ...at(target),
      '--read-only',
      '--watch',
      '--json',
      '--detail',
      'statements',
    ];
    const { stdout, code } = await cli(args, env);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ kind }) => kind)).toEqual(['started', ...lines.slice(1, -1).map(() => 'update'), 'ended']);
    const events = lines.flatMap((line) => line.events ?? []);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const ended = lines.at(-1);
    const outcomes = events.filter(({ __typename }) => __typename === 'OutcomeEvent');
    expect(outcomes.length).toBe(ended.replay.summary.planned);
    // Writes are refused by the target, which the record did not do.
    expect([code, ended.exitCode]).toEqual([1, 1]);
    expect(outcomes.some(({ sqlstate }) => sqlstate === '25006')).toBe(true);
  });

  test('new failures make the exit status 1, unless they are put up with', async () => {
    const args = ['replay', 'start', ...BEGINNING, ...at(empty), '--watch', '--sse'];
    const [strict] = [await cli(args, env)];
    expect(strict.code).toBe(1);
    expect(strict.stdout).toMatch(/^42P01 /m);
    expect((await cli([...args, '--fail-on', 'checksum'], env)).code).toBe(0);
    const stopped = await cli([...args, '--stop-after', '1'], env);
    expect(stopped.code).toBe(1);
    expect(stopped.stdout).toMatch(/FAILED: .*\[REPLAY_STOPPED\]/);
  });

  test('a threshold that is missed makes the exit status 1', async () => {
    const args = [
      'replay',
      'start',
      ...BEGINNING,
      ...at(target),
      '--watch',
      '--fail-on',
      'none',
      '--threshold',
      'p99<1h',
    ];
    expect((await cliHere(args, env)).code).toBe(2);
    const good = [...args.slice(0, -1), 'failures<100%', '--threshold', 'p99 < 60s'];
    const passed = await cliHere(good, env);
    expect(passed.stdout).toMatch(/^passed +p99<60s/m);
    expect(passed.code).toBe(0);
    const missed = await cliHere([...good, '--threshold', 'rate>1000000000'], env);
    expect(missed.stdout).toMatch(/^MISSED +rate>1000000000 +[\d.]+ statements\/s$/m);
    expect(missed.code).toBe(1);
  });

  test('a target that cannot be reached is exit status 5, a refused one 3, a dry run tells before', async () => {
    const unreachable = ['--host', '127.0.0.1', '--port', '1'];
    expect((await cli(['replay', 'start', ...BEGINNING, ...unreachable, '--watch'], env)).code).toBe(5);
    expect((await cli(['replay', 'start', ...BEGINNING, '--host', '192.0.2.1', '--port', '5432'], env)).code).toBe(3);
    expect((await cli(['replay', 'start', ...BEGINNING, '--target', 'nowhere'], env)).code).toBe(3);
    const dry = await cli(['replay', 'start', ...BEGINNING, ...at(target), '--dry-run', '--json'], env);
    expect(dry.code).toBe(0);
    expect(JSON.parse(dry.stdout)).toMatchObject({ reachable: true, sessions: 8 });
  });

  test('pause, resume, speed and cancel change a run that is under way; one more is refused', async () => {
    const args = ['replay', 'start', '--window', 'all', ...at(target), '--speed', '0.1'];
    const id = (await cli(args, env)).stdout.trim();
    const watching = startCli(['replay', 'watch', id, '--json', '--detail', 'failures'], env);
    while (JSON.parse(await watching.nextLine()).state !== 'RUNNING');
    const change = async (...command: string[]) =>
      JSON.parse((await cli(['replay', ...command, '--json'], env)).stdout);
    expect(await change('pause', id)).toMatchObject({ id, state: 'PAUSED' });
    expect((await cli(args, env)).code).toBe(3);
    expect(await change('resume', id)).toMatchObject({ id, state: 'RUNNING' });
    expect(await change('speed', id, '0.2')).toMatchObject({ id });
    expect(await change('cancel', id)).toMatchObject({ id, state: 'CANCELLED' });
    let last = JSON.parse(await watching.nextLine());
    while (last.kind !== 'ended') last = JSON.parse(await watching.nextLine());
    expect(last).toMatchObject({ exitCode: 1, replay: { state: 'CANCELLED' } });
    expect((await cliHere(['replay', 'pause', id], env)).code).toBe(2);
  });

  test('delete takes a run away that has ended, and no other', async () => {
    const id = (await cli(['replay', 'start', '--window', 'all', ...at(target), '--speed', '0.1'], env)).stdout.trim();
    const refused = await cliHere(['replay', 'delete', id], env);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('cancel it first')]);
    expect((await cliHere(['replay', 'cancel', id], env)).code).toBe(0);
    expect((await cliHere(['replay', 'delete', id], env)).stdout).toBe(`replay ${id} is deleted\n`);
    const gone = await cliHere(['replay', 'show', id], env);
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining('REPLAY_NOT_FOUND')]);
  });

  test('Ctrl-C ends the watching with 130, not the replay', async () => {
    const args = ['replay', 'start', '--window', 'all', ...at(target), '--speed', '0.1', '--watch', '--json'];
    const watching = startCli(args, env);
    const { replay } = JSON.parse(await watching.nextLine());
    while (JSON.parse(await watching.nextLine()).state !== 'RUNNING');
    expect(await watching.end('SIGINT')).toBe(130);
    expect(watching.stderr()).toContain(`the replay goes on: reprise replay watch ${replay.id}`);
    expect(JSON.parse((await cliHere(['replay', 'cancel', replay.id, '--json'], env)).stdout).state).toBe('CANCELLED');
  });
});

describe('access and usage', () => {
  test('without a token or with the wrong role it is exit status 4', async () => {
    expect((await cli(['replay', 'ls'], { ...env, REPRISE_TOKEN: '' })).code).toBe(4);
    expect((await cliHere(['replay', 'ls'], { ...env, REPRISE_TOKEN: READER })).code).toBe(0);
    expect((await cli(['replay', 'start', ...BEGINNING, ...at(target)], { ...env, REPRISE_TOKEN: READER })).code).toBe(
      4,
    );
  });

  test('no service is exit status 6, with what to do', async () => {
    const { code, stderr } = await cliHere(['journal', 'stats'], { ...env, REPRISE_SERVER_URL: 'http://127.0.0.1:1' });
    expect(code).toBe(6);
    expect(stderr).toContain('reprise serve');
  });

  test('a server that hangs up without a word is exit status 6 too, named as what it is', async () => {
    const silent = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const { code, stderr } = await cli(['replay', 'ls'], { REPRISE_SERVER_URL: url });
      expect(stderr).toMatch(
        // Node tells one or the other, by whether the request was written before.
        new RegExp(`^error: no answer from ${url} \\((?:the connection was closed at once|other side closed)\\)`),
      );
      expect(stderr).toContain('[SERVICE_UNREACHABLE]');
      expect(code).toBe(6);
      const json = await cli(['replay', 'ls', '--json'], { REPRISE_SERVER_URL: url });
      expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'SERVICE_UNREACHABLE' } });
      expect(json.code).toBe(6);
    } finally {
      await new Promise((resolve) => silent.close(resolve));
    }
  });

  test('a command that a bug leaves with nothing to wait for says so, and blames no service', async () => {
    const neverWrites = `import { promises } from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      promises.writeFile = () => new Promise(() => {});
      syncBuiltinESMExports();`;
    const stuck = { ...env, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(neverWrites)}` };
    const { stdout } = await cliHere(['replay', 'ls', '--json'], env);
    const ended = JSON.parse(stdout).nodes.find(({ state }: { state: string }) => state === 'COMPLETED');
    const args = ['report', ended.id, '--output', join(folder, 'never.json')];
    const { code, stderr } = await cli(args, stuck);
    expect(stderr).toBe('error: the command ended before it was done, with nothing left to wait for: this is a bug\n');
    expect(code).toBe(70);
    const json = await cli([...args, '--json'], stuck);
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'INTERNAL' } });
    expect(json.code).toBe(70);
  });

  test.each([
    [['replay', 'start', '--target', 'x'], '--from'],
    [['replay', 'start', '--window', 'some', '--target', 'x'], '--window'],
    [['replay', 'start', ...BEGINNING], '--target'],
    [['replay', 'start', ...BEGINNING, '--target', 'x', '--ordering', 'random'], '--ordering'],
    [['replay', 'start', ...BEGINNING, '--target', 'x', '--max-idle', '1s'], '--max-idle'],
    [['replay', 'start', ...BEGINNING, '--target', 'x', '--password-env', 'UNSET'], 'UNSET'],
    [['replay', 'start', ...BEGINNING, '--target', 'x', '--map-database', 'shop'], '--map-database'],
    [
      ['replay', 'start', '--from', '2026-11-23T17:00:00Z', '--to', '2026-11-23T16:00:00Z', '--host', '127.0.0.1'],
      'later than',
    ],
    [['replay', 'watch', 'no-uuid'], 'UUID'],
    [['replay', 'show', '00000000-0000-4000-8000-000000000000'], 'replay ls'],
    [['serve', '--port', '70000'], '--port'],
    [['frobnicate'], 'frobnicate'],
  ])('%j is exit status 2 and names what is wrong', async (args, hint) => {
    const { code, stderr } = await cliHere(args, env);
    expect(stderr).toContain(hint);
    expect(code).toBe(2);
  });

  test('a password can come on standard input, and no flag takes one', async () => {
    const login = at(target).filter((word) => !['--password-env', 'TARGET_PASSWORD'].includes(word));
    const args = ['replay', 'start', ...BEGINNING, ...login, '--password-stdin', '--dry-run', '--json'];
    const { stdout } = await cli(args, env, `${target.password}\n`);
    expect(JSON.parse(stdout).reachable).toBe(true);
    expect((await cli(['replay', 'start', '--help'])).stdout).not.toMatch(/--password </);
    // A line is all that is waited for, whatever stays open or comes behind it.
    const open = startCli(['targets', 'test', ...login, '--password-stdin', '--json'], env);
    await open.give(`${target.password}\n`);
    expect(await open.ended).toBe(0);
  });
});
