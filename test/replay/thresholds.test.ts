import { describe, expect, test } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import { completeRequest } from '../../src/replay/complete-request.ts';
import type { ReplaySummary } from '../../src/replay/summary.ts';
import { Tally } from '../../src/replay/tally.ts';
import { evaluateThresholds, parseThreshold, THRESHOLD_METRICS } from '../../src/replay/thresholds.ts';

const summary = (fields: Partial<ReplaySummary>): ReplaySummary => ({ ...new Tally().summary(0), ...fields });
const lines = (regressed: number, all: number) => ({
  statements: Array.from({ length: all }, (_, index) => ({ regressed: index < regressed })),
});
const judge = (
  threshold: string,
  fields: Partial<ReplaySummary>,
  report: ReturnType<typeof lines> & { readonly evicted?: number } = lines(0, 0),
) => evaluateThresholds([threshold], summary(fields), report)[0];

describe('a threshold', () => {
  test.each([
    ['failures<1%', { metric: 'failures', operator: '<', value: 1, unit: 'PERCENT' }],
    [' P95 <= 1.5 s ', { metric: 'p95', operator: '<=', value: 1500, unit: 'MS' }],
    ['lag_p99<500us', { metric: 'lag_p99', operator: '<', value: 0.5, unit: 'MS' }],
    ['lag_p99<500µs', { metric: 'lag_p99', operator: '<', value: 0.5, unit: 'MS' }],
    ['regressions=0', { metric: 'regressions', operator: '=', value: 0, unit: 'STATEMENTS' }],
    ['rate>=.5', { metric: 'rate', operator: '>=', value: 0.5, unit: 'PER_SECOND' }],
    ['rate>500/s', { metric: 'rate', operator: '>', value: 500, unit: 'PER_SECOND' }],
  ])('%j is read', (text, expected) => {
    expect(parseThreshold(text)).toMatchObject({ ...expected, text: text.replace(/\s+/g, '') });
  });

  test.each([
    ['', 'names no metric: known are failures, new_failures'],
    ['errors<1', 'unknown metric "errors": known are failures'],
    ['failures', 'needs one of < <= > >= = behind failures: write it like failures<1%'],
    ['failures=<1', 'needs a number behind ='],
    ['p95<fast', 'needs a number behind <: write it like p95<50ms'],
    ['p95<50', 'has no unit: p95 takes us, ms, s'],
    ['failures<1ms', 'the unit "ms": failures takes nothing or %'],
    ['failures<1e3', 'the unit "e3"'],
    ['failures<-1', 'needs a number'],
    ['rate>5%', 'the unit "%": rate takes nothing or /s'],
    [`p95<${'9'.repeat(400)}ms`, 'too large'],
  ])('%j is refused, and the message says why', (text, why) => {
    const error = (() => {
      try {
        parseThreshold(text, ['input', 'thresholds']);
      } catch (thrown) {
        return thrown as RepriseError;
      }
      throw new Error('was taken');
    })();
    expect(error).toBeInstanceOf(RepriseError);
    expect(error).toMatchObject({ code: 'BAD_INPUT', path: ['input', 'thresholds'] });
    expect(error.message).toContain(why);
  });

  test('on regressions is missed where the report has no lines of what was sent, or not of all', () => {
    const missed = { actual: null, passed: false };
    expect(judge('regressions=0', { succeeded: 1 }, lines(0, 0))).toMatchObject(missed);
    expect(judge('regressions=0', { succeeded: 5 }, { ...lines(0, 4), evicted: 1 })).toMatchObject(missed);
    expect(judge('regressions<9%', { succeeded: 5 }, { ...lines(0, 4), evicted: 1 })).toMatchObject(missed);
    expect(judge('regressions=0', { succeeded: 5 }, { ...lines(0, 4), evicted: 0 })).toMatchObject({ passed: true });
  });

  test('counts, and percentages of the statements reported on', () => {
    const run = { succeeded: 197, failed: 2, cascades: 1 };
    expect(judge('failures<=2', run)).toEqual({
      threshold: 'failures<=2',
      actual: 2,
      unit: 'STATEMENTS',
      passed: true,
    });
    expect(judge('failures<1%', run)).toMatchObject({ actual: 1, unit: 'PERCENT', passed: false });
    expect(judge('cascades<1%', run)).toMatchObject({ actual: 0.5, passed: true });
    expect(judge('failures<1%', {})).toMatchObject({ actual: 0, passed: true });
  });

  test('counts the lines of the report that got worse', () => {
    expect(judge('regressions=0', {}, lines(1, 4))).toMatchObject({ actual: 1, passed: false });
    expect(judge('regressions<=25%', {}, lines(1, 4))).toMatchObject({ actual: 25, passed: true });
    expect(judge('regressions=0', {}, lines(0, 0))).toMatchObject({ actual: 0, passed: true });
  });

  test('does not hold where nothing was measured', () => {
    const lag = { p50: null, p95: null, p99: null };
    expect(judge('lag_p99<5ms', { lag })).toEqual({
      threshold: 'lag_p99<5ms',
      actual: null,
      unit: 'MS',
      passed: false,
    });
    expect(judge('p95<50ms', { duration: { p50: 1, p95: 49.9, p99: 80 } })).toMatchObject({
      actual: 49.9,
      passed: true,
    });
  });

  test('can be written for every metric', () => {
    for (const metric of THRESHOLD_METRICS) {
      const unit = /^(p|lag)/.test(metric) ? 'ms' : '';
      expect(evaluateThresholds([`${metric}>=0${unit}`], summary({}), lines(0, 0))).toHaveLength(1);
    }
  });

  test('is checked with the request', () => {
    const input = { window: { from: 0, to: 1 }, target: { alias: 'staging' } };
    expect(completeRequest(input).thresholds).toEqual([]);
    expect(completeRequest({ ...input, thresholds: ['p95 < 50ms'] }).thresholds).toEqual(['p95<50ms']);
    expect(() => completeRequest({ ...input, thresholds: ['p95'] })).toThrow(/threshold "p95" needs one of/);
    expect(() => completeRequest({ ...input, thresholds: Array(101).fill('p95<1s') })).toThrow(/at most 100/);
  });
});
