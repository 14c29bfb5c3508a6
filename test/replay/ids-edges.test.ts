import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type RecordedSession, Recorder } from './ids-recorder.ts';
import { type Bench, failures, openBench, type Replayed, run } from './ids-support.ts';

let bench: Bench;
let source: TestDatabase;
let target: TestDatabase;
let recorder: Recorder;
let a: RecordedSession;
let b: RecordedSession;
let hour = Date.UTC(2026, 5) * 1000;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  [source, target] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  hour += 3_600_000_000;
  recorder = new Recorder(source, hour, 2_000);
  a = await recorder.session('a');
  b = await recorder.session('b');
});
afterEach(async () => {
  await Promise.all([source.drop(), target.drop()]);
});

/** Runs the same on both sides, ahead of the record. */
async function given(sql: string): Promise<void> {
  await Promise.all([run(source, sql), run(target, sql)]);
}

/** Draws that only the order of the record shows. */
async function rolledBack(session: RecordedSession, sql: string): Promise<void> {
  await session.run('BEGIN');
  await session.run(sql);
  await session.run('ROLLBACK');
}

async function replay(more: Partial<ReplayInput> = {}): Promise<Replayed> {
  const replayed = await bench.replay(target, await recorder.finish(bench.journal), more);
  expect(replayed.replay.state).toBe('COMPLETED');
  return replayed;
}

async function expectSame(sql: string): Promise<void> {
  expect(await run(target, sql)).toBe(await run(source, sql));
}

/** Replays, and expects what a query gives on the source. */
async function expectRestored(sql: string): Promise<Replayed> {
  const replayed = await replay();
  expect(failures(replayed)).toEqual([]);
  await expectSame(sql);
  await expectSame('SELECT sequencename, last_value FROM pg_sequences ORDER BY 1');
  return replayed;
}

function strayed(replayed: Replayed): string[] {
  const said = / (\S+): on the target, values were drawn from it that the statements of the record do not show/;
  return replayed.report?.remarks.flatMap((remark) => said.exec(remark)?.[1] ?? []) ?? [];
}

it('says which sequences the target drew from in ways that the record does not show', async () => {
  await given(`
    CREATE SEQUENCE hidden;
    CREATE FUNCTION code() RETURNS bigint LANGUAGE plpgsql AS
      $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT nextval(%L)', 'hidden') INTO n; RETURN n; END $$;
    CREATE TABLE coded (code bigint DEFAULT code(), id bigserial);
    CREATE TABLE plain (id bigserial)`);
  await rolledBack(b, 'INSERT INTO coded DEFAULT VALUES');
  await a.run('INSERT INTO coded DEFAULT VALUES');
  await a.run('INSERT INTO plain DEFAULT VALUES');
  const replayed = await replay();
  expect(strayed(replayed)).toEqual(['public.hidden']);
  expect(replayed.events.some((event) => event.kind === 'NOTICE' && event.code === 'IDS_UNSETTLED')).toBe(true);
  await expectSame('SELECT id FROM coded');
});

it('says so, too, where statements that show what they draw took part, and leaves the sequence ahead of all values', async () => {
  await given(`
    CREATE TABLE entry (id bigserial, what text);
    CREATE FUNCTION add(what text) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN EXECUTE 'INSERT INTO entry (what) VALUES ($1)' USING what; END $$`);
  await a.run("INSERT INTO entry (what) VALUES ('shown')");
  await a.run("SELECT add('one'), add('two')");
  expect(strayed(await replay())).toEqual(['public.entry_id_seq']);
  await expectSame('SELECT last_value FROM entry_id_seq');
});

it('says so of a sequence that the record makes where there was none', async () => {
  await given("CREATE TABLE note (body text); INSERT INTO note VALUES ('old')");
  await a.run(`DO $$ BEGIN EXECUTE 'ALTER TABLE note ADD COLUMN id bigserial'; END $$`);
  await a.run('ALTER TABLE note ALTER COLUMN body SET NOT NULL');
  await rolledBack(b, "INSERT INTO note (body) VALUES ('gone')");
  await a.run("INSERT INTO note (body) VALUES ('kept')");
  expect(strayed(await replay())).toEqual(['public.note_id_seq']);
});

it('leaves sequences where the record left them although another that drew was dropped', async () => {
  await given('CREATE TABLE dropped (id bigserial); CREATE TABLE kept (id bigserial)');
  await a.run('INSERT INTO dropped DEFAULT VALUES');
  await rolledBack(b, 'INSERT INTO dropped DEFAULT VALUES');
  await a.run('INSERT INTO kept DEFAULT VALUES');
  await rolledBack(b, 'INSERT INTO kept DEFAULT VALUES');
  await a.run('DROP TABLE dropped');
  const replayed = await expectRestored('SELECT * FROM kept');
  expect(replayed.report?.remarks.join()).not.toContain('could not be left');
});

it('asks the target how many values a statement drew from each of several sequences', async () => {
  await given(`
    CREATE TABLE one (id bigserial);
    CREATE TABLE two (id bigserial);
    CREATE FUNCTION fill(n int) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN FOR i IN 1..n LOOP INSERT INTO one DEFAULT VALUES; INSERT INTO two DEFAULT VALUES; END LOOP; END $$`);
  await a.run('SELECT fill(4)');
  for (const table of ['one', 'two']) {
    await rolledBack(b, `INSERT INTO ${table} DEFAULT VALUES`);
    await a.run(`INSERT INTO ${table} DEFAULT VALUES`);
  }
  await expectRestored("SELECT 'one', id FROM one UNION ALL SELECT 'two', id FROM two ORDER BY 1, 2");
});

it('does not take a table for a function of its name', async () => {
  await given(`
    CREATE TABLE entry (id bigserial, what text);
    CREATE FUNCTION entry(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO entry (what) VALUES ($1) $$`);
  await a.run("INSERT INTO entry (what) VALUES ('one')");
  await rolledBack(b, "INSERT INTO public.entry (what) VALUES ('gone')");
  await a.run("SELECT entry('two')");
  await a.run("INSERT INTO entry (what) VALUES ('three')");
  await expectRestored('SELECT * FROM entry ORDER BY 1');
});
