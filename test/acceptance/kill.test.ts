import { expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { cli, startCli } from '../cli/process.ts';
import { until } from '../server/support.ts';
import { createTestDatabase } from '../support/database.ts';

const LOG = new URL('../../examples/pgbench/postgresql.csv.gz', import.meta.url).pathname;

it('an import that is killed at any moment loses nothing acknowledged, and goes on without duplicates', async () => {
  const home = await createTestDatabase('journal');
  const database = await openDatabase(home.url);
  const journal = createJournalStore(database, {
    entriesPerTransaction: 1e6,
    bytesPerTransaction: 1e9,
    retentionMs: null,
    retentionBytes: null,
  });
  const everything = { from: 0, to: Number.MAX_SAFE_INTEGER };
  const entries = async () => (await journal.coverage(everything, 1)).entries;
  const env = { DATABASE_URL: home.url };
  // Killed behind its first append, behind a later one, and near the end.
  for (const least of [1, 8_000, 20_000]) {
    const importing = startCli(['import', '--json', LOG], env);
    await until(async () => (await entries()) >= least);
    await importing.end('SIGKILL');
    const acknowledged = await entries();
    expect(acknowledged).toBeGreaterThanOrEqual(least);
  }
  const before = await entries();
  const { code, stdout } = await cli(['import', '--json', LOG], env);
  expect(code).toBe(0);
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
    entries: { accepted: number; duplicates: number };
  };
  expect(report.entries.accepted).toBe(27_208 - before);
  expect(report.entries.duplicates).toBe(0);
  const coverage = await journal.coverage(everything, 1);
  expect(coverage).toMatchObject({
    entries: 27_208,
    failures: 0,
    losses: [],
    transactions: { committed: 5_608, rolledBack: 0, open: 0 },
  });
  await database.close();
  await home.drop();
});
