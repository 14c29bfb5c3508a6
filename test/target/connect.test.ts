import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { TargetConnection } from '../../src/target/connection.ts';
import { isSameDatabase, readDatabaseFacts } from '../../src/target/identity.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { byteByByte, listen, startProxy } from './proxy.ts';
import { extended, int, OPTIONS, open, run, simple, targetOf } from './support.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const unreachable = (message: RegExp) => ({
  name: 'RepriseError',
  code: 'TARGET_UNREACHABLE',
  message: expect.stringMatching(message),
});

/** A port of this machine on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a password', () => {
  it.each([
    ['of other spaces', 'a\u00a0b\u2003c'],
    ['of composed and decomposed letters', 'e\u0301\u00e9'],
    ['of letters that stand for several', '\ufb01\u2168'],
    ['of invisible letters', 'a\u00adb\u200dc'],
    ['of nothing but invisible letters', '\u00ad'],
    ['of another script', 'пароль'],
    ['of letters that its normal form does not know, beside one that has a normal form', '\u{1f9ea}\ufb01'],
    ['that runs both ways', 'a\u0627\ufb01'],
    ['that runs from right to left and ends in a number', '\u0627\ufb011'],
    ['of controls', 'a\u0007b'],
  ])('%s is the one that PostgreSQL keeps', async (_what, password) => {
    const user = `login_${db.name}`;
    const admin = await open(targetOf(db));
    await admin.query(`CREATE ROLE ${user} LOGIN PASSWORD E'${password}'`);
    try {
      const connection = await open(targetOf(db, { user, password }));
      expect((await connection.query('SELECT current_user')).rows).toEqual([[user]]);
    } finally {
      await admin.query(`DROP ROLE ${user}`);
    }
  });

  it('is asked for as it is by then, also of a user that has logged in before, and each user has its own', async () => {
    const [user, other] = [`login_${db.name}`, `other_${db.name}`];
    const admin = await open(targetOf(db));
    await admin.query(`CREATE ROLE ${user} LOGIN PASSWORD 'first'; CREATE ROLE ${other} LOGIN PASSWORD 'first'`);
    try {
      const target = targetOf(db);
      const logIn = async (as: string, password: string) =>
        (await (await open(target, { user: as, password })).query('SELECT current_user')).rows[0]?.[0];
      const refused = unreachable(/password authentication failed .*28P01/);
      expect(await logIn(user, 'first')).toBe(user);
      expect(await logIn(other, 'first')).toBe(other);
      expect(await logIn(user, 'first')).toBe(user);
      await expect(logIn(user, 'second')).rejects.toMatchObject(refused);
      await admin.query(`ALTER ROLE ${user} PASSWORD 'second'`);
      await expect(logIn(user, 'first')).rejects.toMatchObject(refused);
      expect(await logIn(user, 'second')).toBe(user);
      expect(await logIn(other, 'first')).toBe(other);
    } finally {
      await admin.query(`DROP ROLE ${user}, ${other}`);
    }
  });
});

describe('a session', () => {
  it('knows its backend, the server and its parameters', async () => {
    const connection = await open(targetOf(db));
    const { rows } = await connection.query('SELECT pg_backend_pid(), current_database(), current_user');
    expect(rows).toEqual([[String(connection.processId), db.name, db.user]]);
    expect(connection.serverVersion).toMatch(/^\d+(\.\d+)?$/);
    expect(connection.parameters.get('application_name')).toBe('reprise test');
    expect(connection.parameters.get('client_encoding')).toBe('UTF8');
    expect(connection.tls).toBe(false);
  });

  it('has its limits from the start, so that RESET ALL and DISCARD ALL return to them', async () => {
    const connection = await open(targetOf(db), { statementTimeoutMs: 12_345, readOnly: true });
    await run(connection, simple('SET statement_timeout = 7'));
    await run(connection, simple('SET default_transaction_read_only = off'));
    await run(connection, simple('DISCARD ALL'));
    const { rows } = await connection.query(
      `SELECT current_setting('statement_timeout'), current_setting('default_transaction_read_only')`,
    );
    expect(rows).toEqual([['12345ms', 'on']]);
    expect(await run(connection, simple('CREATE TABLE t ()'))).toMatchObject({ ok: false, sqlstate: '25006' });
  });

  it('sets its limits afterwards where a pooler refuses them at start-up', async () => {
    const refusal = 'SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0';
    const head = Buffer.alloc(5, 'E');
    head.writeInt32BE(4 + refusal.length, 1);
    const port = await startProxy(db.port, ({ client, server }) => {
      server.pipe(client);
      client.on('data', (chunk) => {
        // Version 3.0 stands behind the length of a start-up message only.
        if (chunk.length > 8 && chunk.readInt32BE(4) === 196_608 && chunk.includes('statement_timeout\0'))
          client.end(Buffer.concat([head, Buffer.from(refusal)]));
        else server.write(chunk);
      });
    });
    const connection = await open(targetOf(db, { port }), { statementTimeoutMs: 777, readOnly: true });
    const { rows } = await connection.query(
      `SELECT current_setting('statement_timeout'), current_setting('default_transaction_read_only')`,
    );
    expect(rows).toEqual([['777ms', 'on']]);
  });

  it('makes the settings it is given, and names one that the server refuses', async () => {
    const connection = await open(targetOf(db), { settings: { search_path: 'a, b', TimeZone: 'Asia/Tokyo' } });
    const { rows } = await connection.query(`SELECT current_setting('search_path'), current_setting('timezone')`);
    expect(rows).toEqual([['a, b', 'Asia/Tokyo']]);
    await expect(open(targetOf(db), { settings: { work_mem: 'lots' } })).rejects.toMatchObject(
      unreachable(/setting work_mem: invalid value for parameter/),
    );
  });

  it('goes to another database and logs in as another user when told to', async () => {
    const connection = await open(targetOf(db), { database: 'postgres' });
    expect((await connection.query('SELECT current_database()')).rows).toEqual([['postgres']]);
    await connection.query(`CREATE ROLE mapped_${db.name} LOGIN PASSWORD 'mapped'`);
    onTestFinished(async () => {
      const admin = await TargetConnection.connect(targetOf(db), OPTIONS);
      await admin.query(`DROP ROLE mapped_${db.name}`);
      await admin.close();
    });
    const mapped = await open(targetOf(db), { user: `mapped_${db.name}`, password: 'mapped' });
    expect((await mapped.query('SELECT current_user')).rows).toEqual([[`mapped_${db.name}`]]);
    await expect(open(targetOf(db), { user: `mapped_${db.name}` })).rejects.toMatchObject(
      unreachable(/asks for the password of user "mapped_.*", and none is given/),
    );
  });

  it('starts when the server sends its bytes one at a time', async () => {
    const port = await startProxy(db.port, ({ client, server }) => {
      byteByByte(client, server);
      byteByByte(server, client);
    });
    const connection = await open(targetOf(db, { port }));
    const outcome = await run(connection, extended('SELECT $1::int + 1', [int(41)]));
    expect(outcome).toMatchObject({ ok: true, rows: 1, tag: 'SELECT 1' });
  });

  it('goes through a Unix socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'reprise-socket-'));
    const server = createServer((client) => {
      const behind = createConnection({ host: '127.0.0.1', port: db.port });
      client.pipe(behind).pipe(client);
      client.on('error', () => {});
      behind.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(join(directory, '.s.PGSQL.6543'), resolve));
    onTestFinished(async () => {
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    });
    // TLS is not asked for on a socket, as with libpq.
    const target = targetOf(db, { host: directory, address: directory, port: 6543, tls: 'REQUIRE' });
    const connection = await open(target);
    expect((await connection.query('SELECT 1')).rows).toEqual([['1']]);
    await connection.close();
  });

  it('is told from every other database by facts, whatever way it was reached', async () => {
    const port = await startProxy(db.port, ({ client, server }) => client.pipe(server).pipe(client));
    const [direct, forwarded, other] = await Promise.all([
      open(targetOf(db)),
      open(targetOf(db, { port })),
      open(targetOf(db, { database: 'postgres' })),
    ]);
    const [a, b, c] = await Promise.all([direct, forwarded, other].map(readDatabaseFacts));
    expect(isSameDatabase(a!, b!)).toBe(true);
    expect(isSameDatabase(a!, c!)).toBe(false);
  });
});

describe('a target that cannot be reached', () => {
  it('at a closed port', async () => {
    const port = await closedPort();
    await expect(open(targetOf(db, { port }))).rejects.toMatchObject(
      unreachable(new RegExp(`^connect to target 127.0.0.1:${port}/${db.name}: .*ECONNREFUSED`)),
    );
  });

  it('behind a server that takes the connection and never answers', async () => {
    const port = await listen(() => {});
    await expect(open(targetOf(db, { port }), { connectTimeoutMs: 100 })).rejects.toMatchObject(
      unreachable(/no session within 100 ms$/),
    );
    await expect(open(targetOf(db, { port, tls: 'REQUIRE' }), { connectTimeoutMs: 100 })).rejects.toMatchObject(
      unreachable(/no session within 100 ms$/),
    );
  });

  it('behind a server that hangs up', async () => {
    const port = await listen((socket) => socket.end());
    await expect(open(targetOf(db, { port }))).rejects.toMatchObject(unreachable(/closed the connection$/));
  });

  it('behind a server that speaks something else', async () => {
    const port = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(open(targetOf(db, { port }))).rejects.toMatchObject(
      unreachable(/does not speak the PostgreSQL protocol$/),
    );
    await expect(open(targetOf(db, { port, tls: 'REQUIRE' }))).rejects.toMatchObject(unreachable(/TLS/));
  });

  it('without the database', async () => {
    await expect(open(targetOf(db, { database: 'no_such' }))).rejects.toMatchObject(
      unreachable(/no_such: database "no_such" does not exist \(FATAL 3D000\)/),
    );
  });

  it('with a wrong password, which no message repeats', async () => {
    const failure = await open(targetOf(db, { password: 'very wrong secret' })).catch((error: unknown) => error);
    expect(failure).toMatchObject(unreachable(/password authentication failed for user "postgres" \(FATAL 28P01\)/));
    expect(`${(failure as Error).stack} ${JSON.stringify(failure)}`).not.toContain('very wrong secret');
  });

  it('without a password, whatever PG* variables say', async () => {
    vi.stubEnv('PGPASSWORD', db.password).stubEnv('PGHOST', 'elsewhere').stubEnv('PGOPTIONS', '-c work_mem=1MB');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(open(targetOf(db, { password: null }))).rejects.toMatchObject(
      unreachable(/asks for the password of user "postgres", and none is given/),
    );
    const connection = await open(targetOf(db));
    expect((await connection.query('SHOW work_mem')).rows).toEqual([['4MB']]);
  });

  it('that accepts any password without proving that it knows it', async () => {
    const message = (type: string, ...parts: (number | string)[]) => {
      const body = Buffer.concat(
        parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([0, 0, 0, part]))),
      );
      const head = Buffer.alloc(5, type);
      head.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    };
    const port = await listen((socket) => {
      let step = 0;
      socket.on('data', () => {
        if (step++ === 0) socket.write(message('R', 10, 'SCRAM-SHA-256\0\0'));
        else socket.write(Buffer.concat([message('R', 0), message('Z', 'I')]));
      });
    });
    await expect(open(targetOf(db, { port }))).rejects.toMatchObject(unreachable(/does not prove/));
  });
});
