import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RepriseError } from '../../src/errors.ts';
import { TargetConnection } from '../../src/target/connection.ts';
import type { TargetOutcome } from '../../src/target/statement.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/postgres.ts';
import { listen, startProxy } from './proxy.ts';
import { extended, OPTIONS, open, run, runAll, simple, targetOf, untilSleeping } from './support.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

/** The reason, once the connection is lost. */
const lost = (connection: TargetConnection): Promise<RepriseError> =>
  new Promise((resolve) => connection.onLost(resolve));

describe('a connection that is lost', () => {
  it('gives every statement in flight an outcome before it tells', async () => {
    const [connection, observer] = await Promise.all([open(targetOf(db)), open(targetOf(db))]);
    const log: string[] = [];
    const outcomes: TargetOutcome[] = [];
    for (const message of [
      simple('SELECT 1'),
      simple('SELECT pg_sleep(60)'),
      simple('SELECT 2'),
      extended('SELECT 3'),
    ]) {
      connection.send(message, (outcome) => {
        outcomes.push(outcome);
        log.push('outcome');
      });
    }
    const reason = new Promise<RepriseError>((resolve) => {
      connection.onLost((error) => {
        log.push('lost');
        resolve(error);
      });
    });
    await untilSleeping(observer, connection.processId);
    await observer.query(`SELECT pg_terminate_backend(${connection.processId})`);
    expect(await reason).toMatchObject({
      code: 'TARGET_LOST',
      message: `target 127.0.0.1:${db.port}/${db.name}: connection lost: terminating connection due to administrator command (57P01)`,
    });
    expect(log).toEqual(['outcome', 'outcome', 'outcome', 'outcome', 'lost']);
    expect(outcomes[0]).toMatchObject({ ok: true, lost: false });
    expect(outcomes[1]).toMatchObject({ ok: false, lost: true, sqlstate: '57P01', severity: 'FATAL', rows: null });
    expect(outcomes[3]).toMatchObject({ ok: false, lost: true });
    expect(connection.ended).toBe(true);
    expect(connection.inFlight).toBe(0);
  });

  it('while idle tells at once, and answers later statements with lost', async () => {
    const [connection, observer] = await Promise.all([open(targetOf(db)), open(targetOf(db))]);
    const reason = lost(connection);
    await observer.query(`SELECT pg_terminate_backend(${connection.processId})`);
    await reason;
    expect(await run(connection, simple('SELECT 1'))).toMatchObject({ ok: false, lost: true, sqlstate: null });
    await expect(connection.query('SELECT 1')).rejects.toMatchObject({ code: 'TARGET_LOST' });
    expect((await lost(connection)).code).toBe('TARGET_LOST');
    await connection.cancel();
    await connection.close();
    connection.destroy();
  });

  it('by a server that is killed says so', async () => {
    const server = await startTestServer();
    try {
      const [connection, observer] = await Promise.all([open(targetOf(server)), open(targetOf(server))]);
      const statement = run(connection, simple('SELECT pg_sleep(60)'));
      const reason = lost(connection);
      await untilSleeping(observer, connection.processId);
      await server.kill();
      expect(await statement).toMatchObject({ ok: false, lost: true });
      expect(await reason).toMatchObject({ code: 'TARGET_LOST' });
    } finally {
      await server.stop();
    }
  });

  it('by what is no PostgreSQL message is given up', async () => {
    let inject = (_bytes: Buffer) => {};
    const port = await startProxy(db.port, ({ client, server }) => {
      client.pipe(server).pipe(client);
      inject = (bytes) => client.write(bytes);
    });
    for (const bytes of [
      Buffer.from('!\0\0\0\x04'),
      Buffer.from('C\0\0\0\x01'),
      Buffer.from('Z\0\0\0\x05I'),
      Buffer.from('C\x7f\xff\xff\xff'),
    ]) {
      const connection = await open(targetOf(db, { port }));
      const reason = lost(connection);
      inject(bytes);
      expect((await reason).message).toMatch(/does not speak the PostgreSQL protocol/);
    }
  });

  it('by a row that has no room for the number of its values is given up', async () => {
    const port = await startProxy(db.port, ({ client, server }) => {
      client.pipe(server);
      server.on('data', (chunk: Buffer) => client.write(chunk.includes('answer') ? Buffer.from('D\0\0\0\x04') : chunk));
    });
    const connection = await open(targetOf(db, { port }));
    const reason = lost(connection);
    await expect(connection.query("SELECT 'answer'")).rejects.toMatchObject({ code: 'TARGET_LOST' });
    expect((await reason).message).toMatch(/does not speak the PostgreSQL protocol: a message that cannot be read/);
  });

  it('may be replaced by the listener of a lost statement', async () => {
    const [connection, observer] = await Promise.all([open(targetOf(db)), open(targetOf(db))]);
    const again = new Promise<TargetOutcome>((resolve) => {
      connection.send(simple('SELECT pg_sleep(60)'), () => connection.send(simple('SELECT 1'), resolve));
    });
    await untilSleeping(observer, connection.processId);
    await observer.query(`SELECT pg_terminate_backend(${connection.processId})`);
    expect(await again).toMatchObject({ lost: true });
  });
});

describe('a path that swallows bytes', () => {
  /** Passes everything on until told to swallow what the server says; the connections stay open. */
  async function swallowing(): Promise<{ port: number; swallow: () => void }> {
    let swallow = false;
    const port = await startProxy(db.port, ({ client, server }) => {
      client.on('data', (chunk) => server.write(chunk));
      server.on('data', (chunk) => {
        if (!swallow) client.write(chunk);
      });
    });
    return {
      port,
      swallow: () => {
        swallow = true;
      },
    };
  }

  it('is given up when statement_timeout must have brought an answer', async () => {
    const { port, swallow } = await swallowing();
    const connection = await open(targetOf(db, { port }), { statementTimeoutMs: 300, answerGraceMs: 50 });
    expect((await run(connection, simple('SELECT 1'))).ok).toBe(true);
    swallow();
    const reason = lost(connection);
    expect(await run(connection, simple('SELECT 1'))).toMatchObject({ ok: false, lost: true });
    expect((await reason).message).toMatch(/no answer for \d+ ms/);
  });

  it('is not suspected while a string of several statements may take its time', async () => {
    const connection = await open(targetOf(db), { statementTimeoutMs: 1000, answerGraceMs: 1 });
    const outcome = await run(connection, simple(Array.from({ length: 6 }, () => 'SELECT pg_sleep(0.45)').join(';')));
    expect(outcome).toMatchObject({ ok: true, rows: 6 });
  });

  it('is not suspected once the session has chosen its own statement_timeout', async () => {
    const connection = await open(targetOf(db), { statementTimeoutMs: 200, answerGraceMs: 1 });
    const outcomes = await runAll(connection, [simple('SET statement_timeout = 0'), simple('SELECT pg_sleep(1.5)')]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
  });
});

describe('ending a connection', () => {
  it('by cancel ends what runs and leaves the connection in step', async () => {
    const [connection, observer] = await Promise.all([open(targetOf(db)), open(targetOf(db))]);
    const outcomes = runAll(connection, [simple('SELECT pg_sleep(60)'), simple('SELECT 1')]);
    await untilSleeping(observer, connection.processId);
    await connection.cancel();
    expect(await outcomes).toMatchObject([
      { ok: false, sqlstate: '57014', lost: false },
      { ok: true, rows: 1 },
    ]);
  });

  it('by a cancel that cannot be delivered says so', async () => {
    let answering = true;
    const port = await startProxy(db.port, ({ client, server }) => {
      if (answering) client.pipe(server).pipe(client);
    });
    const connection = await open(targetOf(db, { port }), { connectTimeoutMs: 500 });
    answering = false;
    await expect(connection.cancel()).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      message: expect.stringMatching(/cancel: the server did not take the cancel request within 500 ms/),
    });
  });

  it('by close takes the answers of what is under way first, and is no loss', async () => {
    const connection = await open(targetOf(db));
    let losses = 0;
    connection.onLost(() => losses++);
    const outcomes = runAll(connection, [simple('SELECT pg_sleep(0.05)'), simple('SELECT 1')]);
    const closed = connection.close();
    expect(connection.ended).toBe(true);
    expect(await run(connection, simple('SELECT 2'))).toMatchObject({ lost: true });
    expect((await outcomes).map(({ ok }) => ok)).toEqual([true, true]);
    await closed;
    await connection.close();
    expect(losses).toBe(0);
  });

  it('by close rolls the open transaction back', async () => {
    const [connection, observer] = await Promise.all([open(targetOf(db)), open(targetOf(db))]);
    await connection.query('BEGIN; CREATE TABLE closed_t ()');
    await connection.close();
    // Waits for the lock that the ended session may still be giving back.
    expect((await run(observer, simple('CREATE TABLE closed_t ()'))).ok).toBe(true);
  });

  it('by close does not wait for ever', async () => {
    const port = await listen((socket) => {
      socket.once('data', () => socket.write(Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I')));
      socket.on('end', () => {});
    });
    const connection = await TargetConnection.connect(targetOf(db, { port }), OPTIONS);
    const statement = run(connection, simple('SELECT 1'));
    await connection.close(50);
    expect(await statement).toMatchObject({ lost: true });
  });

  it('by destroy gives the outcomes before it returns, and is no loss', async () => {
    const connection = await open(targetOf(db));
    let losses = 0;
    connection.onLost(() => losses++);
    const outcomes: TargetOutcome[] = [];
    connection.send(simple('SELECT 1'), (outcome) => outcomes.push(outcome));
    connection.destroy('the run ended');
    expect(outcomes).toMatchObject([{ ok: false, lost: true, message: 'the run ended' }]);
    await connection.close();
    expect(losses).toBe(0);
  });

  it('by destroy from within an outcome tells what the same read has answered, and loses the rest', async () => {
    const connection = await open(targetOf(db));
    const outcomes: TargetOutcome[] = [];
    let cancelled: Promise<void> | null = null;
    const all = new Promise<void>((resolve) => {
      for (let i = 0; i < 20; i++) {
        connection.send(simple(i < 19 ? 'SELECT 1' : 'SELECT pg_sleep(60)'), (outcome) => {
          outcomes.push(outcome);
          if (outcomes.length === 1) {
            cancelled = connection.cancel();
            connection.destroy();
          }
          if (outcomes.length === 20) resolve();
        });
      }
    });
    // Answers gather until they are read.
    await new Promise(setImmediate);
    for (const until = performance.now() + 50; performance.now() < until; );
    await all;
    await cancelled;
    const lost = outcomes.map((outcome) => outcome.lost);
    const first = lost.indexOf(true);
    expect(first).toBeGreaterThan(1);
    expect(lost).toEqual(outcomes.map((_, i) => i >= first));
  });
});
