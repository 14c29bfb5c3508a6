import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/journal/entry.ts';
import { type ComparableResult, compareOutcome } from '../../src/replay/compare.ts';

type Recorded = Pick<Entry, 'outcome' | 'rows' | 'checksum' | 'durationMs'>;

const slower = { ratio: 2, minMs: 5 };
const failed = (sqlstate: string): Partial<Recorded> => ({ outcome: { status: 'FAILED', sqlstate, message: 'no' } });
const failure = (sqlstate: string): Partial<ComparableResult> => ({ status: 'FAILED', sqlstate });

/** What the record says, what the target did, what must come of it. Unnamed fields: succeeded, all else unknown. */
const TABLE: [name: string, recorded: Partial<Recorded>, result: Partial<ComparableResult>, expected: string][] = [
  ['both succeeded', {}, {}, 'SAME'],
  ['succeeded, failed', {}, failure('23505'), 'NEW_FAILURE'],
  ['succeeded, a cascade', {}, failure('25P02'), 'NEW_FAILURE'],
  ['failed, succeeded', failed('23505'), {}, 'MISSING_FAILURE'],
  ['failed alike', failed('23505'), failure('23505'), 'SAME'],
  ['cascades in both', failed('25P02'), failure('25P02'), 'SAME'],
  ['failed otherwise', failed('23505'), failure('40001'), 'DIFFERENT_FAILURE'],
  ['failed, failed without SQLSTATE', failed('23505'), { status: 'FAILED' }, 'DIFFERENT_FAILURE'],
  ['a record without outcome', { outcome: { status: 'UNKNOWN' } }, {}, 'UNVERIFIABLE'],
  ['a record without outcome, failed', { outcome: { status: 'UNKNOWN' } }, failure('23505'), 'UNVERIFIABLE'],
  ['skipped', {}, { status: 'SKIPPED' }, 'UNVERIFIABLE'],
  ['failed, skipped', failed('23505'), { status: 'SKIPPED' }, 'UNVERIFIABLE'],
  ['an unknown outcome', {}, { status: 'UNKNOWN' }, 'UNVERIFIABLE'],
  ['equal rows', { rows: 3 }, { rows: 3 }, 'SAME'],
  ['other rows', { rows: 3 }, { rows: 4 }, 'ROW_COUNT'],
  ['no rows where there were some', { rows: 3 }, { rows: 0 }, 'ROW_COUNT'],
  ['rows that the record does not know', { rows: null }, { rows: 4 }, 'SAME'],
  ['rows that the target does not tell', { rows: 3 }, { rows: null }, 'SAME'],
  ['equal checksums', { checksum: 'ab' }, { digest: 'ab' }, 'SAME'],
  ['other checksums', { checksum: 'ab' }, { digest: 'cd' }, 'CHECKSUM'],
  ['a checksum that was not asked for', { checksum: 'ab' }, { digest: null }, 'SAME'],
  ['a digest without a record of it', { checksum: null }, { digest: 'cd' }, 'SAME'],
  ['twice the time and 5 ms more', { durationMs: 5 }, { durationMs: 10 }, 'SLOWER'],
  ['twice the time, not 5 ms more', { durationMs: 1 }, { durationMs: 5.9 }, 'SAME'],
  ['5 ms more, not twice the time', { durationMs: 100 }, { durationMs: 199 }, 'SAME'],
  ['exactly both limits', { durationMs: 6 }, { durationMs: 12 }, 'SLOWER'],
  ['a recorded time of zero', { durationMs: 0 }, { durationMs: 5 }, 'SLOWER'],
  ['an unknown recorded time', { durationMs: null }, { durationMs: 500 }, 'SAME'],
  ['an unknown time on the target', { durationMs: 1 }, { durationMs: null }, 'SAME'],
  ['a share of a batch', { durationMs: 1 }, { durationMs: 500, durationApproximate: true }, 'SAME'],
  ['faster', { durationMs: 500 }, { durationMs: 1 }, 'SAME'],
  [
    'failed alike, but slower',
    { ...failed('55P03'), durationMs: 1 },
    { ...failure('55P03'), durationMs: 900 },
    'SLOWER',
  ],
  ['a new failure that took longer', { durationMs: 1 }, { ...failure('57014'), durationMs: 900 }, 'NEW_FAILURE'],
  ['a new failure with other rows', { rows: 3 }, { ...failure('57014'), rows: 0 }, 'NEW_FAILURE'],
  [
    'everything at once',
    { rows: 1, checksum: 'ab', durationMs: 1 },
    { rows: 2, digest: 'cd', durationMs: 90 },
    'ROW_COUNT CHECKSUM SLOWER',
  ],
];

describe('comparison with the record', () => {
  for (const [name, recorded, result, expected] of TABLE) {
    it(`${name}: ${expected}`, () => {
      const comparison = compareOutcome(
        { outcome: { status: 'SUCCEEDED' }, rows: null, checksum: null, durationMs: null, ...recorded },
        {
          status: 'SUCCEEDED',
          sqlstate: null,
          rows: null,
          digest: null,
          durationMs: null,
          durationApproximate: false,
          ...result,
        },
        slower,
      );
      expect(comparison).toEqual(
        expected === 'SAME' || expected === 'UNVERIFIABLE'
          ? { verdict: expected, divergences: [] }
          : { verdict: 'DIVERGED', divergences: expected.split(' ') },
      );
    });
  }
});
