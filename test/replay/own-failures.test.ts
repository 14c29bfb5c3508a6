import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { failures, type Replayed, run } from './ids-support.ts';
import { a, b, bench, given, recorder, source, target, trialOfEachTest } from './ids-trial.ts';

/** What the sessions are mapped to. */
const LOGIN = `reprise_own_${process.pid}`;
const REFUSED = 'permission denied for sequence orders_id_seq';
const CASCADES = [
  '25P02 current transaction is aborted, commands ignored until end of transaction block',
  '25P02 an earlier statement of the transaction failed: it was rolled back',
];
const ORDERS = 'SELECT id, name FROM orders ORDER BY id';

trialOfEachTest('CREATE TABLE orders (id bigserial PRIMARY KEY, name text)');
beforeEach(() =>
  run(target, `CREATE ROLE ${LOGIN} LOGIN PASSWORD 'its own'; GRANT CREATE ON SCHEMA public TO ${LOGIN}`),
);
afterEach(() => run(target, `DROP OWNED BY ${LOGIN}; DROP ROLE ${LOGIN}`));

/** The owner takes the right to set the sequence from itself, behind the run's look at it; on the source that is a superuser. */
async function forbid(): Promise<void> {
  await run(target, `ALTER TABLE orders OWNER TO ${LOGIN}`);
  await b.run('REVOKE UPDATE ON SEQUENCE orders_id_seq FROM CURRENT_USER');
  await b.run('BEGIN');
  await b.run("INSERT INTO orders (name) VALUES ('gone')");
  await b.run('ROLLBACK');
}

/** Draws, nothing tells how often, and leaves in the sequence's place, by what nobody reads, a table that cannot be asked. */
const UNCERTAIN = `WITH made AS (INSERT INTO orders (name) SELECT name FROM names RETURNING id) SELECT count(*) FROM made;
  DO $$BEGIN EXECUTE 'ALTER SEQUENCE orders_id_seq RE' || 'NAME TO moved'; EXECUTE 'CREATE TA' || 'BLE orders_id_seq ()'; END$$`;

async function prepareUncertain(): Promise<void> {
  await given(
    "CREATE TABLE names (name text); GRANT SELECT, INSERT ON names TO PUBLIC; INSERT INTO names VALUES ('one'), ('two')",
  );
  await run(target, `ALTER TABLE orders OWNER TO ${LOGIN}`);
}

/** `undefined_column` or `wrong_object_type`: a table is not asked like a sequence. */
function expectRefused(replayed: Replayed): void {
  const [first, ...others] = failures(replayed);
  expect(first).toMatch(/^42(?:703|809) /);
  expect(others).toEqual(CASCADES);
  expect(replayed.replay.summary.failed).toBe(1);
}

async function replay(more: Partial<ReplayInput> = {}): Promise<Replayed> {
  const users = [{ recorded: source.user, user: LOGIN, password: 'its own' }];
  return bench.replay(target, await recorder.finish(bench.journal), { users, ...more });
}

const MARKS = [{ markProgress: false }, { markProgress: true }];

it.each(MARKS)('a statement whose sequence the target refuses to set fails with that, %j', async (more) => {
  await forbid();
  await a.run('BEGIN');
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await a.run("INSERT INTO orders (name) VALUES ('two')");
  await a.run('COMMIT');
  await a.run('SELECT 1');
  const replayed = await replay(more);
  expect(failures(replayed)).toEqual([`42501 ${REFUSED}`, ...CASCADES]);
  const { failed, cascades, firstError } = replayed.replay.summary;
  expect({ failed, cascades }).toEqual({ failed: 1, cascades: 2 });
  expect(firstError).toMatch(new RegExp(`^tx \\S+ seq 2: ${REFUSED}$`));
});

it('a run that stops at the first failure stops at that', async () => {
  await forbid();
  await a.run('BEGIN');
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await a.run('COMMIT');
  await a.run('SELECT 1');
  const { replay: ended } = await replay({ stopAfterFailures: 1 });
  expect(ended.error?.code).toBe('REPLAY_STOPPED');
  expect(ended.summary.unknown + ended.summary.succeeded).toBe(2);
});

it('an autocommit statement runs without its sequence being set, and a notice and a remark say so', async () => {
  await forbid();
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await a.run("INSERT INTO orders (name) VALUES ('two')");
  const replayed = await replay();
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, ORDERS)).toBe('1|one\n2|two');
  expect(replayed.report?.remarks).toContain(
    `generated ids: the target refused to set sequences ahead of 2 statements, which may have drawn other values than in the record: ${REFUSED}`,
  );
  expect(replayed.events.some((event) => event.kind === 'NOTICE' && event.code === 'IDS_UNSETTLED')).toBe(true);
});

it.each(MARKS)('behind a question that the target refuses, the next statement fails with that, %j', async (more) => {
  await prepareUncertain();
  await a.run('BEGIN');
  await a.run(UNCERTAIN);
  await a.run("INSERT INTO names VALUES ('next')");
  await a.run("INSERT INTO names VALUES ('last')");
  await a.run('COMMIT');
  expectRefused(await replay(more));
});

it.each(MARKS)('a savepoint does not revive a transaction that the walk itself has broken, %j', async (more) => {
  await prepareUncertain();
  await a.run('BEGIN');
  await a.run('SAVEPOINT here');
  await a.run(UNCERTAIN);
  await a.run('ROLLBACK TO here');
  await a.run("INSERT INTO names VALUES ('last')");
  await a.run('COMMIT');
  expectRefused(await replay(more));
  expect(await run(target, 'SELECT name FROM names')).toBe('one\ntwo');
});
