import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadClientConfig } from '../src/config/client.ts';
import type { Environment } from '../src/config/environment.ts';
import { VARIABLES } from '../src/config/variables.ts';
import { inspectConfig, loadConfig } from '../src/config.ts';
import { RepriseError } from '../src/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function refusal(env: Environment): RepriseError {
  try {
    loadConfig(env);
    loadClientConfig(env);
  } catch (error) {
    if (error instanceof RepriseError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const TOKEN = 'a-token-nobody-guesses';

describe('configuration', () => {
  test('an empty environment gives the documented defaults', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      dataDir: join(process.cwd(), '.reprise'),
      databaseUrl: null,
      targets: [],
      allowTargets: ['loopback'],
      tokens: [],
      allowedHosts: [],
      allowedOrigins: [],
      logLevel: 'info',
      retentionMs: null,
      retentionBytes: null,
      replayRetentionMs: null,
      entriesPerTransaction: 100_000,
      bytesPerTransaction: 64 * 1024 * 1024,
      maxReplays: 4,
      nodeId: 'default',
    });
    expect(loadClientConfig({})).toEqual({ serverUrl: 'http://127.0.0.1:4000', token: null });
  });

  test('an empty value counts as absent and a flag wins over the environment', () => {
    const config = loadConfig({ REPRISE_PORT: '', REPRISE_HOST: '::1' }, { REPRISE_HOST: 'localhost' });
    expect([config.port, config.host]).toEqual([4000, 'localhost']);
  });

  test('names and origins that browsers may use are read', () => {
    const config = loadConfig({
      REPRISE_ALLOWED_HOSTS: 'Reprise.example, db, fd00::1, [fd00::2], 10.0.0.1',
      REPRISE_ALLOWED_ORIGINS: 'https://A.example/, http://b.example:8080, https://c.example:443, tauri://localhost',
    });
    expect(config.allowedHosts).toEqual(['reprise.example', 'db', '[fd00::1]', '[fd00::2]', '10.0.0.1']);
    expect(config.allowedOrigins).toEqual([
      ...['https://a.example', 'http://b.example:8080', 'https://c.example', 'tauri://localhost'],
    ]);
  });

  test.each<[name: string, value: string, hint: string]>([
    ['REPRISE_PORT', 'tcp://10.0.0.1:4000', 'whole number from 0 to 65535'],
    ['REPRISE_PORT', '65536', 'whole number'],
    ['REPRISE_HOST', 'http://localhost', 'without port or scheme'],
    ['DATABASE_URL', 'mysql://root@localhost', 'postgresql://user:password@host'],
    ...['https://reprise.example', 'reprise.example:443', '*.example', 'two words', 'a/b'].map(
      (value): [string, string, string] => ['REPRISE_ALLOWED_HOSTS', value, 'without port or scheme'],
    ),
    ...[
      'tools.example',
      'https://tools.example/page',
      '*',
      'https://*.example',
      'null',
      'https://me@tools.example',
    ].map(
      (value): [string, string, string] => ['REPRISE_ALLOWED_ORIGINS', value, 'name each, without a path'] as const,
    ),
    ['REPRISE_RETENTION_DAYS', '0', 'leave it out to keep all'],
    ['REPRISE_RETENTION_DAYS', '1e-12', 'leave it out to keep all'],
    ['REPRISE_RETENTION_DAYS', '999999999', 'leave it out to keep all'],
    ['REPRISE_RETENTION_BYTES', 'lots', 'kB, MB, GB or TB'],
    ['REPRISE_REPLAY_RETENTION_DAYS', '-1', 'leave it out to keep all'],
    ['REPRISE_MAX_ENTRIES_PER_TRANSACTION', '-1', 'whole number from 1'],
    ['REPRISE_MAX_BYTES_PER_TRANSACTION', '1PB', 'kB, MB, GB or TB'],
    ['REPRISE_MAX_REPLAYS', '0', 'whole number from 1'],
    ['REPRISE_LOG_LEVEL', 'loud', 'none of fatal, error'],
    ['REPRISE_NODE_ID', 'two words', 'letters, digits'],
    ['REPRISE_SERVER_URL', 'localhost:4000', 'http://127.0.0.1:4000'],
    ['REPRISE_TOKENS', TOKEN, 'token:reader or token:operator'],
    ['REPRISE_TOKENS', 'short:reader', 'shorter than 16'],
    ['REPRISE_TOKENS', '@/nowhere/tokens', 'cannot be read'],
    ['REPRISE_TOKENS', `${TOKEN}:reader, ${TOKEN} x:operator`, 'token 2 holds a space'],
    ['REPRISE_TOKEN', 'first\nsecond', 'no header can carry'],
    ['REPRISE_TOKEN', 'schlüssel', 'not ASCII'],
    ['REPRISE_TARGETS', '/nowhere/targets.json', 'cannot be read'],
    ['REPRISE_TARGETS', '{', 'not valid JSON'],
    ['REPRISE_TARGETS', '{"staging":{"host":"db","tls":"maybe"}}', 'staging.tls'],
    ['REPRISE_TARGETS', '{"staging":{"host":"db","pasword":"x"}}', 'pasword'],
    ['REPRISE_TARGETS', '{"staging":{"host":"db","password":"x","passwordEnv":"Y"}}', 'one of password'],
    ['REPRISE_TARGETS', '{"staging":{"host":"db","passwordEnv":"MISSING"}}', 'MISSING, which is not set'],
  ])('%s=%s is refused with what to do', (name, value, hint) => {
    const error = refusal({ [name]: value });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toMatch(new RegExp(`^${name}: `));
    expect(error.message).toContain(hint);
    expect(error.path).toEqual([name]);
  });

  test('every variable at fault is named at once', () => {
    const { message } = refusal({ REPRISE_PORT: 'x', REPRISE_MAX_REPLAYS: 'y' });
    expect(message.split('\n').map((line) => line.split(':')[0])).toEqual(['REPRISE_PORT', 'REPRISE_MAX_REPLAYS']);
  });

  test('no message shows a secret', () => {
    const secret = 'hunter2hunter2hunter2';
    for (const env of [
      { DATABASE_URL: `mysql://root:${secret}@localhost` },
      ...['2024/', '#', '?', '5/#'].map((start) => ({
        DATABASE_URL: `postgresql://reprise:${start}${secret}@db/journal`,
      })),
      { REPRISE_TOKENS: `${secret}:admin` },
      { REPRISE_TOKENS: `${secret}ü:reader` },
      { REPRISE_TOKEN: `${secret}\n${secret}` },
      { REPRISE_TARGETS: `{"a":{"host":"db","password":"${secret}"` },
      { REPRISE_TARGETS: `'{"a":{"host":"db","password":"${secret}"}}'` },
      { REPRISE_SERVER_URL: `http://someone:${secret}@127.0.0.1:4000` },
      { REPRISE_SERVER_URL: `someone:${secret}@127.0.0.1:4000` },
      { REPRISE_TARGETS: `{"a":{"host":"db","password":"${secret}","port":0}}` },
    ]) {
      expect(refusal(env).message).not.toContain(secret);
    }
  });

  test.each(['0.0.0.0', '::', '192.168.1.5', 'db.example.com'])('listening on %s without tokens is refused', (host) => {
    expect(refusal({ REPRISE_HOST: host }).message).toMatch(/^REPRISE_HOST: .*REPRISE_TOKENS/);
    expect(loadConfig({ REPRISE_HOST: host, REPRISE_TOKENS: `${TOKEN}:operator` }).host).toBe(host);
  });

  test('tokens come by comma or from a file with comments', () => {
    const file = join(folder, 'tokens');
    writeFileSync(file, `# deploy tool\n${TOKEN}:operator\n\nwith:colons:in-the-token:reader\n`);
    const expected = [
      { token: TOKEN, role: 'operator' },
      { token: 'with:colons:in-the-token', role: 'reader' },
    ];
    expect(loadConfig({ REPRISE_TOKENS: `@${file}` }).tokens).toEqual(expected);
    expect(loadConfig({ REPRISE_TOKENS: `${TOKEN}:operator, with:colons:in-the-token:reader` }).tokens).toEqual(
      expected,
    );
  });

  test('sizes are read as PostgreSQL reads them', () => {
    const bytes = (value: string) => loadConfig({ REPRISE_RETENTION_BYTES: value }).retentionBytes;
    expect(['4096', '1kB', '1.5 MB', '20GB'].map(bytes)).toEqual([4096, 1024, 1.5 * 1024 ** 2, 20 * 1024 ** 3]);
    expect(loadConfig({ REPRISE_RETENTION_DAYS: '0.5' }).retentionMs).toBe(12 * 3_600_000);
    expect(loadConfig({ REPRISE_REPLAY_RETENTION_DAYS: '30' }).replayRetentionMs).toBe(30 * 86_400_000);
  });

  test('targets take their password and CA from files beside the target file, or from the environment', () => {
    writeFileSync(join(folder, 'secret'), 'from-file\n');
    writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\n');
    const file = join(folder, 'targets.json');
    writeFileSync(
      file,
      JSON.stringify({
        staging: { host: 'staging-db', user: 'app', passwordFile: 'secret', tls: 'verify-full', ca: 'ca.pem' },
        qa: { host: 'qa-db', port: 6432, database: 'shop', passwordEnv: 'QA_PASSWORD' },
      }),
    );
    expect(loadConfig({ REPRISE_TARGETS: file, QA_PASSWORD: 'from-env' }).targets).toEqual([
      {
        alias: 'staging',
        host: 'staging-db',
        port: 5432,
        user: 'app',
        password: 'from-file',
        database: 'app',
        tls: 'VERIFY_FULL',
        ca: '-----BEGIN CERTIFICATE-----\n',
      },
      {
        alias: 'qa',
        host: 'qa-db',
        port: 6432,
        user: 'postgres',
        password: 'from-env',
        database: 'shop',
        tls: 'PREFER',
        ca: null,
      },
    ]);
  });

  test('targets that are JSON of another form are not repeated as the name of a file', () => {
    const error = refusal({ REPRISE_TARGETS: '[{"alias":"a","password":"hunter2"}]' });
    expect(error.message).toMatch(/^REPRISE_TARGETS: the JSON: /);
    expect(error.message).not.toContain('hunter2');
  });

  test('every variable can be shown with its source and its fault, never with a secret', () => {
    const states = inspectConfig(
      {
        REPRISE_PORT: 'many',
        REPRISE_TOKENS: 'a-secret-token-of-us:reader',
        REPRISE_TOKEN: 'a-secret-token-of-us',
        REPRISE_TARGETS: '{"a":{"host":"h","password":"secret"}}',
        DATABASE_URL: 'postgresql://me:secret@db:5432/journal?password=secret',
      },
      { REPRISE_NODE_ID: 'n1' },
    );
    expect(states.map(({ name }) => name)).toEqual(VARIABLES.map(({ name }) => name));
    const of = (name: string) => states.find((state) => state.name === name);
    expect(of('REPRISE_PORT')).toMatchObject({ value: 'many', source: 'environment' });
    expect(of('REPRISE_PORT')?.problem).toContain('whole number');
    expect(of('REPRISE_NODE_ID')).toEqual({ name: 'REPRISE_NODE_ID', value: 'n1', source: 'flag', problem: null });
    expect(of('REPRISE_HOST')).toMatchObject({ value: '127.0.0.1', source: 'default' });
    expect(of('DATABASE_URL')?.value).toBe('postgresql://me:***@db:5432/journal');
    expect(JSON.stringify(states)).not.toContain('secret');
    for (const start of ['2024/', '#', '?']) {
      const url = `postgresql://reprise:${start}secret@db/journal`;
      expect(inspectConfig({ DATABASE_URL: url }).find(({ name }) => name === 'DATABASE_URL')).toMatchObject({
        value: '(set)',
        problem: expect.stringContaining('percent-encode the password'),
      });
    }
    const open = inspectConfig({ REPRISE_HOST: '0.0.0.0' }).find(({ name }) => name === 'REPRISE_HOST');
    expect(open?.problem).toContain('REPRISE_TOKENS');
  });

  test('the documentation lists every variable with its default', async () => {
    for (const file of ['README.md', 'docs/configuration.md']) {
      const text = await readFile(file, 'utf8');
      for (const variable of VARIABLES) {
        expect(text, `${file}: ${variable.name}`).toContain(
          `| \`${variable.name}\` | ${variable.default} | ${variable.meaning} |`,
        );
      }
    }
  });
});
