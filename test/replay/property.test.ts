import fc from 'fast-check';
import type { Client } from 'pg';
import { expect, it, type TestContext } from 'vitest';
import type { Window } from '../../src/journal/window.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import { hasEnded, RUN_ACTIONS, RUN_TRANSITIONS, type RunState } from '../../src/replay/run-state.ts';
import {
  HISTORY_RESET,
  HISTORY_SCHEMA,
  type History,
  type HistoryPlan,
  historyPlans,
  makeHistory,
} from '../support/histories.ts';
import { PROPERTY_RUNS, PROPERTY_SEED } from '../support/property.ts';
import { type EndedRun, type Target, useBench } from '../support/replay.ts';

/** No run hangs: each history has this long, in milliseconds; alone it takes a tenth of a second, beside much else a few. */
const LONGEST_MS = 60_000;
const TIMEOUT_MS = 60_000 + PROPERTY_RUNS * LONGEST_MS;

// The tests run beside each other: each has a target of its own, and waits for that most of the time.
const bench = useBench();

/** A target on which deadlocks are found quickly, and a connection that stays: a login takes longer than most questions. */
interface HistoryTarget extends Target {
  readonly client: Client;
}

async function historyTarget({ onTestFinished }: TestContext): Promise<HistoryTarget> {
  const target = await bench.target(HISTORY_SCHEMA, onTestFinished);
  await target.sql(`ALTER DATABASE "${target.name}" SET deadlock_timeout = '30ms'`);
  return { ...target, client: await target.connect() };
}

/** The stream is gapless, tells a legal story, and has one outcome for each statement of the record in the plan. */
function expectWhole(run: EndedRun, planned: number): void {
  expect(run.events.map((event) => event.seq)).toEqual(run.events.map((_, index) => index + 1));
  let state: RunState = 'PENDING';
  for (const next of run.states as RunState[]) {
    expect(RUN_ACTIONS.map((action) => RUN_TRANSITIONS[state][action])).toContain(next);
    state = next;
  }
  expect(hasEnded(state)).toBe(true);
  expect(run.events.at(-1)?.kind).toBe('STATE');
  expect(run.outcomes.map((event) => event.ordinal).sort((a, b) => a - b)).toEqual(
    Array.from({ length: planned }, (_, index) => index + 1),
  );
  const { summary } = run.replay;
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(summary.planned).toBe(planned);
  expect(summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown).toBe(planned);
}

/** T3: within a session, outcomes come in recorded order. */
function expectSessionOrder(run: EndedRun): void {
  const last = new Map<string, number>();
  for (const event of run.outcomes) {
    expect(event.ordinal).toBeGreaterThan(last.get(event.sessionId) ?? 0);
    last.set(event.sessionId, event.ordinal);
  }
}

/**
 * T1 and T2, from the events alone: who overtakes whom, and when. The walk makes a step when a statement ends that
 * it waits for, or is found stalled; what it takes next is held against what stood open at its last step.
 */
function expectStrictOrder(run: EndedRun): void {
  const sessionOf = new Map(run.outcomes.map((event) => [event.ordinal, event.sessionId]));
  /** Taken from the plan, without an outcome: stalled themselves, or queued behind a stalled one. */
  const open = new Set<number>();
  const stalled = new Set<string>();
  let stalledAtStep = new Set<string>();
  /** Open entries of sessions that were free at the last step: they come first. */
  let due: number[] = [];
  let reached = 0;
  const openOf = (passes: (session: string) => boolean) =>
    [...open].filter((ordinal) => passes(sessionOf.get(ordinal) as string));
  const takeFromPlan = (isIt: (ordinal: number) => boolean) => {
    expect(due).toEqual([]);
    for (reached += 1; !isIt(reached); reached += 1) {
      expect(stalledAtStep).toContain(sessionOf.get(reached));
      open.add(reached);
    }
  };
  const step = () => {
    due = openOf((session) => !stalled.has(session));
    stalledAtStep = new Set(stalled);
  };
  for (const event of run.events) {
    if (event.kind === 'NOTICE' && event.code === 'STALL') {
      const session = event.sessionId as string;
      if (openOf((other) => other === session).length === 0) {
        takeFromPlan((ordinal) => sessionOf.get(ordinal) === session);
        open.add(reached);
      }
      stalled.add(session);
      step();
    } else if (event.kind === 'NOTICE' && event.code === 'STALL_ENDED') stalled.delete(event.sessionId as string);
    if (event.kind !== 'OUTCOME') continue;
    const { ordinal, sessionId } = event;
    if (open.delete(ordinal)) {
      // The end of a wait is no step of the walk.
      if (stalled.has(sessionId)) continue;
      expect(ordinal).toBeLessThanOrEqual(Math.min(...due, Number.MAX_SAFE_INTEGER));
    } else takeFromPlan((taken) => taken === ordinal);
    step();
  }
  expect([...open]).toEqual([]);
}

/** What was logged, in the order in which the target executed it. */
async function logOf({ client }: HistoryTarget): Promise<{ who: number; seen: number[] }[]> {
  const { rows } = await client.query<{ who: number; seen: number[] | null }>('SELECT who, seen FROM log ORDER BY n');
  return rows.map(({ who, seen }) => ({ who, seen: seen ?? [] }));
}

async function valuesOf({ client }: HistoryTarget): Promise<number[]> {
  const { rows } = await client.query<{ v: number }>('SELECT v FROM item ORDER BY id');
  return rows.map(({ v }) => v);
}

/** Of all properties. */
let replayed = 0;

/** Replays each history on the target, whose tables are as at its beginning, and examines what came of it. */
async function check(
  target: HistoryTarget,
  plan: fc.Arbitrary<HistoryPlan>,
  input: () => Omit<ReplayInput, 'target' | 'window'>,
  examine: (history: History, run: EndedRun, window: Window) => Promise<void> | void,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(plan, async (drawn) => {
      const history = makeHistory(drawn);
      const window = await history.record.store(bench.journal);
      await target.client.query(HISTORY_RESET);
      const run = await bench.run(target, { window, ...input() });
      await examine(history, run, window);
      await bench.engine.delete(run.replay.id);
      if (++replayed % 500 === 0) console.info(`${replayed} histories replayed`);
    }),
    { numRuns: PROPERTY_RUNS, seed: PROPERTY_SEED, timeout: LONGEST_MS },
  );
}

it.concurrent(
  'a history that the source could have had runs in strict order without a stall, and ends in the state of the source',
  async (context) => {
    const target = await historyTarget(context);
    await check(
      target,
      historyPlans(true),
      () => ({}),
      async (history, run) => {
        expectWhole(run, history.statements.length);
        expect(run.outcomes.map((event) => event.ordinal)).toEqual(history.statements.map((_, index) => index + 1));
        expect(run.replay.summary).toMatchObject({ failed: 0, cascades: 0, stalls: 0 });
        expect(await valuesOf(target)).toEqual(history.values);
        const order = history.statements.flatMap(({ logged }) =>
          logged !== null && history.logged.includes(logged) ? [logged] : [],
        );
        expect((await logOf(target)).map(({ who }) => who)).toEqual(order);
      },
    );
  },
  TIMEOUT_MS,
);

it.concurrent(
  'whatever the locks, strict order is kept but for stalled sessions, nobody is lost, and nothing hangs',
  async (context) => {
    const target = await historyTarget(context);
    await check(
      target,
      historyPlans(false),
      () => ({}),
      async (history, run) => {
        expectWhole(run, history.statements.length);
        expectSessionOrder(run);
        expectStrictOrder(run);
        expect(run.replay.summary.stalls).toBe(run.notices('STALL').length);
        expect(run.notices('STALL_ENDED')).toHaveLength(run.notices('STALL').length);
        // Statements that wait for nobody are executed in the order of their outcomes.
        const numbers = new Map(
          history.statements.map(({ place, logged }) => [`${place.transactionId} ${place.sequence}`, logged]),
        );
        const told = run.outcomes.flatMap((event) => numbers.get(`${event.transactionId} ${event.key.sequence}`) ?? []);
        const log = (await logOf(target)).map(({ who }) => who);
        expect(log).toEqual(told.filter((number) => log.includes(number)));
      },
    );
  },
  TIMEOUT_MS,
);

it.concurrent(
  'in COMMIT ordering transactions run in commit order, and the state is that of the source',
  async (context) => {
    const target = await historyTarget(context);
    const input = () => ({ ordering: 'COMMIT', restoreIds: false }) as const;
    await check(target, fc.boolean().chain(historyPlans), input, async (history, run, window) => {
      expectWhole(run, await bench.journal.committedCount(window, {}, 'INCLUDE'));
      expect(run.replay.summary).toMatchObject({ failed: 0, cascades: 0, skipped: 0, unknown: 0 });
      expect(run.outcomes.map((event) => event.ordinal)).toEqual(run.outcomes.map((_, index) => index + 1));
      expect(await valuesOf(target)).toEqual(history.values);
      expect((await logOf(target)).map(({ who }) => who)).toEqual(history.logged);
    });
  },
  TIMEOUT_MS,
);

it.concurrent(
  'in SESSION ordering each session keeps its order and nothing hangs, whatever the locks and the limit of connections',
  async (context) => {
    const target = await historyTarget(context);
    let turn = 0;
    // Every other time two sessions have to do with their places what the others would like to.
    const input = () => ({ ordering: 'SESSION', maxConnections: ++turn % 2 === 0 ? 3 : 100 }) as const;
    await check(target, historyPlans(false), input, (history, run) => {
      expectWhole(run, history.statements.length);
      expectSessionOrder(run);
    });
  },
  TIMEOUT_MS,
);

it.concurrent(
  'with syncCommits no statement starts before the commits that preceded it, and the state is that of the source',
  async (context) => {
    const target = await historyTarget(context);
    const input = () => ({ ordering: 'SESSION', syncCommits: true }) as const;
    await check(target, historyPlans(true), input, async (history, run) => {
      expectWhole(run, history.statements.length);
      expectSessionOrder(run);
      expect(run.replay.summary).toMatchObject({ failed: 0, cascades: 0 });
      expect(await valuesOf(target)).toEqual(history.values);
      const log = await logOf(target);
      expect(log.map(({ who }) => who).sort((a, b) => a - b)).toEqual([...history.logged].sort((a, b) => a - b));
      for (const { who, seen } of log) {
        expect(seen).toEqual(expect.arrayContaining([...(history.committedBefore.get(who) ?? [])]));
      }
    });
  },
  TIMEOUT_MS,
);
