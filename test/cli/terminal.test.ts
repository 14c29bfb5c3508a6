import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cli, cliHere, type Env, HAS_TERMINAL, startCli, startInTerminal } from './process.ts';
import { at, BEGINNING, CTRL_C, idIn, type ShopService, startShopService } from './shop-service.ts';

let shop: ShopService;
let env: Env;
beforeAll(async () => {
  shop = await startShopService();
  env = shop.env;
});
afterAll(() => shop.close());

describe.runIf(HAS_TERMINAL)('on a terminal', () => {
  test('a run is one block that is redrawn, with failures scrolling above it', async () => {
    // So slow that the block is seen more than once.
    const slow = ['--speed', '0.1'];
    const run = startInTerminal(['replay', 'start', ...BEGINNING, ...at(shop.empty), ...slow, '--watch'], env);
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

  test('a password is asked for, not shown, and not waited for after Ctrl-C', async () => {
    const login = at(shop.empty).filter((word) => !['--password-env', 'TARGET_PASSWORD'].includes(word));
    const test = startInTerminal(['targets', 'test', ...login, '--password-stdin'], env);
    await test.shows(/Password: /);
    test.press(`${shop.empty.password}\r`);
    expect(await test.ended).toBe(0);
    expect(test.screen()).toMatch(/server +PostgreSQL/);
    expect(test.screen()).not.toContain(shop.empty.password);
    const left = startInTerminal(['targets', 'test', ...login, '--password-stdin'], env);
    await left.shows(/Password: /);
    left.press(CTRL_C);
    expect(await left.ended).toBe(130);
  });

  test('in 60 columns the message of a failure stands below its place, whole', async () => {
    const start = ['replay', 'start', ...BEGINNING, ...at(shop.empty), '--speed', '1', '--watch'];
    const run = startInTerminal(start, env, 60);
    expect(await run.ended).toBe(1);
    expect(run.screen()).toMatch(/\d\d:\d\d:\d\d {2}42P01 {2}[0-9a-f-]{36}\/\d+\s+relation "\w+" does not exist\s/);
  });

  test('Ctrl-C once leaves the run to itself and prints the command to watch it again', async () => {
    const run = startInTerminal([...shop.long(), '--fail-on', 'checksum', '--allow', '3'], env);
    await run.shows(/RUNNING/);
    run.press(CTRL_C);
    expect(await run.ended).toBe(130);
    const id = idIn(run.screen());
    expect(run.screen()).toContain(
      `no longer watching; the replay goes on: reprise replay watch ${id} --fail-on checksum --allow 3`,
    );
    expect(await shop.state(id)).toBe('RUNNING');

    const again = startInTerminal(['replay', 'watch', id], env);
    await again.shows(/RUNNING/);
    await cliHere(['replay', 'cancel', id], env);
    expect(await again.ended).toBe(1);
    expect(again.screen()).toMatch(/state +CANCELLED/);
  });

  test('Ctrl-C cancels the run where --cancel-on-interrupt says so, and shows its end', async () => {
    const run = startInTerminal([...shop.long(), '--cancel-on-interrupt'], env);
    await run.shows(/RUNNING/);
    run.press(CTRL_C);
    expect(await run.ended).toBe(130);
    expect(run.screen()).toContain('cancelling the replay; Ctrl-C again leaves at once');
    expect(run.screen()).toMatch(/state +CANCELLED/);
    expect(await shop.state(idIn(run.screen()))).toBe('CANCELLED');
  });

  test('serve says where it is, and Ctrl-C ends it with 0', async () => {
    const serving = startInTerminal(['serve', '--port', '0', '--data-dir', join(shop.folder, 'other')], {});
    await serving.shows(/Reprise is ready[\s\S]*GraphQL +http:/);
    serving.press(CTRL_C);
    expect([await serving.ended, serving.screen()]).toEqual([0, expect.not.stringContaining('error')]);
  });

  test('a dumb terminal gets lines, like a log', async () => {
    const run = startInTerminal(['replay', 'start', ...BEGINNING, ...at(shop.empty), '--watch'], {
      ...env,
      TERM: 'dumb',
    });
    expect(await run.ended).toBe(1);
    expect(run.screen()).toMatch(/^progress: [\d.]+ s, /m);
    expect(run.screen()).not.toContain('\u001b');
  });
});

describe('without a terminal', () => {
  test('a run is a line each interval, as pgbench prints them, without control characters', async () => {
    const run = startCli([...shop.long(), '--interval', '100ms', '--cancel-on-interrupt'], env);
    const twoLines = /(progress: [\d.]+ s, RUNNING, \d+ %, [\d,]+ of [\d,]+, [\d,]+\/s.*\n[\s\S]*){2}/;
    await run.says(twoLines);
    expect(await run.end('SIGINT')).toBe(130);
    expect(run.stderr()).not.toMatch(/[^\P{Cc}\n]/u);
    expect(run.stderr()).toContain('cancelling the replay');
  });

  test('an interrupt in the midst of JSON tells the cursor to go on from', async () => {
    const run = startCli([...shop.long(), '--json', '--sse'], { ...env });
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
    const run = startCli([...shop.long(), '--cancel-on-interrupt', '--interval', '100ms'], env);
    await run.says(/RUNNING/);
    process.kill(shop.process.pid, 'SIGSTOP');
    try {
      process.kill(run.pid, 'SIGINT');
      await run.says(/cancelling the replay; Ctrl-C again leaves at once/);
      expect(await run.end('SIGINT')).toBe(130);
    } finally {
      process.kill(shop.process.pid, 'SIGCONT');
    }
    await cliHere(['replay', 'cancel', idIn(run.stderr())], env);
  });

  test('--cancel-on-interrupt without --watch is exit status 2', async () => {
    const { code, stderr } = await cliHere(
      ['replay', 'start', ...BEGINNING, ...at(shop.target), '--cancel-on-interrupt'],
      env,
    );
    expect(stderr).toContain('--watch');
    expect(code).toBe(2);
  });
});
