import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseStatement, statementFingerprint } from '../../src/journal/normalise.ts';
import { sqlLike } from './sql-arbitrary.ts';

describe('normaliseStatement', () => {
  it.each([
    ['select * from T where A=1', 'SELECT * FROM t WHERE a = ?'],
    ["select  a , b\nfrom t -- c\nwhere c='x''y' /* d */ and d = $1;", 'SELECT a, b FROM t WHERE c = ? AND d = ?'],
    ['select * from t where a in (1, 2, 3)', 'SELECT * FROM t WHERE a IN (...)'],
    ['select * from t where a in ($1)', 'SELECT * FROM t WHERE a IN (...)'],
    ['select * from t where a in (-1, $2::int, null)', 'SELECT * FROM t WHERE a IN (...)'],
    ['select * from t where (a, b) in ((1, 2), (3, 4))', 'SELECT * FROM t WHERE (a, b) IN (...)'],
    ['select * from t where a in (select 1)', 'SELECT * FROM t WHERE a IN (SELECT ?)'],
    ['select * from t where a in (b, 1)', 'SELECT * FROM t WHERE a IN (b, ?)'],
    ['select * from t where (a, b) in ((c, 1))', 'SELECT * FROM t WHERE (a, b) IN ((c, ?))'],
    ["insert into T (a, b) values (1, 'x'), (2, 'y')", 'INSERT INTO t(a, b) VALUES (...)'],
    [
      'insert into t values (1, now()), (2, now()) returning id',
      'INSERT INTO t VALUES (?, now()), (?, now()) RETURNING id'.replace(', (?, now())', ''),
    ],
    ['insert into t values (1), (2) on conflict do nothing', 'INSERT INTO t VALUES (...) ON CONFLICT DO NOTHING'],
    ['select array[1, 2, 3], a[1]', 'SELECT ARRAY[...], a[?]'],
    ['select count( * ), t.* from t', 'SELECT count(*), t.* FROM t'],
    [
      'update t set a = a - 1, b = -1, c = null where d is null',
      'UPDATE t SET a = a - ?, b = ?, c = ? WHERE d IS NULL',
    ],
    ["select '2020-01-01'::date, interval '1 day'", 'SELECT ?::date, interval ?'],
    ['select "Mixed", "plain", "select" from "T"', 'SELECT "Mixed", plain, "select" FROM "T"'],
    ['begin; select 1; commit;', 'BEGIN; SELECT ?; COMMIT'],
    ['select f(1, 2)', 'SELECT f(?, ?)'],
    ['', ''],
  ])('folds %j', (text, expected) => {
    expect(normaliseStatement(text)).toBe(expected);
  });

  it('gives executions of one statement one fingerprint, and other statements another', () => {
    const fingerprint = (text: string) => statementFingerprint(normaliseStatement(text));
    const one = fingerprint('select * from t where id in (1,2) and a = 5');
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprint('SELECT *\n FROM T WHERE id IN ($1, $2, $3) AND a=-7 -- x')).toBe(one);
    expect(fingerprint('select * from u where id in (1,2) and a = 5')).not.toBe(one);
    expect(fingerprint('select * from t where id in (1,2) and a > 5')).not.toBe(one);
  });

  it.each([
    'key',
    'time',
    'start',
    'view',
    'role',
    'session',
    'row',
    'first',
    'set',
    'values',
    'current_date',
    'localtime',
    'null',
  ])('takes a sign behind the operand %s for an operator', (name) => {
    const texts = ['-', '+'].map((sign) => normaliseStatement(`select a from t where b = ${name} ${sign} 1`));
    expect(texts[0]).toMatch(/ - \?$/);
    expect(texts[1]).toMatch(/ \+ \?$/);
  });

  it.each([
    'select -1',
    'select distinct -1',
    'select a from t where -1 < a and -1 < b or -1 < c',
    'select case -1 when -1 then -1 else -1 end',
    'select a from t where a between -1 and -1 order by -1 limit -1 offset -1',
    'select a from t where a is distinct from -1 having -1 < 2',
    'select substring(a from -1 for -1)',
    'set x to -1',
    'update t set a = -1 returning -1',
    'create sequence s increment by -1 start with -1',
    'alter table t alter a set default -1',
    'fetch -1 from c',
    'execute q(-1, -1)',
  ])('takes the signs of %j for those of their numbers', (text) => {
    expect(normaliseStatement(text)).toBe(normaliseStatement(text.replaceAll('-1', '1')));
  });

  it('takes any text and lets no quoted literal through', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        normaliseStatement(text);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (secret) => {
        const literal = `'${secret.replaceAll("'", "''")}'`;
        expect(normaliseStatement(`select * from t where a = ${literal} and b = 1`)).toBe(
          'SELECT * FROM t WHERE a = ? AND b = ?',
        );
      }),
    );
  });
});
