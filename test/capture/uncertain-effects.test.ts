import { expect, test } from 'vitest';
import type { CollectedLog } from './collect.ts';
import { collectText } from './support.ts';

/** Records of one session of a csvlog, each `[virtual transaction, command tag, message, SQLSTATE of an error, its statement]`. */
type Line = readonly [vxid: string, tag: string, message: string, sqlstate?: string, statement?: string];

const quoted = (text = '') => `"${text.replaceAll('"', '""')}"`;

function csvLog(lines: readonly Line[]): string {
  const records = lines.map(([vxid, tag, message, sqlstate, statement], index) => {
    const at = `2026-01-02 03:04:05.${String(100 + index)} UTC`;
    const level = sqlstate === undefined ? 'LOG,00000' : `ERROR,${sqlstate}`;
    return (
      `${at},"app","shop",4242,"[local]",6b060784.1092,${index + 1},"${tag}",2026-01-02 03:04:05 UTC,${vxid},0,` +
      `${level},${quoted(message)},,,,,,${quoted(statement)},,,"app","client backend",,0\n`
    );
  });
  return records.join('');
}

async function uncertain(lines: readonly Line[]) {
  const log = await collectText(csvLog(lines));
  return log.losses.filter(({ reason }) => reason === 'EFFECT_UNCERTAIN');
}

const done = 'duration: 0.100 ms';

test('what a failing pipeline without BEGIN undoes is counted, and no statement of another one', async () => {
  const losses = await uncertain([
    ['3/7', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (1)'],
    ['3/7', 'INSERT', done],
    ['3/8', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (2)'],
    ['3/8', 'INSERT', done],
    ['3/8', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (3)'],
    ['3/8', 'INSERT', done],
    ['3/8', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (2)'],
    ['3/8', 'INSERT', 'duplicate key value', '23505', 'INSERT INTO t VALUES (2)'],
    ['3/9', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (2)'],
    ['3/9', 'INSERT', 'duplicate key value', '23505', 'INSERT INTO t VALUES (2)'],
  ]);
  expect(losses).toHaveLength(2);
  expect(losses[0]?.source).toMatch(/:3$/);
});

test('a pipeline is known by its end-stamped statements, too', async () => {
  const losses = await uncertain([
    ['3/8', 'INSERT', 'duration: 0.100 ms  execute <unnamed>: INSERT INTO t VALUES (2)'],
    ['3/8', 'BIND', 'invalid input syntax', '22P02', 'INSERT INTO t VALUES ($1)'],
  ]);
  expect(losses).toHaveLength(1);
});

test('a statement whose transaction fails to commit at Sync is counted, with its place', async () => {
  // A deferred constraint; as PostgreSQL 18 logs it.
  const lines: Line[] = [
    ['3/7', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (1)'],
    ['3/7', 'INSERT', done],
    ['3/8', 'INSERT', 'execute <unnamed>: INSERT INTO t VALUES (1)'],
    ['3/8', 'INSERT', done],
    ['3/8', 'INSERT', 'duplicate key value violates unique constraint "t_v_key"', '23505'],
    ['3/9', 'idle', 'statement: SELECT 1'],
    ['3/0', 'SELECT', done],
    ['3/10', 'PARSE', 'something of which log_min_error_statement hides the text', 'XX000'],
  ];
  const counted = (log: CollectedLog) => log.losses.map(({ reason, source }) => [reason, source]);
  expect(counted(await collectText(csvLog(lines)))).toEqual([
    ['EFFECT_UNCERTAIN', '-:3'],
    ['STATEMENT_TEXT_MISSING', '-:8'],
  ]);
  const stderr = lines.map(([, , message, sqlstate], index) => {
    return `2026-01-02 03:04:05.${100 + index} UTC [6b060784.1092] ${sqlstate ? 'ERROR' : 'LOG'}:  ${message}\n`;
  });
  expect(counted(await collectText(stderr.join('')))).toEqual(counted(await collectText(csvLog(lines))));
});

test('where nothing names the transaction, an ERROR that no commit raises is of a statement that is not in the log', async () => {
  const log = [
    'LOG:  execute <unnamed>: INSERT INTO t VALUES (1)',
    'LOG:  duration: 0.100 ms',
    'ERROR:  invalid input syntax for type integer: "x"',
    'ERROR:  duplicate key value violates unique constraint "t_v_key"',
  ].map((message, index) => `2026-01-02 03:04:05.${100 + index} UTC [6b060784.1092] ${message}\n`);
  const counted = ({ losses }: CollectedLog) => losses.map(({ reason, source }) => [reason, source]);
  // What that one was part of is over: a commit that fails behind it is not that of the INSERT.
  expect(counted(await collectText(log.join('')))).toEqual([
    ['STATEMENT_TEXT_MISSING', '-:3'],
    ['STATEMENT_TEXT_MISSING', '-:4'],
  ]);
});

test('a failed statement that may have committed a part of its work is counted', async () => {
  const fails = (text: string): Line[] => [
    ['3/8', 'idle', `statement: ${text}`],
    ['3/9', 'CALL', 'division by zero', '22012', text],
  ];
  for (const text of [
    'INSERT INTO t VALUES (1); COMMIT; SELECT 1 / 0',
    'CALL purge(10)',
    'DO $$ BEGIN DELETE FROM t; COMMIT; PERFORM 1 / 0; END $$',
  ]) {
    expect([text, (await uncertain(fails(text))).length]).toEqual([text, 1]);
  }
  for (const text of [
    'BEGIN; INSERT INTO t VALUES (1); COMMIT',
    'INSERT INTO t VALUES (1); SELECT 1 / 0',
    'DO $$ BEGIN PERFORM 1 / 0; END $$',
  ]) {
    expect([text, (await uncertain(fails(text))).length]).toEqual([text, 0]);
  }
});

test('a CALL that fails within a block has committed nothing', async () => {
  const losses = await uncertain([
    ['3/8', 'idle', 'statement: BEGIN'],
    ['3/8', 'BEGIN', done],
    ['3/8', 'idle in transaction', 'statement: CALL purge(10)'],
    ['3/8', 'CALL', 'invalid transaction termination', '2D000', 'CALL purge(10)'],
  ]);
  expect(losses).toEqual([]);
});

test('a string that ends a block and goes on in another transaction is counted', async () => {
  const behind = (text: string): Line[] => [
    ['3/8', 'idle', 'statement: BEGIN'],
    ['3/8', 'BEGIN', done],
    ['3/8', 'idle in transaction', `statement: ${text}`],
    ['3/9', 'INSERT', done],
  ];
  expect(await uncertain(behind('ROLLBACK; INSERT INTO t VALUES (1)'))).toHaveLength(1);
  expect(await uncertain(behind('COMMIT; BEGIN; INSERT INTO t VALUES (1)'))).toHaveLength(1);
  expect(await uncertain(behind('COMMIT; BEGIN'))).toHaveLength(0);
  expect(await uncertain(behind('INSERT INTO t VALUES (1); COMMIT'))).toHaveLength(0);
});

test('a string that goes on in another transaction of the server than it began in is left in the one that it is in', async () => {
  const log = await collectText(
    csvLog([
      ['3/8', 'idle', 'statement: INSERT INTO t VALUES (1); ROLLBACK; BEGIN; INSERT INTO t VALUES (2)'],
      ['3/9', 'INSERT', done],
      ['3/9', 'idle in transaction', 'statement: COMMIT'],
      ['3/0', 'COMMIT', done],
    ]),
  );
  expect(log.begun).toHaveLength(1);
  expect(log.ended.map(({ status }) => status)).toEqual(['COMMITTED']);
  expect(log.losses.map(({ reason }) => reason)).toEqual(['EFFECT_UNCERTAIN']);
});

test('a statement of a block whose BEGIN is not in the log is counted', async () => {
  // log_min_duration_statement = 250.
  const slow = (text: string) => `duration: 251.113 ms  statement: ${text}`;
  const losses = await uncertain([
    ['3/8', 'INSERT', slow('INSERT INTO t VALUES (1)')],
    ['3/0', 'INSERT', slow('INSERT INTO t VALUES (2)')],
    ['3/9', 'SELECT', 'duration: 251.113 ms  execute <unnamed>: SELECT 1'],
    ['3/10', 'BEGIN', slow('BEGIN')],
    ['3/10', 'INSERT', slow('INSERT INTO t VALUES (3)')],
    ['3/0', 'COMMIT', slow('COMMIT')],
  ]);
  expect(losses.map(({ source }) => source)).toEqual(['-:1']);
});
