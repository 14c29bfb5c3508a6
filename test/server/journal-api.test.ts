import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, type Backend, openBackend, startService, type TestService } from './support.ts';

let backend: Backend;
let service: TestService;

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend);
});
afterAll(async () => {
  await service.stop();
  await backend.close();
});

const run = async (query: string, variables: Record<string, unknown> = {}) => {
  const answer = await ask(service.url, query, variables);
  expect(answer.errors).toEqual([]);
  return answer.data;
};

const LOG = `mutation ($input: LogStatementInput!) {
  logStatement(input: $input) {
    __typename
    ... on LoggedStatement {
      duplicate
      entry {
        id timestamp statementType protocol rows durationMs
        outcome { status sqlstate message }
        parameters { kind text oid bool int64 float64 bytes items { kind text items { text } } }
      }
    }
    ... on Error { code message path }
  }
}`;
const autocommit = (id?: string) => ({
  origin: { sessionId: 's1', database: 'shop' },
  ...(id === undefined ? {} : { id }),
});

test('every kind of parameter comes back as it was sent', async () => {
  const { logStatement } = await run(LOG, {
    input: {
      autocommit: autocommit(),
      statement: 'SELECT $1, $2, $3, $4, $5, $6, $7, $8',
      timestamp: '2026-11-23T16:28:37.426001Z',
      durationMs: 1.25,
      rows: 3_000_000_000,
      parameters: [
        { null: true },
        { bool: false },
        { int64: '9007199254740993' },
        { float64: 'NaN' },
        { text: { value: 'naïve "☃"', oid: 4_000_000_000 } },
        { text: { value: '' } },
        { bytes: 'AP8=' },
        { array: [{ int64: 1 }, { null: true }, { array: [{ text: { value: 'a,b' } }] }] },
      ],
    },
  });
  const none = { text: null, oid: null, bool: null, int64: null, float64: null, bytes: null, items: null };
  expect(logStatement.entry).toMatchObject({
    timestamp: '2026-11-23T16:28:37.426001Z',
    statementType: 'SELECT',
    protocol: 'EXTENDED',
    rows: 3_000_000_000,
    durationMs: 1.25,
    outcome: { status: 'SUCCEEDED', sqlstate: null, message: null },
  });
  expect(logStatement.entry.parameters).toEqual([
    { ...none, kind: 'NULL' },
    { ...none, kind: 'BOOL', text: 'false', bool: false },
    { ...none, kind: 'INT64', text: '9007199254740993', int64: '9007199254740993' },
    { ...none, kind: 'FLOAT64', text: 'NaN', float64: 'NaN' },
    { ...none, kind: 'TEXT', text: 'naïve "☃"', oid: 4_000_000_000 },
    { ...none, kind: 'TEXT', text: '' },
    { ...none, kind: 'BYTES', text: '\\x00ff', bytes: 'AP8=' },
    {
      ...none,
      kind: 'ARRAY',
      text: '{1,NULL,{"a,b"}}',
      items: [
        { kind: 'INT64', text: '1', items: null },
        { kind: 'NULL', text: null, items: null },
        { kind: 'ARRAY', text: '{"a,b"}', items: [{ text: 'a,b' }] },
      ],
    },
  ]);
});

describe('an expected error is data', () => {
  const cases: [string, object, object][] = [
    [
      'an unknown transaction',
      { transactionId: randomUUID(), statement: 'SELECT 1' },
      { __typename: 'NotFoundError', code: 'TRANSACTION_NOT_FOUND', path: ['input', 'transactionId'] },
    ],
    [
      'neither place',
      { statement: 'SELECT 1' },
      { __typename: 'InputError', code: 'BAD_INPUT', path: ['input', 'transactionId'] },
    ],
    [
      'a failure without SQLSTATE',
      { autocommit: autocommit(), statement: 'SELECT 1', outcome: { status: 'FAILED' } },
      { __typename: 'InputError', code: 'BAD_INPUT', path: ['input', 'outcome', 'sqlstate'] },
    ],
    [
      'text that PostgreSQL cannot hold',
      { autocommit: autocommit(), statement: 'SELECT $1', parameters: [{ text: { value: 'a\0b' } }] },
      { __typename: 'InputError', code: 'BAD_INPUT', path: ['input', 'parameters', '0'] },
    ],
    [
      'an array deeper than PostgreSQL has them',
      {
        autocommit: autocommit(),
        statement: 'SELECT $1',
        parameters: [{ array: [{ array: [{ array: [{ array: [{ array: [{ array: [{ array: [] }] }] }] }] }] }] }],
      },
      { __typename: 'InputError', code: 'BAD_INPUT' },
    ],
  ];
  test.each(cases)('%s', async (_name, input, expected) => {
    expect((await run(LOG, { input })).logStatement).toMatchObject(expected);
  });
});

test('a parameter with two kinds, or none, is refused before anything is executed', async () => {
  for (const value of [{ bool: true, int64: 1 }, {}, { bool: null }]) {
    const input = { autocommit: autocommit(), statement: 'SELECT $1', parameters: [value] };
    const answer = await ask(service.url, LOG, { input });
    expect(answer.data).toBeUndefined();
    expect(answer.errors[0]?.extensions['code']).toBe('BAD_INPUT');
    expect(answer.errors[0]?.message).toContain('at "input.parameters[0]');
  }
});

test('a transaction is recorded over the API, and every call of it can be repeated', async () => {
  const id = randomUUID();
  const steps: [string, string, object][] = [
    ['beginTransaction', 'BeginTransactionInput', { id, origin: { sessionId: 's2', user: 'app' } }],
    ['createSavepoint', 'SavepointInput', { transactionId: id, name: 'sp', sequence: 2 }],
    ['logStatement', 'LogStatementInput', { transactionId: id, sequence: 3, statement: 'UPDATE t SET a = 1' }],
    ['rollbackToSavepoint', 'SavepointInput', { transactionId: id, name: 'sp', sequence: 4 }],
    ['releaseSavepoint', 'SavepointInput', { transactionId: id, name: 'sp', sequence: 5 }],
    ['commitTransaction', 'EndTransactionInput', { transactionId: id, sequence: 6 }],
  ];
  const transaction = '... on JournalTransaction { id status commitSeq }';
  const savepoint = '... on Savepoint { setAt sequence }';
  const details: Record<string, string> = {
    BeginTransactionInput: transaction,
    EndTransactionInput: transaction,
    SavepointInput: savepoint,
    LogStatementInput: '... on LoggedStatement { sequence entry { statement } }',
  };
  for (const [field, type, input] of steps) {
    const query = `mutation ($input: ${type}!) { ${field}(input: $input) { __typename ${details[type]} ... on Error { code message } } }`;
    const first = await run(query, { input });
    expect(first[field].code).toBeUndefined();
    expect(await run(query, { input })).toEqual(first);
  }
  const { journalTransaction } = await run(
    `query ($id: UUID!) { journalTransaction(id: $id) { status entryCount user entries { nodes { sequence statement transaction { id } } } } }`,
    { id },
  );
  expect(journalTransaction).toMatchObject({ status: 'COMMITTED', entryCount: 6, user: 'app' });
  expect(journalTransaction.entries.nodes.map((node: { statement: string }) => node.statement)).toEqual([
    'BEGIN',
    'SAVEPOINT "sp"',
    'UPDATE t SET a = 1',
    'ROLLBACK TO SAVEPOINT "sp"',
    'RELEASE SAVEPOINT "sp"',
    'COMMIT',
  ]);
  const rollback = await run(
    'mutation ($id: UUID!) { rollbackTransaction(input: { transactionId: $id }) { __typename ... on Error { code } } }',
    { id },
  );
  expect(rollback.rollbackTransaction).toEqual({ __typename: 'ConflictError', code: 'TRANSACTION_ENDED' });
});

describe('logStatements', () => {
  const BULK = `mutation ($entries: [LogStatementInput!]!) {
    logStatements(input: { entries: $entries }) {
      ... on LoggedStatements { accepted duplicates statements { transactionId sequence duplicate } }
      ... on Error { code path }
    }
  }`;

  test('takes 5,000 statements at once, and the same again without storing any', async () => {
    const entries = Array.from({ length: 5000 }, (_, n) => ({
      autocommit: autocommit(randomUUID()),
      statement: 'INSERT INTO orders (id, note) VALUES ($1, $2)',
      parameters: [{ int64: String(n) }, { text: { value: `note ${n}` } }],
      timestamp: new Date(Date.UTC(2026, 0, 1) + n).toISOString(),
    }));
    const first = await run(BULK, { entries });
    expect(first.logStatements).toMatchObject({ accepted: 5000, duplicates: 0 });
    const again = await run(BULK, { entries });
    expect(again.logStatements).toMatchObject({ accepted: 0, duplicates: 5000 });
    const { journalCoverage } = await run(
      '{ journalCoverage(window: { from: "2026-01-01T00:00:00Z", to: "2026-01-01T23:59:59Z" }, buckets: 2) { entries byType { statementType entries } buckets { entries } } }',
    );
    expect(journalCoverage).toMatchObject({ entries: 5000, byType: [{ statementType: 'INSERT', entries: 5000 }] });
  });

  test('takes all or nothing, and says which entry is wrong', async () => {
    const id = randomUUID();
    await backend.recorder.begin({
      id,
      origin: { nodeId: null, sessionId: 's', user: null, database: null, application: null },
    });
    const entries = [
      { transactionId: id, sequence: 2, statement: 'SELECT 1' },
      { transactionId: id, sequence: 3, statement: 'ROLLBACK' },
    ];
    expect((await run(BULK, { entries })).logStatements).toEqual({
      code: 'BAD_INPUT',
      path: ['input', 'entries', '1', 'statement'],
    });
    expect((await backend.journal.transaction(id))?.entryCount).toBe(1);
  });
});

describe('journalEntries', () => {
  const PAGE = `query ($first: Int! = 100, $after: Cursor, $filter: EntryFilterInput) {
    journalEntries(window: { from: "2025-06-01T00:00:00Z", to: "2025-06-02T00:00:00Z" }, first: $first, after: $after, filter: $filter) {
      edges { cursor node { id statement } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;

  beforeAll(async () => {
    for (let n = 0; n < 25; n++) {
      await backend.recorder.log({
        autocommit: { origin: { nodeId: null, sessionId: `s${n % 2}`, user: null, database: null, application: null } },
        statement: `SELECT ${n}`,
        timestamp: Date.UTC(2025, 5, 1, 12) * 1000 + n,
      });
    }
  });

  test('pages through a window in order, without repeating or missing an entry', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const {
        journalEntries,
      }: {
        journalEntries: { edges: { cursor: string; node: { statement: string } }[]; pageInfo: Record<string, unknown> };
      } = await run(PAGE, { first: 7, after });
      seen.push(...journalEntries.edges.map(({ node }) => node.statement));
      expect(journalEntries.pageInfo['endCursor']).toBe(journalEntries.edges.at(-1)?.cursor);
      expect(journalEntries.pageInfo['hasPreviousPage']).toBe(after !== null);
      if (!journalEntries.pageInfo['hasNextPage']) break;
      after = journalEntries.pageInfo['endCursor'] as string;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `SELECT ${n}`));
  });

  test('takes only what the filter passes', async () => {
    const { journalEntries } = await run(PAGE, {
      filter: { sessionIds: ['s1'], text: 'select 1', statementTypes: null },
    });
    expect(journalEntries.edges.map((edge: { node: { statement: string } }) => edge.node.statement)).toEqual([
      'SELECT 1',
      'SELECT 11',
      'SELECT 13',
      'SELECT 15',
      'SELECT 17',
      'SELECT 19',
    ]);
  });

  test('refuses an inverted window, a foreign cursor and a page that is too large, with a code and the argument', async () => {
    const inverted = await ask(
      service.url,
      '{ journalEntries(window: { from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" }) { nodes { id } } }',
    );
    expect(inverted.errors[0]?.extensions).toEqual({ code: 'WINDOW_INVERTED', path: ['window'] });
    expect((await ask(service.url, PAGE, { after: 'abc' })).errors[0]?.extensions).toEqual({
      code: 'CURSOR_INVALID',
      path: ['after'],
    });
    expect((await ask(service.url, PAGE, { first: 1001 })).errors[0]?.extensions).toEqual({
      code: 'BAD_INPUT',
      path: ['first'],
    });
  });
});

test('node finds an entry, a transaction and a replay by the id that they show, and nothing else', async () => {
  const { transactionId } = await backend.recorder.log({
    autocommit: { origin: { nodeId: null, sessionId: 's', user: null, database: null, application: null } },
    statement: 'SELECT 42',
  });
  const NODE = '($id: ID!) { node(id: $id) { __typename id ... on JournalEntry { statement } } }';
  const find = async (id: string) => (await run(`query ${NODE}`, { id })).node;
  expect(await find(`${transactionId}/1`)).toEqual({
    __typename: 'JournalEntry',
    id: `${transactionId}/1`,
    statement: 'SELECT 42',
  });
  expect(await find(transactionId)).toEqual({ __typename: 'JournalTransaction', id: transactionId });
  expect(await find(`${transactionId}/2`)).toBeNull();
  expect(await find(randomUUID())).toBeNull();
  expect(await find('nonsense')).toBeNull();
});

test('what is not found is null', async () => {
  const id = randomUUID();
  const query =
    '($id: UUID!) { journalTransaction(id: $id) { id } replay(id: $id) { id } replayStatements(replayId: $id) { nodes { seq } } replayFailures(replayId: $id) { count } replayReport(replayId: $id) { remarks } }';
  expect(await run(`query ${query}`, { id })).toEqual({
    journalTransaction: null,
    replay: null,
    replayStatements: null,
    replayFailures: null,
    replayReport: null,
  });
});
