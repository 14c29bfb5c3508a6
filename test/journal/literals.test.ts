import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LiteralBlanker } from '../../src/journal/literals.ts';
import { normaliseStatement } from '../../src/journal/normalise.ts';

/** A piece of two texts: the same in both, or a literal that differs. */
const piece: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc
    .constantFrom(
      ...['select ', ' from ', 'IN (', ')', '(', ', ', ' ', '\n', '.', '..', '::', 'e', 'x', 't1', 'ä', '_', '+', '-'],
      ...[
        ' = ',
        '$1',
        '$',
        '$a$',
        '$a1$',
        '"',
        '--',
        '/*',
        '*/',
        '\\',
        "'",
        "e'",
        "U&'",
        "N'",
        '0x',
        '0b',
        '0_',
        'null',
      ],
    )
    .map((text) => [text, text] as const),
  fc.tuple(fc.nat(99_999).map(String), fc.nat(99_999).map(String)),
  fc
    .tuple(fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }))
    .map(([one, other]) => [`'${one}'`, `'${other}'`] as const),
);

const blanker = new LiteralBlanker();

function blankLiterals(text: string): string | null {
  return blanker.blank(text) ? String.fromCharCode(...blanker.copy()) : null;
}

describe('LiteralBlanker', () => {
  it.each([
    ['select * from t1 where a = 17 and b = 1.5', 'select * from t1 where a = 0 and b = 0.0'],
    ["insert into t values (1, 'it''s', $2)", "insert into t values (0, '''', $2)"],
    ["select e'a', f1(2)", "select e'', f1(0)"],
  ])('blanks %j', (text, expected) => {
    expect(blankLiterals(text)).toBe(expected);
  });

  it.each(['select "a 1"', 'select 1 -- 2', 'select /* 1 */ 2', 'select $$1$$', "select e'\\''", 'select 0x1f, 0_1'])(
    'leaves %j to the tokeniser',
    (text) => {
      expect(blankLiterals(text)).toBeNull();
    },
  );

  it('gives texts the same blanked form only where their normalised form is the same', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const one = pieces.map(([text]) => text).join('');
        const other = pieces.map(([, text]) => text).join('');
        const blanked = blankLiterals(one);
        if (blanked === null || blanked !== blankLiterals(other)) return;
        compared += 1;
        expect(normaliseStatement(one)).toBe(normaliseStatement(other));
      }),
      { numRuns: 5_000 },
    );
    expect(compared).toBeGreaterThan(500);
  });
});
