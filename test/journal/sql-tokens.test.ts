import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countParameters,
  identifierName,
  literalText,
  splitStatements,
  TOKEN,
  Tokenizer,
} from '../../src/journal/sql-tokens.ts';
import { sqlLike } from './sql-arbitrary.ts';

const NAMES = Object.fromEntries(Object.entries(TOKEN).map(([name, kind]) => [kind, name]));

/** Significant tokens as `KIND value`. */
function tokensOf(text: string): string[] {
  const found: string[] = [];
  const tokens = new Tokenizer(text);
  for (let kind = tokens.advance(); kind !== TOKEN.END; kind = tokens.advance()) {
    found.push(`${NAMES[kind]} ${tokens.value}`);
  }
  return found;
}

/** Every token's kind and text, also of space and comments. */
function spans(text: string): { kind: number; value: string }[] {
  const found: { kind: number; value: string }[] = [];
  const tokens = new Tokenizer(text);
  for (let kind = tokens.next(); kind !== TOKEN.END; kind = tokens.next()) found.push({ kind, value: tokens.value });
  return found;
}

describe('the tokeniser', () => {
  it.each([
    ['select 1', ['WORD select', 'NUMBER 1']],
    ['a.b::text', ['WORD a', 'PUNCTUATION .', 'WORD b', 'PUNCTUATION ::', 'WORD text']],
    ["'it''s'", ["STRING 'it''s'"]],
    ["E'it\\'s' x", ["STRING E'it\\'s'", 'WORD x']],
    ["'back\\' x", ["STRING 'back\\'", 'WORD x']],
    ["B'01' X'ff' N'é' U&'\\0441' e", ["STRING B'01'", "STRING X'ff'", "STRING N'é'", "STRING U&'\\0441'", 'WORD e']],
    ['"a""b" U&"c" u&d', ['QUOTED "a""b"', 'QUOTED U&"c"', 'WORD u', 'OPERATOR &', 'WORD d']],
    ["'one'\n  'two' 'three'", ["STRING 'one'\n  'two'", "STRING 'three'"]],
    ["E'a' -- why\n 'b\\'c'", ["STRING E'a' -- why\n 'b\\'c'"]],
    ['$$ a ; $b$ $$', ['STRING $$ a ; $b$ $$']],
    ['$fn$ $$ $fn$;', ['STRING $fn$ $$ $fn$', 'PUNCTUATION ;']],
    ['a$$b$$', ['WORD a$$b$$']],
    ['$1+$23', ['PARAMETER $1', 'OPERATOR +', 'PARAMETER $23']],
    ['$1$ x', ['PARAMETER $1', 'OTHER $', 'WORD x']],
    [
      '1.5e-3 .5 1_000 0xFF 1..10',
      ['NUMBER 1.5e-3', 'NUMBER .5', 'NUMBER 1_000', 'NUMBER 0xFF', 'NUMBER 1', 'PUNCTUATION ..', 'NUMBER 10'],
    ],
    ['1e x', ['NUMBER 1', 'WORD e', 'WORD x']],
    ['a=-1', ['WORD a', 'OPERATOR =', 'OPERATOR -', 'NUMBER 1']],
    ['a @- 1', ['WORD a', 'OPERATOR @-', 'NUMBER 1']],
    ['a->>b#>c', ['WORD a', 'OPERATOR ->>', 'WORD b', 'OPERATOR #>', 'WORD c']],
    ['a+--b\nc', ['WORD a', 'OPERATOR +', 'WORD c']],
    ['a*/* /* nested */ ; */b', ['WORD a', 'OPERATOR *', 'WORD b']],
    ['x := 1', ['WORD x', 'PUNCTUATION :=', 'NUMBER 1']],
    ['größe', ['WORD größe']],
    ['a \\ b', ['WORD a', 'OTHER \\', 'WORD b']],
  ])('reads %j as the server does', (text, expected) => {
    expect(tokensOf(text)).toEqual(expected);
  });

  it.each(["'open", "E'open\\", '"open', '$tag$ open', '/* open /* */', "U&'open", "E'open\\'"])(
    'takes the unterminated %j as one token to the end',
    (text) => {
      expect(spans(text)).toHaveLength(1);
    },
  );

  it('gives spans that join to the text, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(sqlLike, fc.string({ unit: 'binary' })), (text) => {
        const found = spans(text);
        expect(found.map(({ value }) => value).join('')).toBe(text);
        expect(found.every(({ value }) => value !== '')).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no letter outside of ASCII for one of a keyword', () => {
    const tokens = new Tokenizer('ſelect');
    tokens.advance();
    expect(tokens.keyword()).toBe('');
  });

  it('knows keywords in any case', () => {
    for (const text of ['select', 'SELECT', 'Select', 'sElEcT']) {
      const tokens = new Tokenizer(text);
      tokens.advance();
      expect(tokens.keyword()).toBe('SELECT');
    }
  });
});

describe('splitting', () => {
  it.each<[string, string[]]>([
    ['', []],
    [' ; ;; -- nothing\n ; ', []],
    ['select 1', ['select 1']],
    ['select 1; select 2 ;', ['select 1', 'select 2']],
    ['select \';\' , ";", $$;$$ /* ; */ -- ;\n; b', ['select \';\' , ";", $$;$$ /* ; */ -- ;', 'b']],
    ['/*+ SeqScan(t) */ select 1; x', ['/*+ SeqScan(t) */ select 1', 'x']],
    [
      'create rule r as on insert to t do also (insert into a values (1); insert into b values (2)); select 1',
      ['create rule r as on insert to t do also (insert into a values (1); insert into b values (2))', 'select 1'],
    ],
    [
      'create or replace function f() returns int begin atomic select 1; select case when true then 1 end; end; select 2',
      [
        'create or replace function f() returns int begin atomic select 1; select case when true then 1 end; end',
        'select 2',
      ],
    ],
    [
      'CREATE PROCEDURE p() BEGIN ATOMIC DELETE FROM t; END; x',
      ['CREATE PROCEDURE p() BEGIN ATOMIC DELETE FROM t; END', 'x'],
    ],
    ['begin; insert into t values (1); end; x', ['begin', 'insert into t values (1)', 'end', 'x']],
    ['create table t (a int); begin; select 1; end', ['create table t (a int)', 'begin', 'select 1', 'end']],
    ['select (1; 2', ['select (1; 2']],
    ['select 1); 2', ['select 1)', '2']],
  ])('cuts %j at its top-level semicolons', (text, expected) => {
    expect(splitStatements(text)).toEqual(expected);
  });

  it('loses nothing but semicolons, white space and comments', () => {
    const significant = (text: string) =>
      spans(text)
        .filter(({ kind, value }) => kind !== TOKEN.SPACE && kind !== TOKEN.COMMENT && value !== ';')
        .map(({ value }) => value);
    fc.assert(
      fc.property(sqlLike, (text) => {
        expect(splitStatements(text).flatMap(significant)).toEqual(significant(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('changes nothing when it is applied to its own pieces', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        const pieces = splitStatements(text);
        expect(pieces.flatMap(splitStatements)).toEqual(pieces);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('counting parameters', () => {
  it.each<[string, number]>([
    ['select 1', 0],
    ['select $1, $3, $2', 3],
    ['select \'$5\', $$ $6 $$, "$7", a$8 -- $9\n, $2 /* $4 */', 2],
    ['prepare p as select $1', 0],
    ['create function f(int) returns int return $1', 0],
    ['create or replace function f(int) returns int begin atomic select $1; end; select $2', 2],
    ['create table t as select $1::int', 1],
    ['select $99999999999', 0],
    ['select 1; select $4', 4],
  ])('finds in %j the highest of %i that the protocol binds', (text, expected) => {
    expect(countParameters(text)).toBe(expected);
  });
});

describe('names and literals', () => {
  const nameOf = (text: string) => {
    const tokens = new Tokenizer(text);
    tokens.advance();
    return identifierName(tokens);
  };

  it('folds identifiers as the server does', () => {
    expect(nameOf('MyName')).toBe('myname');
    expect(nameOf('ÄPFEL')).toBe('Äpfel');
    expect(nameOf('"My ""Name"""')).toBe('My "Name"');
    expect(nameOf('U&"d\\0061t\\+000061"')).toBe('data');
    expect(nameOf('a'.repeat(70))).toBe('a'.repeat(63));
    expect(nameOf('ä'.repeat(40))).toBe('ä'.repeat(31));
    expect(nameOf("'text'")).toBeNull();
  });

  it.each([
    ["'it''s'", "it's"],
    ["E'a\\nb\\'c\\\\'", "a\nb'c\\"],
    ['$x$a$b$x$', 'a$b'],
    ["'open", 'open'],
    ["'", ''],
    ['$$open', 'open'],
  ])('reads the literal %j', (raw, expected) => {
    expect(literalText(raw)).toBe(expected);
  });
});
