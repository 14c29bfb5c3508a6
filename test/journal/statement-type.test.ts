import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STATEMENT_TYPES, type StatementType } from '../../src/journal/entry.ts';
import { classifyStatement, isCopyFromStdin } from '../../src/journal/statement-type.ts';
import { sqlLike } from './sql-arbitrary.ts';

const CASES: Record<StatementType, string[]> = {
  SELECT: [
    'select 1',
    '  -- who\n/* what /* nested */ */ SELECT 1',
    '((select 1) union (select 2))',
    'values (1), (2)',
    'table t',
    'show search_path',
    'select * from t for update',
    "select 'into' as into, t.into from t",
    'select (select 1) -- into\n',
    'with a as (select 1) select * from a',
    'with recursive a(n) as (select 1 union all select n + 1 from a) select * from a',
    'with update as (select 1), "delete" as (select 2) select * from update',
    'with a as (select 1) (select * from a)',
    'with a as (select 1) table a',
    'explain delete from t',
    'explain (analyze false) delete from t',
    'explain (analyze, analyze off, costs) delete from t',
    "explain (analyze 'off') delete from t",
    'explain (select 1)',
    'explain analyze verbose select 1',
    'explain (format json, analyze) select 1',
    'copy t to stdout',
    'copy (select 1) to stdout',
    "copy t (a, b) to '/tmp/x'",
    'declare c cursor for select 1',
    'fetch all from c',
    'move 5 from c',
    'select 1; delete from t',
    "select set_config('a.b', v, false) from t",
    "select set_config('a.b', '1', false), nextval('s')",
    "with a as (select 1) select set_config('a.b', '1', false)",
  ],
  INSERT: [
    'insert into t values (1)',
    'with gone as (delete from a returning *) insert into b select * from gone',
    'with a as not materialized (select 1) insert into t select * from a',
    'with a as (insert into t values (1) returning *) select * from a',
    'copy t from stdin',
    'copy public."From" (a, "to") from program \'x\'',
    "copy t from '/tmp/x' where a > 1",
    'explain analyze insert into t values (1)',
    'begin; insert into t values (1); commit',
    "set local x = 1; /* hi */ insert into t values (';')",
    '; insert into t values (1)',
    "select set_config('a.b', '1', true); insert into t values (1)",
  ],
  UPDATE: [
    'update t set a = 1',
    'merge into t using s on t.a = s.a when matched then delete',
    'with s as (select 1) merge into t using s on true when matched then do nothing',
    'with a as materialized (update t set a = 1 returning *) select * from a',
    'explain (analyze, buffers) update t set a = 1',
    'explain (analyze true) merge into t using s on true when matched then delete',
  ],
  DELETE: [
    'delete from t',
    'Delete From t',
    'with a as (delete from t returning *) select * from a',
    'with a as (with b as (select 1) delete from t using b returning *), c as (insert into d values (1)) select 1',
    'with recursive s as (select 1), d as (delete from t returning *) select * from s, d',
    'truncate t',
    'explain (analyze on) delete from t',
    'explain analyse delete from t',
    'copy (delete from t returning *) to stdout',
    'with c as (select 1) search depth first by a, b set o cycle a set m using p delete from t',
  ],
  DDL: [
    'create table t (a int)',
    'create table t as with a as (delete from b returning *) select * from a',
    'alter table t add b int',
    'drop table t',
    'grant select on t to u',
    'revoke all on t from u',
    "comment on table t is 'x'",
    'select * into new from t',
    'with a as (select 1) select * into temp new from a',
    '(select 1 as a into new)',
    'reindex table t',
    'refresh materialized view v',
    'explain analyze create table t as select 1',
    "security label on table t is 'x'",
    'import foreign schema s from server x into y',
    'create or replace function f() returns int begin atomic delete from t; select 1; end',
  ],
  TRANSACTION: [
    'begin',
    'BEGIN ISOLATION LEVEL SERIALIZABLE',
    'start transaction read only',
    'commit',
    'end',
    'rollback',
    'rollback to savepoint s',
    'abort',
    'savepoint s',
    'release s',
    "prepare transaction 'x'",
    "commit prepared 'x'",
    'begin; set local x = 1; commit',
  ],
  SET: [
    "/* a */ Select pg_catalog.Set_Config('search_path', '', false)",
    "select set_config($1, $2::text, true) as a, set_config('a.b', null, 't'::boolean);",
    "set x = 1; select set_config('a.b', '1', false)",
    'set search_path = x',
    'set transaction isolation level serializable',
    'set constraints all deferred',
    'reset all',
    'discard all',
    'set x = 1; begin;',
  ],
  OTHER: [
    '',
    '-- nothing',
    'call p()',
    'do $$ begin delete from t; end $$',
    'prepare p as delete from t',
    'execute p(1)',
    'explain analyze execute p',
    'deallocate p',
    'vacuum t',
    'analyze t',
    'lock table t',
    'listen c',
    'unlisten *',
    "notify c, 'x'",
    'close c',
    'checkpoint',
    "load 'x'",
    'selects 1',
    'ſelect 1',
    '"select" 1',
    "'select' 1",
    'START_REPLICATION SLOT x LOGICAL 0/0',
    'set x = 1; call p()',
  ],
};

describe('classifyStatement', () => {
  for (const type of STATEMENT_TYPES) {
    it.each(CASES[type])(`takes %j for ${type}`, (text) => {
      expect(classifyStatement(text)).toBe(type);
    });
  }

  it('names a type for any text, nested without end too', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        expect(STATEMENT_TYPES).toContain(classifyStatement(text));
      }),
      { numRuns: 2000 },
    );
    for (const text of [
      '('.repeat(200_000),
      'with a as ('.repeat(20_000),
      'explain analyze '.repeat(20_000),
      'copy ('.repeat(20_000),
    ]) {
      expect(STATEMENT_TYPES).toContain(classifyStatement(text));
    }
  });

  it('sees through comments and spaces in front of any statement', () => {
    const lead = fc.array(fc.constantFrom(' ', '\n', '/* select */', '-- delete\n', '\t'), { maxLength: 5 });
    const cases = STATEMENT_TYPES.flatMap((type) =>
      CASES[type].filter((text) => text !== '').map((text) => [type, text] as const),
    );
    fc.assert(
      fc.property(lead, fc.constantFrom(...cases), (parts, [type, text]) => {
        expect(classifyStatement(parts.join('') + text)).toBe(type);
      }),
    );
  });
});

describe('COPY from the client', () => {
  it.each([
    'copy t from stdin',
    'COPY t (a, b) FROM STDIN WITH (FORMAT csv)',
    'copy public.t from stdout',
    'begin; copy t from stdin; commit',
    '/* x */ copy "from" from stdin',
  ])('waits for data in %j', (text) => {
    expect(isCopyFromStdin(text)).toBe(true);
  });

  it.each([
    'copy t to stdout',
    'copy (select 1 from stdin) to stdout csv',
    'select 1; copy t to stdout',
    'copy t to stdin',
  ])('waits for none in %j, which streams data', (text) => {
    expect(isCopyFromStdin(text)).toBe(false);
  });

  it.each([
    "copy t from 'stdin'",
    "copy t from program 'x'",
    "select 'copy t from stdin'",
    'insert into copy values (1)',
    '',
  ])('does not take place in %j', (text) => {
    expect(isCopyFromStdin(text)).toBe(false);
  });
});
