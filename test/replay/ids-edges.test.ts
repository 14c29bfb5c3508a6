import { expect, it } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import type { RecordedSession } from './ids-recorder.ts';
import { failures, type Replayed, run } from './ids-support.ts';
import { a, b, bench, given, recorder, source, target, trialOfEachTest } from './ids-trial.ts';

trialOfEachTest();

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
    CREATE VIEW next AS SELECT nextval('hidden') AS n;
    CREATE FUNCTION code() RETURNS bigint LANGUAGE sql AS 'SELECT n FROM next';
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
    CREATE VIEW next AS SELECT nextval('entry_id_seq') AS id`);
  await a.run("INSERT INTO entry (what) VALUES ('shown')");
  await a.run("INSERT INTO entry SELECT id, 'one' FROM next");
  await a.run("INSERT INTO entry SELECT id, 'two' FROM next");
  expect(strayed(await replay())).toEqual(['public.entry_id_seq']);
  await expectSame('SELECT last_value FROM entry_id_seq');
});

it('says so behind a statement of which the target was asked how many values it took', async () => {
  await given(`
    CREATE TABLE entry (id bigserial, what text);
    CREATE FUNCTION shown(n int) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN FOR i IN 1..n LOOP INSERT INTO entry (what) VALUES ('shown'); END LOOP; END $$;
    CREATE VIEW next AS SELECT nextval('entry_id_seq') AS id`);
  await a.run('SELECT shown(3)');
  await a.run("INSERT INTO entry SELECT id, 'hidden' FROM next");
  expect(strayed(await replay())).toEqual(['public.entry_id_seq']);
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

it('restores what SET … = DEFAULT draws, in UPDATE and behind ON CONFLICT', async () => {
  await given(
    "CREATE TABLE item (id bigserial, name text UNIQUE, v bigserial); INSERT INTO item (name) VALUES ('old')",
  );
  const upsert = "INSERT INTO item (name) VALUES ('old') ON CONFLICT (name) DO UPDATE SET v = DEFAULT";
  await rolledBack(b, "UPDATE item SET id = DEFAULT WHERE name = 'old'");
  await a.run("UPDATE item SET id = DEFAULT WHERE name = 'old'");
  await rolledBack(b, upsert);
  await a.run(upsert);
  await a.run("UPDATE item SET (name, v) = ('older', DEFAULT) WHERE name = 'old'");
  await a.run("INSERT INTO item (name) VALUES ('new')");
  await expectRestored('SELECT * FROM item ORDER BY 1');
});

it('restores what functions in defaults, and the defaults of domains, draw', async () => {
  await given(`
    CREATE SEQUENCE code;
    CREATE SEQUENCE number;
    CREATE FUNCTION code() RETURNS text LANGUAGE sql AS $$ SELECT 'C' || nextval('code') $$;
    CREATE DOMAIN numbered AS bigint DEFAULT nextval('number');
    CREATE TABLE item (code text DEFAULT code(), no numbered, name text);
    CREATE VIEW names AS SELECT name FROM item`);
  for (const name of ['one', 'two']) {
    await rolledBack(b, "INSERT INTO item (name) VALUES ('gone')");
    await a.run('INSERT INTO names VALUES ($1)', [name]);
    await a.run('INSERT INTO item (name) VALUES ($1)', [`${name} more`]);
  }
  await expectRestored('SELECT * FROM item ORDER BY name');
});

const LOGGED = `
  CREATE TABLE log (id bigserial, what text);
  CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO log (what) VALUES (TG_TABLE_NAME || TG_OP); RETURN coalesce(NEW, OLD); END $$;
  CREATE TABLE item (id int PRIMARY KEY, name text);
  CREATE TABLE part (item int REFERENCES item ON DELETE CASCADE);
  INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c');
  INSERT INTO part VALUES (1), (2), (3);`;

it.each<[how: string, more: string, gone: string, kept: string]>([
  [
    'behind ON CONFLICT DO UPDATE',
    'CREATE TRIGGER log AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION log()',
    "INSERT INTO item VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'",
    "INSERT INTO item VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'y'",
  ],
  [
    'of MERGE',
    'CREATE TRIGGER log AFTER UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION log()',
    'MERGE INTO item USING part ON id = item AND id = 1 WHEN MATCHED THEN DELETE',
    "MERGE INTO item USING part ON id = item AND id = 1 WHEN MATCHED THEN UPDATE SET name = 'z'",
  ],
  [
    'of rows that a foreign key deletes',
    'CREATE TRIGGER log AFTER DELETE ON part FOR EACH ROW EXECUTE FUNCTION log()',
    'DELETE FROM item WHERE id = 1',
    'DELETE FROM item WHERE id = 2',
  ],
  [
    'of a table that a trigger of another one writes to',
    `CREATE FUNCTION split() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN DELETE FROM part WHERE item = NEW.id; INSERT INTO part VALUES (NEW.id); RETURN NEW; END $$;
     CREATE TRIGGER split AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION split();
     CREATE TRIGGER log AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION log()`,
    "UPDATE item SET name = 'x' WHERE id = 1",
    "UPDATE item SET name = 'y' WHERE id = 2",
  ],
  [
    'that stand in for a view of its own columns',
    `CREATE VIEW logged AS SELECT id, what FROM log;
     CREATE FUNCTION add() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN INSERT INTO log (what) VALUES (NEW.what); RETURN NEW; END $$;
     CREATE TRIGGER add INSTEAD OF INSERT ON logged FOR EACH ROW EXECUTE FUNCTION add()`,
    "INSERT INTO logged (what) VALUES ('gone')",
    "INSERT INTO logged (what) VALUES ('kept')",
  ],
])('restores what triggers draw %s', async (_, more, gone, kept) => {
  await given(`${LOGGED} ${more}`);
  await a.run("INSERT INTO log (what) VALUES ('first')");
  await rolledBack(b, gone);
  await a.run(kept);
  await a.run("INSERT INTO log (what) VALUES ('last')");
  await expectRestored('SELECT * FROM log ORDER BY 1');
});

it('gives ids again behind autocommit statements that fail on the target before they draw', async () => {
  await given('CREATE TABLE item (id bigserial, name text, extra text)');
  await run(target, 'ALTER TABLE item DROP COLUMN extra');
  await a.run("INSERT INTO item (name, extra) VALUES ('fails', 'x')");
  for (const name of ['one', 'two', 'three']) await a.run(`INSERT INTO item (name) VALUES ('${name}')`);
  expect(failures(await replay())).toHaveLength(1);
  expect(await run(target, 'SELECT id, name FROM item ORDER BY 1')).toBe('2|one\n3|two\n4|three');
});

it('says so where statements under way counted on one that failed', async () => {
  await given(
    "CREATE TABLE item (id bigserial, n int); CREATE FUNCTION whole(n text) RETURNS int LANGUAGE sql AS 'SELECT n::int'",
  );
  // Texts that have succeeded before are counted on.
  for (let n = 0; n < 200; n++) await a.run('INSERT INTO item (n) VALUES (whole($1))', [n]);
  await run(
    target,
    `CREATE OR REPLACE FUNCTION whole(n text) RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN IF n = '150' THEN RAISE EXCEPTION 'not here'; END IF; RETURN n::int; END $$`,
  );
  const replayed = await replay({ inFlight: 8 });
  expect(failures(replayed)).toHaveLength(1);
  expect(replayed.report?.remarks.join()).toContain('while others were under way behind it');
});

it('leaves a sequence behind a setval that nothing tells where the target has it', async () => {
  await given(
    "CREATE SEQUENCE down INCREMENT -1 MINVALUE -100 MAXVALUE 100; CREATE TABLE item (id int DEFAULT nextval('down'))",
  );
  await a.run('INSERT INTO item DEFAULT VALUES');
  await a.run("SELECT setval('down', -5 + 0)");
  await a.run('INSERT INTO item DEFAULT VALUES');
  await expectRestored('SELECT id FROM item ORDER BY 1');
});

it('says which ids rest on statements whose count of draws nothing tells', async () => {
  await given('CREATE TABLE item (id bigserial, name text UNIQUE)');
  await a.run("INSERT INTO item (name) VALUES ('one'); INSERT INTO item (name) VALUES ('two'), ('one')");
  await a.run("INSERT INTO item (name) VALUES ('behind')");
  await rolledBack(b, "INSERT INTO item (name) SELECT 'gone ' || n FROM generate_series(1, 9) n");
  await a.run("INSERT INTO item (name) VALUES ('last')");
  const { report } = await replay();
  expect(report?.remarks.join()).toContain(
    '2 statements drew from it: 2 behind statements whose count of draws nothing tells',
  );
});

it('TRUNCATE … RESTART IDENTITY restarts what tables own, with CASCADE also below them, and nothing else', async () => {
  await given(`
    CREATE SEQUENCE shared;
    CREATE TABLE top (id bigserial PRIMARY KEY, no bigint DEFAULT nextval('shared'));
    CREATE TABLE below (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, top bigint REFERENCES top);
    CREATE TABLE lowest (id serial, below bigint REFERENCES below)`);
  const fill = async () => {
    for (const table of ['top', 'below', 'lowest']) {
      await rolledBack(b, `INSERT INTO ${table} DEFAULT VALUES`);
      await a.run(`INSERT INTO ${table} DEFAULT VALUES`);
    }
  };
  await fill();
  await a.run('TRUNCATE top RESTART IDENTITY CASCADE');
  await fill();
  await expectRestored('SELECT t.*, b.*, l.* FROM top t, below b, lowest l');
});

it('asks how many rows there were before it settles what is shown behind several statements', async () => {
  await given(
    'CREATE TABLE copied (id serial PRIMARY KEY, name text); CREATE TABLE part (copied int REFERENCES copied)',
  );
  await a.run('INSERT INTO copied (name) SELECT name FROM copied');
  await a.run("INSERT INTO copied (name) VALUES ('one')");
  await a.run("INSERT INTO copied (name) VALUES ('two')");
  await a.run('INSERT INTO part VALUES (2)');
  await expectRestored('SELECT * FROM copied ORDER BY id');
});

it('TRUNCATE … RESTART IDENTITY CASCADE reaches tables that the record puts below one', async () => {
  await given(
    'CREATE TABLE top (id bigserial PRIMARY KEY); CREATE TABLE apart (id serial); CREATE TABLE added (id serial)',
  );
  await a.run('CREATE TABLE below (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, top bigint REFERENCES top)');
  await a.run('CREATE TABLE lowest (id serial, below bigint, FOREIGN KEY (below) REFERENCES below (id))');
  await a.run('ALTER TABLE apart ADD COLUMN below bigint, ADD CONSTRAINT f FOREIGN KEY (below) REFERENCES below');
  await a.run('ALTER TABLE ONLY added ADD COLUMN top bigint REFERENCES top');
  const fill = async () => {
    for (const table of ['top', 'below', 'lowest', 'apart', 'added']) {
      await rolledBack(b, `INSERT INTO ${table} DEFAULT VALUES`);
      await a.run(`INSERT INTO ${table} DEFAULT VALUES`);
    }
  };
  await fill();
  await a.run('TRUNCATE top RESTART IDENTITY CASCADE');
  await fill();
  await a.run('DROP TABLE lowest');
  await a.run('TRUNCATE below RESTART IDENTITY CASCADE');
  await fill().catch(() => {});
  await expectRestored('SELECT t.*, b.*, p.*, d.* FROM top t, below b, apart p, added d ORDER BY 1, 2, 4, 6');
});

it('counts in the steps of a table that the record makes anew, in a schema off the search path too', async () => {
  await given('CREATE SCHEMA apart; CREATE TABLE apart.item (id bigserial, name text)');
  await a.run("INSERT INTO apart.item (name) VALUES ('old')");
  await a.run('DROP TABLE apart.item');
  await a.run(
    'CREATE TABLE apart.item (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 10), name text)',
  );
  await a.run('SET search_path TO apart');
  for (const name of ['one', 'two']) {
    await rolledBack(a, "INSERT INTO item (name) VALUES ('gone')");
    await a.run('INSERT INTO item (name) VALUES ($1)', [name]);
  }
  await expectRestored('SELECT * FROM apart.item ORDER BY 1');
});

it('leaves a sequence as it stands behind a draw where the last statement that may have drawn did not', async () => {
  await given('CREATE TABLE copied (id serial PRIMARY KEY, name text)');
  await b.run("SELECT nextval('copied_id_seq')");
  await a.run('INSERT INTO copied (name) SELECT name FROM copied');
  await expectRestored('SELECT * FROM copied');
});

it('says so where the last statements that drew were rolled back and nothing tells how many values they took', async () => {
  await given('CREATE TABLE item (id bigserial, name text)');
  await a.run("INSERT INTO item (name) VALUES ('one')");
  await rolledBack(b, "INSERT INTO item (name) SELECT 'gone ' || n FROM generate_series(1, 9) n");
  const { report, events } = await replay();
  expect(report?.remarks.join()).toContain(
    'public.item_id_seq: statements that failed or were rolled back took nobody knows how many values',
  );
  expect(events.some((event) => event.kind === 'NOTICE' && event.code === 'IDS_UNSETTLED')).toBe(true);
});

it('takes no count of rows for that of draws where a trigger may leave rows out', async () => {
  await given(`
    CREATE TABLE item (id bigserial, n int);
    CREATE FUNCTION even() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.n % 2 = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$;
    CREATE TRIGGER even BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION even()`);
  await a.run('INSERT INTO item (n) SELECT n FROM generate_series(1, 6) n', [], { rows: true });
  await rolledBack(b, 'INSERT INTO item (n) VALUES (8)');
  await a.run('INSERT INTO item (n) VALUES (10)');
  await expectRestored('SELECT * FROM item ORDER BY 1');
});

it('takes an id that OVERRIDING USER VALUE has left out for none that its row was given', async () => {
  await given(`
    CREATE TABLE item (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
    CREATE TABLE part (item int REFERENCES item)`);
  await a.run("INSERT INTO item (id, name) OVERRIDING USER VALUE SELECT 5, 'first'");
  for (let n = 0; n < 3; n++) await b.unrecorded("SELECT nextval('item_id_seq')");
  await a.run("INSERT INTO item (name) VALUES ('fifth')");
  await a.run('INSERT INTO part VALUES (5)');
  await expectRestored('SELECT * FROM item ORDER BY 1');
});

it('asks how many values were drawn where a star does not tell which columns it fills', async () => {
  await given(`
    CREATE TABLE word (what text); INSERT INTO word VALUES ('one'), ('two');
    CREATE TABLE item (what text, id bigserial)`);
  await a.run('INSERT INTO item SELECT * FROM word');
  await a.run('INSERT INTO item SELECT * FROM item');
  await rolledBack(b, "INSERT INTO item VALUES ('gone')");
  await a.run("INSERT INTO item VALUES ('last')");
  await expectRestored('SELECT id, what FROM item ORDER BY 1, 2');
});
