import { Client } from 'pg';
import { EntryRowsDocument } from '../../src/client/generated/graphql.ts';
import { createClient } from '../../src/client/index.ts';
import { encodeEntryCursor } from '../../src/journal/cursor.ts';
import type { EntryKey } from '../../src/journal/entry.ts';
import { formatMicros } from '../../src/journal/window.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { DAY, ensurePartitions } from '../../src/store/partitions.ts';
import type { Part } from '../lib/part.ts';
import { median, percentile } from '../lib/stats.ts';
import { fixed, whole } from '../lib/table.ts';

/** Entries of a page. */
const PAGE = 100;
/** Entries of a day, at one every 86.4 ms. */
const PER_DAY = 1_000_000;
const STEP = DAY / PER_DAY;
const FIRST_DAY = Date.UTC(2026, 0, 1) * 1000;
/** Entries behind the deepest place that is read. */
const TAIL = 10_000;

interface Depth {
  readonly depth: number;
  readonly storeMs: readonly number[];
  readonly graphqlMs: readonly number[];
}

export interface PagesData {
  readonly entries: number;
  readonly depths: readonly Depth[];
}

export const pages: Part<PagesData> = {
  name: 'pages',
  title: 'how long a page of the journal takes, by its depth in the window',

  async run(lab) {
    const { quick, full } = lab.options;
    const depths = [1, 10_000, ...(quick ? [100_000] : [1_000_000]), ...(full ? [10_000_000] : [])];
    const entries = depths.at(-1)! + TAIL;
    const service = await lab.startService('pages');
    lab.say(`pages: ${whole(entries)} entries by SQL`);
    await fill(service.ready.databaseUrl, entries);
    await service.call('settle');
    const database = await openDatabase(service.ready.databaseUrl);
    try {
      const limits = { entriesPerTransaction: 1e6, bytesPerTransaction: 1e9, retentionMs: null, retentionBytes: null };
      const journal = createJournalStore(database, limits);
      const client = createClient({ url: service.ready.url });
      const window = { from: FIRST_DAY, to: FIRST_DAY + entries * STEP };
      const texts = { from: formatMicros(window.from), to: formatMicros(window.to) };
      const samples = depths.map((depth) => ({ depth, storeMs: [] as number[], graphqlMs: [] as number[] }));
      const repeat = quick ? 20 : 100;
      for (let n = -3; n < repeat; n++) {
        for (const { depth, storeMs, graphqlMs } of samples) {
          const after = depth === 1 ? null : keyAt(depth + Math.floor((Math.random() * TAIL) / 2));
          const store = await timed(() => journal.page(window, {}, after, PAGE));
          const variables = {
            window: texts,
            filter: null,
            first: PAGE,
            after: after === null ? null : encodeEntryCursor(after),
          };
          const graphql = await timed(() => client.request(EntryRowsDocument, variables));
          // The first few find nothing in any cache.
          if (n < 0) continue;
          storeMs.push(store);
          graphqlMs.push(graphql);
        }
      }
      return { entries, depths: samples };
    } finally {
      await database.close();
      await service.stop();
    }
  },

  tables: ({ entries, depths }) => [
    {
      caption: `A page of ${PAGE} entries, milliseconds, in a journal of ${whole(entries)} entries.`,
      head: ['depth', 'store, p50', 'store, p99', 'GraphQL over HTTP, p50', 'p99'],
      rows: depths.map(({ depth, storeMs, graphqlMs }) => [
        whole(depth),
        fixed(median(storeMs), 2),
        fixed(percentile(storeMs, 0.99), 2),
        fixed(median(graphqlMs), 2),
        fixed(percentile(graphqlMs, 0.99), 2),
      ]),
    },
  ],
};

function keyAt(number: number): EntryKey {
  return { timestamp: FIRST_DAY + Math.round(number * STEP), position: BigInt(number), sequence: 1 };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Autocommit selects of 100 sessions, in total order. */
async function fill(databaseUrl: string, entries: number): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`
      insert into reprise.origins (key, node_id, session_id, user_name, database, application)
      select gen_random_uuid(), 'bench', 'session ' || n, 'app', 'shop', 'pages' from generate_series(1, 100) n`);
    for (let first = 0; first < entries; first += PER_DAY) {
      const last = Math.min(first + PER_DAY, entries) - 1;
      const day = FIRST_DAY + (first / PER_DAY) * DAY;
      await client.query('begin');
      await ensurePartitions(client as never, [day]);
      await client.query(
        `insert into reprise.entries (ts, position, arrival, sequence, origin_id, transaction_id, type, protocol, outcome, duration_ms, statement, parameters)
         select ${FIRST_DAY} + n * ${STEP}::int8, n, n / 1000, 1, 1 + n % 100, gen_random_uuid(), 0, 0, 0, 0.05,
                'SELECT abalance FROM pgbench_accounts WHERE aid = ' || n, '[]'
         from generate_series(${first}::int8, ${last}::int8) n`,
      );
      await client.query(
        `insert into reprise.journal_days (day, entries, peak_entries, max_arrival) values ($1, $2, $2, $3)`,
        [day, last - first + 1, Math.floor(last / 1000)],
      );
      await client.query(`update reprise.journal_clock set arrival = $1, position = $2`, [
        Math.floor(last / 1000),
        last,
      ]);
      await client.query('commit');
    }
  } finally {
    await client.end();
  }
}
