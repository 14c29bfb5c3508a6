import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { Tally } from '../../src/replay/tally.ts';
import { parseDatabaseUrl } from '../../src/store/connection.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ALL, appendTransaction, NO_LIMITS } from './journal-fixtures.ts';

describe('DATABASE_URL', () => {
  it('is read whole, with its escapes and its TLS mode', () => {
    expect(parseDatabaseUrl('postgresql://re%40me:p%3Aw@[::1]:6000/jo%20urnal?sslmode=verify-full')).toEqual({
      host: '::1',
      port: 6000,
      user: 're@me',
      password: 'p:w',
      database: 'jo urnal',
      tls: 'VERIFY_FULL',
      ca: null,
    });
    expect(parseDatabaseUrl('postgres://u@localhost/d')).toMatchObject({ port: 5432, password: null, tls: 'DISABLE' });
    expect(parseDatabaseUrl('postgres://u@db.example.com/d')).toMatchObject({ tls: 'PREFER' });
    expect(parseDatabaseUrl('postgres://u@x/d?host=/run/postgresql')).toMatchObject({
      host: '/run/postgresql',
      tls: 'DISABLE',
    });
  });

  it.each([
    ['no url', 'not a URL'],
    ['mysql://u:secret@h/d', 'postgresql://'],
    ['postgres://:secret@h/d', 'no user'],
    ['postgres://u:secret@h', 'no database'],
    ['postgres://u:secret@h/d?sslmode=on', 'sslmode=on'],
    ['postgres://u:secret@h/d?target=x', 'unknown parameter target'],
    ['postgres://u:?secret@h/d', 'unknown parameter'],
    ['postgres://h/d?secret@h/d', 'unknown parameter'],
    ['postgres://u:secret@h/d%zz', 'broken % escape'],
    ['postgres://u:secret@h/d?sslrootcert=/no/such.pem', 'cannot be read'],
  ])('is refused without showing the password: %s', (url, why) => {
    expect(() => parseDatabaseUrl(url)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) }),
    );
    expect(() => parseDatabaseUrl(url)).not.toThrow(/secret/);
  });
});

describe("the store's database", () => {
  const open: Database[] = [];
  const created: TestDatabase[] = [];
  const create = async () => {
    const database = await createTestDatabase();
    created.push(database);
    return database;
  };
  const connect = async (url: string, options = {}) => {
    const database = await openDatabase(url, { poolSize: 2, ...options });
    open.push(database);
    return database;
  };
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const database of open.splice(0)) await database.close();
    for (const database of created.splice(0)) await database.drop();
  });

  it('closes without waiting for a read that nobody waits for any more', async () => {
    const { url } = await create();
    const database = await connect(url);
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('BEGIN; LOCK TABLE reprise.transactions');
    const reading = database.query.selectFrom('transactions').select('id').execute();
    const scanning = database.scan((snapshot) => snapshot.selectFrom('transactions').select('id').execute());
    const left = Promise.allSettled([reading, scanning]);
    for (;;) {
      const { rows } = await other.query(
        'SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())',
      );
      if (rows[0].n === 2) break;
    }
    await database.close();
    // The server learns that nobody listens when it has something to say.
    await other.end();
    expect((await left).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('takes nothing from PG* variables and not the defaults of the role', async () => {
    const { url, name, user } = await create();
    const admin = new Client({ connectionString: url });
    await admin.connect();
    await admin.query(
      `alter database ${name} set synchronous_commit = off; alter database ${name} set default_transaction_read_only = on`,
    );
    await admin.end();
    const leaks = {
      PGHOST: 'nowhere.invalid',
      PGPORT: '1',
      PGUSER: 'nobody',
      PGPASSWORD: 'wrong',
      PGDATABASE: 'nothing',
      PGSSLMODE: 'require',
      PGSSLNEGOTIATION: 'direct',
      PGOPTIONS: '-c work_mem=64kB',
      PGAPPNAME: 'leak',
      PGCLIENTENCODING: 'LATIN1',
      PGCLIENT_ENCODING: 'LATIN1',
      PGREPLICATION: 'database',
      PGCONNECT_TIMEOUT: '1',
    };
    for (const [variable, value] of Object.entries(leaks)) vi.stubEnv(variable, value);
    const database = await connect(url);
    const shown = await database.write(async (client) => {
      const { rows } = await client.query(`
        select current_user as "user", current_setting('application_name') as app, current_setting('client_encoding') as encoding,
               current_setting('synchronous_commit') as commit, current_setting('work_mem') as memory, 9007199254740993::int8 as big`);
      return rows[0];
    });
    expect(shown).toEqual({
      user,
      app: 'reprise',
      encoding: 'UTF8',
      commit: 'on',
      memory: '4MB',
      big: 9007199254740993n,
    });
    await appendTransaction(createJournalStore(database, NO_LIMITS), 1);
  });

  it('is set up once by processes that start together', async () => {
    const { url } = await create();
    const all = await Promise.all([connect(url), connect(url), connect(url)]);
    const counts = await all[0]?.query.selectFrom('journal_clock').selectAll().execute();
    expect(counts).toHaveLength(1);
  });

  it('is brought up to date while another process is in the middle of an append', async () => {
    const { url } = await create();
    await appendTransaction(createJournalStore(await connect(url), NO_LIMITS), 1);
    const [appending, watching] = [new Client({ connectionString: url }), new Client({ connectionString: url })];
    await Promise.all([appending.connect(), watching.connect()]);
    await watching.query(`
      drop index reprise.transactions_start; drop index reprise.entries_session_state;
      alter table reprise.replay_chunks drop column recorded_from, drop column recorded_to;
      alter table reprise.replays drop column loss_mark;
      alter table reprise.journal_clock drop column transactions_peak_bytes, drop column transactions_peak_entries,
        drop column evicted_place;
      delete from reprise.migrations where name > '0008'`);
    // In the order of an append: the clock, entries, transactions.
    await appending.query(`begin; select from reprise.journal_clock for update;
      insert into reprise.entries select * from reprise.entries where false`);
    const migrated = connect(url);
    migrated.catch(() => {});
    await vi.waitFor(async () => {
      const { rows } = await watching.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(rows).toHaveLength(1);
    }, 10_000);
    await appending.query(`insert into reprise.transactions select * from reprise.transactions where false; commit`);
    await appendTransaction(createJournalStore(await migrated, NO_LIMITS), 1);
    await Promise.all([appending.end(), watching.end()]);
  });

  it('is left alone when a later release has brought it up to date', async () => {
    const { url } = await create();
    const database = await connect(url);
    await database.query
      .insertInto('migrations' as never)
      .values({ name: '9999-of-tomorrow', timestamp: 'now' } as never)
      .execute();
    await expect(openDatabase(url)).rejects.toMatchObject({
      code: 'STORE_TOO_OLD',
      message: expect.stringContaining('9999-of-tomorrow'),
    });
  });

  it('says STORE_UNAVAILABLE, and never the password, when nobody listens or the login is refused', async () => {
    const { url, password } = await create();
    const closed = url.replace(/:\d+\/[^/]*$/, ':1/x');
    await expect(openDatabase(closed)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/127\.0\.0\.1:1\/x/),
    });
    const wrong = url.replace(password, 'incorrect');
    const refused = await openDatabase(wrong).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(String((refused as Error).message)).not.toMatch(/incorrect/);
    const missing = url.replace(/[^/]*$/, 'no_such_database');
    await expect(openDatabase(missing)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('stores entries, and events of a run, while reads have every connection that is for them', async () => {
    const { url } = await create();
    const database = await connect(url, { poolSize: 2, connectTimeoutMs: 1_000 });
    const [journal, replays] = [createJournalStore(database, NO_LIMITS), createReplayStore(database)];
    await appendTransaction(journal, 1);
    const run = await replays.create({
      id: randomUUID(),
      request: completeRequest({ window: { from: 0, to: 9 }, target: { host: 'localhost', port: 5432 } }),
      targetLabel: 'localhost:5432/shop',
      ownerId: 'o',
      createdAt: 0,
      summary: new Tally().summary(0),
      lossMark: 0,
    });
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reads: Promise<void>[] = [];
    const taken = [0, 1].map(
      () =>
        new Promise<void>((has) => {
          reads.push(
            database.scan(() => {
              has();
              return held;
            }),
          );
        }),
    );
    await Promise.all(taken);
    await expect(journal.page(ALL, {}, null, 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await appendTransaction(journal, 2);
    await replays.append(run.id, null, { targetVersion: '18' });
    release();
    await Promise.all(reads);
    expect(await replays.get(run.id)).toMatchObject({ targetVersion: '18' });
  });

  it('ends a read that takes too long with LIMIT_EXCEEDED', async () => {
    const { url } = await create();
    const database = await connect(url, { readTimeoutMs: 1 });
    const writer = createJournalStore(await connect(url), NO_LIMITS);
    for (let round = 0; round < 4; round += 1)
      await appendTransaction(writer, 5_000, { statement: 'SELECT '.repeat(100) });
    const slow = createJournalStore(database, NO_LIMITS);
    await expect(slow.page(ALL, { text: 'not there' }, null, 10)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('listens again, and tells its listeners, when its listening connection was lost', async () => {
    const { url } = await create();
    const database = await connect(url);
    const heard: (string | null)[] = [];
    let wake = () => {};
    const { ready, stop } = database.session.listen('reprise_test', (payload) => {
      heard.push(payload);
      wake();
    });
    await ready;
    const next = () => new Promise<void>((resolve) => (wake = resolve));
    let woken = next();
    await database.write((client) => client.query(`notify reprise_test, 'one'`));
    await woken;
    woken = next();
    await database.write((client) =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'reprise listen'`,
      ),
    );
    await woken;
    woken = next();
    await database.write((client) => client.query(`notify reprise_test, 'two'`));
    await woken;
    expect(heard).toEqual(['one', null, 'two']);
    stop();
  });

  it('closes twice, and answers STORE_UNAVAILABLE afterwards', async () => {
    const { url } = await create();
    const database = await connect(url);
    const store = createJournalStore(database, NO_LIMITS);
    expect(await database.ping()).toBe(true);
    store.onAppend(() => {});
    await Promise.all([database.close(), database.close()]);
    expect(await database.ping()).toBe(false);
    await expect(appendTransaction(store, 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.tailEnd()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
