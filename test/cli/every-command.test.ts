import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProgram, everyCommand } from '../../src/cli/program.ts';
import { startTestServer } from '../support/postgres.ts';
import { SHOP_LOG } from '../support/shop.ts';
import { cli, cliHere, type Env, HAS_TERMINAL, startCli, startInTerminal } from './process.ts';
import { at, BEGINNING, CTRL_C, READER, type ShopService, startShopService } from './shop-service.ts';

const NO_RUN = '00000000-0000-4000-8000-000000000000';
const NO_SERVICE = { REPRISE_SERVER_URL: 'http://127.0.0.1:1' };
const NO_DATABASE = { DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/journal' };

let shop: ShopService;
let env: Env;
beforeAll(async () => {
  shop = await startShopService();
  env = shop.env;
});
afterAll(() => shop.close());

const start = (...flags: readonly string[]) => ['replay', 'start', ...BEGINNING, ...flags];
type Run = readonly [what: string, status: number, args: () => readonly string[], env?: Env];

/** Each of these runs without a terminal, and as a process with one. */
const RUNS: readonly Run[] = [
  ['import', 0, () => ['import', SHOP_LOG]],
  ['import of no file', 2, () => ['import', 'no-such.log']],
  ['import into a database that is gone', 6, () => ['import', SHOP_LOG], NO_DATABASE],
  ['serve with a wrong port', 2, () => ['serve', '--port', '70000']],
  ['serve on a data folder that is in use', 6, () => ['serve', '--port', '0']],
  ['serve in a folder that takes none', 6, () => ['serve', '--port', '0', '--data-dir', '/proc/reprise']],
  ['serve with a database that is gone', 6, () => ['serve', '--port', '0'], NO_DATABASE],
  ['journal ls', 0, () => ['journal', 'ls', '--window', 'all']],
  ['journal stats', 0, () => ['journal', 'stats', '--buckets', '5']],
  ['journal show', 0, () => ['journal', 'show', shop.entry]],
  ['journal export', 0, () => ['journal', 'export', ...BEGINNING, '--format', 'csv']],
  ['journal tail behind no cursor', 2, () => ['journal', 'tail', '--after', 'nowhere']],
  ['replay start', 0, () => start(...at(shop.target), '--read-only', '--watch', '--fail-on', 'none')],
  ['replay start of a run that differs', 1, () => start(...at(shop.empty), '--watch')],
  ['replay start that stops early', 1, () => start(...at(shop.empty), '--watch', '--stop-after', '1')],
  ['replay start that misses a threshold', 1, () => start(...at(shop.empty), '--watch', '--threshold', 'failures=0')],
  ['replay start without a target', 2, () => start()],
  ['replay start --dry-run', 3, () => start(...at(shop.empty), '--dry-run')],
  ['replay start on a target that policy refuses', 3, () => start('--host', '192.0.2.1')],
  ['replay start by a reader', 4, () => start(...at(shop.empty)), { REPRISE_TOKEN: READER }],
  ['replay start on a target that is gone', 5, () => start('--target', 'gone', '--watch')],
  ['replay watch', 0, () => ['replay', 'watch', shop.good]],
  ['replay watch of a run that differs', 1, () => ['replay', 'watch', shop.bad]],
  ['replay watch of none', 2, () => ['replay', 'watch', NO_RUN]],
  ['replay ls', 0, () => ['replay', 'ls']],
  ['replay ls without a token', 4, () => ['replay', 'ls'], { REPRISE_TOKEN: '' }],
  ['replay ls without a service', 6, () => ['replay', 'ls'], NO_SERVICE],
  ['replay show', 0, () => ['replay', 'show', shop.good]],
  ['replay show of none', 2, () => ['replay', 'show', NO_RUN]],
  ['replay failures', 0, () => ['replay', 'failures', shop.bad]],
  ['replay divergences', 0, () => ['replay', 'divergences', shop.bad]],
  ['replay statements', 0, () => ['replay', 'statements', shop.bad, '--no-cascades']],
  ['replay compare', 0, () => ['replay', 'compare', shop.good, shop.good]],
  ['replay compare with a worse one', 1, () => ['replay', 'compare', shop.good, shop.bad]],
  ['replay compare --calls', 0, () => ['replay', 'compare', shop.good, shop.bad, '--calls']],
  ['replay pause by a reader', 4, () => ['replay', 'pause', shop.good], { REPRISE_TOKEN: READER }],
  ['replay pause of a run that has ended', 2, () => ['replay', 'pause', shop.good]],
  ['replay resume of a run that has ended', 2, () => ['replay', 'resume', shop.good]],
  ['replay speed of a run that has ended', 2, () => ['replay', 'speed', shop.good, '2']],
  ['replay cancel of a run that has ended', 2, () => ['replay', 'cancel', shop.good]],
  ['replay delete of none', 2, () => ['replay', 'delete', NO_RUN]],
  ['report', 0, () => ['report', shop.good]],
  ['report with a threshold that is missed', 1, () => ['report', shop.bad, '--threshold', 'failures=0']],
  ['targets ls', 0, () => ['targets', 'ls']],
  ['targets test', 0, () => ['targets', 'test', ...at(shop.target)]],
  ['targets test of none', 3, () => ['targets', 'test', 'nowhere']],
  ['targets test of one that is gone', 5, () => ['targets', 'test', 'gone']],
  ['doctor', 1, () => ['doctor']],
  ['doctor without the target that is gone', 0, () => ['doctor'], { REPRISE_SERVER_URL: '', REPRISE_DATA_DIR: '/tmp' }],
  ['completion', 0, () => ['completion', 'bash']],
  ['completion of another shell', 2, () => ['completion', 'tcsh']],
  ['nothing at all', 2, () => []],
];

const io = {
  ...{ stdout: process.stdout, stderr: process.stderr, stdin: process.stdin },
  ...{ env: {}, signal: new AbortController().signal },
};
const COMMANDS = everyCommand(createProgram({ io, exit: () => {} }))
  .filter((command) => command.commands.length === 0)
  .map((command) => [command.parent?.parent ? command.parent.name() : '', command.name()].join(' ').trim());
/** These serve or need no service. */
const OF_NO_SERVICE = new Set(['serve', 'import', 'doctor', 'completion']);
const runsOf = (command: string) => RUNS.filter(([what]) => what === command || what.startsWith(`${command} `));

/** `serve` is stopped by signals; without a terminal to give, the others are processes here instead. */
const withoutTerminal = (args: readonly string[]) => (HAS_TERMINAL && args[0] !== 'serve' ? cliHere : cli);

describe('every command, without a terminal and as a process with one', () => {
  test.each(RUNS.map(([what, ...run]) => [what, run[0], run] as const))(
    '%s is exit status %d',
    async (_what, status, run) => {
      const [, args, more] = run;
      const shown = HAS_TERMINAL ? startInTerminal(args(), { ...env, ...more }) : null;
      const piped = await withoutTerminal(args())(args(), { ...env, ...more });
      expect([piped.code, piped.stderr]).toEqual([status, piped.stderr]);
      expect(piped.stdout + piped.stderr).not.toMatch(/[^\P{Cc}\n\r]/u);
      if (shown) expect([await shown.ended, shown.screen()]).toEqual([status, shown.screen()]);
    },
  );

  test.each(COMMANDS)('%s is among them', (command) => expect(runsOf(command)).not.toEqual([]));

  test.runIf(HAS_TERMINAL)('pause, speed, resume and cancel change a run on a terminal, with 0', async () => {
    const id = (
      await cliHere(
        shop.long().filter((word) => word !== '--watch'),
        env,
      )
    ).stdout.trim();
    const watching = startCli(['replay', 'watch', id, '--json'], env);
    while (JSON.parse(await watching.nextLine()).state !== 'RUNNING');
    for (const [args, state] of [
      [['pause', id], 'PAUSED'],
      [['speed', id, '0.2'], 'PAUSED'],
      [['resume', id], 'RUNNING'],
      [['cancel', id], 'CANCELLED'],
    ] as const) {
      const changing = startInTerminal(['replay', ...args], env);
      expect([await changing.ended, changing.screen()]).toEqual([0, expect.stringMatching(`state +${state}`)]);
    }
    expect(await watching.ended).toBe(1);
  });
});

describe('every command of a service', () => {
  const asked = COMMANDS.filter((command) => !OF_NO_SERVICE.has(command));
  const argsOf = (command: string) => runsOf(command)[0]?.[2]() ?? [];

  test.each(asked)(
    '%s with an unknown flag is exit status 2, without a token 4, without a service 6',
    async (command) => {
      const args = argsOf(command);
      const [flag, token, service] = await Promise.all([
        cliHere([...args, '--frobnicate'], env),
        cliHere(args, { ...env, REPRISE_TOKEN: '' }),
        cliHere(args, { ...env, ...NO_SERVICE }),
      ]);
      expect([flag.code, flag.stderr]).toEqual([2, expect.stringContaining('--frobnicate')]);
      expect([token.code, token.stderr]).toEqual([4, expect.stringContaining('REPRISE_TOKEN')]);
      expect([service.code, service.stderr]).toEqual([6, expect.stringContaining('reprise serve')]);
    },
  );

  const stopped = asked.filter((command) => command !== 'replay start');
  test.each(stopped)('%s that is interrupted while nothing answers is exit status 130', async (command) => {
    await withServer(createServer(), async (url, deaf) => {
      const reached = once(deaf, 'connection');
      const stop = new AbortController();
      const run = cliHere(argsOf(command), { ...env, REPRISE_SERVER_URL: url }, stop.signal);
      await reached;
      stop.abort();
      const { code, stderr } = await run;
      expect([code, stderr]).toEqual([130, expect.not.stringContaining('error')]);
    });
  });

  test('replay start that is interrupted while nothing answers waits to hear of it, and ends at the second signal', async () => {
    await withServer(createServer(), async (url, deaf) => {
      const reached = once(deaf, 'connection');
      const run = startCli(argsOf('replay start'), { ...env, REPRISE_SERVER_URL: url });
      await reached;
      process.kill(run.pid, 'SIGINT');
      await run.says(/may be under way/);
      process.kill(run.pid, 'SIGINT');
      expect(await run.ended).toBe(130);
      expect(run.stderr()).not.toContain('error');
    });
  });
});

describe('exit statuses of their own', () => {
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
    await withServer(createServer(), async (url, deaf) => {
      const reached = once(deaf, 'connection');
      const run = startCli(['journal', 'export', ...BEGINNING, '--after', 'abc'], { REPRISE_SERVER_URL: url });
      await reached;
      expect(await run.end('SIGINT')).toBe(130);
      expect(run.stderr()).toBe('not complete, 0 entries were written: go on with --after abc\n');
    });
  });

  test.runIf(HAS_TERMINAL)('Ctrl-C while nothing answers is exit status 130, on a terminal too', async () => {
    await withServer(createServer(), async (url, deaf) => {
      const reached = once(deaf, 'connection');
      const run = startInTerminal(['journal', 'stats'], { ...env, REPRISE_SERVER_URL: url });
      await reached;
      run.press(CTRL_C);
      expect([await run.ended, run.screen()]).toEqual([130, '^C']);
    });
  });

  test('an import that is interrupted while it waits for more of its log is exit status 130', async () => {
    const run = startCli(['import', '-'], env);
    await run.give(gunzipSync(await readFile(SHOP_LOG)).toString('utf8'));
    expect(await run.end('SIGINT')).toBe(130);
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

async function withServer<T>(server: Server, work: (url: string, server: Server) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
