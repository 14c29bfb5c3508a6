import { expect, it } from 'vitest';
import { BodyExpressions, FIRED_NAME, FIRED_SCHEMA, HOLE } from '../../src/replay/ids/dynamic-sql.ts';
import { readBody } from '../../src/replay/ids/routine-body.ts';

it.each<[body: string, texts: readonly string[], unknown: string | null]>([
  ["EXECUTE 'INSERT INTO a VALUES ($1)' USING n;", ['INSERT INTO a VALUES ($1)'], null],
  [
    "EXECUTE format('INSERT INTO %I.%I (%s) VALUES (%L, %%)', 's', 'T', x, $$o'k$$) INTO n;",
    [`INSERT INTO s."T" (${HOLE}) VALUES ('o''k', %)`],
    null,
  ],
  ["EXECUTE format('SELECT %2$s %1$s', 'a', 'b');", ['SELECT b a'], null],
  [
    "EXECUTE 'INSERT INTO log_' || quote_ident(TG_TABLE_NAME) || ' VALUES (1)';",
    [`INSERT INTO log_${FIRED_NAME} VALUES (1)`],
    null,
  ],
  [
    "DECLARE t text := TG_RELNAME; BEGIN EXECUTE format('INSERT INTO %I.%I VALUES (1)', TG_TABLE_SCHEMA, CAST(t AS text)); END",
    [`INSERT INTO ${FIRED_SCHEMA}.${FIRED_NAME} VALUES (1)`],
    null,
  ],
  ["FOR r IN EXECUTE 'SELECT nextval(' || quote_literal('s') || ')' LOOP", ["SELECT nextval('s')"], null],
  [
    "DECLARE q text := 'INSERT INTO a '; BEGIN q := q || 'VALUES (1)'; EXECUTE q; END",
    ['INSERT INTO a VALUES (1)'],
    null,
  ],
  [
    "BEGIN IF x THEN q := 'INSERT INTO a'; ELSE q := 'INSERT INTO b'; END IF; EXECUTE (q) || ' VALUES (1)'; END",
    ['INSERT INTO a VALUES (1)', 'INSERT INTO b VALUES (1)'],
    null,
  ],
  ['BEGIN EXECUTE q; END', [HOLE], 'q'],
  ["BEGIN SELECT text INTO q FROM queries; q := 'x'; EXECUTE q; END", [HOLE], 'q'],
  ["BEGIN FOR q IN SELECT 1 LOOP EXECUTE q || 'x'; END LOOP; END", [`${HOLE}x`], "q || 'x'"],
  ['plpy.execute("INSERT INTO a VALUES (1)")', ['INSERT INTO a VALUES (1)'], null],
  ['plpy.execute(plan, [n])', [HOLE], 'plan'],
  ['GRANT EXECUTE ON FUNCTION f() TO r; CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()', [], null],
])('reads what a body runs: %s', (body, texts, unknown) => {
  expect(new BodyExpressions(body).executed()).toEqual({ texts, unknown });
});

it('reads a body of thousands of nextval, and one whose variables double each other', () => {
  const drawing = readBody(`BEGIN ${"x := nextval('a_id_seq'); ".repeat(5_000)} END`);
  expect(drawing.draws).toHaveLength(5_000);
  const doubling = Array.from({ length: 60 }, (_, n) => `v${n} := v${n + 1} || v${n + 1};`).join(' ');
  const body = `BEGIN ${doubling} v60 := 'x'; EXECUTE 'SELECT ' || v0; END`;
  expect(new BodyExpressions(body).executed()).toEqual({ texts: [`SELECT ${HOLE}`], unknown: null });
});
