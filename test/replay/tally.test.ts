import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EarlierFigures, Tally } from '../../src/replay/tally.ts';
import { outcome, outcomeArbitrary } from './event-arbitrary.ts';

const failure = (message: string | null, more = {}) =>
  outcome({ status: 'FAILED', sqlstate: '23505', message, verdict: 'DIVERGED', divergences: ['NEW_FAILURE'], ...more });

describe('tally', () => {
  it('counts each outcome in exactly one status and one verdict', () => {
    fc.assert(
      fc.property(fc.array(outcomeArbitrary), (outcomes) => {
        const tally = new Tally();
        for (const each of outcomes) tally.add(each, null);
        const sum = tally.summary(0);
        expect(sum.succeeded + sum.failed + sum.cascades + sum.skipped + sum.unknown).toBe(outcomes.length);
        expect(sum.same + sum.diverged + sum.unverifiable).toBe(outcomes.length);
        expect(tally.done).toBe(outcomes.length);
        expect(sum.cascades).toBe(outcomes.filter((each) => each.status === 'FAILED' && each.cascade).length);
      }),
    );
  });

  it('counts divergences, rows, stalls, connections and lag by cause', () => {
    const tally = new Tally();
    tally.add(outcome({ rows: 3, verdict: 'DIVERGED', divergences: ['ROW_COUNT', 'SLOWER'] }), null);
    tally.add(outcome({ rows: null, lagMs: 4, lagCause: 'LOCK' }), null);
    tally.add(outcome({ rows: 2, lagMs: 1.5, lagCause: 'LOCK' }), null);
    tally.stall();
    tally.connection();
    tally.connection();
    const summary = tally.summary(0);
    expect(summary.divergences).toMatchObject({ ROW_COUNT: 1, SLOWER: 1, NEW_FAILURE: 0 });
    expect(summary).toMatchObject({ rows: 5, stalls: 1, connectionsOpened: 2 });
    expect(summary.lagByCause).toEqual({ NONE: 0, DISPATCHER: 0, SESSION_BUSY: 0, LOCK: 5.5, TARGET: 0 });
  });

  it('keeps the first failure that stands on its own', () => {
    const tally = new Tally();
    tally.add(failure('current transaction is aborted', { sqlstate: '25P02', cascade: true }), null);
    expect(tally.summary(0).firstError).toBeNull();
    tally.add(
      failure('duplicate key', { transactionId: 'abc', key: { timestamp: 1, position: 1n, sequence: 7 } }),
      null,
    );
    tally.add(failure('another'), null);
    expect(tally.summary(0).firstError).toBe('tx abc seq 7: duplicate key');
    expect(tally.failed).toBe(2);
  });

  it('holds the recorded durations of the statements whose duration it knows', () => {
    const tally = new Tally();
    tally.add(outcome({ durationMs: 2 }), 1);
    tally.add(outcome({ durationMs: null, status: 'SKIPPED' }), 1_000);
    const { duration, recordedDuration } = tally.summary(0);
    expect(duration).toEqual({ p50: 2, p95: 2, p99: 2 });
    expect(recordedDuration).toEqual({ p50: 1, p95: 1, p99: 1 });
  });

  it('says when durations are approximate', () => {
    const tally = new Tally();
    tally.add(outcome(), null);
    expect(tally.summary(0).durationsApproximate).toBe(false);
    tally.add(outcome({ durationApproximate: true }), null);
    expect(tally.summary(0).durationsApproximate).toBe(true);
  });

  it('tells the newest entry as the position, in whatever order sessions report', () => {
    const tally = new Tally();
    expect(tally.summary(0).position).toBeNull();
    for (const timestamp of [5, 9, 7]) tally.add(outcome({ key: { timestamp, position: 1n, sequence: 1 } }), null);
    expect(tally.summary(0).position).toBe(9);
  });

  it('tells the rate of the last seconds while running, and of the whole run when it has ended', () => {
    const tally = new Tally();
    tally.setPlanned(10_000);
    tally.start(0);
    let now = 0;
    const run = (count: number, untilMs: number) => {
      const steps = (untilMs - now) / 100;
      for (let step = 0; step < steps; step++) {
        for (let n = 0; n < count / steps; n++) tally.add(outcome(), null);
        now += 100;
        tally.summary(now);
      }
    };
    tally.summary(0);
    run(100, 10_000);
    expect(tally.summary(now).rate).toBeCloseTo(10, 0);
    run(5_000, 20_000);
    expect(tally.summary(now).rate).toBeCloseTo(500, -1);
    expect(tally.summary(now).etaMs).toBeCloseTo((4_900 / 500) * 1000, -3);
    run(0, 30_000);
    expect(tally.summary(now)).toMatchObject({ rate: 0, etaMs: null, elapsedMs: 30_000 });
    tally.end(now);
    expect(tally.summary(now + 99_999)).toMatchObject({ rate: 170, etaMs: null, elapsedMs: 30_000 });
  });

  it('leaves a pause out of the rate and the ETA as soon as the run goes on', () => {
    const tally = new Tally();
    tally.setPlanned(300);
    tally.start(0);
    const add = (count: number, nowMs: number) => {
      for (let n = 0; n < count; n++) tally.add(outcome(), null);
      return tally.summary(nowMs);
    };
    add(0, 0);
    expect(add(100, 1_000)).toMatchObject({ rate: 100, etaMs: 2_000 });
    expect(add(0, 61_000)).toMatchObject({ rate: 0, etaMs: null });
    tally.goOn(61_000);
    expect(add(100, 62_000)).toMatchObject({ rate: 100, etaMs: 1_000 });
  });

  it('has no ETA while the plan is not counted, and 0 when nothing remains', () => {
    const tally = new Tally();
    tally.start(0);
    tally.add(outcome(), null);
    expect(tally.summary(1_000)).toMatchObject({ planned: null, etaMs: null });
    tally.setPlanned(1);
    expect(tally.summary(2_000).etaMs).toBe(0);
  });

  it('tells the ETA of a paced run by its schedule', () => {
    const tally = new Tally();
    tally.setSchedule({ to: 61_000_000, speed: 2 });
    tally.start(0);
    expect(tally.summary(0).etaMs).toBeNull();
    tally.add(outcome({ key: { timestamp: 1_000_000, position: 1n, sequence: 1 } }), null);
    expect(tally.summary(0).etaMs).toBe(30_000);
  });

  it('tells the ETA of a paced run that is behind its schedule by its rate', () => {
    const tally = new Tally();
    tally.setPlanned(1_000);
    tally.setSchedule({ to: 2_000_000, speed: 100 });
    tally.start(0);
    tally.summary(0);
    for (let n = 0; n < 100; n++)
      tally.add(outcome({ lagMs: 4_000, key: { timestamp: 1_000_000, position: 1n, sequence: 1 } }), null);
    expect(tally.summary(5_000)).toMatchObject({ rate: 20, etaMs: 45_000 });
    expect(tally.summary(11_000).etaMs).toBeNull();
    // Caught up, with a long gap ahead.
    tally.setSchedule({ to: 2_000_000, speed: 0.1 });
    tally.add(outcome({ lagMs: 3, key: { timestamp: 1_000_000, position: 1n, sequence: 2 } }), null);
    expect(tally.summary(16_000).etaMs).toBe(10_000);
  });

  it('goes on from a summary and what was measured before', () => {
    fc.assert(
      fc.property(fc.array(outcomeArbitrary), fc.array(outcomeArbitrary), (before, after) => {
        const whole = new Tally();
        const first = new Tally();
        whole.setPlanned(100);
        first.setPlanned(100);
        for (const tally of [whole, first]) tally.stall();
        for (const each of before) for (const tally of [whole, first]) tally.add(each, null);
        const figures = new EarlierFigures(first.histograms);
        const second = Tally.restore(JSON.parse(JSON.stringify(first.summary(0))), figures);
        for (const each of after) for (const tally of [whole, second]) tally.add(each, null);
        const { lagByCause, rate, etaMs, ...counts } = second.summary(0);
        expect(whole.summary(0)).toMatchObject(counts);
      }),
    );
  });

  // Sums beyond 2^53 would not be exact.
  const fewRows = outcomeArbitrary.map((each) => ({ ...each, rows: each.rows === null ? null : each.rows % 1000 }));

  it('counts for its own process only what it added itself', () => {
    fc.assert(
      fc.property(fc.array(fewRows), fc.array(fewRows), (before, after) => {
        const first = new Tally();
        first.connection();
        for (const each of before) first.add(each, null);
        const second = Tally.restore(first.summary(0));
        const alone = new Tally();
        for (const tally of [second, alone]) {
          tally.stall();
          for (const each of after) tally.add(each, null);
        }
        expect(second.counts()).toEqual(alone.counts());
        expect(second.histograms.duration.sum).toBe(alone.histograms.duration.sum);
      }),
    );
  });

  it('adds elapsed time over processes', () => {
    const first = new Tally();
    first.start(500);
    const second = Tally.restore(first.summary(1_500));
    second.start(90_000);
    expect(second.summary(92_000).elapsedMs).toBe(3_000);
  });
});
