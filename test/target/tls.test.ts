import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { TargetConnection } from '../../src/target/connection.ts';
import { startTestServer, type TestServer } from '../support/postgres.ts';
import { listen } from './proxy.ts';
import { extended, int, OPTIONS, open, run, simple, targetOf, untilSleeping } from './support.ts';

const fixture = (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

let server: TestServer;
let ca: string;
let otherCa: string;

/** Lines of pg_hba.conf, first match wins; users are named for what they must present. */
const HBA = `
hostnossl all only_tls    all reject
hostssl   all only_plain  all reject
host      all by_md5      all md5
host      all by_scram    all scram-sha-256
host      all by_password all password
host      all all         all trust`;

beforeAll(async () => {
  server = await startTestServer();
  ca = await fixture('ca.pem');
  otherCa = await fixture('other-ca.pem');
  const admin = await TargetConnection.connect(targetOf(server), OPTIONS);
  // Written by the server itself, so that the files belong to its account, whoever runs the tests.
  const write = (content: string, name: string) =>
    admin.query(
      `COPY (SELECT unnest(string_to_array($$${content.trim()}$$, E'\\n'))) TO PROGRAM 'umask 077; cat > ${name}' (DELIMITER '|')`,
    );
  await write(await fixture('server.pem'), 'server.crt');
  await write(await fixture('server.key'), 'server.key');
  await write(HBA, 'pg_hba.conf');
  for (const name of ['only_tls', 'only_plain', 'by_scram', 'by_password']) {
    await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'sécret pass'`);
  }
  await admin.query(`SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'sécret pass'`);
  await admin.query('ALTER SYSTEM SET ssl = on');
  await admin.query('SELECT pg_reload_conf()');
  await admin.close();
  // The postmaster reads its configuration when it gets to it.
  for (;;) {
    const probe = await TargetConnection.connect(targetOf(server, { tls: 'PREFER' }), OPTIONS);
    const ready = probe.tls;
    await probe.close();
    if (ready) break;
  }
});
afterAll(() => server.stop());

const unreachable = (message: RegExp) => ({ code: 'TARGET_UNREACHABLE', message: expect.stringMatching(message) });

describe('TLS', () => {
  it.each([
    ['DISABLE', false],
    ['PREFER', true],
    ['REQUIRE', true],
  ] as const)('%s to a server that has it', async (tls, encrypted) => {
    const connection = await open(targetOf(server, { tls }));
    const { rows } = await connection.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    expect(rows).toEqual([[encrypted ? 't' : 'f']]);
    expect(connection.tls).toBe(encrypted);
  });

  it('VERIFY_FULL accepts the right CA with the right name or address', async () => {
    for (const host of ['localhost', '127.0.0.1']) {
      const connection = await open(targetOf(server, { tls: 'VERIFY_FULL', ca, host }));
      expect(connection.tls).toBe(true);
    }
  });

  it('VERIFY_FULL refuses another name, another CA and the CAs of the system', async () => {
    await expect(open(targetOf(server, { tls: 'VERIFY_FULL', ca, host: 'staging-db' }))).rejects.toMatchObject(
      unreachable(/^connect to target staging-db:.*TLS failed: .*does not match certificate/),
    );
    await expect(open(targetOf(server, { tls: 'VERIFY_FULL', ca: otherCa, host: 'localhost' }))).rejects.toMatchObject(
      unreachable(/TLS failed/),
    );
    await expect(open(targetOf(server, { tls: 'VERIFY_FULL', host: 'localhost' }))).rejects.toMatchObject(
      unreachable(/TLS failed/),
    );
  });

  it('REQUIRE verifies the chain, not the name, when a CA is given', async () => {
    const connection = await open(targetOf(server, { tls: 'REQUIRE', ca, host: 'staging-db' }));
    expect(connection.tls).toBe(true);
    await expect(open(targetOf(server, { tls: 'REQUIRE', ca: otherCa }))).rejects.toMatchObject(
      unreachable(/TLS failed/),
    );
  });

  it("the journal's database is reached alike", async () => {
    const { port, user, password } = server;
    const options = { host: '127.0.0.1', port, user, password, database: 'postgres' };
    for (const tls of ['REQUIRE', 'PREFER', 'VERIFY_FULL'] as const) {
      await expect(openDatabase({ ...options, tls, ca: otherCa })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    }
    for (const [tls, given] of [
      ['REQUIRE', null],
      ['REQUIRE', ca],
      ['VERIFY_FULL', ca],
    ] as const) {
      const database = await openDatabase({ ...options, tls, ca: given });
      expect(await database.ping()).toBe(true);
      await database.close();
    }
  });

  it('REQUIRE refuses a server that declines, PREFER goes on without', async () => {
    const declining = await listen((socket) => {
      socket.once('data', () => socket.write('N'));
    });
    await expect(open(targetOf(server, { tls: 'REQUIRE', port: declining }))).rejects.toMatchObject(
      unreachable(/the server does not offer TLS$/),
    );
    const plain = await open(targetOf(server, { tls: 'PREFER', user: 'only_plain', password: null }));
    expect(plain.tls).toBe(false);
  });

  it('refuses bytes that were smuggled in behind the answer to the request for TLS', async () => {
    const port = await listen((socket) => {
      socket.once('data', () => socket.write('SR\0\0\0\x08\0\0\0\0'));
    });
    for (const tls of ['PREFER', 'REQUIRE'] as const) {
      await expect(open(targetOf(server, { tls, port }))).rejects.toMatchObject(unreachable(/more than one byte/));
    }
  });

  it('carries pipelines, large texts, large results and cancel requests', async () => {
    const target = targetOf(server, { tls: 'VERIFY_FULL', ca });
    const [connection, observer] = await Promise.all([open(target), open(target)]);
    const large = 'x'.repeat(5_000_000);
    const answered: boolean[] = [];
    for (let i = 0; i < 200; i++) {
      const message = i % 50 === 0 ? simple(`SELECT '${large}'`) : extended('SELECT $1::int', [int(i)]);
      connection.send(message, ({ ok }) => answered.push(ok));
      if (i % 7 === 0) connection.flush();
    }
    expect((await run(connection, simple('SELECT 1'))).ok).toBe(true);
    expect(answered).toEqual(Array.from({ length: 200 }, () => true));

    const sleeping = run(connection, simple('SELECT pg_sleep(60)'));
    await untilSleeping(observer, connection.processId);
    await connection.cancel();
    expect(await sleeping).toMatchObject({ sqlstate: '57014' });
  });
});

describe('authentication', () => {
  const password = 'sécret pass';
  const users = ['by_md5', 'by_scram', 'by_password'];

  it.each(users)('%s lets in with the password', async (user) => {
    for (const tls of ['DISABLE', 'REQUIRE'] as const) {
      const connection = await open(targetOf(server, { user, password, tls }));
      expect((await connection.query('SELECT current_user')).rows).toEqual([[user]]);
    }
  });

  it.each(users)('%s refuses another password, and none', async (user) => {
    await expect(open(targetOf(server, { user, password: 'wrong one' }))).rejects.toMatchObject(
      unreachable(/password authentication failed for user .* \(FATAL 28P01\)$/),
    );
    await expect(open(targetOf(server, { user, password: null }))).rejects.toMatchObject(
      unreachable(/asks for the password of user/),
    );
  });

  it('trust asks for none', async () => {
    expect((await open(targetOf(server, { password: null }))).ended).toBe(false);
  });

  it('passes on what the server says when it has no line for us', async () => {
    await expect(open(targetOf(server, { user: 'only_tls' }))).rejects.toMatchObject(
      unreachable(/pg_hba.conf rejects connection.* \(FATAL 28000\)/),
    );
  });
});
