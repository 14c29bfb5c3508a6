import { expect, test } from 'vitest';
import { collectText, lossCounts } from './support.ts';

/** Records of one session, each `[command tag, message, severity other than LOG, SQLSTATE, statement of the error]`. */
type Line = readonly [tag: string, message: string, severity?: string, sqlstate?: string, statement?: string];

const quoted = (text = '') => `"${text.replaceAll('"', '""')}"`;
const stamp = (index: number) => `2026-01-02 03:04:05.${String(100 + index)} UTC`;

/** `missing`: indexes of records that were lost on the way. */
function csvLog(lines: readonly Line[], missing: readonly number[] = []): string {
  const records = lines.map(
    ([tag, message, severity = 'LOG', sqlstate = '00000', statement], index) =>
      `${stamp(index)},"app","shop",4242,"[local]",6b060784.1092,${index + 1},"${tag}",2026-01-02 03:04:05 UTC,3/0,0,` +
      `${severity},${sqlstate},${quoted(message)},,,,,,${quoted(statement)},,,"app","client backend",,0\n`,
  );
  return records.filter((_, index) => !missing.includes(index)).join('');
}

/** With `numbered`, the prefix has `%l`; else it is the server's own default. */
function stderrLog(lines: readonly Line[], numbered: boolean): string {
  let number = 0;
  const prefix = (index: number) => `${stamp(index)} [4242] ${numbered ? `${++number} 6b060784.1092 ` : ''}`;
  return lines
    .map(([, message, severity = 'LOG', , statement], index) => {
      const record = `${prefix(index)}${severity}:  ${message}\n`;
      return statement === undefined ? record : `${record}${prefix(index)}STATEMENT:  ${statement}\n`;
    })
    .join('');
}

const FORMS = [
  ['csv', (lines: readonly Line[]) => collectText(csvLog(lines))],
  ['stderr', (lines: readonly Line[]) => collectText(stderrLog(lines, false))],
  [
    'numbered stderr',
    (lines: readonly Line[]) => collectText(stderrLog(lines, true), { logLinePrefix: '%m [%p] %l %c ' }),
  ],
] as const;

/** What became of each statement and transaction, and what was lost; connection lines of a session that begins in the log. */
async function read(collect: (typeof FORMS)[number][1], lines: readonly Line[]) {
  const log = await collect([
    ['', 'connection received: host=[local]'],
    ['authentication', 'connection authorized: user=app database=shop'],
    ...lines,
  ]);
  return {
    statements: log.entries.map(({ statement, outcome }) => `${statement} ${outcome.status}`),
    transactions: log.ended.map(({ status }) => status),
    losses: lossCounts(log),
  };
}

const LEAVES: Line = ['idle', 'disconnection: session time: 0:00:01.000 user=app database=shop host=[local]'];

test.each(FORMS)('durations of slow statements alone say nothing of the others (%s)', async (_, collect) => {
  // log_statement = all, log_min_duration_statement = 250.
  const lines: Line[] = [
    ['idle', 'statement: BEGIN'],
    ['idle in transaction', 'statement: UPDATE t SET v = 1'],
    ['UPDATE', 'duration: 251.113 ms'],
    ['idle in transaction', 'statement: SELECT 1'],
    ['idle in transaction', 'statement: COMMIT'],
    LEAVES,
  ];
  expect(await read(collect, lines)).toEqual({
    statements: ['BEGIN SUCCEEDED', 'UPDATE t SET v = 1 SUCCEEDED', 'SELECT 1 SUCCEEDED', 'COMMIT SUCCEEDED'],
    transactions: ['COMMITTED'],
    losses: {},
  });
});

test.each(FORMS)('a session that is ended while it is idle takes nothing with it (%s)', async (_, collect) => {
  const lines: Line[] = [
    ['idle', 'statement: SELECT pg_sleep(0.3)'],
    ['SELECT', 'duration: 300.113 ms'],
    ['idle', 'statement: INSERT INTO t VALUES (1)'],
    ['idle', 'terminating connection due to administrator command', 'FATAL', '57P01'],
    ['idle', 'disconnection: session time: 0:00:01.000 user=app database=shop host=[local]'],
  ];
  expect(await read(collect, lines)).toEqual({
    statements: ['SELECT pg_sleep(0.3) SUCCEEDED', 'INSERT INTO t VALUES (1) SUCCEEDED'],
    transactions: ['COMMITTED', 'COMMITTED'],
    losses: {},
  });
});

test('durations of some statements alone say nothing of the others, where records bear numbers', async () => {
  // log_statement = all, log_min_duration_sample = 0.
  const lines: Line[] = [
    ['idle', 'statement: SELECT 1'],
    ['SELECT', 'duration: 0.113 ms'],
    ['idle', 'statement: SELECT 2'],
    ['idle', 'statement: INSERT INTO t VALUES (1)'],
    LEAVES,
  ];
  for (const [form, collect] of [FORMS[0], FORMS[2]]) {
    expect([form, await read(collect, lines)]).toEqual([
      form,
      {
        statements: ['SELECT 1 SUCCEEDED', 'SELECT 2 SUCCEEDED', 'INSERT INTO t VALUES (1) SUCCEEDED'],
        transactions: ['COMMITTED', 'COMMITTED', 'COMMITTED'],
        losses: {},
      },
    ]);
  }
  // Where they bear none, a record may have been lost: that is said, and the transaction is not taken away.
  expect(await read(FORMS[1][1], lines)).toEqual({
    statements: ['SELECT 1 SUCCEEDED', 'SELECT 2 UNKNOWN', 'INSERT INTO t VALUES (1) UNKNOWN'],
    transactions: ['COMMITTED', 'COMMITTED', 'COMMITTED'],
    losses: { OUTCOME_UNKNOWN: 2 },
  });
});

test('a statement behind which a record of its session is missing has no known outcome', async () => {
  const lines: Line[] = [
    ['idle', 'statement: INSERT INTO t VALUES (1)'],
    ['INSERT', 'duplicate key value violates unique constraint "t_pkey"', 'ERROR', '23505', 'INSERT INTO t VALUES (1)'],
    ['idle', 'statement: SELECT 1'],
    ['SELECT', 'temporary file: path "base/pgsql_tmp/pgsql_tmp4242.0", size 8192'],
    ['idle', 'statement: SELECT 2'],
    LEAVES,
  ];
  const log = await collectText(csvLog(lines, [1]));
  expect(log.entries.map(({ outcome }) => outcome.status)).toEqual(['UNKNOWN', 'SUCCEEDED', 'SUCCEEDED']);
  expect(log.losses).toEqual([
    {
      reason: 'OUTCOME_UNKNOWN',
      at: log.entries[0]?.timestamp,
      source: '-:1',
      detail: 'a record is missing where the end of the statement should be',
    },
  ]);
});

test('the follow-up lines of a stderr log bear numbers of their own, and none is missing', async () => {
  const lines: Line[] = [
    ['idle', 'statement: SELECT 1'],
    ['SELECT', 'something of no account', 'WARNING', '01000', 'SELECT 1'],
    ['idle', 'statement: SELECT 2'],
    LEAVES,
  ];
  const { statements, losses } = await read(FORMS[2][1], lines);
  expect(statements).toEqual(['SELECT 1 SUCCEEDED', 'SELECT 2 SUCCEEDED']);
  expect(losses).toEqual({});
});

test('a session whose first record is of another kind than those of statements has not joined late', async () => {
  const plan: Line = [
    'SELECT',
    'duration: 0.020 ms  plan:\nQuery Text: SELECT 1\nResult  (cost=0.00..0.01 rows=1 width=4)',
  ];
  const log = await collectText(csvLog([plan, ['SELECT', 'duration: 0.120 ms  statement: SELECT 1']]));
  expect(log.entries).toHaveLength(1);
  expect(lossCounts(log)).toEqual({});
  const late = await collectText(csvLog([plan, ['SELECT', 'duration: 0.120 ms  statement: SELECT 1']], [0]));
  expect(lossCounts(late)).toEqual({ SESSION_JOINED_LATE: 1 });
});

test('records whose numbers something on their way has made alike are new where they are later', async () => {
  const lines: Line[] = ['1', '2', '3'].flatMap((text): Line[] => [
    ['idle', `statement: SELECT ${text}`],
    ['SELECT', 'duration: 0.113 ms'],
  ]);
  const log = await collectText(csvLog(lines).replaceAll(/6b060784\.1092,\d+,/g, '6b060784.1092,1,'));
  expect(log.entries.map(({ statement }) => statement)).toEqual(['SELECT 1', 'SELECT 2', 'SELECT 3']);
});

test('a session begins with the line of log_connections = setup_durations alone', async () => {
  const ready = 'connection ready: setup total=2.316 ms, fork=0.413 ms, authentication=0.361 ms';
  const lines: Line[] = [['authentication', ready], ['idle', 'statement: SELECT 1'], LEAVES];
  const log = await collectText(stderrLog(lines, false));
  expect(log.entries).toHaveLength(1);
  expect(lossCounts(log)).toEqual({});
});

test('a client that is gone without a word leaves nothing to the next session of its process', async () => {
  const lines: Line[] = [
    ['idle', 'statement: BEGIN'],
    ['idle in transaction', 'statement: INSERT INTO t VALUES (1)'],
    ['idle in transaction', 'unexpected EOF on client connection with an open transaction'],
    ['idle', 'statement: BEGIN'],
    ['idle in transaction', 'statement: INSERT INTO t VALUES (2)'],
    ['idle in transaction', 'statement: COMMIT'],
    LEAVES,
  ];
  const log = await collectText(stderrLog(lines, false));
  expect(log.entries).toHaveLength(5);
  expect(log.ended.map(({ status }) => status)).toEqual(['ROLLED_BACK', 'COMMITTED']);
});
