import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { importLog } from '../../src/capture/import-log.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import type { Window } from '../../src/journal/window.ts';
import { ReplayEngine } from '../../src/replay/engine.ts';
import type { ReplayEvent } from '../../src/replay/event.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import type { Replay, ReplayReport, ReplayStore } from '../../src/replay/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTargetPolicy } from '../../src/target/policy.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** What a replay left behind. */
export interface Replayed {
  readonly replay: Replay;
  readonly events: readonly ReplayEvent[];
  readonly report: ReplayReport | null;
}

/** A journal and an engine on a database of their own. */
export interface Bench {
  readonly journal: JournalStore;
  readonly engine: ReplayEngine;
  /** Runs a COMMIT replay to its end. */
  replay(target: TestDatabase, window: Window, more?: Partial<ReplayInput>): Promise<Replayed>;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const home = await createTestDatabase('journal');
  const database: Database = await openDatabase(home.url);
  const journal = createJournalStore(database, {
    entriesPerTransaction: 1_000_000,
    bytesPerTransaction: 1_000_000_000,
    retentionMs: null,
    retentionBytes: null,
  });
  const store: ReplayStore = createReplayStore(database);
  const engine = new ReplayEngine({
    journal,
    store,
    policy: createTargetPolicy({ aliases: [], allow: ['loopback'], forbidden: [] }),
    ownerId: 'ids test',
    maxReplays: 4,
    journalFacts: async () => null,
    onStoreFailure: (id, error) => {
      throw new Error(`the end of ${id} could not be stored`, { cause: error });
    },
  });
  return {
    journal,
    engine,
    async replay(target, window, more = {}) {
      const { host, port, user, password, name } = target;
      const run = await engine.start({
        window,
        target: { host, port, user, password, database: name, tls: 'DISABLE' },
        ordering: 'COMMIT',
        ...more,
      });
      const events: ReplayEvent[] = [];
      for await (const event of engine.stream(run.id, 0)) events.push(event);
      const replay = await store.get(run.id);
      if (replay === null) throw new Error('the replay is gone');
      return { replay, events, report: await store.report(run.id) };
    },
    async close() {
      await engine.stop();
      await database.close();
      await home.drop();
    },
  };
}

/** Statements that failed, as `SQLSTATE message`. */
export function failures(replayed: Replayed): string[] {
  return replayed.events.flatMap((event) =>
    event.kind === 'OUTCOME' && (event.status === 'FAILED' || event.status === 'UNKNOWN')
      ? [`${event.sqlstate} ${event.message}`]
      : [],
  );
}

/** Runs statements on a test database over a connection of its own; gives the rows of the last, `|`-joined. */
export async function run(database: TestDatabase, sql: string): Promise<string> {
  const { host, port, user, password, name } = database;
  const client = new Client({ host, port, user, password, database: name, ssl: false });
  await client.connect();
  try {
    const results: unknown = await client.query({ text: sql, rowMode: 'array' });
    const last = Array.isArray(results) ? results.at(-1) : results;
    return (last as { rows: unknown[][] }).rows.map((row) => row.map(String).join('|')).join('\n');
  } finally {
    await client.end();
  }
}

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

/** Imports an example's log and gives the window that holds all of it. */
export async function importExample(bench: Bench, name: string): Promise<Window> {
  await importLog({ files: [`${examples}${name}/postgresql.csv.gz`], store: bench.journal });
  return { from: 0, to: Date.UTC(2100, 0) * 1000 };
}

export async function exampleFile(name: string, file: string): Promise<string> {
  return readFile(`${examples}${name}/${file}`, 'utf8');
}
