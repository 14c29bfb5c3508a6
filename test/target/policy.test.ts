import { describe, expect, it } from 'vitest';
import { createTargetPolicy, type TargetPolicyConfig } from '../../src/target/policy.ts';
import type { TargetAlias, TargetSpec } from '../../src/target/spec.ts';

const STAGING: TargetAlias = {
  alias: 'staging',
  host: '10.1.2.3',
  port: 5432,
  user: 'replayer',
  password: 'stored secret',
  database: 'shop',
  tls: 'VERIFY_FULL',
  ca: 'PEM',
};

const NAMES: Record<string, string[]> = {
  localhost: ['::1', '127.0.0.1'],
  'db.internal': ['192.168.7.7', '10.9.9.9'],
  'inside.evil.test': ['127.0.0.1'],
  'zero.test': ['0.0.0.0'],
  'journal.test': ['127.0.0.1'],
};

function policy(changes: Partial<TargetPolicyConfig> = {}) {
  return createTargetPolicy({
    aliases: [STAGING],
    allow: ['loopback'],
    forbidden: [],
    lookup: async (host) => {
      const found = NAMES[host];
      if (!found) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      return found;
    },
    ...changes,
  });
}

const at = (host: string, port = 5432): TargetSpec => ({ host, port });

async function address(spec: TargetSpec, changes: Partial<TargetPolicyConfig> = {}): Promise<string> {
  return (await policy(changes).resolve(spec)).address;
}

describe('aliases', () => {
  it('resolve to what is configured, without passing the allowlist', async () => {
    expect(await policy({ allow: [] }).resolve({ alias: 'staging' })).toEqual({ ...STAGING, address: '10.1.2.3' });
  });

  it.each([
    [
      'me:hunter2@db',
      'staging.host is a URL or holds a login: give host, port, user, password and database one by one',
    ],
    ['postgresql://db/shop', 'staging.host is a URL or holds a login'],
    ['db 1', 'staging.host "db 1" is neither a host name nor an IP address'],
  ])('whose host is %s are a fault of the configuration, and no password is repeated', (host, message) => {
    const aliases = [{ ...STAGING, host }];
    const expected = { code: 'CONFIG_INVALID', message: expect.stringContaining(`REPRISE_TARGETS: ${message}`) };
    expect(() => policy({ aliases })).toThrowError(expect.objectContaining(expected));
  });

  it('that are unknown are refused with the known ones named', async () => {
    await expect(policy().resolve({ alias: 'prod' })).rejects.toMatchObject({
      code: 'TARGET_UNKNOWN',
      message: expect.stringMatching(/"prod".*staging/),
      path: ['target', 'alias'],
    });
  });

  it('given twice are a fault of the configuration', () => {
    expect(() => policy({ aliases: [STAGING, STAGING] })).toThrowError(/"staging" is given twice/);
  });

  it('are listed without their passwords', () => {
    const listed = policy().aliases();
    expect(listed).toEqual([
      { alias: 'staging', host: '10.1.2.3', port: 5432, user: 'replayer', database: 'shop', tls: 'VERIFY_FULL' },
    ]);
    expect(JSON.stringify(listed)).not.toContain('secret');
  });

  const overrides: [string, TargetSpec, { user: string; password: string | null; database: string }][] = [
    [
      'another database keeps user and password',
      { alias: 'staging', database: 'copy' },
      { user: 'replayer', password: 'stored secret', database: 'copy' },
    ],
    [
      'another user has no password',
      { alias: 'staging', user: 'eve' },
      { user: 'eve', password: null, database: 'shop' },
    ],
    [
      'another user brings a password',
      { alias: 'staging', user: 'eve', password: 'own' },
      { user: 'eve', password: 'own', database: 'shop' },
    ],
    [
      'the same user keeps the password',
      { alias: 'staging', user: 'replayer' },
      { user: 'replayer', password: 'stored secret', database: 'shop' },
    ],
    [
      'null is the same as absent',
      { alias: 'staging', user: null, password: null, database: null },
      { user: 'replayer', password: 'stored secret', database: 'shop' },
    ],
  ];
  it.each(overrides)('with overrides: %s', async (_, spec, expected) => {
    expect(await policy().resolve(spec)).toMatchObject(expected);
  });
});

describe('free-form targets', () => {
  it('default to postgres, postgres, no password and TLS where the server has it', async () => {
    expect(await policy().resolve(at('127.0.0.1'))).toEqual({
      alias: null,
      host: '127.0.0.1',
      address: '127.0.0.1',
      port: 5432,
      user: 'postgres',
      password: null,
      database: 'postgres',
      tls: 'PREFER',
      ca: null,
    });
  });

  it('never get the password of an alias that has the same host', async () => {
    const target = await policy({ allow: ['10.0.0.0/8'] }).resolve({ ...at('10.1.2.3'), user: 'replayer' });
    expect(target.password).toBeNull();
  });

  const loopback: [string, string][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['127.8.9.10', '127.8.9.10'],
    ['localhost', '127.0.0.1'],
    ['LOCALHOST.', '127.0.0.1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::ffff:7f00:1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['inside.evil.test', '127.0.0.1'],
  ];
  it.each(loopback)('%s is checked and connected to as %s', async (host, expected) => {
    expect(await address(at(host))).toBe(expected);
  });

  const refused: [string][] = [
    ['10.1.2.3'],
    ['db.internal'],
    ['::ffff:10.1.2.3'],
    ['167838211'],
    ['fe80::1'],
    ['[2001:db8::1]'],
  ];
  it.each(refused)('%s is refused by the default allowlist, with what to add', async (host) => {
    await expect(policy().resolve(at(host, 6000))).rejects.toMatchObject({
      code: 'TARGET_REFUSED',
      message: expect.stringMatching(/add \S+:6000 to REPRISE_ALLOW_TARGETS, or use a configured alias \(staging\)/),
    });
  });

  it.each(['fd00::1', '[fd00::1]'])('%s is shown in one pair of brackets where it is refused', async (host) => {
    await expect(policy().resolve(at(host))).rejects.toThrow('target [fd00::1]:5432/postgres is not allowed');
  });

  it.each([['0.0.0.0'], ['::'], ['[::]'], ['0'], ['::ffff:0.0.0.0'], ['zero.test']])(
    '%s, which means any address of this machine, is refused whatever is allowed',
    async (host) => {
      await expect(address(at(host), { allow: ['0.0.0.0/0', '::/0', 'zero.test'] })).rejects.toMatchObject({
        code: 'TARGET_REFUSED',
        message: expect.stringContaining('127.0.0.1'),
      });
    },
  );

  const rules: [string, TargetSpec, boolean][] = [
    ['10.0.0.0/8', at('10.200.0.1'), true],
    ['10.0.0.0/8', at('11.0.0.1'), false],
    ['10.0.0.0/8:5432', at('10.0.0.1', 5433), false],
    ['10.0.0.0/8:5432-5440', at('10.0.0.1', 5440), true],
    ['10.0.0.0/8:5432-5440', at('10.0.0.1', 5441), false],
    ['10.1.2.3', at('::ffff:10.1.2.3'), true],
    ['::ffff:10.0.0.0/104', at('10.1.2.3'), true],
    ['[fd00::]/8:5432', at('fd12::1'), true],
    ['[fd00::]/8:5432', at('fd12::1', 1), false],
    ['fd00::/8', at('[fd12::1]', 99), true],
    ['[fd00::5]:7', at('fd00::5', 7), true],
    ['loopback:7', at('127.0.0.1', 8), false],
    ['loopback', at('::1', 8), true],
    ['DB.internal:5432', at('db.INTERNAL.'), true],
    ['db.internal:5432', at('db.internal', 5433), false],
    ['db.internal', at('192.168.7.7'), false],
    ['0.0.0.0/0', at('fd00::1'), false],
    ['/var/run/postgresql', at('/var/run/postgresql'), true],
    ['/var/run/postgresql/', at('/var/run/./postgresql//'), true],
    ['/var/run', at('/var/run/postgresql'), false],
    ['/var/run/postgresql', at('/var/run/postgresql/../other'), false],
    ['0.0.0.0/0', at('/tmp'), false],
  ];
  it.each(rules)('rule %s and target %o: %s', async (rule, spec, allowed) => {
    const resolved = address(spec, { allow: [rule] });
    if (allowed) await expect(resolved).resolves.toBeTypeOf('string');
    else await expect(resolved).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
  });

  it('take, of the addresses of a name, the one that is allowed', async () => {
    expect(await address(at('db.internal'), { allow: ['10.0.0.0/8'] })).toBe('10.9.9.9');
    expect(await address(at('db.internal'), { allow: ['db.internal'] })).toBe('192.168.7.7');
  });

  it('whose name does not resolve are unreachable, in the words of a failed connect', async () => {
    await expect(policy().resolve(at('gone.test'))).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      message: 'connect to target gone.test:5432/postgres: the name does not resolve (ENOTFOUND)',
    });
  });

  const bad: [string, TargetSpec, string][] = [
    ['port 0', at('127.0.0.1', 0), 'port'],
    ['port 65536', at('127.0.0.1', 65_536), 'port'],
    ['port 54.32', at('127.0.0.1', 54.32), 'port'],
    ['port NaN', at('127.0.0.1', Number.NaN), 'port'],
    ['an empty host', at(''), 'host'],
    ['a host with a space', at('local host'), 'host'],
    ['a host that is a URL', at('http://localhost'), 'host'],
    ['a host with a user', at('me@localhost'), 'host'],
    ['a NUL in the user', { ...at('127.0.0.1'), user: 'a\0options\0-c x=y' }, 'user'],
    ['a NUL in the database', { ...at('127.0.0.1'), database: 'a\0b' }, 'database'],
    ['a database of 2,000 letters', { ...at('127.0.0.1'), database: 'x'.repeat(2_000) }, 'database'],
    ['an empty user', { ...at('127.0.0.1'), user: '' }, 'user'],
  ];
  it.each(bad)('with %s are bad input', async (_, spec, field) => {
    await expect(policy().resolve(spec)).rejects.toMatchObject({ code: 'BAD_INPUT', path: ['target', field] });
  });

  it.each([['10.0.0.0/99'], ['host:0'], ['host:9-8'], ['host:70000'], ['a b'], [''], ['[::1'], ['host:x']])(
    'a rule %j that cannot be read is a fault of the configuration',
    (rule) => {
      expect(() => policy({ allow: [rule] })).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );

  it('resolve through the resolver of the system', async () => {
    const real = createTargetPolicy({ aliases: [], allow: ['loopback'], forbidden: [] });
    expect((await real.resolve(at('localhost'))).address).toMatch(/^127\.|^::1$/);
  });
});

describe('forbidden databases', () => {
  const journal = { host: '127.0.0.1', port: 5432, database: 'reprise', what: "the journal's own database" };
  const named = (host: string, database = 'reprise', port = 5432): TargetSpec => ({ host, port, database });
  const allow = ['loopback', '/run/pg', 'journal.test'];

  const cases: [string, TargetSpec, boolean][] = [
    ['the same address', named('127.0.0.1'), true],
    ['another loopback address', named('127.0.0.2'), true],
    ['IPv6 loopback', named('::1'), true],
    ['localhost', named('localhost'), true],
    ['a name for it', named('journal.test'), true],
    ['a socket of this machine', named('/run/pg'), true],
    ['another database', named('127.0.0.1', 'shop'), false],
    ['another port', named('127.0.0.1', 'reprise', 5433), false],
  ];
  it.each(cases)('%s', async (_, spec, forbidden) => {
    const resolved = policy({ allow, forbidden: [journal] }).resolve(spec);
    if (!forbidden) await expect(resolved).resolves.toMatchObject({ host: '127.0.0.1' });
    else
      await expect(resolved).rejects.toMatchObject({
        code: 'TARGET_REFUSED',
        message: expect.stringContaining("is the journal's own database"),
      });
  });

  it('are refused under an alias and with its database overridden too', async () => {
    const config = { forbidden: [{ host: '10.1.2.3', port: 5432, database: 'live' }] };
    await expect(policy(config).resolve({ alias: 'staging', database: 'live' })).rejects.toMatchObject({
      code: 'TARGET_REFUSED',
    });
    await expect(policy(config).resolve({ alias: 'staging' })).resolves.toMatchObject({ alias: 'staging' });
  });

  it('are found by name, socket and IPv4-mapped address', async () => {
    const forbid = (host: string) => ({ allow, forbidden: [{ ...journal, host }] });
    await expect(policy(forbid('localhost')).resolve(named('127.0.0.1'))).rejects.toThrow();
    await expect(policy(forbid('/run/pg')).resolve(named('/run/pg/'))).rejects.toThrow();
    await expect(policy(forbid('/run/pg')).resolve(named('127.0.0.1'))).rejects.toThrow();
    await expect(policy(forbid('::ffff:127.0.0.1')).resolve(named('127.0.0.1'))).rejects.toThrow();
    await expect(policy(forbid('no.such.test')).resolve(named('127.0.0.1'))).resolves.toMatchObject({
      host: '127.0.0.1',
    });
  });
});
