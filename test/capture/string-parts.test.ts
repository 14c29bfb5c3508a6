import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { partsOf } from '../../src/capture/string-parts.ts';
import { transactionEffect } from '../../src/journal/transaction-effect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
let client: Client;
/** Warnings since the last look. */
let warnings: string[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  client = new Client({ connectionString: db.url });
  client.on('notice', ({ message = '' }) => warnings.push(message));
  await client.connect();
  await client.query('CREATE TABLE t (run int, v int)');
});
afterAll(async () => {
  await client.end();
  await db.drop();
});

const STATEMENTS = ['INSERT', 'BEGIN', 'COMMIT', 'ROLLBACK', 'PREPARE TRANSACTION'] as const;
type Kind = (typeof STATEMENTS)[number];
const PREPARED = 'SELECT gid FROM pg_prepared_xacts WHERE gid = ANY ($1)';
const ENDS: ReadonlySet<Kind> = new Set(['COMMIT', 'ROLLBACK', 'PREPARE TRANSACTION'] as const);

function* sequences(length: number): Generator<readonly Kind[]> {
  if (length === 0) yield [];
  else for (const rest of sequences(length - 1)) for (const kind of STATEMENTS) yield [...rest, kind];
}

/** The rows of a run that are there, once a block that was left open has been rolled back; whether there was one. */
async function left(run: number) {
  warnings = [];
  await client.query('ROLLBACK');
  const open = warnings.length === 0;
  const { rows } = await client.query<{ v: number }>('SELECT v FROM t WHERE run = $1 ORDER BY v', [run]);
  return { open, rows: rows.map(({ v }) => v) };
}

test('a string does what the server does, whatever transaction control it holds, in a block and outside', async () => {
  let run = 0;
  const wrong: string[] = [];
  for (const length of [1, 2, 3]) {
    for (const kinds of sequences(length)) {
      if (length === 3 && !kinds.includes('INSERT')) continue;
      for (const block of length < 3 ? [false, true] : [false]) {
        run++;
        const gids: string[] = [];
        const text = kinds
          .map((kind, place) => {
            if (kind === 'INSERT') return `INSERT INTO t VALUES (${run}, ${place})`;
            if (kind !== 'PREPARE TRANSACTION') return kind;
            gids.push(`${db.name}-${run}-${place}`);
            return `${kind} '${gids.at(-1)}'`;
          })
          .join('; ');
        const parts = partsOf(transactionEffect(text), block, false);
        let part = 0;
        const inserted = new Map<number, number>();
        kinds.forEach((kind, place) => {
          if (kind === 'INSERT') inserted.set(place, part);
          if (ENDS.has(kind)) part++;
        });
        const endingAs = (...ends: unknown[]) =>
          [...inserted].filter(([, at]) => ends.includes(parts[at]?.end)).map(([place]) => place);

        if (block) await client.query('BEGIN');
        await client.query(text);
        const before = await left(run);
        const { rows } = gids.length === 0 ? { rows: [] } : await client.query<{ gid: string }>(PREPARED, [gids]);
        for (const { gid } of rows) await client.query(`COMMIT PREPARED '${gid}'`);
        const after = rows.length === 0 ? before : await left(run);
        const did = [before.open, before.rows, after.rows, rows.length];
        const told = [
          parts.at(-1)?.end === null,
          endingAs('COMMITTED'),
          endingAs('COMMITTED', 'PREPARED'),
          // Alone and outside of a block it does nothing.
          length === 1 && !block ? 0 : parts.filter(({ end }) => end === 'PREPARED').length,
        ];
        if (JSON.stringify(did) !== JSON.stringify(told)) {
          wrong.push(`${block ? 'in a block ' : ''}${text}: ${JSON.stringify(did)}, not ${JSON.stringify(told)}`);
        }
      }
    }
  }
  expect(wrong).toEqual([]);
});
