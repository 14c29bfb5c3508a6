import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type SessionEffect,
  sessionEffect,
  type TransactionEffect,
  transactionEffect,
} from '../../src/journal/statement-type.ts';
import { sqlLike } from './sql-arbitrary.ts';

describe('transactionEffect', () => {
  const none = { kind: 'NONE' } as const;
  const begin = { kind: 'BEGIN' } as const;
  const commit = { kind: 'COMMIT', chain: false } as const;
  const rollback = { kind: 'ROLLBACK', chain: false } as const;

  it.each<[string, TransactionEffect[]]>([
    ['', [none]],
    ['select 1', [none]],
    ['select 1;', [none]],
    ["insert into t values (';commit;')", [none]],
    ['begin', [begin]],
    ['BEGIN WORK ISOLATION LEVEL SERIALIZABLE;', [begin]],
    ['start transaction', [begin]],
    ['start_replication', [none]],
    ['commit', [commit]],
    ['/* x */ Commit Work', [commit]],
    ['end transaction', [commit]],
    ['commit and chain', [{ kind: 'COMMIT', chain: true }]],
    ['end work and no chain', [commit]],
    ['rollback', [rollback]],
    ['abort work and chain', [{ kind: 'ROLLBACK', chain: true }]],
    ["commit prepared 'x'", [none]],
    ["rollback prepared 'x'", [none]],
    ["prepare transaction 'a''b'", [{ kind: 'PREPARE_TRANSACTION', name: "a'b" }]],
    ['prepare transaction_x as select 1', [none]],
    ['savepoint MySave', [{ kind: 'SAVEPOINT', name: 'mysave' }]],
    ['savepoint "MySave"', [{ kind: 'SAVEPOINT', name: 'MySave' }]],
    ['rollback to s', [{ kind: 'ROLLBACK_TO', name: 's' }]],
    ['rollback work to savepoint S', [{ kind: 'ROLLBACK_TO', name: 's' }]],
    ['release savepoint s', [{ kind: 'RELEASE', name: 's' }]],
    ['release s', [{ kind: 'RELEASE', name: 's' }]],
    ['release savepoint', [{ kind: 'RELEASE', name: 'savepoint' }]],
    ['rollback to savepoint;', [{ kind: 'ROLLBACK_TO', name: 'savepoint' }]],
    ['savepoint', [none]],
    [
      'begin; insert into t values (1); savepoint a; rollback to a; commit',
      [begin, none, { kind: 'SAVEPOINT', name: 'a' }, { kind: 'ROLLBACK_TO', name: 'a' }, commit],
    ],
    ['create function f() returns int begin atomic select 1; end; commit', [none, commit]],
  ])('reads %j', (text, expected) => {
    expect(transactionEffect(text)).toEqual(expected);
  });

  it('has one element for each statement of any text', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        expect(transactionEffect(text).length).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('sessionEffect', () => {
  it.each<[string, SessionEffect[]]>([
    ['set search_path to x', [{ kind: 'SETTING', name: 'search_path' }]],
    ['SET SESSION Statement_Timeout = 5', [{ kind: 'SETTING', name: 'statement_timeout' }]],
    ['set "TimeZone" to \'UTC\'', [{ kind: 'SETTING', name: 'timezone' }]],
    ["set time zone 'UTC'", [{ kind: 'SETTING', name: 'timezone' }]],
    ['set app.user_id = 7', [{ kind: 'SETTING', name: 'app.user_id' }]],
    ['set role u', [{ kind: 'SETTING', name: 'role' }]],
    ['set session role u', [{ kind: 'SETTING', name: 'role' }]],
    ['set session authorization u', [{ kind: 'SETTING', name: 'session_authorization' }]],
    [
      'set session characteristics as transaction read only',
      [{ kind: 'SETTING', name: 'default_transaction_read_only' }],
    ],
    [
      'Set Session Characteristics As Transaction Isolation Level Read Committed, Read Write Not Deferrable;',
      [
        { kind: 'SETTING', name: 'default_transaction_isolation' },
        { kind: 'SETTING', name: 'default_transaction_read_only' },
        { kind: 'SETTING', name: 'default_transaction_deferrable' },
      ],
    ],
    ["set names 'utf8'", [{ kind: 'SETTING', name: 'client_encoding' }]],
    ["set schema 'x'", [{ kind: 'SETTING', name: 'search_path' }]],
    ["select set_config('App.User', $1, false)", [{ kind: 'SETTING', name: 'app.user' }]],
    ["select pg_catalog.set_config($1, coalesce($2, 'a,b'), 'f')", [{ kind: 'HELD_SETTING', name: null }]],
    [
      "SELECT pg_catalog.set_config('a.b', $1::text, false) AS a, set_config('a.c', E'1', 'f'::pg_catalog.bool) c;",
      [
        { kind: 'SETTING', name: 'a.b' },
        { kind: 'SETTING', name: 'a.c' },
      ],
    ],
    ["select set_config('a.b', 'x', false), nextval('s')", [{ kind: 'HELD_SETTING', name: 'a.b' }]],
    ["select set_config('a.b', 'x', false) from t", [{ kind: 'HELD_SETTING', name: 'a.b' }]],
    ["select set_config('a.b', 'x', false) where f()", [{ kind: 'HELD_SETTING', name: 'a.b' }]],
    ["select other.set_config('a.b', 'x', false)", [{ kind: 'HELD_SETTING', name: 'a.b' }]],
    [
      "with u as (update t set a = 1 returning a) select set_config('a.b', a, false) from u",
      [{ kind: 'HELD_SETTING', name: 'a.b' }],
    ],
    ["insert into t select set_config('a.b', 'x', false)", [{ kind: 'HELD_SETTING', name: 'a.b' }]],
    ["select set_config('a.b', 'x', $1)", [{ kind: 'SETTING', name: 'a.b' }]],
    ['reset search_path', [{ kind: 'RESET', name: 'search_path' }]],
    ['reset time zone', [{ kind: 'RESET', name: 'timezone' }]],
    ['reset all', [{ kind: 'RESET', name: null }]],
    ['discard temp', [{ kind: 'DROP_TEMP', name: null }]],
    ['create temp table t (a int)', [{ kind: 'TEMP_TABLE', name: 't' }]],
    ['CREATE LOCAL TEMPORARY TABLE IF NOT EXISTS T AS SELECT 1', [{ kind: 'TEMP_TABLE', name: 't' }]],
    ['create or replace temp recursive view v(a) as select 1', [{ kind: 'TEMP_TABLE', name: 'v' }]],
    ['create temp sequence s start 5', [{ kind: 'TEMP_TABLE', name: 's' }]],
    ['create table pg_temp.t (a int)', [{ kind: 'TEMP_TABLE', name: 't' }]],
    ['create temp table t (a int) on commit delete rows', [{ kind: 'TEMP_TABLE', name: 't' }]],
    ['select 1 as a into temp table t', [{ kind: 'TEMP_TABLE', name: 't' }]],
    ['with a as (select 1) select * into temporary t from a', [{ kind: 'TEMP_TABLE', name: 't' }]],
    ['prepare P (int) as select $1', [{ kind: 'PREPARED', name: 'p' }]],
    ['deallocate prepare p', [{ kind: 'DEALLOCATE', name: 'p' }]],
    ['deallocate all', [{ kind: 'DEALLOCATE', name: null }]],
    ['/* x */ Execute P (1)', [{ kind: 'EXECUTED', name: 'p' }]],
    ['explain (costs off) execute "P"', [{ kind: 'EXECUTED', name: 'P' }]],
    ['explain analyze verbose execute p', [{ kind: 'EXECUTED', name: 'p' }]],
    ['create table t (a) with (fillfactor = 50) as execute p (1)', [{ kind: 'EXECUTED', name: 'p' }]],
    ['explain create unlogged table t as execute p', [{ kind: 'EXECUTED', name: 'p' }]],
    [
      'create temp table t as execute p',
      [
        { kind: 'TEMP_TABLE', name: 't' },
        { kind: 'EXECUTED', name: 'p' },
      ],
    ],
    [
      'execute p (pg_advisory_lock(1))',
      [
        { kind: 'EXECUTED', name: 'p' },
        { kind: 'ADVISORY_LOCK', name: '1' },
      ],
    ],
    ['select pg_advisory_lock(1, 2)', [{ kind: 'ADVISORY_LOCK', name: '1, 2' }]],
    ['select pg_try_advisory_lock_shared($1) from t', [{ kind: 'ADVISORY_LOCK', name: '$1' }]],
    ["select pg_advisory_unlock(hashtext('a,b'))", [{ kind: 'ADVISORY_UNLOCK', name: "hashtext('a,b')" }]],
    ['select pg_advisory_unlock_all()', [{ kind: 'ADVISORY_UNLOCK', name: null }]],
    ['listen Channel', [{ kind: 'LISTEN', name: 'channel' }]],
    ['unlisten *', [{ kind: 'UNLISTEN', name: null }]],
    ['declare c cursor with hold for select 1', [{ kind: 'HOLD_CURSOR', name: 'c' }]],
    ['declare c scroll cursor with hold for select 1', [{ kind: 'HOLD_CURSOR', name: 'c' }]],
    ['close c', [{ kind: 'CLOSE_CURSOR', name: 'c' }]],
    ["select currval('s')", [{ kind: 'SEQUENCE_VALUE', name: 's' }]],
    ['insert into t values (lastval())', [{ kind: 'SEQUENCE_VALUE', name: null }]],
    ['explain analyze select pg_advisory_lock(1)', [{ kind: 'ADVISORY_LOCK', name: '1' }]],
    [
      'set a = 1; select 1; prepare p as select 2',
      [
        { kind: 'SETTING', name: 'a' },
        { kind: 'PREPARED', name: 'p' },
      ],
    ],
    [
      "do $$ begin perform set_config('a.b', 'x', false); create temp table t (a int); set x = 1; update t set a = 1; end $$",
      [
        { kind: 'HELD_SETTING', name: 'a.b' },
        { kind: 'TEMP_TABLE', name: 't' },
        { kind: 'HELD_SETTING', name: 'x' },
      ],
    ],
  ])('finds what %j leaves behind', (text, expected) => {
    expect(sessionEffect(text)).toEqual(expected);
  });

  it('finds in the parameters of set_config what it sets, and for how long', () => {
    const text = (value: string) => ({ kind: 'text', value, oid: null }) as const;
    const call = 'select set_config($1::text, $2, $3)';
    expect(sessionEffect(call, [text('App.User'), text('7'), text('f')])).toEqual([
      { kind: 'SETTING', name: 'app.user' },
    ]);
    expect(sessionEffect(call, [text('App.User'), text('7'), { kind: 'bool', value: true }])).toEqual([]);
    expect(sessionEffect(call, [text('App.User'), text('7')])).toEqual([{ kind: 'SETTING', name: 'app.user' }]);
    expect(sessionEffect(call)).toEqual([{ kind: 'SETTING', name: null }]);
    expect(sessionEffect('select set_config(name, $1, false) from t', [text('x')])).toEqual([
      { kind: 'HELD_SETTING', name: null },
    ]);
  });

  it.each([
    'select 1',
    '',
    'begin',
    'create trigger t before insert on t for each row execute function f()',
    'create table t as select 1 as execute',
    'explain prepare p as select 1',
    'set local x = 1',
    'set transaction read only',
    'set constraints all deferred',
    "select set_config('a.b', 'x', true)",
    "select set_config('a.b', 'x', 't'::boolean)",
    'select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)',
    "select 'pg_advisory_lock(1)'",
    'select set_config from settings',
    'create temp table t (a int) on commit drop',
    'create temp table t on commit drop as select 1',
    'create table temp (a int)',
    'create function f() returns int language sql as $$ select lastval() $$',
    'select * into t from u',
    'insert into temp select 1',
    'declare c cursor without hold for select 1',
    "declare c cursor for select 'with hold'",
    "prepare transaction 'x'",
    'explain select pg_advisory_lock(1)',
    'discard plans',
    'do $$ begin update t set a = 1; end $$',
  ])('finds nothing left by %j', (text) => {
    expect(sessionEffect(text)).toEqual([]);
  });

  it('takes DISCARD ALL for the end of every state', () => {
    const [roleOfLogin, role, ...all] = sessionEffect('discard all');
    // Those that are not among what RESET ALL takes.
    expect([roleOfLogin, role]).toEqual([
      { kind: 'RESET', name: 'session_authorization' },
      { kind: 'RESET', name: 'role' },
    ]);
    const kinds = all.map(({ kind }) => kind);
    expect(kinds).toEqual(['RESET', 'DEALLOCATE', 'CLOSE_CURSOR', 'UNLISTEN', 'ADVISORY_UNLOCK', 'DROP_TEMP']);
    expect(all.every(({ name }) => name === null)).toBe(true);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        expect(Array.isArray(sessionEffect(text))).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(sessionEffect('explain analyze '.repeat(20_000))).toEqual([]);
    expect(sessionEffect('explain analyze explain analyze set x = 1')).toEqual([]);
    expect(sessionEffect(`do $$ begin ${'set x = 1;'.repeat(150_000)} end $$`)).toHaveLength(150_000);
  });
});
