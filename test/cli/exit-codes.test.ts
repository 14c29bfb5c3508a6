import { describe, expect, test } from 'vitest';
import { EXIT, exitCodeOfRun } from '../../src/cli/exit-codes.ts';

const run = (
  state: string,
  summary: { succeeded?: number; skipped?: number; unknown?: number; unverifiableFailures?: number } = {},
  divergences: Record<string, number> = {},
) => ({
  state,
  error: null,
  onlyControl: false,
  lostTransactions: false,
  summary: {
    ...{ succeeded: 1, failed: 0, cascades: 0, skipped: 0, unknown: 0, unverifiableFailures: 0 },
    ...summary,
    divergences,
  },
});

describe('the exit status of a run', () => {
  test('is 0 when it completed as recorded, slower statements and skipped ones included', () => {
    expect(exitCodeOfRun(run('COMPLETED'))).toBe(EXIT.OK);
    expect(exitCodeOfRun(run('COMPLETED', { skipped: 5 }, { SLOWER: 100 }))).toBe(EXIT.OK);
  });

  test.each(['NEW_FAILURE', 'MISSING_FAILURE', 'DIFFERENT_FAILURE', 'ROW_COUNT', 'CHECKSUM'])(
    'is 1 with %s',
    (kind) => {
      expect(exitCodeOfRun(run('COMPLETED', {}, { [kind]: 1 }))).toBe(EXIT.DIVERGED);
      expect(exitCodeOfRun(run('COMPLETED', {}, { [kind]: 1 }), [])).toBe(EXIT.OK);
    },
  );

  test('is 1 when a statement failed whose outcome the record does not tell', () => {
    const failed = run('COMPLETED', { unverifiableFailures: 1 });
    expect(exitCodeOfRun(failed)).toBe(EXIT.DIVERGED);
    expect(exitCodeOfRun(failed, ['unverifiable-failure'])).toBe(EXIT.DIVERGED);
    expect(exitCodeOfRun(failed, ['new-failure'])).toBe(EXIT.OK);
    expect(exitCodeOfRun(failed, undefined, { differences: 1, nothingReplayed: false })).toBe(EXIT.OK);
  });

  test('counts what --fail-on names against what --allow puts up with', () => {
    const slow = run('COMPLETED', { skipped: 3 }, { SLOWER: 2, ROW_COUNT: 9 });
    expect(exitCodeOfRun(slow, ['slower', 'skipped'], { differences: 5, nothingReplayed: false })).toBe(EXIT.OK);
    expect(exitCodeOfRun(slow, ['slower', 'skipped'], { differences: 4, nothingReplayed: true })).toBe(EXIT.DIVERGED);
  });

  test('is 1 when no statement was sent, unless that is allowed by name', () => {
    for (const nothing of [run('COMPLETED', { succeeded: 0 }), run('COMPLETED', { succeeded: 0, skipped: 3 })]) {
      expect(exitCodeOfRun(nothing)).toBe(EXIT.DIVERGED);
      expect(exitCodeOfRun(nothing, ['nothing-replayed'], { differences: 9, nothingReplayed: false })).toBe(
        EXIT.DIVERGED,
      );
      expect(exitCodeOfRun(nothing, undefined, { differences: 0, nothingReplayed: true })).toBe(EXIT.OK);
      expect(exitCodeOfRun(nothing, [])).toBe(EXIT.OK);
    }
  });

  test('is 1 when nothing but transaction control was sent, unless that is allowed by name', () => {
    const control = { ...run('COMPLETED'), onlyControl: true };
    expect(exitCodeOfRun(control)).toBe(EXIT.DIVERGED);
    expect(exitCodeOfRun(control, undefined, { differences: 0, nothingReplayed: true })).toBe(EXIT.OK);
  });

  test('is 5 when outcomes are unknown, whatever else', () => {
    expect(exitCodeOfRun(run('COMPLETED', { unknown: 1 }), [])).toBe(EXIT.TARGET);
    expect(exitCodeOfRun(run('INTERRUPTED'))).toBe(EXIT.TARGET);
  });

  test('is 5 when transactions were lost, whatever else of a run that came to its end', () => {
    const lost = { ...run('COMPLETED', { skipped: 2 }, { NEW_FAILURE: 1 }), lostTransactions: true };
    expect(exitCodeOfRun(lost, [])).toBe(EXIT.TARGET);
    expect(exitCodeOfRun({ ...lost, state: 'CANCELLED' })).toBe(EXIT.DIVERGED);
  });

  test('is 1 when it was cancelled, and follows the error when it failed', () => {
    expect(exitCodeOfRun(run('CANCELLED'))).toBe(EXIT.DIVERGED);
    expect(exitCodeOfRun({ ...run('FAILED'), error: { code: 'TARGET_UNREACHABLE' } })).toBe(EXIT.TARGET);
    expect(exitCodeOfRun({ ...run('FAILED'), error: { code: 'CONNECTION_LIMIT' } })).toBe(EXIT.REFUSED);
    expect(exitCodeOfRun({ ...run('FAILED'), error: { code: 'INTERNAL' } })).toBe(EXIT.INTERNAL);
    expect(exitCodeOfRun({ ...run('FAILED'), error: { code: 'REPLAY_STOPPED' } })).toBe(EXIT.DIVERGED);
    expect(exitCodeOfRun({ ...run('FAILED'), error: { code: 'SOMETHING_NEW' } })).toBe(EXIT.DIVERGED);
  });
});
