import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyStatement } from '../../src/journal/statement-type.ts';
import { SessionMemory } from '../../src/replay/session-memory.ts';
import { PROPERTY_SEED } from '../support/property.ts';

/** Notes statements as a server would end them: `!` before one that fails. */
function remembering(...statements: string[]): SessionMemory {
  const memory = new SessionMemory();
  let status: 'I' | 'T' | 'E' = 'I';
  for (const text of statements) {
    const fails = text.startsWith('!');
    const statement = fails ? text.slice(1) : text;
    let tag = statement.split(' ')[0] as string;
    if (fails) {
      if (status === 'T') status = 'E';
      if (statement === 'COMMIT') status = 'I';
    } else if (statement === 'BEGIN') status = 'T';
    else if (statement.startsWith('ROLLBACK TO')) status = 'T';
    else if (statement === 'COMMIT' || statement === 'ROLLBACK') {
      if (status === 'E') tag = 'ROLLBACK';
      status = 'I';
    } else if (statement.endsWith('AND CHAIN')) status = 'T';
    memory.note(
      { statement, parameters: [], statementType: classifyStatement(statement) },
      { ok: !fails, tag, transactionStatus: status },
    );
  }
  return memory;
}

const CHARACTERISTICS = 'SET SESSION CHARACTERISTICS AS TRANSACTION';

const made = (memory: SessionMemory) => memory.statements().map(({ statement }) => statement);

describe('settings', () => {
  it.each([
    ['the newest of a name', ['SET a.b = 1', 'SET a.c = 1', 'SET a.b = 2'], ['SET a.c = 1', 'SET a.b = 2']],
    ['not one that failed', ['!SET a.b = 1'], []],
    ['not one that was reset', ['SET a.b = 1', 'SET a.c = 1', 'RESET a.b'], ['SET a.c = 1']],
    ['none behind RESET ALL or DISCARD ALL', ['SET a.b = 1', 'RESET ALL', 'SET a.c = 1', 'DISCARD ALL'], []],
    [
      'roles behind RESET ALL, which leaves them',
      ['SET SESSION AUTHORIZATION a', 'SET ROLE b', 'SET a.b = 1', 'RESET ALL'],
      ['SET SESSION AUTHORIZATION a', 'SET ROLE b'],
    ],
    ['no role behind DISCARD ALL', ['SET SESSION AUTHORIZATION a', 'SET ROLE b', 'DISCARD ALL'], []],
    ['no role behind RESET SESSION AUTHORIZATION, which takes both', ['SET ROLE b', 'RESET SESSION AUTHORIZATION'], []],
    ['one that was committed', ['BEGIN', 'SET a.b = 1', 'COMMIT'], ['SET a.b = 1']],
    ['the one before what was rolled back', ['SET a.b = 1', 'BEGIN', 'SET a.b = 2', 'ROLLBACK'], ['SET a.b = 1']],
    ['what a rolled back RESET had taken', ['SET a.b = 1', 'BEGIN', 'RESET ALL', 'ROLLBACK'], ['SET a.b = 1']],
    ['not what a failed transaction had set', ['BEGIN', 'SET a.b = 1', '!SELECT 1/0', 'COMMIT'], []],
    ['not what a refused COMMIT had set', ['BEGIN', 'SET a.b = 1', '!COMMIT'], []],
    [
      'not what was rolled back to a savepoint, the same name twice',
      ['BEGIN', 'SET a.b = 1', 'SAVEPOINT s', 'SET a.b = 2', 'SAVEPOINT s', 'SET a.c = 3', 'ROLLBACK TO s', 'COMMIT'],
      ['SET a.b = 2'],
    ],
    [
      'nothing of a savepoint whose namesake behind it was released',
      ['BEGIN', 'SAVEPOINT s', 'SET a.b = 1', 'SAVEPOINT s', 'SET a.c = 1', 'RELEASE s', 'ROLLBACK TO s', 'COMMIT'],
      [],
    ],
    [
      'what stands when a savepoint is rolled back to twice',
      ['BEGIN', 'SAVEPOINT s', 'SET a.b = 2', 'ROLLBACK TO s', 'SET a.c = 3', 'ROLLBACK TO SAVEPOINT s', 'COMMIT'],
      [],
    ],
    [
      'what COMMIT AND CHAIN kept, not what came after',
      ['BEGIN', 'SET a.b = 1', 'COMMIT AND CHAIN', 'SET a.c = 1', 'ROLLBACK'],
      ['SET a.b = 1'],
    ],
    [
      'each mode of transactions by itself',
      [
        `${CHARACTERISTICS} ISOLATION LEVEL SERIALIZABLE`,
        `${CHARACTERISTICS} READ ONLY`,
        `${CHARACTERISTICS} DEFERRABLE`,
      ],
      [
        `${CHARACTERISTICS} ISOLATION LEVEL SERIALIZABLE`,
        `${CHARACTERISTICS} READ ONLY`,
        `${CHARACTERISTICS} DEFERRABLE`,
      ],
    ],
    [
      'no mode of transactions that was reset or set again under its own name',
      [
        `${CHARACTERISTICS} READ ONLY`,
        `${CHARACTERISTICS} DEFERRABLE`,
        'RESET default_transaction_read_only',
        'SET default_transaction_deferrable = off',
      ],
      ['SET default_transaction_deferrable = off'],
    ],
    [
      'what resets a part of what one statement has set, behind that',
      [`${CHARACTERISTICS} ISOLATION LEVEL SERIALIZABLE, READ ONLY`, 'RESET default_transaction_read_only'],
      [`${CHARACTERISTICS} ISOLATION LEVEL SERIALIZABLE, READ ONLY`, 'RESET default_transaction_read_only'],
    ],
    [
      'what resets a part of it that was set again meanwhile',
      [
        `${CHARACTERISTICS} ISOLATION LEVEL SERIALIZABLE, READ ONLY`,
        'SET default_transaction_read_only = off',
        'RESET default_transaction_read_only',
      ],
      [`${CHARACTERISTICS} ISOLATION LEVEL SERIALIZABLE, READ ONLY`, 'RESET default_transaction_read_only'],
    ],
    ['each of a string', ['SET a.b = 1; SET a.c = 2', 'RESET a.b'], ['SET a.c = 2']],
    [
      'nothing that does more than set, nor what stood before it',
      [
        'SET a.b = 1',
        "SELECT set_config('a.b', '2', false), nextval('s')",
        'DO $$ BEGIN SET a.c = 1; DELETE FROM t; END $$',
      ],
      [],
    ],
    [
      'what stood before a block that was rolled back',
      ['SET a.b = 1', 'BEGIN', 'DO $$ BEGIN SET a.b = 2; END $$', 'ROLLBACK'],
      ['SET a.b = 1'],
    ],
    [
      'nothing of a string that rolls back: its BEGIN takes in what stands before',
      ['SET a.b = 1; BEGIN; SET a.b = 2; ROLLBACK'],
      [],
    ],
    [
      'what a string committed before it rolled back',
      ['SET a.b = 1; COMMIT; BEGIN; SET a.b = 2; ROLLBACK'],
      ['SET a.b = 1'],
    ],
  ])('remembers %s', (_, statements, expected) => {
    expect(made(remembering(...statements))).toEqual(expected);
  });

  it('remembers prepared statements across rollbacks, which do not undo them', () => {
    const memory = remembering(
      'BEGIN',
      'PREPARE p AS SELECT 1',
      'SET a.b = 1',
      'PREPARE q AS SELECT 2',
      'DEALLOCATE p',
      'ROLLBACK',
    );
    expect(made(memory)).toEqual(['PREPARE q AS SELECT 2']);
  });

  it('goes back to any of many savepoints, one of which lies behind a released one', () => {
    const numbers = Array.from({ length: 200 }, (_, number) => number);
    const many = ['BEGIN', ...numbers.flatMap((number) => [`SAVEPOINT s${number}`, `SET a.b = ${number}`])];
    for (const back of [199, 150, 100, 1])
      expect(made(remembering(...many, `ROLLBACK TO s${back}`, 'COMMIT'))).toEqual([`SET a.b = ${back - 1}`]);
    const released = ['SAVEPOINT t', 'SET a.b = 1', 'PREPARE p AS SELECT 1', 'RELEASE t', 'ROLLBACK TO s150'];
    expect(made(remembering(...many, ...released, 'ROLLBACK TO s149'))).toEqual([
      'SET a.b = 148',
      'PREPARE p AS SELECT 1',
    ]);
  });

  it('goes back ever and again behind a released savepoint, however long the transaction', () => {
    const memory = new SessionMemory();
    const outcome = { ok: true, tag: null, transactionStatus: 'T' } as const;
    const note = (statement: string) =>
      memory.note({ statement, parameters: [], statementType: classifyStatement(statement) }, outcome);
    for (let time = 0; time < 40_000; time++) {
      note(`SET a.b = ${time}`);
      for (const statement of ['SAVEPOINT s', 'SAVEPOINT t', 'SET a.b = DEFAULT', 'RELEASE t', 'ROLLBACK TO s'])
        note(statement);
      note('RELEASE s');
    }
    expect(made(memory)).toEqual(['SET a.b = 39999']);
  });

  it('keeps the parameters of a statement that set something', () => {
    const memory = new SessionMemory();
    const noted = {
      statement: "SELECT set_config('a.b', $1, false)",
      parameters: [{ kind: 'text', value: 'x', oid: null }],
      statementType: 'SELECT',
    } as const;
    memory.note(noted, { ok: true, tag: 'SELECT 1', transactionStatus: 'I' });
    expect(memory.statements()).toEqual([noted]);
  });

  it('tells settings apart that are named by a parameter', () => {
    const memory = new SessionMemory();
    const set = (...values: string[]) => {
      const parameters = values.map((value) => ({ kind: 'text', value, oid: null }) as const);
      const noted = { statement: 'SELECT set_config($1, $2, false)', parameters, statementType: 'SET' } as const;
      memory.note(noted, { ok: true, tag: 'SELECT 1', transactionStatus: 'I' });
      return noted;
    };
    set('search_path', 'tenant1');
    const user = set('app.user', '7');
    const path = set('search_path', 'tenant2');
    expect(memory.statements()).toEqual([user, path]);
    memory.note(
      { statement: 'RESET app.user', parameters: [], statementType: 'SET' },
      { ok: true, tag: 'RESET', transactionStatus: 'I' },
    );
    expect(memory.statements()).toEqual([path]);
  });

  it('forgets the oldest where there are too many', () => {
    const memory = remembering(...Array.from({ length: 250 }, (_, index) => `SET a.b${index} = 1`));
    expect(memory.statements()).toHaveLength(200);
    expect(made(memory).at(-1)).toBe('SET a.b249 = 1');
  });
});

describe('held state', () => {
  it.each([
    ['a temporary table', ['CREATE TEMP TABLE t ()'], true],
    ['one that was rolled back', ['BEGIN', 'CREATE TEMP TABLE t ()', 'ROLLBACK'], false],
    ['one that was discarded', ['CREATE TEMP TABLE t ()', 'DISCARD TEMP'], false],
    [
      'one of two locks',
      ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_lock(2)', 'SELECT pg_advisory_unlock(1)'],
      true,
    ],
    [
      'a lock taken twice and given up once',
      ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'],
      true,
    ],
    ['a lock given up', ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'], false],
    [
      'locks all given up',
      ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_lock(2)', 'SELECT pg_advisory_unlock_all()'],
      false,
    ],
    ['a lock taken in a transaction that rolled back', ['BEGIN', 'SELECT pg_advisory_lock(1)', 'ROLLBACK'], true],
    ['LISTEN on one of two', ['LISTEN a', 'LISTEN a', 'LISTEN b', 'UNLISTEN a'], true],
    ['LISTEN given up', ['LISTEN a', 'LISTEN a', 'UNLISTEN a'], false],
    ['a cursor', ['DECLARE c CURSOR WITH HOLD FOR SELECT 1'], true],
    ['a setting of a statement that does more', ["SELECT set_config('a.b', '2', false), nextval('s')"], true],
    ['one that was rolled back', ['BEGIN', "SELECT set_config('a.b', v, false) FROM t", 'ROLLBACK'], false],
    ['one that was set again', ["SELECT set_config('a.b', v, false) FROM t", 'SET a.b = 1'], false],
    ['one that was reset', ["SELECT set_config('a.b', v, false) FROM t", 'RESET a.b'], false],
    ['one of two that were set so', ["SELECT set_config('a.b', v, false), f() FROM t", 'RESET a.c'], true],
    ['all of them reset', ['SELECT set_config(name, v, false) FROM t', 'RESET ALL'], false],
    ['a role that RESET ALL leaves', ['DO $$ BEGIN SET ROLE a; DELETE FROM t; END $$', 'RESET ALL'], true],
    ['a cursor closed', ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'CLOSE c'], false],
  ])('%s', (_, statements, holds) => {
    expect(remembering(...statements).holdsConnection).toBe(holds);
  });

  it('goes with the connection, and so does what its open transaction had set', () => {
    const memory = remembering('SET a.b = 1', 'CREATE TEMP TABLE t ()', 'BEGIN', 'SET a.b = 2');
    memory.connectionLost();
    expect(memory.holdsConnection).toBe(false);
    expect(made(memory)).toEqual(['SET a.b = 1']);
  });
});

it('can be told by the record instead of by the target', () => {
  const memory = new SessionMemory();
  const record = (statement: string, status: 'SUCCEEDED' | 'FAILED' = 'SUCCEEDED') =>
    memory.noteRecorded({
      statement,
      parameters: [],
      statementType: classifyStatement(statement),
      outcome: status === 'FAILED' ? { status, sqlstate: '22012', message: '' } : { status },
    });
  for (const statement of ['SET a.b = 1', 'BEGIN', 'SET a.b = 2', 'ROLLBACK', 'BEGIN', 'SET a.c = 3'])
    record(statement);
  expect(made(memory)).toEqual(['SET a.b = 1', 'SET a.c = 3']);
  record('COMMIT', 'FAILED');
  expect(made(memory)).toEqual(['SET a.b = 1']);
});

/** What stands of a transaction's statements, gone through again for each rollback. */
function standing(statements: readonly string[]): readonly string[] {
  let steps: string[] = [];
  const newest = (name: string) => steps.lastIndexOf(`SAVEPOINT ${name}`);
  const survives = (statement: string) => /^(PREPARE|DEALLOCATE|SELECT)/.test(statement);
  for (const statement of statements) {
    const [, back] = /^ROLLBACK TO (.*)/.exec(statement) ?? [];
    const [, released] = /^RELEASE (.*)/.exec(statement) ?? [];
    if (back !== undefined) {
      const at = newest(back);
      steps = steps.filter((step, index) => at < 0 || index <= at || survives(step));
    } else if (released !== undefined) {
      const at = newest(released);
      steps = steps.filter((step, index) => at < 0 || index < at || !step.startsWith('SAVEPOINT'));
    } else if (statement === 'ROLLBACK') steps = steps.filter(survives);
    else steps.push(statement);
  }
  return steps.filter((step) => !step.startsWith('SAVEPOINT'));
}

it('knows after any transaction what it would know had only what stands of it been done', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const statement = fc.oneof(
    name.map((savepoint) => `SAVEPOINT ${savepoint}`),
    name.map((savepoint) => `ROLLBACK TO ${savepoint}`),
    name.map((savepoint) => `RELEASE ${savepoint}`),
    fc.tuple(name, fc.nat(99)).map(([setting, value]) => `SET x.${setting} = ${value}`),
    fc.tuple(name, fc.nat(99)).map(([prepared, value]) => `PREPARE ${prepared} AS SELECT ${value}`),
    name.map((setting) => `RESET x.${setting}`),
    name.map((prepared) => `DEALLOCATE ${prepared}`),
    name.map((channel) => `LISTEN ${channel}`),
    name.map((channel) => `UNLISTEN ${channel}`),
    name.map((table) => `CREATE TEMP TABLE ${table} ()`),
    fc.constantFrom('SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)', 'DISCARD TEMP', 'RESET ALL'),
  );
  const history = fc.tuple(
    fc.array(statement, { maxLength: 10 }),
    fc.array(statement, { maxLength: 60 }),
    fc.constantFrom('COMMIT', 'ROLLBACK'),
  );
  fc.assert(
    fc.property(history, ([first, second, end]) => {
      const before = standing(first);
      const memory = remembering('BEGIN', ...first, 'COMMIT', 'BEGIN', ...second, end);
      const expected = remembering(...before, ...standing([...second, end].filter((text) => text !== 'COMMIT')));
      expect(made(memory)).toEqual(made(expected));
      expect([...memory.heldState].sort()).toEqual([...expected.heldState].sort());
    }),
    { numRuns: 1_000, seed: PROPERTY_SEED },
  );
});
