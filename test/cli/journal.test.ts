import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { from } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeTailCursor } from '../../src/journal/cursor.ts';
import { MAIN } from '../support/build.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { initialisedFolder } from '../support/postgres.ts';
import { SHOP_LOG } from '../support/shop.ts';
import { cli, cliHere, type Env, type ServiceProcess, startCli, startService } from './process.ts';

const OPERATOR = 'operator-token-of-a-test';
const READER = 'reader-token-of-a-test';
const BEGINNING = ['--from', '2026-11-23T16:28:37.447Z', '--to', '2026-11-23T16:28:37.500Z'];
const ANOTHER_LOG = new URL('../capture/fixtures/pg18-both.csv.gz', import.meta.url).pathname;
const NO_RUN = '00000000-0000-4000-8000-000000000000';

let folder: string;
let service: ServiceProcess;
let serviceEnv: Env;
let target: TestDatabase;
let env: Env;

beforeAll(async () => {
  [folder, target] = await Promise.all([initialisedFolder('journal'), createTestDatabase()]);
  const { host, port, user, password, name: database } = target;
  const targets = { staging: { host, port, user, password, database }, gone: { host, port: 1, user, password } };
  serviceEnv = { REPRISE_TARGETS: JSON.stringify(targets), REPRISE_TOKENS: `${OPERATOR}:operator,${READER}:reader` };
  service = await startService(folder, 0, serviceEnv);
  env = { REPRISE_SERVER_URL: service.url, REPRISE_TOKEN: READER, REPRISE_DATA_DIR: folder, PASSWORD: password };
  expect(await cliHere(['import', SHOP_LOG], env)).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await service.end('SIGTERM');
  await target.drop();
  await rm(folder, { recursive: true });
});

interface Shown {
  readonly id: string;
  readonly transactionId: string;
  readonly sequence: number;
  readonly statement: string;
  readonly parameters: readonly unknown[];
}

async function entries(...flags: readonly string[]): Promise<readonly Shown[]> {
  return JSON.parse((await cliHere(['journal', 'ls', ...BEGINNING, '--json', ...flags], env)).stdout).entries;
}

describe('journal show', () => {
  test('shows an entry whole, marked among its neighbours in its transaction', async () => {
    const second = (await entries('--limit', '500')).find(
      ({ sequence, parameters }) => sequence === 2 && parameters.length > 0,
    );
    if (!second) throw new Error('the log holds no such entry');
    const { code, stdout } = await cliHere(['journal', 'show', second.id, '--neighbours', '1'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^entry +${second.id}$`, 'm'));
    expect(stdout).toContain(`\n\n${second.statement}\n\n`);
    expect(stdout).toMatch(/^\$1 /m);
    expect(stdout).toMatch(/^outcome +SUCCEEDED$/m);
    expect(stdout).toMatch(/^transaction +COMMITTED, statement 2 of \d+$/m);
    expect(stdout).toMatch(/^▸ +2 /m);
    const shown = JSON.parse((await cliHere(['journal', 'show', second.id, '--json'], env)).stdout);
    expect(shown.entry).toMatchObject({ id: second.id, parameters: second.parameters });
    expect(shown.transaction).toMatchObject({ id: second.transactionId, status: 'COMMITTED' });
    expect(shown.neighbours.map(({ sequence }: Shown) => sequence).slice(0, 3)).toEqual([1, 2, 3]);
  });

  test('shows a failure with its SQLSTATE and message', async () => {
    const { stdout } = await cliHere(
      ['journal', 'ls', '--window', 'all', '--only-outcome', 'failed', '--limit', '1', '--ids'],
      env,
    );
    const id = /[0-9a-f-]{36}\/\d+/.exec(stdout)?.[0] ?? '';
    expect((await cliHere(['journal', 'show', id], env)).stdout).toMatch(/^outcome +FAILED 42601: syntax error/m);
  });

  test('shows a transaction with its entries, page by page', async () => {
    const [begun] = (await entries('--limit', '500')).filter(({ sequence }) => sequence === 3);
    const id = begun?.transactionId ?? '';
    const page = async (...flags: readonly string[]) =>
      JSON.parse((await cliHere(['journal', 'show', id, '--json', ...flags], env)).stdout);
    const whole = await page();
    expect(whole.transaction).toMatchObject({ id, entryCount: whole.entries.length });
    const first = await page('--limit', '2');
    const second = await page('--after', first.endCursor);
    expect([...first.entries, ...second.entries]).toEqual(whole.entries);
    const text = await cliHere(['journal', 'show', id, '--limit', '2'], env);
    expect(text.stdout).toMatch(new RegExp(`^transaction +${id}$`, 'm'));
    expect(text.stderr).toContain('more follow: --after ');
  });

  test('says what there is not', async () => {
    const missing = await cliHere(['journal', 'show', `${NO_RUN}/1`], env);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('the journal holds no entry') });
  });
});

describe('journal export', () => {
  test('writes every entry as a line of JSON and says how many on standard error', async () => {
    const { code, stdout, stderr } = await cli(['journal', 'export', '--window', 'all'], env);
    expect(code).toBe(0);
    expect(stderr).toBe('8,233 entries exported\n');
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(8233);
    const [first] = await entries('--limit', '1');
    expect(JSON.parse(lines[0] ?? '')).toEqual(first);
  });

  test('writes CSV that PostgreSQL reads back, absent and empty apart', async () => {
    const file = join(folder, 'journal.csv');
    const { stdout, stderr } = await cli(['journal', 'export', '--window', 'all', '--output', file], env);
    expect([stdout, stderr]).toEqual(['', `8,233 entries exported to ${file}\n`]);
    const client = new Client({ connectionString: target.url });
    await client.connect();
    try {
      const text = await readFile(file, 'utf8');
      const [names = ''] = text.split('\r\n');
      const columns = names.split(',').map((name) => `"${name}" text`);
      await client.query(`CREATE TEMPORARY TABLE exported (${columns.join(', ')})`);
      const copy = client.query(from('COPY exported FROM STDIN (FORMAT csv, HEADER)'));
      await new Promise((resolve, reject) => copy.on('finish', resolve).on('error', reject).end(text));
      const { rows } = await client.query(
        `SELECT count(*)::int AS entries, count(sqlstate)::int AS failed, count(DISTINCT id)::int AS ids,
                count(*) FILTER (WHERE parameters::json IS NULL)::int AS broken FROM exported`,
      );
      expect(rows).toEqual([{ entries: 8233, failed: 122, ids: 8233, broken: 0 }]);
      const [entry] = await entries('--limit', '1');
      const found = await client.query('SELECT statement, parameters FROM exported WHERE id = $1', [entry?.id]);
      expect(found.rows).toEqual([{ statement: entry?.statement, parameters: JSON.stringify(entry?.parameters) }]);
    } finally {
      await client.end();
    }
  });

  test('takes the filters of ls, and goes on behind a cursor without a header', async () => {
    const args = ['journal', 'export', ...BEGINNING, '--only-type', 'insert', '--format', 'csv'];
    const inserts = await entries('--only-type', 'insert', '--limit', '500');
    const { endCursor } = JSON.parse(
      (await cliHere(['journal', 'ls', ...BEGINNING, '--only-type', 'insert', '--limit', '1', '--json'], env)).stdout,
    );
    const { stderr, stdout } = await cli([...args, '--after', endCursor], env);
    expect(stderr).toBe(`${inserts.length - 1} entries exported\n`);
    expect(stdout.split(',')[0]).toBe(inserts[1]?.id);

    const file = join(folder, 'went-on.csv');
    await writeFile(file, 'what an export wrote before it was cut off\r\n');
    await cli([...args, '--after', endCursor, '--output', file], env);
    expect(await readFile(file, 'utf8')).toBe(`what an export wrote before it was cut off\r\n${stdout}`);
  });

  test('ends quietly when its reader has gone', async () => {
    const running = startCli(['journal', 'export', '--window', 'all'], env);
    await running.nextLine();
    expect(await running.hangUp()).toBe(0);
    expect(running.stderr()).toBe('');
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is an error like any other, with --json too', async () => {
    for (const flags of [[], ['--json']]) {
      const full = await open('/dev/full', 'w');
      const child = spawn(process.execPath, [MAIN, 'journal', 'export', '--window', 'all', ...flags], {
        env: { ...process.env, ...env },
        stdio: ['ignore', full.fd, 'pipe'],
      });
      const [stderr] = await Promise.all([text(child.stderr as Readable), once(child, 'close'), full.close()]);
      expect(child.exitCode).toBe(2);
      const said = 'standard output cannot be written: ENOSPC: no space left on device, write';
      if (flags.length === 0) expect(stderr).toBe(`error: ${said} [BAD_INPUT]\n`);
      else expect(JSON.parse(stderr)).toEqual({ error: { code: 'BAD_INPUT', message: said, path: [] } });
    }
  });

  test.skipIf(process.platform === 'win32')(
    'a file that takes no more holds whole lines, behind which the cursor that is named goes on',
    async () => {
      const file = join(folder, 'cut-off.jsonl');
      const args = ['journal', 'export', '--window', 'all', '--output', file];
      const limited = ['-c', 'ulimit -f 1000; exec "$@"', 'sh', process.execPath, MAIN, ...args];
      const child = spawn('sh', limited, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
      const [stderr] = await Promise.all([text(child.stderr as Readable), once(child, 'close')]);
      expect(stderr).toMatch(/^error: --output cannot be written: EFBIG.* \[BAD_INPUT\]$/m);
      expect(child.exitCode).toBe(2);
      const [, written = '', cursor = ''] = /not complete, ([\d,]+) entries were .* --after (\S+)\n/.exec(stderr) ?? [];
      const lines = (await readFile(file, 'utf8')).split('\n');
      expect(lines.pop()).toBe('');
      expect(lines).toHaveLength(Number(written.replace(',', '')));
      expect(await cliHere([...args, '--after', cursor], env)).toMatchObject({ code: 0 });
      const whole = await cli(['journal', 'export', '--window', 'all'], env);
      expect((await readFile(file, 'utf8')) === whole.stdout).toBe(true);
    },
  );

  test('Ctrl-C while a reader takes nothing names the cursor behind what that reader gets', async () => {
    const args = ['journal', 'export', '--window', 'all'];
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await once(child.stdout, 'readable');
    child.kill('SIGINT');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    expect(child.exitCode).toBe(130);
    const [, written = '', cursor = ''] = /not complete, ([\d,]+) entries were .* --after (\S+)\n/.exec(stderr) ?? [];
    expect(stdout.split('\n')).toHaveLength(Number(written.replace(',', '')) + 1);
    const rest = await cli([...args, '--after', cursor], env);
    expect(stdout + rest.stdout === (await cli(args, env)).stdout).toBe(true);
  });

  test('what is refused leaves an earlier export as it is, and names nothing to go on with', async () => {
    const file = join(folder, 'earlier.csv');
    await writeFile(file, 'earlier');
    const reversed = ['--from', '2026-11-23T17:00:00Z', '--to', '2026-11-23T16:00:00Z'];
    for (const flags of [reversed, [...BEGINNING, '--after', 'damaged']]) {
      const { code, stderr } = await cliHere(['journal', 'export', ...flags, '--output', file], env);
      expect(stderr).toMatch(/^error: .* \[(WINDOW_INVERTED|CURSOR_INVALID)\]\n$/);
      expect(code).toBe(2);
      expect(await readFile(file, 'utf8')).toBe('earlier');
    }
  });

  test.each(['--text', '--text-excludes'])('an empty %s, which every statement holds, is refused', async (flag) => {
    const { code, stderr } = await cliHere(['journal', 'ls', '--window', 'all', flag, ''], env);
    expect(stderr).toBe(`error: ${flag} is empty, which every statement holds: leave it out [BAD_INPUT]\n`);
    expect(code).toBe(2);
  });

  test('a text that is looked for has at most 10,000 characters', async () => {
    const { code, stderr } = await cliHere(['journal', 'ls', '--window', 'all', '--text', 'x'.repeat(10_001)], env);
    expect(stderr).toBe('error: --text has 10001 characters: give at most 10000 [LIMIT_EXCEEDED]\n');
    expect(code).toBe(2);
  });

  test.each([
    [['--output', 'journal.pdf'], '--format is missing'],
    [['--output', '/no/such/folder/journal.csv'], '--output cannot be written'],
    [['--format', 'xml'], 'xml'],
  ])('%j is exit status 2 and says why', async (flags, why) => {
    const { code, stderr } = await cliHere(['journal', 'export', '--window', 'all', ...flags], env);
    expect(stderr).toContain(why);
    expect(code).toBe(2);
  });
});

describe('targets', () => {
  test('ls lists the aliases for a reader, without secrets', async () => {
    const { code, stdout } = await cli(['targets', 'ls'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^alias +host +port +database +user +tls +policy$/m);
    expect(stdout).toMatch(
      new RegExp(`^staging +127.0.0.1 +${target.port} +${target.name} +\\w+ +prefer +allowed$`, 'm'),
    );
    expect(stdout).not.toContain(target.password);
    expect(JSON.parse((await cliHere(['targets', 'ls', '--json'], env)).stdout)).toHaveLength(2);
  });

  test('test connects and tells what the target is', async () => {
    const { code, stdout } = await cli(['targets', 'test', 'staging'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^server +PostgreSQL \d+/m);
    expect(stdout).toMatch(/^latency +.* to connect, .* a round trip$/m);
    expect(stdout).toMatch(/^writes +taken$/m);
    expect(stdout).toMatch(/^login +\w+: superuser$/m);
    const byHost = ['--host', target.host, '--port', String(target.port), '--user', target.user];
    const found = await cliHere(
      ['targets', 'test', ...byHost, '--password-env', 'PASSWORD', '--database', target.name, '--json'],
      env,
    );
    expect(JSON.parse(found.stdout)).toMatchObject({ target: `${target.host}:${target.port}/${target.name}` });
  });

  test.each([
    [['gone'], 5, 'connect to target 127.0.0.1:1/'],
    [['nowhere'], 3, 'staging'],
    [['--host', '192.0.2.1'], 3, 'REPRISE_ALLOW_TARGETS'],
    [['staging', '--host', '127.0.0.1'], 2, 'excludes --host'],
    [[], 2, 'targets ls'],
  ])('test %j is exit status %d', async (args, status, why) => {
    const { code, stderr } = await cliHere(['targets', 'test', ...args], env);
    expect(stderr).toContain(why);
    expect(code).toBe(status);
  });
});

describe('an argument that is no id', () => {
  const commands = ['watch', 'show', 'failures', 'divergences', 'pause', 'resume', 'cancel'];
  test.each([
    ...commands.map((command) => ['replay', command, 'nope']),
    ['replay', 'speed', 'nope', '2'],
    ['replay', 'compare', NO_RUN, 'nope'],
    ['report', 'nope'],
    ['journal', 'show', 'nope'],
    ['journal', 'show', `${NO_RUN}/0`],
  ])('is named, exit status 2: %s %s %s', async (...args) => {
    const words = args.filter((word) => word !== undefined);
    const { code, stderr } = await cliHere(words, env);
    expect(stderr).toMatch(/^error: <(id|b|replay)> "(nope|[0-9a-f-]{36}\/0)" is .*UUID/);
    expect(stderr).not.toContain('Variable');
    expect(code).toBe(2);
  });

  test('is named in JSON with --json, as is wrong usage of any kind', async () => {
    const id = await cliHere(['replay', 'cancel', 'nope', '--json'], env);
    expect(JSON.parse(id.stderr)).toMatchObject({ error: { code: 'BAD_INPUT', path: ['<id>'] } });
    const flag = await cli(['replay', 'ls', '--json', '--frobnicate'], env);
    expect(flag.code).toBe(2);
    expect(JSON.parse(flag.stderr).error).toMatchObject({
      code: 'BAD_INPUT',
      message: "unknown option '--frobnicate'",
    });
  });

  test('is named by its flag where only the service can tell', async () => {
    const { code, stderr } = await cliHere(['journal', 'ls', '--from', 'yesterday', '--to', 'today'], env);
    expect(stderr).toMatch(/^error: --from: /);
    expect(code).toBe(2);
  });
});

const START = encodeTailCursor({ timestamp: 0, position: 0n, sequence: 0, arrival: 0n });

// Last, with what is behind it: they add to the journal.
describe('journal tail', () => {
  const failed = ['journal', 'tail', '--only-outcome', 'failed', '--after'];
  const goOn = (stderr: string) => /go on with --after (\S+)\n$/.exec(stderr)?.[1] ?? '';

  test('prints a line for each entry that the filter lets through, until Ctrl-C, which is exit status 130', async () => {
    const running = startCli([...failed, START], env);
    const lines: string[] = [];
    while (lines.length < 122) lines.push(await running.nextLine());
    for (const line of lines) expect(line).toMatch(/^2026-11-23T\S+Z {2}\S+ {2}.{7,} {2}[0-9A-Z]{5} {2}\S/);
    expect(await running.end('SIGINT')).toBe(130);
    expect(goOn(running.stderr())).not.toBe('');
  });

  test('goes on behind the last entry when the service comes back, and from a cursor, in JSON one entry a line', async () => {
    const running = startCli([...failed, START, '--json'], env);
    const ids = new Set<string>();
    while (ids.size < 122) ids.add(JSON.parse(await running.nextLine()).id);
    const port = Number(new URL(service.url).port);
    await service.end('SIGTERM');
    await running.says(/^connection lost \(.*\), trying again in /m);
    service = await startService(folder, port, serviceEnv);
    expect(await cliHere(['import', ANOTHER_LOG], env)).toMatchObject({ code: 0 });
    const next = JSON.parse(await running.nextLine());
    expect(ids).not.toContain(next.id);
    expect(next.outcome.status).toBe('FAILED');
    await running.end('SIGINT');
    const again = startCli([...failed, START, '--json'], env);
    while (JSON.parse(await again.nextLine()).id !== next.id);
    expect(await again.end('SIGTERM')).toBe(130);
  });

  test('a cursor that is none is exit status 2', async () => {
    expect(await cliHere(['journal', 'tail', '--after', 'nowhere'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('CURSOR_INVALID'),
    });
  });
});

test('control characters of what was recorded reach no terminal, and JSON as they were recorded', async () => {
  const hidden = '\u001b]0;title\u0007\u009b2J';
  const id = randomUUID();
  const input = {
    statement: 'SELECT 1',
    outcome: { status: 'FAILED', sqlstate: '42601', message: `message ${hidden}` },
    autocommit: {
      id,
      origin: {
        ...{ nodeId: `node ${hidden}`, sessionId: `session ${hidden}`, database: `database ${hidden}` },
        ...{ user: `user ${hidden}`, application: `application ${hidden}` },
      },
    },
  };
  const query = 'mutation ($input: LogStatementInput!) { logStatement(input: $input) { __typename } }';
  const answer = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${OPERATOR}` },
    body: JSON.stringify({ query, variables: { input } }),
  });
  expect(await answer.json()).toEqual({ data: { logStatement: { __typename: 'LoggedStatement' } } });

  const shown = { entry: await cliHere(['journal', 'show', `${id}/1`], env) };
  const texts = await Promise.all([
    shown.entry.stdout,
    ...[['show', id], ['stats'], ['ls', '--window', 'all', '--only-transaction', id]].map(
      async (args) => (await cliHere(['journal', ...args], env)).stdout,
    ),
  ]);
  const tail = startCli(['journal', 'tail', '--after', START, '--only-transaction', id], env);
  texts.push(await tail.nextLine());
  await tail.end('SIGINT');
  for (const text of texts) {
    expect(text).toContain('\u{fffd}]0;title\u{fffd}\u{fffd}2J');
    expect(text).not.toMatch(/[^\P{Cc}\n\t]/u);
  }
  for (const name of ['node', 'session', 'database', 'user', 'application'])
    expect(shown.entry.stdout).toContain(`${name} \u{fffd}]0`);
  const { entry } = JSON.parse((await cliHere(['journal', 'show', `${id}/1`, '--json'], env)).stdout);
  expect(entry).toMatchObject({ sessionId: `session ${hidden}`, outcome: { message: `message ${hidden}` } });
});
