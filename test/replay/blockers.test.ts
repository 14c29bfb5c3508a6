import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allBlockers } from '../../src/replay/target-monitor.ts';

/** One step after the other, to the end. */
function reachable(direct: ReadonlyMap<number, readonly number[]>, from: number): Set<number> {
  const found = new Set<number>();
  for (let next = direct.get(from) ?? []; next.length > 0; ) {
    const fresh = next.filter((one) => !found.has(one));
    for (const one of fresh) found.add(one);
    next = fresh.flatMap((one) => direct.get(one) ?? []);
  }
  return found;
}

const waits = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { minLength: 1 })))
  .map((pairs) => new Map(pairs));

test('a backend waits for all that it waits for through others, also in a circle', () => {
  fc.assert(
    fc.property(waits, fc.uniqueArray(fc.integer({ min: 1, max: 12 })), (direct, asked) => {
      const all = allBlockers(direct, asked);
      expect(new Set(all.keys())).toEqual(new Set(asked.filter((pid) => direct.has(pid))));
      for (const [pid, blockers] of all) {
        expect(new Set(blockers)).toEqual(reachable(direct, pid));
        expect(new Set(blockers).size).toBe(blockers.length);
      }
    }),
  );
});
