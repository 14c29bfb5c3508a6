import { describe, expect, it } from 'vitest';
import type { Ordering } from '../../src/replay/request.ts';
import { useBench } from '../support/replay.ts';
import { compareFingerprint, importWorkload, schemaOf } from './workload.ts';

describe('the pgbench log', () => {
  const bench = useBench();

  it.each<Ordering>(['TIMESTAMP', 'COMMIT', 'SESSION'])(
    'replayed in %s ordering makes every table what it was on the source',
    { timeout: 240_000 },
    async (ordering) => {
      const { window } = await importWorkload(bench.journal, 'pgbench');
      const target = await bench.target(await schemaOf('pgbench'));
      const { replay, events, outcomes } = await bench.run(target, { window, ordering });
      expect(replay).toMatchObject({ state: 'COMPLETED', summary: { planned: 27_208, succeeded: 27_208, failed: 0 } });
      expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
      expect(new Set(outcomes.map((outcome) => outcome.ordinal)).size).toBe(27_208);
      expect(await compareFingerprint('pgbench', target)).toEqual({
        accounts: true,
        branches: true,
        history: true,
        tellers: true,
      });
    },
  );
});

describe('the shop log', () => {
  const bench = useBench();

  it.each<Ordering>(['TIMESTAMP', 'SESSION'])(
    'replayed in %s ordering ends, and every statement that went otherwise is told as a divergence',
    { timeout: 240_000 },
    async (ordering) => {
      const { window } = await importWorkload(bench.journal, 'shop');
      const target = await bench.target(await schemaOf('shop'));
      const { replay, outcomes } = await bench.run(target, { window, ordering });
      const { summary } = replay;
      expect(replay.state).toBe('COMPLETED');
      expect(summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown).toBe(8_233);
      const entries = await bench.journal.entriesByPlace(
        outcomes.map((outcome) => ({ transactionId: outcome.transactionId, sequence: outcome.key.sequence })),
      );
      // No outcome that differs from the record may pass as the same, and none that agrees as another.
      outcomes.forEach((outcome, index) => {
        const recorded = entries[index]?.outcome;
        if (recorded?.status === 'UNKNOWN' || outcome.status === 'SKIPPED') return;
        const differs =
          recorded?.status !== outcome.status ||
          (recorded.status === 'FAILED' && recorded.sqlstate !== outcome.sqlstate);
        const told = outcome.divergences.some((divergence) => divergence.endsWith('_FAILURE'));
        expect({ seq: outcome.seq, told }).toEqual({ seq: outcome.seq, told: differs });
      });
    },
  );

  it('replayed in COMMIT ordering makes every table what it was on the source, with no new failure', async () => {
    const { window } = await importWorkload(bench.journal, 'shop');
    const target = await bench.target(await schemaOf('shop'));
    const { replay } = await bench.run(target, { window, ordering: 'COMMIT' });
    expect(replay.summary).toMatchObject({ failed: 0, cascades: 0, unknown: 0 });
    expect(Object.values(await compareFingerprint('shop', target))).toEqual([true, true, true, true, true, true]);
  });
});
