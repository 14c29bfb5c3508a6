import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { initialisedFolder } from '../support/postgres.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';
import { cli, cliHere, type Env, type ServiceProcess, startService } from './process.ts';
import { at, BEGINNING, idIn } from './shop-service.ts';

let folder: string;
let service: ServiceProcess;
let target: TestDatabase;
let empty: TestDatabase;
let env: Env;
/** Did as recorded, within its threshold; and failed throughout, on an empty database. */
let good: string;
let bad: string;
/** On the database that `good` had changed before: its keys are there already. */
let again: string;

beforeAll(async () => {
  folder = await initialisedFolder('report');
  [service, target, empty] = await Promise.all([startService(folder), createShopTarget(), createTestDatabase()]);
  env = { REPRISE_SERVER_URL: service.url, REPRISE_DATA_DIR: folder, TARGET_PASSWORD: target.password };
  expect(await cliHere(['import', SHOP_LOG], env)).toMatchObject({ code: 0 });
  good = await replayOn(target, ['--threshold', 'new_failures=0']);
  bad = await replayOn(empty, []);
  again = await replayOn(target, []);
});

afterAll(async () => {
  await service.end('SIGTERM');
  await Promise.all([target.drop(), empty.drop()]);
  await rm(folder, { recursive: true });
});

async function replayOn(database: TestDatabase, flags: readonly string[]): Promise<string> {
  const { stderr } = await cliHere(['replay', 'start', ...BEGINNING, ...at(database), '--watch', ...flags], env);
  return /replay ([0-9a-f-]{36})/.exec(stderr)?.[1] ?? stderr;
}

const report = (...args: readonly string[]) => cliHere(['report', ...args], env);

describe('report', () => {
  test('of a run that did as recorded is exit status 0, for people by default', async () => {
    const { code, stdout } = await report(good);
    expect(stdout).toMatch(/^passed +new_failures=0 +0 statements$/m);
    expect(stdout).toMatch(/^state +COMPLETED$/m);
    expect(code).toBe(0);
  });

  test('asked for in two formats is refused', async () => {
    const { code, stdout, stderr } = await report(good, '--json', '--format', 'csv');
    expect(JSON.parse(stderr).error).toMatchObject({ message: '--json excludes --format csv: give one of them' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(await report(good, '--json', '--format', 'json')).toEqual(await report(good, '--json'));
  });

  test('names what got worse; only thresholds make its exit status 1', async () => {
    const { code, stdout } = await report(bad);
    expect(stdout).toMatch(/^\d+ of \d+ statements got worse:$/m);
    expect(stdout).toMatch(/NEW_FAILURE \d+/);
    expect(stdout).toMatch(/^42P01 /m);
    expect(code).toBe(0);
    const missed = await report(bad, '--threshold', 'failures<1%', '--threshold', 'unknown=0');
    expect(missed.stdout).toMatch(/^MISSED +failures<1% +[\d.]+ %$/m);
    expect(missed.stdout).toMatch(/^passed +unknown=0/m);
    expect(missed.code).toBe(1);
  });

  test('as JSON, CSV and JUnit XML', async () => {
    const parsed = JSON.parse((await report(bad, '--format', 'json')).stdout);
    expect(parsed).toMatchObject({ version: 1, replay: { id: bad, state: 'COMPLETED' } });
    expect(JSON.parse((await report(bad, '--json')).stdout)).toEqual(parsed);
    const csv = (await report(bad, '--format', 'csv')).stdout;
    expect(csv.trim().split('\r\n')).toHaveLength(parsed.report.statements.length + 1);
    const failures = await report(bad, '--format', 'csv', '--table', 'failures');
    expect(failures.stdout).toMatch(/^replay,sqlstate,/);
    const xml = (await report(bad, '--format', 'junit', '--threshold', 'failures=0')).stdout;
    const worse = parsed.report.statements.filter((line: { regressed: boolean }) => line.regressed).length;
    expect(xml).toContain(`failures="${worse + 1}" errors="0"`);
    expect(xml).toContain('name="failures=0"');
  });

  test('of a run that sent nothing says so in every format, and watching it is exit status 1', async () => {
    const start = ['replay', 'start', ...BEGINNING, ...at(target), '--watch', '--only-user', ''];
    const { code, stdout, stderr } = await cliHere(start, env);
    expect(stdout).toMatch(/^nothing was replayed: none of the \d+ statements in the window passes the filter$/m);
    expect(code).toBe(1);
    const id = idIn(stderr);
    const watch = (...flags: readonly string[]) => cliHere(['replay', 'watch', id, ...flags], env);
    expect(await watch('--threshold', 'failures=0')).toMatchObject({ code: 1 });
    expect(await watch('--allow', '5')).toMatchObject({ code: 1 });
    expect(await watch('--allow', 'nothing-replayed', '--threshold', 'failures=0')).toMatchObject({ code: 0 });
    expect((await report(id)).stdout).toMatch(/^nothing was replayed: none was planned$/m);
    const xml = (await report(id, '--format', 'junit')).stdout;
    expect(xml).toContain('errors="1"');
    expect(xml).toContain('<error message="nothing was replayed: none was planned"');
    expect(xml).toMatch(/<system-out>nothing was replayed: none of the \d+ statements/);
    expect((await report(id, '--format', 'html')).stdout).toContain('nothing was replayed: none was planned.');
    const misspelt = await cliHere([...start.slice(0, -2), '--text', 'misspelt'], env);
    expect(misspelt).toMatchObject({ code: 1 });
    expect(misspelt.stdout).toMatch(
      /^nothing but transaction control and session state was replayed: none of the \d+ other statements/m,
    );
    const compared = await cliHere(['replay', 'compare', good, id], env);
    expect(compared).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing could be compared') });
    expect(await cliHere(['replay', 'compare', good, id, '--fail-on', 'none'], env)).toMatchObject({ code: 0 });
    const page = (await report(idIn(misspelt.stderr), '--format', 'html')).stdout;
    const shown = (await cliHere(['replay', 'show', idIn(misspelt.stderr)], env)).stdout;
    expect(shown).toMatch(/^filter +statement holds: misspelt$/m);
    expect(page).toMatch(/verdict bad">.*nothing but transaction control and session state was replayed[;.]/);
  });

  test('into a file whose name tells the format, as a process', async () => {
    const file = join(folder, 'replay.html');
    const { code, stdout, stderr } = await cli(['report', bad, '--output', file], env);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    const page = await readFile(file, 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain(bad);
  });

  test.each([
    [['00000000-0000-4000-8000-000000000000'], 'there is no replay'],
    [['ID', '--threshold', 'p95<fast'], 'needs a number behind <'],
    [['ID', '--format', 'pdf'], 'pdf'],
    [['ID', '--output', 'replay.pdf'], '--format is missing'],
    [['ID', '--output', '/no/such/folder/replay.json'], '--output cannot be written'],
    [['ID', '--format', 'html', '--table', 'failures'], '--table is for --format csv'],
  ])('%j is exit status 2 and says why', async (args, why) => {
    const { code, stderr } = await report(...args.map((word) => (word === 'ID' ? good : word)));
    expect(stderr).toContain(why);
    expect(code).toBe(2);
  });

  test('is refused while the run is under way', async () => {
    const args = ['replay', 'start', '--window', 'all', ...at(target), '--speed', '0.1'];
    const id = (await cliHere(args, env)).stdout.trim();
    const { code, stderr } = await report(id);
    expect(stderr).toMatch(/a report is made when it has ended \[REPLAY_STATE\]/);
    expect(code).toBe(2);
    await cliHere(['replay', 'cancel', id], env);
    expect((await report(id)).stdout).toMatch(/^the run is CANCELLED$/m);
  });
});

describe('replay', () => {
  test('compare tells what failed newly, exit status 1 unless told otherwise', async () => {
    const worse = await cliHere(['replay', 'compare', good, bad], env);
    expect(worse.stdout).toMatch(/^NEW_FAILURES +\d+/m);
    expect(worse.code).toBe(1);
    expect((await cliHere(['replay', 'compare', good, bad, '--fail-on', 'only-in-b'], env)).code).toBe(0);
    const fixed = await cliHere(['replay', 'compare', bad, good, '--json', '--slower-ratio', '1000'], env);
    expect(fixed.code).toBe(0);
    expect(JSON.parse(fixed.stdout)).toMatchObject({ a: { id: bad }, b: { id: good } });
    const itself = await cliHere(['replay', 'compare', good, good, '--all'], env);
    expect(itself.stdout).toMatch(/^SAME /m);
    expect(itself.stdout).toMatch(/ {2}0 ms {2}/);
    expect(itself.stdout).not.toMatch(/[+-]0 ms/);
    const unknown = await cliHere(['replay', 'compare', good, bad, '--fail-on', 'worse'], env);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('new-failures') });
  });

  test('divergences lists groups, of one kind on request', async () => {
    expect((await cliHere(['replay', 'divergences', good, '--kind', 'new-failure'], env)).stdout).toBe(
      'no divergences\n',
    );
    const { stdout } = await cliHere(['replay', 'divergences', bad], env);
    expect(stdout).toMatch(/^NEW_FAILURE +\d+ +\d+ +\d+ +succeeded in the record, failed with 42P01/m);
  });

  test('compare leads to the calls that differ, with their parameters and what became of them in both', async () => {
    const { stdout, stderr } = await cliHere(['replay', 'compare', good, bad], env);
    expect(stderr).toBe(`\ncall by call: reprise replay compare ${good} ${bad} --calls\n`);
    const [, fingerprint = ''] = /^NEW_FAILURES .* ([0-9a-f]{16}) {2}INSERT INTO orders\b/m.exec(stdout) ?? [];
    const compare = (...flags: readonly string[]) =>
      cliHere(['replay', 'compare', good, bad, '--calls', ...flags], env);
    const one = await compare('--fingerprint', fingerprint, '--limit', '1');
    expect(one.code).toBe(0);
    expect(one.stdout).toMatch(
      /^NEW_FAILURE {2}[0-9a-f-]{36}\/\d+ {2}2026-11-23T16:28:37\.\d{6}Z {2}session \S+\n {4}INSERT INTO .*\n {4}\$1 = .*\n {4}A {2}SUCCEEDED, 1 row, [\d.]+ ms\n {4}B {2}FAILED 42P01, [\d.]+ ms, → relation .* does not exist\n$/,
    );
    const [, after = ''] = /^\nmore follow: --after (\S+)\n$/.exec(one.stderr) ?? [];

    const list = async (...flags: readonly string[]) => JSON.parse((await compare('--json', ...flags)).stdout);
    const all = await list('--fingerprint', fingerprint, '--limit', '1000');
    const rest = await list('--fingerprint', fingerprint, '--limit', '1000', '--after', after);
    expect(rest.calls).toEqual(all.calls.slice(1));
    expect(all).toMatchObject({ remarks: [], hasNextPage: false, endCursor: expect.any(String) });
    const failed = await list('--kind', 'new-failure', '--kind', 'fixed', '--limit', '1000');
    const { summary } = JSON.parse((await cliHere(['replay', 'compare', good, bad, '--json'], env)).stdout).b;
    expect(failed.calls).toHaveLength(summary.failed + summary.cascades);
    expect(failed.calls.every((call: { a: object; b: object }) => call.a && call.b)).toBe(true);
    const causes = await list('--kind', 'new-failure', '--no-cascades', '--limit', '1000');
    expect(causes.calls).toEqual(failed.calls.filter((call: { b: { cascade: boolean } }) => !call.b.cascade));
    expect(causes.calls).toHaveLength(summary.failed);
    expect(summary.cascades).toBeGreaterThan(0);
    const itself = await cliHere(['replay', 'compare', good, good, '--calls'], env);
    expect(itself).toEqual({ code: 0, stdout: 'no such calls\n', stderr: '' });
  });

  test('compare lists as many calls as it is told to, over pages, and goes on behind them', async () => {
    const wide = await replayOn(empty, ['--to', '2026-11-23T16:28:38Z']);
    const list = async (...flags: readonly string[]) =>
      JSON.parse((await cliHere(['replay', ...flags, '--json'], env)).stdout);
    const placesOf = (calls: readonly { transactionId: string; sequence: number; timestamp: string }[]) =>
      calls.map(({ timestamp, transactionId, sequence }) => `${timestamp} ${transactionId}/${sequence}`);
    const reported = async (id: string) => placesOf((await list('statements', id, '--limit', '100000')).statements);
    const narrow = new Set(await reported(bad));
    const expected = (await reported(wide)).filter((place) => !narrow.has(place));
    expect(expected.length).toBeGreaterThan(400);

    const first = await list('compare', wide, bad, '--calls', '--limit', '350');
    expect(first.calls).toHaveLength(350);
    expect(first.hasNextPage).toBe(true);
    const rest = await list('compare', wide, bad, '--calls', '--limit', '100000', '--after', first.endCursor);
    expect(rest.hasNextPage).toBe(false);
    const listed = placesOf([...first.calls, ...rest.calls]);
    expect([...listed].sort()).toEqual([...expected].sort());
    const times = listed.map((place) => place.slice(0, 27));
    expect(times).toEqual([...times].sort());
  });

  test('compare leads to the kinds of calls that it leaves out of the list without them', async () => {
    const flags = ['--slower-ratio', '1', '--slower-min', '0ms'];
    const slower = await cliHere(['replay', 'compare', good, good, ...flags], env);
    expect(slower.stderr).toBe(`\ncall by call: reprise replay compare ${good} ${good} --calls --kind slower\n`);
    const same = await cliHere(['replay', 'compare', good, good], env);
    expect(same.stderr).toBe('');
  });

  test.each([
    [['--kind', 'fixed'], '--kind is for --calls'],
    [['--fingerprint', 'x'], '--fingerprint is for --calls'],
    [['--no-cascades'], '--no-cascades is for --calls'],
    [['--limit', '1'], '--limit is for --calls'],
    [['--after', 'x'], '--after is for --calls'],
    [['--calls', '--all'], '--all is not for --calls'],
    [['--calls', '--fail-on', 'slower'], '--fail-on is not for --calls'],
    [['--calls', '--kind', 'worse'], 'it must be one of new-failure, fixed,'],
    [['--calls', '--limit', '0'], 'it must be 1 or more'],
    [['--calls', '--after', 'nowhere'], '--after "nowhere" is not a cursor of the calls of two replays'],
    [['--calls', '--slower-ratio', '0.5'], '--slower-ratio must be 1 to 1000000, not 0.5'],
  ])('compare with %j is exit status 2 and says why', async (flags, why) => {
    const { code, stderr } = await cliHere(['replay', 'compare', good, bad, ...flags], env);
    expect(stderr).toContain(why);
    expect(code).toBe(2);
  });

  test('compare takes the median of statements of few calls, and says so', async () => {
    const { stdout } = await cliHere(['replay', 'compare', good, again, '--all'], env);
    expect(stdout).toMatch(/^\w+ +\d +\d +.* [\d.]+ m?s p50 +[\d.]+ m?s p50 /m);
    expect(stdout).toMatch(/^\w+ +\d\d+ +\d\d+ +\d+ +\d+ +\d+ +\d+ +[\d.]+ m?s +[\d.]+ m?s +[+-]/m);
  });

  test('why a run differs can be found out: the first cause, its statement, its transaction', async () => {
    const failures = await cliHere(['replay', 'failures', again], env);
    const [, first = ''] = failures.stdout.split('\n');
    const [, sqlstate = '', constraint] = /^(23505) .*violates unique constraint "(\w+)"/.exec(first) ?? [];
    expect(constraint).toMatch(/_pkey$/);
    expect(failures.stderr).toBe(`\none by one: reprise replay statements ${again} --sqlstate ${sqlstate}\n`);
    expect((await report(again)).stdout).toMatch(
      /^\d+ statements? failed with 23503 or 23505 and not so in the record: likely .*COMMIT ordering restores$/m,
    );

    const list = (...flags: readonly string[]) => cliHere(['replay', 'statements', again, ...flags], env);
    const one = await list('--sqlstate', sqlstate, '--limit', '1');
    const [, id = '', transaction = ''] =
      /^ +[\d,]+ {2}((\S+)\/\d+) {2}FAILED 23505 {2}NEW_FAILURE/.exec(one.stdout) ?? [];
    expect(one.stdout).toContain(`→ duplicate key value violates unique constraint "${constraint}"`);
    expect((await cliHere(['journal', 'show', id], env)).stdout).toMatch(/^outcome +SUCCEEDED$/m);

    const whole = JSON.parse((await list('--transaction', transaction, '--json')).stdout).statements;
    const numbers = whole.map(({ sequence }: { sequence: number }) => sequence);
    expect(numbers).toEqual(numbers.map((_: number, at: number) => at + 1));
    expect(whole.some(({ cascade }: { cascade: boolean }) => cascade)).toBe(true);
    const causes = JSON.parse((await list('--transaction', transaction, '--no-cascades', '--json')).stdout).statements;
    expect(causes.some(({ cascade }: { cascade: boolean }) => cascade)).toBe(false);
  });

  test('statements pages, filters and says what there is not', async () => {
    const list = async (...flags: readonly string[]) =>
      JSON.parse((await cliHere(['replay', 'statements', again, '--json', ...flags], env)).stdout);
    const [few, whole] = [await list('--limit', '3'), await list('--limit', '150')];
    expect(few.hasNextPage).toBe(true);
    const rest = await list('--limit', '147', '--after', few.endCursor);
    expect([...few.statements, ...rest.statements]).toEqual(whole.statements);
    const from = await list('--seq', String(whole.statements[5].seq), '--limit', '1');
    expect(from.statements).toEqual([whole.statements[5]]);
    const differing = await list('--kind', 'new-failure', '--status', 'failed');
    expect(differing.statements.length).toBeGreaterThan(0);
    const none = await cliHere(['replay', 'statements', good, '--status', 'failed'], env);
    expect(none).toMatchObject({ code: 0, stdout: 'no such statements\n', stderr: '' });
    const missing = '00000000-0000-4000-8000-000000000000';
    expect(await cliHere(['replay', 'statements', missing], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no replay'),
    });
  });

  test('statements tells what the record has instead', async () => {
    const window = [
      '--from',
      '2026-11-23T16:28:37.447Z',
      '--to',
      '2026-11-23T16:28:38.500Z',
      '--only-outcome',
      'failed',
    ];
    const run = await cliHere(['replay', 'start', ...window, ...at(empty), '--watch'], env);
    const { stdout } = await cliHere(['replay', 'statements', idIn(run.stderr), '--kind', 'different-failure'], env);
    expect(stdout).toMatch(
      /FAILED 42P01 {2}DIFFERENT_FAILURE .*\n.*\n +→ relation "\w+" does not exist\n +in the record: \w{5} \w/,
    );
  });

  test('thresholds decide alone where no differences are named', async () => {
    const args = ['replay', 'start', ...BEGINNING, ...at(empty), '--watch'];
    expect((await cliHere([...args, '--threshold', 'failures<=100%'], env)).code).toBe(0);
    expect((await cliHere([...args, '--threshold', 'failures<=100%', '--fail-on', 'new-failure'], env)).code).toBe(1);
    expect((await cliHere(['replay', 'watch', bad, '--threshold', 'failures=0'], env)).code).toBe(1);
  });

  test('start --dry-run names what the target lacks, exit status 3', async () => {
    const { code, stdout } = await cliHere(['replay', 'start', ...BEGINNING, ...at(empty), '--dry-run'], env);
    expect(stdout).toMatch(/^ERROR +MISSING_RELATION +relation "\w+" does not exist \(42P01\): /m);
    expect(stdout).toMatch(/^transactions +\d+ \(in the record \d+ committed/m);
    expect(stdout).toMatch(/^coverage +[\d,]+ entries in the window, (?:no losses|losses: [\d,]+ [A-Z_]+)/m);
    expect(code).toBe(3);
  });

  test('start --dry-run tells problems in the words of the command line', async () => {
    const dry = ['replay', 'start', '--window', 'all', ...at(target), '--dry-run', '--max-connections', '2'];
    const { stdout, stderr } = await cliHere(dry, env);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/WARNING +CONNECTION_LIMIT +\d+ sessions are open at once and --max-connections is 2:/);
  });

  test('a run tells why it failed in the words of the command line', async () => {
    const limited = ['--ordering', 'timestamp', '--max-connections', '2', '--watch'];
    const { code, stdout } = await cliHere(['replay', 'start', '--window', 'all', ...at(target), ...limited], env);
    expect(stdout).toMatch(/^state +FAILED: \d+ sessions hold .* and --max-connections is 2: .*\[CONNECTION_LIMIT\]$/m);
    expect(code).not.toBe(0);
  });

  test('start --dry-run says how long a schedule with capped gaps takes at most', async () => {
    const dry = ['replay', 'start', ...BEGINNING, ...at(target), '--dry-run', '--speed', '1'];
    expect((await cliHere(dry, env)).stdout).toMatch(/^estimate +\d/m);
    expect((await cliHere([...dry, '--max-idle', '10ms'], env)).stdout).toMatch(/^estimate +at most \d/m);
  });
});
