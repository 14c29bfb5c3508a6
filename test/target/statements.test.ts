import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Value } from '../../src/journal/value.ts';
import { type TargetConnection, TargetQueryError } from '../../src/target/connection.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy } from './proxy.ts';
import { extended, int, open, run, runAll, simple, targetOf, text } from './support.ts';

let db: TestDatabase;
let connection: TargetConnection;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  connection = await open(targetOf(db));
});

const float = (value: number): Value => ({ kind: 'float64', value });
const array = (...items: Value[]): Value => ({ kind: 'array', items });
const NULL: Value = { kind: 'null' };

describe('parameters', () => {
  const cases: [string, string, Value, string | null][] = [
    ['int', 'int', int(-7), '-7'],
    ['bigint at its end', 'bigint', int(9223372036854775807n), '9223372036854775807'],
    ['numeric', 'numeric', text('12345678901234567890.123456789'), '12345678901234567890.123456789'],
    ['numeric from an integer', 'numeric', int(5), '5'],
    ['text', 'text', text(`it's "quoted" \\ and ünï¢ödé 🎉`), `it's "quoted" \\ and ünï¢ödé 🎉`],
    ['text with its type', 'text', text('x', 25), 'x'],
    ['an empty text', 'text', text(''), ''],
    ['bytea', 'bytea', { kind: 'bytes', value: Uint8Array.of(0, 255, 92, 39) }, '\\x00ff5c27'],
    ['bool', 'bool', { kind: 'bool', value: true }, 't'],
    ['float', 'float8', float(0.1), '0.1'],
    ['the smallest float', 'float8', float(5e-324), '5e-324'],
    ['NaN', 'float8', float(Number.NaN), 'NaN'],
    ['infinity', 'float8', float(Number.NEGATIVE_INFINITY), '-Infinity'],
    ['null', 'int', NULL, null],
    [
      'text[]',
      'text[]',
      array(text('a,b'), text('"q"'), text('NULL'), NULL, text('')),
      '{"a,b","\\"q\\"","NULL",NULL,""}',
    ],
    ['int[]', 'int[]', array(int(1), int(2)), '{1,2}'],
    ['an empty int[]', 'int[]', array(), '{}'],
    ['a nested int[]', 'int[]', array(array(int(1), int(2)), array(int(3), NULL)), '{{1,2},{3,NULL}}'],
    ['jsonb', 'jsonb', text('{"a": [1, 2]}'), '{"a": [1, 2]}'],
    ['uuid', 'uuid', text('6f1e8a2c-1111-4222-8333-444455556666'), '6f1e8a2c-1111-4222-8333-444455556666'],
    ['timestamptz', 'timestamptz', text('2026-11-23T16:28:37.426123Z'), '2026-11-23 16:28:37.426123+00'],
    ['date with its type', 'date', text('2026-11-23', 1082), '2026-11-23'],
  ];
  it.each(cases)('%s goes into a column and comes back', async (_, type, value, expected) => {
    await connection.query(`SET timezone = 'UTC'; CREATE TEMPORARY TABLE c (v ${type})`);
    expect(await run(connection, extended('INSERT INTO c VALUES ($1)', [value]))).toMatchObject({ ok: true, rows: 1 });
    expect((await connection.query('SELECT v FROM c')).rows).toEqual([[expected]]);
  });

  it('of many kinds go in one statement', async () => {
    const { rows } = await connection.query('SELECT $1::int, $2::text, $3::text', [int(1), NULL, text('x')]);
    expect(rows).toEqual([['1', null, 'x']]);
  });

  it('with a NUL character fail as the server says, and alone', async () => {
    const [bad, good] = await runAll(connection, [extended('SELECT $1::text', [text('a\0b')]), simple('SELECT 1')]);
    expect(bad).toMatchObject({ ok: false, sqlstate: '22021' });
    expect(good).toMatchObject({ ok: true });
  });

  it('beyond what a message can count fail without being sent', async () => {
    const many = Array.from({ length: 65_536 }, () => int(1));
    const [bad, good] = await runAll(connection, [extended('SELECT 1', many), simple('SELECT 1')]);
    expect(bad).toMatchObject({ ok: false, sqlstate: '54023', message: expect.stringMatching(/^not sent/) });
    expect(good).toMatchObject({ ok: true });
  });
});

describe('outcomes', () => {
  it.each([
    ['SELECT generate_series(1, 3)', 3, 'SELECT 3'],
    ['CREATE TEMPORARY TABLE c (v int)', null, 'CREATE TABLE'],
    ['CREATE TEMPORARY TABLE c2 AS SELECT generate_series(1, 4)', 4, 'SELECT 4'],
    ['BEGIN', null, 'BEGIN'],
    ['SHOW work_mem', 1, 'SHOW'],
    ['EXPLAIN SELECT 1', 1, 'EXPLAIN'],
    ['SELECT 1 WHERE false', 0, 'SELECT 0'],
    ['VALUES (1), (2)', 2, 'SELECT 2'],
    ['DO $$ BEGIN END $$', null, 'DO'],
    ['', null, null],
    ['-- only a comment', null, null],
  ])('of %j count its rows, in both protocols', async (statement, rows, tag) => {
    for (const message of [simple(statement), extended(statement)]) {
      expect(await run(connection, message)).toMatchObject({ ok: true, rows, tag, message: null, lost: false });
      await run(connection, simple('ROLLBACK'));
      await run(connection, simple('DISCARD TEMP'));
    }
  });

  it('of INSERT, UPDATE, DELETE and MERGE count what they changed', async () => {
    await connection.query('CREATE TEMPORARY TABLE c (v int)');
    const outcomes = await runAll(connection, [
      simple('INSERT INTO c SELECT generate_series(1, 5)'),
      simple('INSERT INTO c VALUES (9) RETURNING v'),
      simple('UPDATE c SET v = v + 1 WHERE v < 3'),
      simple('DELETE FROM c WHERE v = 10'),
    ]);
    expect(outcomes.map(({ rows, tag }) => [rows, tag])).toEqual([
      [5, 'INSERT 0 5'],
      [1, 'INSERT 0 1'],
      [2, 'UPDATE 2'],
      [0, 'DELETE 0'],
    ]);
  });

  it('of several statements in one string are summed, with the last tag', async () => {
    const several = 'SELECT generate_series(1, 3); SHOW work_mem; BEGIN; SELECT 1 WHERE false';
    expect(await run(connection, simple(several))).toMatchObject({
      ok: true,
      rows: 4,
      tag: 'SELECT 0',
      transactionStatus: 'T',
    });
    expect(await run(connection, extended('SELECT 1; SELECT 2'))).toMatchObject({ ok: false, sqlstate: '42601' });
  });

  it('of a string that fails half way keep the tag of what completed and no rows', async () => {
    expect(await run(connection, simple('SELECT 1; SELECT 1/0; SELECT 2'))).toMatchObject({
      ok: false,
      sqlstate: '22012',
      tag: 'SELECT 1',
      rows: null,
    });
  });

  it('of errors carry SQLSTATE, severity, message, detail and position', async () => {
    await connection.query('CREATE TEMPORARY TABLE c (v int PRIMARY KEY)');
    expect(await run(connection, simple('SELEC 1'))).toMatchObject({
      ok: false,
      sqlstate: '42601',
      severity: 'ERROR',
      message: 'syntax error at or near "SELEC"',
      position: 1,
    });
    expect(await run(connection, simple('INSERT INTO c VALUES (1), (1)'))).toMatchObject({
      sqlstate: '23505',
      detail: 'Key (v)=(1) already exists.',
      position: null,
    });
  });

  it('follow the transaction', async () => {
    const outcomes = await runAll(
      connection,
      ['BEGIN', 'SELECT 1/0', 'SELECT 1', 'ROLLBACK'].map((statement) => simple(statement)),
    );
    expect(outcomes.map((outcome) => outcome.transactionStatus)).toEqual(['T', 'E', 'E', 'I']);
    expect(outcomes.map((outcome) => outcome.sqlstate)).toEqual([null, '22012', '25P02', null]);
    expect(connection.transactionStatus).toBe('I');
  });

  it('count notices and keep the last', async () => {
    const outcome = await run(
      connection,
      simple(`DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$; SELECT 1`),
    );
    expect(outcome).toMatchObject({ ok: true, notices: 2, lastNotice: 'WARNING: two', rows: 1 });
  });

  it('digest the result rows in their order, in either protocol and however the bytes are cut', async () => {
    const row = (value: string | null) => {
      const bytes = Buffer.from(value ?? '');
      const body = Buffer.alloc(6 + bytes.length);
      body.writeInt16BE(1, 0);
      body.writeInt32BE(value === null ? -1 : bytes.length, 2);
      bytes.copy(body, 6);
      const head = Buffer.alloc(5, 'D');
      head.writeInt32BE(4 + body.length, 1);
      return Buffer.concat([head, body]);
    };
    const sha = (...rows: (string | null)[]) =>
      createHash('sha256')
        .update(Buffer.concat(rows.map(row)))
        .digest('hex');
    const digest = async (statement: string) => (await run(connection, simple(statement, true))).digest;
    expect(await digest('VALUES (1), (null), (3)')).toBe(sha('1', null, '3'));
    expect(await digest('VALUES (3), (null), (1)')).toBe(sha('3', null, '1'));
    expect(await digest('BEGIN')).toBe(createHash('sha256').digest('hex'));
    expect(await digest('SELECT 1/0')).toBeNull();
    await run(connection, simple('ROLLBACK'));
    const prepared = { ...extended('VALUES ($1::int), (null), (3)', [int(1)]), digest: true };
    expect((await run(connection, prepared)).digest).toBe(sha('1', null, '3'));
    // Larger than any read, and not asked for.
    const large = 'x'.repeat(1_000_000);
    expect(await digest(`SELECT repeat('x', 1000000) UNION ALL SELECT 'y'`)).toBe(sha(large, 'y'));
    expect((await run(connection, simple('SELECT 1'))).digest).toBeNull();
  });

  it('say whether the statement was alone, and when it was sent and done', async () => {
    const outcome = await run(connection, simple('SELECT 1'));
    expect(outcome.alone).toBe(true);
    expect(outcome.serviceMs).toBe(outcome.doneAt - outcome.sentAt);
    const several = await runAll(connection, [simple('SELECT 1'), simple('SELECT 2'), simple('SELECT 3')]);
    expect(several.map(({ alone }) => alone)).toEqual([false, false, false]);
    expect(new Set(several.map(({ sentAt }) => sentAt)).size).toBe(1);
    const total = several.reduce((sum, { serviceMs }) => sum + serviceMs, 0);
    expect(total).toBeCloseTo(several[2]!.doneAt - several[0]!.sentAt, 6);
  });

  it('share the time of a read where several answers came in it', async () => {
    const message = simple('SELECT 1');
    // One write, and answers that wait together until they are read.
    const answers = runAll(
      connection,
      Array.from({ length: 200 }, () => message),
    );
    const until = performance.now() + 50;
    await new Promise(setImmediate);
    while (performance.now() < until);
    const outcomes = await answers;
    const reads = new Set(outcomes.map(({ doneAt }) => doneAt));
    expect(reads.size).toBeLessThan(200);
    for (const read of reads) {
      const shares = new Set(outcomes.flatMap(({ doneAt, serviceMs }) => (doneAt === read ? [serviceMs] : [])));
      expect(shares.size).toBe(1);
      expect([...shares][0]).toBeGreaterThan(0);
    }
    expect(outcomes.reduce((sum, { serviceMs }) => sum + serviceMs, 0)).toBeCloseTo(
      outcomes.at(-1)!.doneAt - outcomes[0]!.sentAt,
      6,
    );
  });
});

describe('a pipeline', () => {
  it('of 64 keeps failures apart, in both protocols', async () => {
    await connection.query('CREATE TEMPORARY TABLE c (v int PRIMARY KEY)');
    const outcomes = await runAll(
      connection,
      Array.from({ length: 64 }, (_, i) => {
        const value = i % 4 === 3 ? 0 : i + 1;
        return i % 2 === 0
          ? simple(`INSERT INTO c SELECT 10 / ${value} * 0 + ${i}`)
          : extended('INSERT INTO c SELECT 10 / $1::int * 0 + $2::int', [int(value), int(i)]);
      }),
    );
    expect(outcomes.map(({ ok }) => ok)).toEqual(Array.from({ length: 64 }, (_, i) => i % 4 !== 3));
    expect(new Set(outcomes.filter(({ ok }) => !ok).map(({ sqlstate }) => sqlstate))).toEqual(new Set(['22012']));
    expect((await connection.query('SELECT count(*) FROM c')).rows).toEqual([['48']]);
  });

  it('goes on after a statement that ran into its timeout', async () => {
    const limited = await open(targetOf(db), { statementTimeoutMs: 300 });
    const outcomes = await runAll(limited, [
      simple('SELECT 1'),
      extended('SELECT pg_sleep($1)', [float(30)]),
      simple('SELECT 2'),
      simple('SELECT pg_sleep(30)'),
      extended('SELECT 3'),
    ]);
    expect(outcomes.map(({ sqlstate }) => sqlstate)).toEqual([null, '57014', null, '57014', null]);
    expect(limited.ended).toBe(false);
  });

  it('takes what outcomes send in the same order', async () => {
    const seen: (number | null)[] = [];
    await new Promise<void>((resolve) => {
      const next = (n: number) => {
        connection.send(simple(`SELECT generate_series(1, ${n})`), ({ rows }) => {
          seen.push(rows);
          if (n === 50) resolve();
          else next(n + 1);
        });
      };
      next(1);
    });
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('gives each statement its answer, also where its reader took nothing for a while', async () => {
    const clients: Socket[] = [];
    let startAgain: () => unknown = () => {};
    const port = await startProxy(db.port, ({ client, server }) => {
      clients.push(client);
      client.pipe(server).pipe(client);
      startAgain = () => client.pipe(server);
    });
    const through = await open(targetOf(db, { port }));
    clients[0]!.unpipe();
    clients[0]!.pause();
    const answers: boolean[] = [];
    const large = `SELECT length('${'x'.repeat(1_000_000)}')`;
    // More than the buffers of the sockets on the way take.
    for (let sent = 0; sent < 16; sent++) {
      through.send(simple(large), ({ ok }) => answers.push(ok));
      through.flush();
    }
    startAgain();
    await run(through, simple('SELECT 1'));
    expect(answers).toEqual(Array(16).fill(true));
  });

  it('answers catalog queries in line with statements, and tells the server’s errors from others', async () => {
    const statement = run(connection, simple('SELECT 1'));
    const { rows, tag } = await connection.query('SELECT $1::text, null, $2::int', [text('a'), int(2)]);
    expect(rows).toEqual([['a', null, '2']]);
    expect(tag).toBe('SELECT 1');
    expect((await statement).ok).toBe(true);
    await expect(connection.query('SELECT 1/0')).rejects.toThrowError(TargetQueryError);
    await expect(connection.query('SELECT 1/0')).rejects.toMatchObject({
      sqlstate: '22012',
      message: 'division by zero',
    });
  });
});

describe('prepared statements', () => {
  const uses = async (name: string) =>
    (await connection.query(`SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE name = '${name}'`))
      .rows;

  it('are parsed once and then only bound', async () => {
    const message = (n: number) => extended('SELECT $1::int + 1', [int(n)], 's1');
    await run(connection, message(0));
    const outcomes = await runAll(connection, [message(1), message(2), message(3)]);
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(await uses('s1')).toEqual([['4']]);
  });

  it('are only bound from the first answer on, however many are under way', async () => {
    const used = extended('SELECT $1::int + 1', [int(1)], 's1');
    await new Promise<void>((resolve) => {
      let sent = 0;
      let answered = 0;
      const send = () => {
        sent += 1;
        connection.send(used, ({ ok }) => {
          expect(ok).toBe(true);
          answered += 1;
          if (sent < 1_000) send();
          else if (answered === 1_000) resolve();
        });
      };
      for (let n = 0; n < 100; n++) send();
    });
    expect(Number((await uses('s1'))[0]?.[0])).toBeGreaterThan(500);
  });

  it('are parsed again when their text changes', async () => {
    const outcomes = await runAll(connection, [
      extended('SELECT generate_series(1, $1::int)', [int(2)], 's1'),
      extended('SELECT generate_series(1, $1::int + 1)', [int(2)], 's1'),
      extended('SELECT generate_series(1, $1::int)', [int(2)], 's1'),
    ]);
    expect(outcomes.map(({ rows }) => rows)).toEqual([2, 3, 2]);
  });

  it('whose Parse failed are parsed again, also by what was already sent behind', async () => {
    const outcomes = await runAll(connection, [
      simple('BEGIN'),
      simple('SELECT 1/0'),
      extended('SELECT 7', [], 's1'),
      simple('ROLLBACK'),
      extended('SELECT 7', [], 's1'),
    ]);
    expect(outcomes.map(({ sqlstate }) => sqlstate)).toEqual([null, '22012', '25P02', null, null]);
    expect((await run(connection, extended('SELECT 7', [], 's1'))).ok).toBe(true);
  });

  it('outlive a rollback', async () => {
    await runAll(connection, [simple('BEGIN'), extended('SELECT 7', [], 's1'), simple('ROLLBACK')]);
    expect((await run(connection, extended('SELECT 7', [], 's1'))).ok).toBe(true);
    expect(await uses('s1')).toEqual([['2']]);
  });

  it.each(['DEALLOCATE ALL', 'DEALLOCATE s1', 'DISCARD ALL', 'SELECT 1; /* now */ deallocate all'])(
    'are parsed again after %s, without waiting for it',
    async (statement) => {
      await run(connection, extended('SELECT 7', [], 's1'));
      const outcomes = await runAll(connection, [simple(statement), extended('SELECT 7', [], 's1')]);
      expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
      expect(await uses('s1')).toEqual([['1']]);
    },
  );

  it('dropped behind our back fail once and are then parsed again', async () => {
    await run(connection, extended('SELECT 7', [], 's1'));
    await connection.query(`DO $$ BEGIN EXECUTE 'DEAL' || 'LOCATE ALL'; END $$`);
    expect((await run(connection, extended('SELECT 7', [], 's1'))).sqlstate).toBe('26000');
    expect((await run(connection, extended('SELECT 7', [], 's1'))).ok).toBe(true);
  });

  it('whose result would have other columns fail once and are then parsed again', async () => {
    await run(connection, simple('CREATE TEMPORARY TABLE changing (id int)'));
    const message = extended('SELECT * FROM changing', [], 's1');
    await run(connection, message);
    await run(connection, simple('ALTER TABLE changing ADD COLUMN more int'));
    expect((await run(connection, message)).sqlstate).toBe('0A000');
    expect((await run(connection, message)).ok).toBe(true);
  });

  it('of which the server takes two for one, as it looks at 63 bytes of their names, are told apart by their texts', async () => {
    const name = 'x'.repeat(63);
    const outcomes = [];
    for (const [end, text] of [
      ['1', 'SELECT generate_series(1, 3)'],
      ['2', 'SELECT 1'],
      ['1', 'SELECT generate_series(1, 3)'],
    ] as const)
      outcomes.push(await run(connection, extended(text, [], name + end)));
    expect(outcomes.map(({ rows }) => rows)).toEqual([3, 1, 3]);
  });

  it('take over a name that SQL prepared', async () => {
    await run(connection, simple('PREPARE s1 AS SELECT 1'));
    expect((await run(connection, extended('SELECT 7', [], 's1'))).ok).toBe(true);
  });
});

describe('COPY', () => {
  beforeEach(async () => {
    await connection.query('CREATE TEMPORARY TABLE c (v int)');
  });

  const refused = {
    ok: false,
    sqlstate: '57014',
    message: expect.stringContaining('COPY data is not in the record'),
    copyRefused: true,
  };
  const both = [
    ['simple', simple],
    ['extended', extended],
  ] as const;

  it.each(both)('FROM STDIN is refused alone and with statements behind, %s', async (_, message) => {
    expect(await run(connection, message('COPY c FROM STDIN'))).toMatchObject(refused);
    const outcomes = await runAll(connection, [
      message('SELECT 1'),
      message('COPY c FROM STDIN'),
      simple('SELECT 2'),
      message('copy c\nfrom/**/stdin with (format csv)'),
      extended('SELECT $1::int', [int(3)]),
      message('SELECT 4'),
    ]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true, false, true, true]);
    expect(outcomes[1]).toMatchObject(refused);
    expect(outcomes[3]).toMatchObject(refused);
    expect(connection.inFlight).toBe(0);
  });

  it.each(both)('FROM STDIN that the server does not begin fails by its own error, %s', async (_, message) => {
    const outcomes = await runAll(connection, [
      message('COPY no_such FROM STDIN'),
      simple('BEGIN'),
      message('SELECT 1/0'),
      message('COPY c FROM STDIN'),
      message('ROLLBACK'),
      message(`SELECT 'copy c from stdin'`),
    ]);
    expect(outcomes.map(({ sqlstate }) => sqlstate)).toEqual(['42P01', null, '22012', '25P02', null, null]);
    expect(outcomes.some(({ copyRefused }) => copyRefused)).toBe(false);
  });

  it('FROM STDIN within a string of several statements ends the string only', async () => {
    const outcomes = await runAll(connection, [
      simple('SELECT 1; COPY c FROM STDIN; COPY c FROM STDIN; SELECT 2'),
      simple('SELECT 3'),
    ]);
    expect(outcomes[0]).toMatchObject({ ...refused, tag: 'SELECT 1' });
    expect(outcomes[1]).toMatchObject({ ok: true });
  });

  it.each(both)('TO STDOUT is counted and passed over, %s', async (_, message) => {
    const outcomes = await runAll(connection, [
      message('COPY (SELECT generate_series(1, 1000)) TO STDOUT'),
      message('COPY (SELECT 1) TO STDOUT (FORMAT binary)'),
      message('SELECT 1'),
    ]);
    expect(outcomes.map(({ rows, tag }) => [rows, tag])).toEqual([
      [1000, 'COPY 1000'],
      [1, 'COPY 1'],
      [1, 'SELECT 1'],
    ]);
  });
});

describe('text', () => {
  it('of 20 MB goes through, and the next statement as well', async () => {
    const outcomes = await runAll(connection, [
      simple(`SELECT length('${'é'.repeat(10_000_000)}')`),
      extended('SELECT length($1)', [text('x'.repeat(20_000_000))]),
      simple('SELECT 1'),
    ]);
    expect(outcomes.map(({ ok, rows }) => [ok, rows])).toEqual([
      [true, 1],
      [true, 1],
      [true, 1],
    ]);
  });

  it('with a NUL fails without being sent', async () => {
    const outcomes = await runAll(connection, [
      simple('SELECT 1\0; DROP TABLE c'),
      extended('SELECT 1', [], 'a\0b'),
      simple('SELECT 1'),
    ]);
    expect(outcomes.map(({ sqlstate }) => sqlstate)).toEqual(['22021', '22021', null]);
  });

  it('quoted by an error is cut', async () => {
    const outcome = await run(connection, extended('SELECT $1::int', [text('x'.repeat(1_000_000))]));
    expect(outcome.sqlstate).toBe('22P02');
    expect(outcome.message!.length).toBeLessThan(8200);
  });

  it('stays UTF-8 after a recorded SET client_encoding', async () => {
    await run(connection, simple(`SET client_encoding TO 'LATIN1'`));
    const { rows } = await connection.query(`SELECT 'ünï¢ödé'::text, octet_length('é')`);
    expect(rows).toEqual([['ünï¢ödé', '2']]);
    expect(connection.parameters.get('client_encoding')).toBe('UTF8');
  });
});

describe('a call by OID', () => {
  const call = (oid: number) => new Promise<string | null>((resolve) => connection.call(oid, resolve));
  const oidOf = async (name: string) =>
    Number((await connection.query(`SELECT '${name}'::regprocedure::oid`)).rows[0]?.[0]);

  it('gives the value in line between statements, and null for NULL, an error and a lost connection', async () => {
    const xid = await oidOf('pg_current_xact_id_if_assigned()');
    const pid = await oidOf('pg_backend_pid()');
    await connection.query('CREATE TEMP TABLE called (n int)');
    const before = run(connection, simple('BEGIN'));
    const unassigned = call(xid);
    const insert = run(connection, simple('INSERT INTO called VALUES (1)'));
    const assigned = call(xid);
    const asked = connection.query('SELECT pg_current_xact_id()');
    expect((await before).ok).toBe(true);
    expect(await unassigned).toBeNull();
    expect((await insert).rows).toBe(1);
    expect(await assigned).toBe((await asked).rows[0]?.[0]);
    expect(await call(pid)).toBe(String(connection.processId));

    const failing = run(connection, simple('SELECT 1/0'));
    const failed = call(xid);
    expect((await failing).sqlstate).toBe('22012');
    expect(await failed).toBeNull();
    expect((await run(connection, simple('ROLLBACK'))).transactionStatus).toBe('I');

    const sleep = run(connection, simple('SELECT pg_sleep(600)'));
    const lost = call(pid);
    connection.destroy();
    expect((await sleep).lost).toBe(true);
    expect(await lost).toBeNull();
    expect(await call(pid)).toBeNull();
  });
});
