import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrameHandler, RowMode, readServerMessage, tagCount, WireReader } from '../../src/target/wire-reader.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { byteByByte, startProxy } from './proxy.ts';
import { extended, int, open, run, runAll, simple, targetOf } from './support.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const MESSAGES = [
  simple('SELECT generate_series(1, 3), repeat($$x$$, 40)', true),
  extended('SELECT $1::int', [int(1)], 's1'),
  simple('SELECT 1/0'),
  simple('COPY (SELECT 1) TO STDOUT', true),
  simple("DO $$ BEGIN RAISE NOTICE 'n'; END $$"),
  simple('COPY pg_class FROM STDIN'),
  simple("SET application_name = 'other'"),
  simple(''),
];

describe('bytes of the server', () => {
  it('give the same outcomes one by one as in large pieces', async () => {
    const port = await startProxy(db.port, ({ client, server }) => {
      byteByByte(client, server);
      byteByByte(server, client);
    });
    const [whole, bytewise] = await Promise.all([open(targetOf(db)), open(targetOf(db, { port }))]);
    const timeless = ({ sentAt, doneAt, serviceMs, ...rest }: Awaited<ReturnType<typeof run>>) => rest;
    const expected = (await runAll(whole, MESSAGES)).map(timeless);
    expect((await runAll(bytewise, MESSAGES)).map(timeless)).toEqual(expected);
    expect(bytewise.parameters.get('application_name')).toBe('other');
  });

  it('are read alike wherever they are cut in two', async () => {
    const chunks: Buffer[] = [];
    const port = await startProxy(db.port, ({ client, server }) => {
      client.pipe(server);
      server.on('data', (chunk) => {
        chunks.push(chunk);
        client.write(chunk);
      });
    });
    const connection = await open(targetOf(db, { port }));
    chunks.length = 0;
    await runAll(connection, MESSAGES);
    const recorded = Buffer.concat(chunks);

    const read = (mode: RowMode, ...pieces: Buffer[]): string => {
      const frames = createHash('sha256');
      const rows = createHash('sha256');
      let count = 0;
      const handler: FrameHandler = {
        frame(type, buffer, start, end) {
          count++;
          frames.update(Buffer.of(type)).update(buffer.subarray(start, end)).update('|');
        },
        rowBytes: (bytes) => void rows.update(bytes),
      };
      const reader = new WireReader(handler);
      reader.rowMode = mode;
      for (const piece of pieces) expect(reader.push(piece)).toBe(piece.length);
      return `${count} ${reader.rows} ${frames.digest('hex')} ${rows.digest('hex')}`;
    };
    for (const mode of [RowMode.SKIP, RowMode.DIGEST, RowMode.COLLECT]) {
      const expected = read(mode, recorded);
      for (let at = 1; at < recorded.length; at++) {
        expect(read(mode, recorded.subarray(0, at), recorded.subarray(at))).toBe(expected);
      }
      expect(read(mode, ...[...recorded].map((byte) => Buffer.of(byte)))).toBe(expected);
    }
  });

  it('of 100 MB of rows, and of a row of 100 MB, are not held', async () => {
    const connection = await open(targetOf(db));
    await run(connection, simple('SELECT 1', true));
    const used = () => process.memoryUsage().external + process.memoryUsage().heapUsed;
    const before = used();
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, used());
    }, 2);
    try {
      const outcomes = await runAll(connection, [
        simple(`SELECT repeat('x', 1000) FROM generate_series(1, 100000)`),
        simple(`SELECT repeat('x', 1000000) FROM generate_series(1, 100)`, true),
        simple(`SELECT repeat('x', 100000000)`, true),
        simple(`SELECT repeat('x', 100000000)`),
      ]);
      expect(outcomes.map(({ ok, rows }) => [ok, rows])).toEqual([
        [true, 100_000],
        [true, 100],
        [true, 1],
        [true, 1],
      ]);
    } finally {
      clearInterval(sampler);
    }
    // What has been read and is not collected yet counts too; a row that is held would be 100 MB.
    expect(peak - before).toBeLessThan(80_000_000);
  });
});

describe('a command tag', () => {
  it.each([
    ['SELECT 12', 12],
    ['INSERT 0 3', 3],
    ['COPY 0', 0],
    ['SELECT 12345678901', 12_345_678_901],
    ['BEGIN', -1],
    ['CREATE TABLE', -1],
    ['', -1],
    ['7', -1],
  ])('%j counts %d', (tag, count) => {
    expect(tagCount(tag)).toBe(count);
  });
});

it('an error without the untranslated severity, as of servers before 9.6, keeps the translated one', () => {
  const message = Buffer.from('SFEHLER\0C42601\0Mkaputt\0P7\0\0');
  expect(readServerMessage(message, 0, message.length)).toEqual({
    severity: 'FEHLER',
    sqlstate: '42601',
    message: 'kaputt',
    detail: null,
    position: 7,
  });
});
