/**
 * The main job on real input, end to end: `npm run demo`.
 *
 * Starts the service and a throwaway target, imports a real server log of pgbench, replays it over the public GraphQL
 * API while the progress comes back over a WebSocket, and compares the target with what the source had in the end.
 * Exit status 0 only when everything is right. Leaves nothing behind.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client as PostgresClient } from 'pg';
import { createApp } from '../src/app.ts';
import { importLog } from '../src/capture/import-log.ts';
import { count, duration, LiveLine } from '../src/cli/io.ts';
import { differences, progressBlock, reported, runText } from '../src/cli/run-view.ts';
import {
  createClient,
  JournalCoverageDocument,
  ReplayDocument,
  StartReplayDocument,
  unwrap,
} from '../src/client/index.ts';
import { loadConfig } from '../src/config.ts';
import { messageOf } from '../src/errors.ts';
import { startEmbedded } from '../src/store/embedded.ts';

const WORKLOADS = { pgbench: 'TIMESTAMP', shop: 'COMMIT' } as const;
const ORDERINGS = ['TIMESTAMP', 'COMMIT', 'SESSION'] as const;

const { values: options } = parseArgs({
  options: { workload: { type: 'string', default: 'pgbench' }, ordering: { type: 'string' } },
});
const workload = options.workload as keyof typeof WORKLOADS;
const ordering = ORDERINGS.find((word) => word === (options.ordering?.toUpperCase() ?? WORKLOADS[workload]));

/** Undone in reverse order, whatever happens. */
const cleanups: (() => Promise<unknown>)[] = [];
const interrupted = new AbortController();
const live = new LiveLine(process.stdout, { intervalMs: 2000 });

async function step<T>(what: string, work: () => Promise<T>, result: (value: T) => string): Promise<T> {
  const started = performance.now();
  const value = await work();
  interrupted.signal.throwIfAborted();
  live.clear();
  console.log(`  ${what.padEnd(43)} ${result(value)}  (${duration(performance.now() - started)})`);
  return value;
}

async function main(): Promise<boolean> {
  if (!ordering || !(workload in WORKLOADS)) {
    console.error('usage: npm run demo -- [--workload pgbench|shop] [--ordering timestamp|commit|session]');
    return false;
  }
  const example = (file: string) => new URL(`./${workload}/${file}`, import.meta.url);
  const folder = await mkdtemp(join(tmpdir(), 'reprise-demo-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  console.log(`Reprise demo: a recorded ${workload} run, replayed in ${ordering} ordering\n`);

  const app = createApp(
    loadConfig({}, { REPRISE_PORT: '0', REPRISE_DATA_DIR: join(folder, 'service'), REPRISE_LOG_LEVEL: 'warn' }),
  );
  cleanups.push(() => app.stop());
  const service = await step(
    'service',
    () => app.start(),
    ({ url }) => url,
  );
  const client = createClient({ url: service.url });

  const target = await step(
    'target, an empty PostgreSQL',
    async () => {
      const server = await startEmbedded({ dataDir: join(folder, 'target') });
      cleanups.push(() => server.stop());
      await server.createDatabase(workload);
      return server;
    },
    ({ host, port }) => `${host}:${port}/${workload}`,
  );
  const database = new PostgresClient({ connectionString: target.url(workload) });
  await step(
    `${workload}/schema.sql into the target`,
    async () => {
      await database.connect();
      cleanups.push(() => database.end());
      await database.query(await readFile(example('schema.sql'), 'utf8'));
    },
    () => 'loaded',
  );

  const imported = await step(
    `${workload}/postgresql.csv.gz into the journal`,
    () =>
      importLog({
        files: [example('postgresql.csv.gz').pathname],
        store: service.journal,
        signal: interrupted.signal,
        onProgress: (progress) => live.show(`  … ${count(progress.entries)} entries`),
      }),
    (report) =>
      `${count(report.entries.accepted)} statements, ${report.losses.length === 0 ? 'nothing lost' : 'with losses'}`,
  );
  for (const loss of imported.losses) console.log(`    ${loss.reason} ${count(loss.count)}: ${loss.detail}`);

  const { journalCoverage } = await client.request(JournalCoverageDocument, {
    window: { from: '1970-01-01T00:00:00Z', to: '2200-01-01T00:00:00Z' },
    buckets: 1,
  });
  const { first, last } = journalCoverage;
  if (!first || !last) throw new Error('the journal is empty after the import');
  console.log(`\n  window ${first} to ${last}\n`);

  const started = unwrap(
    (
      await client.request(StartReplayDocument, {
        input: {
          window: { from: first, to: last },
          target: {
            host: target.host,
            port: target.port,
            user: target.user,
            password: target.password,
            database: workload,
          },
          ordering,
        },
      })
    ).startReplay,
  );

  const seen = { outcomes: 0, lastSeq: 0, gapless: true };
  for await (const update of client.watchReplay(started.id, {
    batchSize: 500,
    maxWaitMs: 50,
    signal: interrupted.signal,
  })) {
    for (const event of update.events) {
      seen.gapless &&= event.seq === seen.lastSeq + 1;
      seen.lastSeq = event.seq;
      if (event.__typename === 'OutcomeEvent') seen.outcomes += 1;
      if (event.__typename === 'NoticeEvent' && event.code === 'CONNECTION_LOST')
        live.print(`  ${event.noticeMessage}`);
    }
    live.show(progressBlock(update.state, update.summary, (process.stdout.columns || 80) - 1));
  }
  interrupted.signal.throwIfAborted();
  live.clear();

  const { replay } = await client.request(ReplayDocument, { id: started.id });
  if (!replay) throw new Error('the replay is gone');
  console.log(runText(replay));

  const found = await database.query<string[]>({
    text: await readFile(example('fingerprint.sql'), 'utf8'),
    rowMode: 'array',
  });
  const actual = found.rows.map((row) => row.join('|')).join('\n');
  const expected = (await readFile(example('fingerprint.expected'), 'utf8')).trim();

  const { summary } = replay;
  const unexpected = differences(summary);
  const checks: [string, boolean, string][] = [
    ['the run completed', replay.state === 'COMPLETED', replay.state],
    [
      'every planned statement has one outcome',
      summary.planned === seen.outcomes && reported(summary) === seen.outcomes,
      `${count(seen.outcomes)} of ${count(summary.planned ?? 0)}`,
    ],
    ['event numbers are gapless', seen.gapless && seen.lastSeq === replay.lastSeq, `1 to ${count(seen.lastSeq)}`],
    ['outcomes are those of the record', unexpected === 0 && summary.unknown === 0, `${count(unexpected)} differ`],
    ['every table is as on the source', actual === expected, `${expected.split('\n').length} tables`],
  ];
  console.log('');
  for (const [what, right, detail] of checks) console.log(`  ${right ? '✓' : '✗'} ${what} (${detail})`);
  if (actual !== expected) console.log(`\nexpected\n${expected}\nfound\n${actual}`);
  return checks.every(([, right]) => right);
}

async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.reverse())
    await cleanup().catch((error) => console.error(`while cleaning up: ${messageOf(error)}`));
}

// A second Ctrl-C changes nothing: it may be npm's copy of the first, and cleaning up takes a second or two.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  live.clear();
  if (interrupted.signal.aborted) console.log('\ninterrupted, cleaning up');
  else console.error(error);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
} finally {
  await cleanUp();
}
