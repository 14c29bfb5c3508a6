import { describe, expect, test } from 'vitest';
import { collectText, lossCounts } from './support.ts';

/** Statements of one session, each with the failure of the server where it failed: SQLSTATE and message. */
type Ran = readonly [text: string, sqlstate?: string, message?: string];

const DIVISION: readonly [string, string] = ['22012', 'division by zero'];
const CONFLICT: readonly [string, string] = ['40001', 'could not serialize access due to read/write dependencies'];
const REFUSED: readonly [string, string] = [
  '25P02',
  'current transaction is aborted, commands ignored until end of transaction block',
];
const SERIALIZABLE = 'BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO t VALUES (1)';
const TWO_PHASE: Ran = [
  `${SERIALIZABLE}; PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'`,
  '25001',
  'COMMIT PREPARED cannot run inside a transaction block',
];

const PREFIX = '2026-01-02 03:04:05.100 UTC [4242] ';
/** A record of another process: what stands ahead of it is whole. */
const NEXT = '2026-01-02 03:04:06.100 UTC [41] LOG:  checkpoint starting: time\n';
const tabbed = (text: string) => text.replaceAll('\n', '\n\t');

/** Statements as `log_statement = all` shows them where they start; with `ends`, `log_min_duration_statement = 0` where they end. */
function stderrLog(statements: readonly Ran[], ends: boolean): string {
  const records = statements.map(([text, sqlstate, message]) => {
    const start = ends ? '' : `LOG:  statement: ${tabbed(text)}\n`;
    if (sqlstate !== undefined) return `${start}ERROR:  ${message}\nSTATEMENT:  ${tabbed(text)}\n`;
    return ends ? `LOG:  duration: 0.100 ms  statement: ${tabbed(text)}\n` : `${start}LOG:  duration: 0.100 ms\n`;
  });
  const lines = ['LOG:  connection received: host=[local]', ...records].join('\n').split('\n').filter(Boolean);
  return lines.map((line) => (line.startsWith('\t') ? `${line}\n` : `${PREFIX}${line}\n`)).join('') + NEXT;
}

/** The statements of each transaction, with what became of that. */
async function read(text: string) {
  const log = await collectText(text);
  const transactions = log.begun.map(({ id }) => {
    const status = log.ended.find(({ transactionId }) => transactionId === id)?.status ?? 'OPEN';
    const own = log.entries.filter(({ transactionId }) => transactionId === id);
    return `${status}: ${own.map(({ statement }) => statement).join(' | ')}`;
  });
  return { transactions, losses: lossCounts(log) };
}

describe.each([
  ['where they start', false],
  ['where they end', true],
] as const)('behind a string that fails, in a stderr log of statements %s,', (_, ends) => {
  const collect = (...statements: Ran[]) => read(stderrLog(statements, ends));

  test.each<Ran>([
    TWO_PHASE,
    [`${SERIALIZABLE}; COMMIT; SELECT 1/0`, ...DIVISION],
    [
      `${SERIALIZABLE}; COMMIT; INSERT INTO t VALUES (1, 2)`,
      '42601',
      'INSERT has more expressions than target columns',
    ],
    [`${SERIALIZABLE}; COMMIT; SELECT nothing()`, '42883', 'function nothing() does not exist'],
  ])('what commits is committed: %s', async (text, sqlstate, message) => {
    const failing = [text, sqlstate, message] as Ran;
    expect(
      await collect(
        failing,
        ['INSERT INTO t VALUES (2)'],
        failing,
        ['BEGIN'],
        ['INSERT INTO t VALUES (3)'],
        ['COMMIT'],
        ['BEGIN; INSERT INTO t VALUES (4); COMMIT'],
      ),
    ).toEqual({
      transactions: [
        `ROLLED_BACK: ${text}`,
        'COMMITTED: INSERT INTO t VALUES (2)',
        `ROLLED_BACK: ${text}`,
        'COMMITTED: BEGIN | INSERT INTO t VALUES (3) | COMMIT',
        'COMMITTED: BEGIN; INSERT INTO t VALUES (4); COMMIT',
      ],
      losses: { EFFECT_UNCERTAIN: 2 },
    });
  });

  test('so it is where its COMMIT failed, in a block that was begun before, too', async () => {
    expect(
      await collect(
        [`${SERIALIZABLE}; COMMIT`, ...CONFLICT],
        ['INSERT INTO t VALUES (2)'],
        ['BEGIN'],
        ['INSERT INTO t VALUES (3); COMMIT', ...CONFLICT],
        ['INSERT INTO t VALUES (4)'],
      ),
    ).toEqual({
      transactions: [
        `ROLLED_BACK: ${SERIALIZABLE}; COMMIT`,
        'COMMITTED: INSERT INTO t VALUES (2)',
        'ROLLED_BACK: BEGIN | INSERT INTO t VALUES (3); COMMIT',
        'COMMITTED: INSERT INTO t VALUES (4)',
      ],
      losses: {},
    });
  });

  test('what the failed block refuses belongs to that, and so does what revives or ends it', async () => {
    const failing = `${SERIALIZABLE}; SAVEPOINT s; SELECT 1/0; COMMIT`;
    expect(
      await collect(
        [failing, ...DIVISION],
        ['-- ping'],
        ['SELECT 1', ...REFUSED],
        ['ROLLBACK TO s'],
        ['SELECT 2'],
        ['COMMIT'],
        [failing, ...DIVISION],
        ['ROLLBACK'],
        ['SELECT 3'],
      ),
    ).toEqual({
      transactions: [
        `COMMITTED: ${failing} | -- ping | SELECT 1 | ROLLBACK TO s | SELECT 2 | COMMIT`,
        `ROLLED_BACK: ${failing} | ROLLBACK`,
        'COMMITTED: SELECT 3',
      ],
      losses: {},
    });
  });

  test('what fails by itself tells nothing, unless it may have committed', async () => {
    const failing: Ran = [`${SERIALIZABLE}; SELECT 1/0; COMMIT`, ...DIVISION];
    expect(await collect(failing, ['CALL purge()', ...DIVISION], ['SELECT 1'])).toEqual({
      transactions: [`ROLLED_BACK: ${failing[0]} | CALL purge()`, 'COMMITTED: SELECT 1'],
      losses: { EFFECT_UNCERTAIN: 1 },
    });
  });

  test('what a string does behind the COMMIT of a block that had failed is told', async () => {
    const failing: Ran = [`${SERIALIZABLE}; SELECT 1/0`, ...DIVISION];
    expect((await collect(failing, ['COMMIT; INSERT INTO t VALUES (2)'])).losses).toEqual({ EFFECT_UNCERTAIN: 1 });
  });
});

test.each([
  ['where they start', false],
  ['where they end', true],
] as const)(
  'a string ends as the server ends it, with BEGIN and without, in a log of statements %s',
  async (_, ends) => {
    const strings = [
      'INSERT INTO t VALUES (1); ROLLBACK',
      'INSERT INTO t VALUES (2); ROLLBACK; INSERT INTO t VALUES (3)',
      'BEGIN; INSERT INTO t VALUES (4); ROLLBACK; INSERT INTO t VALUES (5)',
      "BEGIN; INSERT INTO t VALUES (6); PREPARE TRANSACTION 'a;b'",
      "INSERT INTO t VALUES (7); PREPARE TRANSACTION 'c'; INSERT INTO t VALUES (8)",
      "INSERT INTO t VALUES (9); PREPARE TRANSACTION 'd'",
      'INSERT INTO t VALUES (10); COMMIT; BEGIN; SELECT 11',
    ];
    const statements: Ran[] = [
      ...strings.map((text): Ran => [text]),
      ['ROLLBACK'],
      ["/* the manager's */ COMMIT PREPARED 'a;b'"],
      ["ROLLBACK PREPARED 'd'"],
    ];
    expect(await read(stderrLog(statements, ends))).toEqual({
      transactions: [
        `ROLLED_BACK: ${strings[0]}`,
        `COMMITTED: ${strings[1]}`,
        `COMMITTED: ${strings[2]}`,
        `COMMITTED: ${strings[3]}`,
        `COMMITTED: ${strings[4]}`,
        `ROLLED_BACK: ${strings[5]}`,
        `COMMITTED: ${strings[6]}`,
        'ROLLED_BACK: ROLLBACK',
        "COMMITTED: /* the manager's */ COMMIT PREPARED 'a;b'",
        "COMMITTED: ROLLBACK PREPARED 'd'",
      ],
      losses: { EFFECT_UNCERTAIN: 4 },
    });
  },
);

test('an empty statement is refused by no block, and says nothing of one that has failed', async () => {
  const { transactions } = await read(
    stderrLog([['BEGIN'], ['SELECT 1/0', ...DIVISION], ['-- ping'], ['COMMIT']], false),
  );
  expect(transactions).toEqual(['ROLLED_BACK: BEGIN | SELECT 1/0 | -- ping | COMMIT']);
});

test('a statement behind such a string is no entry before its outcome is known', async () => {
  const whole = stderrLog([TWO_PHASE, ['INSERT INTO t VALUES (2)']], false);
  const cut = whole.lastIndexOf(`${PREFIX}LOG:  duration`);
  expect(await read(whole.slice(0, cut) + NEXT)).toEqual({
    transactions: [`OPEN: ${TWO_PHASE[0]}`],
    losses: { EFFECT_UNCERTAIN: 1, OUTCOME_UNKNOWN: 1 },
  });
  expect((await read(whole)).transactions[1]).toBe('COMMITTED: INSERT INTO t VALUES (2)');
});

test('the command tag tells ahead of it', async () => {
  const failing = 'BEGIN; SELECT 1/0; COMMIT';
  const began = async (tag: string) => {
    const at = (number: number) => `2026-01-02 03:04:05.${number}00 UTC [4242]`;
    const log = `${at(1)} idle LOG:  statement: ${failing}
${at(2)} SELECT ERROR:  division by zero
${at(2)} SELECT STATEMENT:  ${failing}
${at(3)} ${tag} LOG:  statement: SELECT 1
${at(4)} SELECT LOG:  duration: 0.100 ms
`;
    const { begun, ended } = await collectText(log, { logLinePrefix: '%m [%p] %i ' });
    return [begun.length, ended.length];
  };
  expect(await began('idle')).toEqual([2, 2]);
  expect(await began('idle in transaction (aborted)')).toEqual([1, 0]);
});
