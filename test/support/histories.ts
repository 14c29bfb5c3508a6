import fc from 'fast-check';
import { HandMadeRecord, type Place } from './record.ts';

/** What a history needs on the target. */
export const HISTORY_SCHEMA = `
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item SELECT id, 0 FROM generate_series(1, 4) AS id;
  CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, who int, seen int[])`;
/** Longer than any history, in microseconds: a statement takes a millisecond. */
const MINUTE = 60_000_000;
/** Brings the target back to where a history begins. */
export const HISTORY_RESET = 'TRUNCATE log RESTART IDENTITY; UPDATE item SET v = 0';

type Op =
  | { readonly kind: 'UPDATE'; readonly row: number; readonly by: number }
  | { readonly kind: 'LOG' }
  | { readonly kind: 'SAVEPOINT' | 'ROLLBACK_TO' | 'RELEASE'; readonly name: string };

interface Unit {
  /** Null: one statement outside of a transaction. */
  readonly end: 'COMMIT' | 'ROLLBACK' | null;
  readonly ops: readonly Op[];
}

/** A statement of a history, in the order of the record. */
export interface Recorded {
  readonly session: string;
  readonly place: Place;
  /** Number that a LOG wrote. */
  readonly logged: number | null;
  /** Recorded start and end, in milliseconds. */
  readonly at: number;
  readonly ended: number;
}

export interface History {
  readonly record: HandMadeRecord;
  readonly statements: readonly Recorded[];
  /** Of the item table, when transactions commit as they did. */
  readonly values: readonly number[];
  /** What committed transactions logged, in commit order. */
  readonly logged: readonly number[];
  /** For each logged number: what had been committed before its statement started. */
  readonly committedBefore: ReadonlyMap<number, readonly number[]>;
}

/** What a history is made of; `consistent`: row locks are respected, as on a server that was there. */
export interface HistoryPlan {
  readonly sessions: readonly (readonly Unit[])[];
  readonly picks: readonly number[];
  readonly consistent: boolean;
}

const update = fc.record({
  kind: fc.constant('UPDATE' as const),
  row: fc.integer({ min: 1, max: 4 }),
  by: fc.integer({ min: 1, max: 9 }),
});
const log = fc.constant<Op>({ kind: 'LOG' });
const savepoint = fc.record({
  kind: fc.constantFrom('SAVEPOINT' as const, 'ROLLBACK_TO' as const, 'RELEASE' as const),
  name: fc.constantFrom('s', 't'),
});
const unit: fc.Arbitrary<Unit> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      end: fc.constant(null),
      ops: fc.array(fc.oneof(update, log), { minLength: 1, maxLength: 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      end: fc.constantFrom('COMMIT' as const, 'COMMIT' as const, 'ROLLBACK' as const),
      ops: fc.array(
        fc.oneof({ weight: 3, arbitrary: update }, { weight: 3, arbitrary: log }, { weight: 2, arbitrary: savepoint }),
        { maxLength: 6 },
      ),
    }),
  },
);

export function historyPlans(consistent: boolean): fc.Arbitrary<HistoryPlan> {
  return fc.record({
    sessions: fc.array(fc.array(unit, { minLength: 1, maxLength: 5 }), { minLength: 3, maxLength: 5 }),
    picks: fc.array(fc.nat(99), { minLength: 20, maxLength: 20 }),
    consistent: fc.constant(consistent),
  });
}

interface Running {
  readonly name: string;
  readonly units: readonly Unit[];
  unit: number;
  /** -1: BEGIN is next. */
  op: number;
  /** Rows that its open transaction has changed. */
  readonly rows: Set<number>;
  readonly effects: (Op & { readonly logged?: number })[];
  readonly savepoints: { name: string; effects: number }[];
  /** It met a row that is not to be had, and nobody could go on: it gives up. */
  givesUp: boolean;
}

/** Interleaves the sessions of a plan into a record, and follows what it does. */
export function makeHistory(plan: HistoryPlan): History {
  return new HistoryMaker(plan).make();
}

class HistoryMaker {
  private readonly plan: HistoryPlan;
  private readonly record = new HandMadeRecord(MINUTE);
  private readonly statements: Recorded[] = [];
  private readonly values = [0, 0, 0, 0];
  private readonly logged: number[] = [];
  private readonly committedBefore = new Map<number, readonly number[]>();
  private numbers = 0;
  private at = 0;

  constructor(plan: HistoryPlan) {
    this.plan = plan;
  }

  make(): History {
    const sessions = this.plan.sessions.map(
      (units, index): Running => ({
        name: `s${index}`,
        units,
        unit: 0,
        op: -1,
        rows: new Set(),
        effects: [],
        savepoints: [],
        givesUp: false,
      }),
    );
    for (let turn = 0; ; turn++) {
      const open = sessions.filter((session) => session.unit < session.units.length);
      if (open.length === 0) break;
      const free = open.filter((session) => !this.waits(session, sessions));
      const pick = this.plan.picks[turn % this.plan.picks.length] ?? 0;
      if (free.length > 0) this.step(free[pick % free.length] as Running);
      else (open[pick % open.length] as Running).givesUp = true;
    }
    const { record, statements, values, logged, committedBefore } = this;
    return { record, statements, values, logged, committedBefore };
  }

  private waits(session: Running, all: readonly Running[]): boolean {
    const op =
      session.units[session.unit]?.ops[session.op === -1 && session.units[session.unit]?.end === null ? 0 : session.op];
    if (!this.plan.consistent || session.givesUp || op?.kind !== 'UPDATE') return false;
    return all.some((other) => other !== session && other.rows.has(op.row));
  }

  private step(session: Running): void {
    const { end, ops } = session.units[session.unit] as Unit;
    if (end === null) {
      // Outside of a transaction nothing is held, so there is nothing to give up but the statement.
      if (!session.givesUp) {
        this.run(session, ops[0] as Op);
        this.commit(session);
      }
      this.next(session);
      return;
    }
    const op = ops[session.op];
    if (session.op === -1) this.write(session, 'BEGIN', null);
    else if (session.givesUp || op === undefined) {
      const how = session.givesUp ? 'ROLLBACK' : end;
      this.write(session, how, null);
      if (how === 'COMMIT') this.commit(session);
      this.next(session);
      return;
    } else this.run(session, op);
    session.op += 1;
  }

  private next(session: Running): void {
    session.unit += 1;
    session.op = -1;
    session.rows.clear();
    session.effects.length = 0;
    session.savepoints.length = 0;
    session.givesUp = false;
  }

  private run(session: Running, op: Op): void {
    switch (op.kind) {
      case 'UPDATE':
        this.write(session, `UPDATE item SET v = (v * 3 + ${op.by}) % 1009 WHERE id = ${op.row}`, null);
        session.rows.add(op.row);
        session.effects.push(op);
        return;
      case 'LOG': {
        const number = ++this.numbers;
        this.committedBefore.set(number, [...this.logged]);
        this.write(session, `INSERT INTO log (who, seen) SELECT ${number}, array_agg(who) FROM log`, number);
        session.effects.push({ ...op, logged: number });
        return;
      }
      case 'SAVEPOINT':
        this.write(session, `SAVEPOINT ${op.name}`, null);
        session.savepoints.push({ name: op.name, effects: session.effects.length });
        return;
      default: {
        const index = session.savepoints.findLastIndex(({ name }) => name === op.name);
        const found = session.savepoints[index];
        // Where there is none the source would have failed: that is for other tests.
        if (found === undefined) return;
        this.write(session, `${op.kind === 'RELEASE' ? 'RELEASE' : 'ROLLBACK TO'} ${op.name}`, null);
        if (op.kind === 'ROLLBACK_TO') session.effects.length = found.effects;
        session.savepoints.length = op.kind === 'RELEASE' ? index : index + 1;
      }
    }
  }

  private commit(session: Running): void {
    for (const effect of session.effects) {
      if (effect.kind === 'UPDATE')
        this.values[effect.row - 1] = ((this.values[effect.row - 1] as number) * 3 + effect.by) % 1009;
      else if (effect.logged !== undefined) this.logged.push(effect.logged);
    }
  }

  private write(session: Running, statement: string, logged: number | null): void {
    this.at += 1;
    const place = this.record.run(session.name, statement, { at: this.at, durationMs: 0.5 });
    this.statements.push({ session: session.name, place, logged, at: this.at, ended: this.at + 0.5 });
  }
}
