import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbedded } from '../../src/store/embedded.ts';
import { FAST_SETTINGS, initialisedFolder } from './postgres.ts';

const ACCOUNTS = 1_000;
const TELLERS = 10;

/** pgbench's tables with one branch, whose row every transaction changes. */
export const TPCB_SCHEMA = `
  CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int NOT NULL);
  CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int NOT NULL);
  CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int NOT NULL);
  CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp);
  INSERT INTO pgbench_branches VALUES (1, 0);
  INSERT INTO pgbench_tellers SELECT tid, 1, 0 FROM generate_series(1, ${TELLERS}) AS tid;
  INSERT INTO pgbench_accounts SELECT aid, 1, 0 FROM generate_series(1, ${ACCOUNTS}) AS aid`;

/** The sums of all balances, which are one number, and the number of transactions. */
export const TPCB_SUMS = `
  SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
         (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history),
         (SELECT count(*) FROM pgbench_history)`;

/** Statements of one transaction. */
export const TPCB_STATEMENTS = 7;

export interface TpcbLog {
  /** Path of the csvlog. */
  readonly csv: string;
  /** What `TPCB_SUMS` gives at its end, columns joined by `|`. */
  readonly sums: string;
  remove(): Promise<void>;
}

/** Lets so many clients at once run TPC-B transactions on a server of their own, and gives the log that it wrote. */
export async function recordTpcb(clients: number, transactions: number): Promise<TpcbLog> {
  const dataDir = await initialisedFolder('tpcb');
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    const quiet = await startEmbedded({ dataDir, settings: FAST_SETTINGS });
    await quiet.createDatabase('bench');
    await withClient(quiet.url('bench'), (client) => client.query(TPCB_SCHEMA));
    await quiet.stop();
    const server = await startEmbedded({
      dataDir,
      settings: {
        ...FAST_SETTINGS,
        logging_collector: 'on',
        log_destination: 'csvlog',
        log_filename: 'tpcb.log',
        log_rotation_age: '0',
        log_rotation_size: '0',
        log_statement: 'all',
        log_duration: 'on',
        log_file_mode: '0644',
      },
    });
    try {
      const url = server.url('bench');
      await Promise.all(Array.from({ length: clients }, () => withClient(url, (client) => run(client, transactions))));
      // Unseen: this is not part of the workload.
      const unlogged = '-c log_statement=none -c log_duration=off';
      const sums = await withClient(`${url}?options=${encodeURIComponent(unlogged)}`, async (client) => {
        const { rows } = await client.query<unknown[]>({ text: TPCB_SUMS, rowMode: 'array' });
        return (rows[0] ?? []).map(String).join('|');
      });
      return { csv: join(dataDir, 'pgdata', 'log', 'tpcb.csv'), sums, remove };
    } finally {
      await server.stop();
    }
  } catch (error) {
    await remove();
    throw error;
  }
}

async function run(client: Client, transactions: number): Promise<void> {
  const any = (most: number) => 1 + Math.floor(Math.random() * most);
  for (let n = 0; n < transactions; n++) {
    const [aid, tid, delta] = [any(ACCOUNTS), any(TELLERS), any(10_000) - 5_000];
    for (const statement of [
      'BEGIN',
      `UPDATE pgbench_accounts SET abalance = abalance + ${delta} WHERE aid = ${aid}`,
      `SELECT abalance FROM pgbench_accounts WHERE aid = ${aid}`,
      `UPDATE pgbench_tellers SET tbalance = tbalance + ${delta} WHERE tid = ${tid}`,
      `UPDATE pgbench_branches SET bbalance = bbalance + ${delta} WHERE bid = 1`,
      `INSERT INTO pgbench_history VALUES (${tid}, 1, ${aid}, ${delta}, CURRENT_TIMESTAMP)`,
      'END',
    ])
      await client.query(statement);
  }
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
