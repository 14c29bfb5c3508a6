import { Client } from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { JournalStore } from '../../src/journal/store.ts';
import { ReplayEngine, type ReplayEngineOptions } from '../../src/replay/engine.ts';
import type { NoticeCode, NoticeEvent, OutcomeEvent, ReplayEvent } from '../../src/replay/event.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import type { Replay, ReplayStore } from '../../src/replay/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import type { TargetPolicy } from '../../src/target/policy.ts';
import type { TargetSpec } from '../../src/target/spec.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { ALIAS, openJournal, testPolicy } from './policy.ts';
import type { Place } from './record.ts';

/** A run that has ended, and all that it told. */
export class EndedRun {
  readonly replay: Replay;
  readonly events: readonly ReplayEvent[];

  constructor(replay: Replay, events: readonly ReplayEvent[]) {
    this.replay = replay;
    this.events = events;
  }

  get outcomes(): readonly OutcomeEvent[] {
    return this.events.filter((event) => event.kind === 'OUTCOME');
  }

  /** STATE events, in order. */
  get states(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'STATE' ? [event.state] : []));
  }

  notices(code: NoticeCode): readonly NoticeEvent[] {
    return this.events.filter((event): event is NoticeEvent => event.kind === 'NOTICE' && event.code === code);
  }

  outcome(place: Place): OutcomeEvent {
    const found = this.outcomes.filter(
      (event) => event.transactionId === place.transactionId && event.key.sequence === place.sequence,
    );
    if (found.length !== 1) throw new Error(`${found.length} outcomes of ${place.transactionId} ${place.sequence}`);
    return found[0] as OutcomeEvent;
  }

  /** `SUCCEEDED`, `FAILED 23505`, `FAILED 25P02 cascade`, `SKIPPED COPY_DATA`, `UNKNOWN`, in order of the plan. */
  get brief(): readonly string[] {
    return [...this.outcomes].sort((a, b) => a.ordinal - b.ordinal).map(briefly);
  }
}

export function briefly(event: OutcomeEvent): string {
  const why = event.sqlstate ?? event.skipReason;
  return `${event.status}${why === null ? '' : ` ${why}`}${event.cascade ? ' cascade' : ''}`;
}

/** A target database of one test. */
export interface Target extends TestDatabase {
  readonly spec: TargetSpec;
  /** Runs SQL on a connection of its own; the rows of the last statement, columns joined by `|`. */
  sql(text: string): Promise<string[]>;
  /** A connection that is not the replay's; ended when the test is. */
  connect(): Promise<Client>;
}

export interface Bench {
  /** Of the journal's database. */
  readonly url: string;
  readonly journal: JournalStore;
  readonly store: ReplayStore;
  readonly database: Database;
  readonly policy: TargetPolicy;
  readonly engine: ReplayEngine;
  /** Another engine over the same journal; stopped when the test is finished. */
  anotherEngine(options?: Partial<ReplayEngineOptions>): ReplayEngine;
  /**
   * An empty target with this schema; dropped when the test is finished, which fails when something is left open. A test
   * that runs beside others passes the `onTestFinished` of its context.
   */
  target(schema?: string, finished?: (drop: () => Promise<void>) => void): Promise<Target>;
  /** Runs a replay to its end. */
  run(target: Target, input: Omit<ReplayInput, 'target'>): Promise<EndedRun>;
  /** Starts one; `ended` waits for its end. */
  start(target: Target, input: Omit<ReplayInput, 'target'>, engine?: ReplayEngine): Promise<StartedRun>;
  /** Everything that a run has told, when it has ended. */
  ended(id: string, engine?: ReplayEngine): Promise<EndedRun>;
}

export interface StartedRun {
  readonly id: string;
  /** The first event, durable by now, that passes; fails when the run ends without one. */
  event(passes: (event: ReplayEvent) => boolean): Promise<ReplayEvent>;
  ended(): Promise<EndedRun>;
}

/** A journal, a store and an engine for the tests of a file, closed behind the last. */
export function useBench(): Bench {
  let home: TestDatabase;
  let database: Database;
  let journal: JournalStore;
  let store: ReplayStore;
  let policy: TargetPolicy;
  let engine: ReplayEngine;
  let engines = 0;

  const makeEngine = (options: Partial<ReplayEngineOptions> = {}): ReplayEngine =>
    new ReplayEngine({
      journal,
      store,
      policy,
      ownerId: `test ${process.pid}.${++engines}`,
      maxReplays: 8,
      journalFacts: async () => null,
      onStoreFailure: (id, error) => {
        throw new Error(`the end of ${id} could not be stored`, { cause: error });
      },
      ...options,
    });

  beforeAll(async () => {
    home = await createTestDatabase('journal');
    database = await openDatabase(home.url);
    journal = openJournal(database);
    store = createReplayStore(database);
    policy = testPolicy(home);
    engine = makeEngine();
    await engine.recover();
  });

  afterAll(async () => {
    await engine?.stop();
    await database?.close();
    await home?.drop();
  });

  const bench: Bench = {
    get url() {
      return home.url;
    },
    get journal() {
      return journal;
    },
    get store() {
      return store;
    },
    get database() {
      return database;
    },
    get policy() {
      return policy;
    },
    get engine() {
      return engine;
    },
    anotherEngine(options) {
      const another = makeEngine(options);
      onTestFinished(() => another.stop());
      return another;
    },
    async target(schema, finished = onTestFinished) {
      const test = await createTestDatabase();
      const clients: Client[] = [];
      finished(async () => {
        await Promise.all(clients.map((client) => client.end()));
        await test.drop();
      });
      const { host, port, user, password, name } = test;
      const connect = async () => {
        const client = new Client({ host, port, user, password, database: name, ssl: false });
        // pg_terminate_backend and restarts of the server.
        client.on('error', () => {});
        await client.connect();
        return client;
      };
      const sql = async (text: string): Promise<string[]> => {
        const client = await connect();
        try {
          const results: unknown = await client.query({ text, rowMode: 'array' });
          const last = (Array.isArray(results) ? results.at(-1) : results) as { rows: unknown[][] };
          return last.rows.map((row) => row.map(String).join('|'));
        } finally {
          await client.end();
        }
      };
      if (schema !== undefined) await sql(schema);
      return {
        ...test,
        spec: { alias: ALIAS, database: name },
        sql,
        connect: async () => {
          const client = await connect();
          clients.push(client);
          return client;
        },
      };
    },
    async start(target, input, by = engine) {
      const { id } = await by.start({ target: target.spec, ...input });
      return {
        id,
        async event(passes) {
          const stream = by.stream(id, 0);
          try {
            for await (const event of stream) if (passes(event)) return event;
          } finally {
            await stream.return?.();
          }
          throw new Error('the run ended without the event that the test waits for');
        },
        ended: () => bench.ended(id, by),
      };
    },
    async run(target, input) {
      return (await bench.start(target, input)).ended();
    },
    async ended(id, by = engine) {
      const events: ReplayEvent[] = [];
      for await (const event of by.stream(id, 0)) events.push(event);
      const replay = await store.get(id);
      if (replay === null) throw new Error('the replay is gone');
      return new EndedRun(replay, events);
    },
  };
  return bench;
}

/** True when nothing of a replay is connected to the database any more, however it came to its end. */
export const NOTHING_LEFT = `SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'reprise %'`;

/** The target, reached through a port of this machine. */
export function through(port: number, target: Target): Target {
  const { user, password, name } = target;
  return { ...target, spec: { host: '127.0.0.1', port, user, password, database: name, tls: 'DISABLE' } };
}

/** Waits until a query of one row and column gives true. */
export async function untilTrue(client: Client, text: string, values: readonly unknown[] = []): Promise<void> {
  for (;;) {
    const { rows } = await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
    if (rows[0]?.[0] === true) return;
  }
}

/** Waits until no transaction on the server is older than the table's rows: VACUUM (FREEZE) has to have their page for itself then. */
export function untilFreezable(client: Client, table: string): Promise<void> {
  return untilTrue(client, `SELECT age(pg_snapshot_xmin(pg_current_snapshot())::xid) < min(age(xmin)) FROM ${table}`);
}

/** Waits until a backend runs a statement that holds this text. */
export function untilRunning(client: Client, text: string): Promise<void> {
  return untilTrue(
    client,
    `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND strpos(query, $1) > 0`,
    [text],
  );
}
