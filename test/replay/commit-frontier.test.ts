import fc from 'fast-check';
import { expect, it } from 'vitest';
import { classifyStatement } from '../../src/journal/statement-type.ts';
import { CommitFrontier, transactionEnd } from '../../src/replay/commit-frontier.ts';
import { entry } from '../store/journal-fixtures.ts';

it('a statement is held exactly by the first transaction that ended before it started and is not done', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(50), fc.nat(9)), { maxLength: 60 }), (steps) => {
      const frontier = new CommitFrontier<number>();
      const open: { end: number; done: (() => void) | null }[] = [];
      for (const [end, start, which] of steps) {
        open.push({ end, done: frontier.dispatched(end, end) });
        const ending = open[which % open.length];
        ending?.done?.();
        if (ending) ending.done = null;
        const before = open.filter((commit) => commit.done !== null && commit.end <= start).map((commit) => commit.end);
        expect(frontier.heldBy(start)).toBe(before.length === 0 ? null : Math.min(...before));
      }
    }),
  );
});

it('what ends nothing is not waited for', () => {
  const frontier = new CommitFrontier<string>();
  expect(frontier.dispatched(null, 'a')).toBeNull();
  expect(frontier.heldBy(1_000)).toBeNull();
});

it.each([
  ['INSERT INTO t VALUES (1)', 1, true],
  ['SELECT f()', 1, true],
  ["COMMIT PREPARED 'x'", 1, true],
  ['BEGIN', 1, false],
  ['BEGIN; INSERT INTO t VALUES (1)', 1, false],
  ['BEGIN; INSERT INTO t VALUES (1); COMMIT', 1, true],
  ['INSERT INTO t VALUES (1)', 2, false],
  ['COMMIT', 3, true],
  ['END', 3, true],
  ['INSERT INTO t VALUES (1); COMMIT', 3, true],
  ['ROLLBACK', 3, true],
  ['ROLLBACK TO s', 3, false],
  ["PREPARE TRANSACTION 'x'", 3, true],
])('%s as statement %i of its transaction ends it: %s', (statement, sequence, ends) => {
  const recorded = {
    ...entry('t', sequence, { statement, statementType: classifyStatement(statement), durationMs: 2.5 }),
    position: 1n,
    arrival: 1n,
  };
  expect(transactionEnd(recorded)).toBe(ends ? recorded.timestamp + 2_500 : null);
  const failed = { status: 'FAILED', sqlstate: '40001', message: '' } as const;
  expect(transactionEnd({ ...recorded, outcome: failed })).toBe(ends ? recorded.timestamp + 2_500 : null);
});
