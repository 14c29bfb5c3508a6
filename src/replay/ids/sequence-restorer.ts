import { messageOf } from '../../errors.ts';
import type { Entry } from '../../journal/entry.ts';
import type { TransactionWithEntries } from '../../journal/store.ts';
import { isCascade } from '../../target/sqlstate.ts';
import type { QueryResult, TargetOutcome } from '../../target/statement.ts';
import { ownBlock } from '../as-login.ts';
import type { Mays } from '../session-roles.ts';
import type { Sequence } from './catalog.ts';
import { drawnWhenFailed, isShown } from './draw.ts';
import type { EntryDraws, LedgerDraw, Moved } from './entry-draws.ts';
import type { IdRestorer } from './id-restorer.ts';
import type { DrawLedger } from './ledger.ts';
import { named, nextIn, placesQuestion } from './places-question.ts';
import type { Mark } from './segment.ts';
import { IdStatistics } from './statistics.ts';
import { furthest, isBetween, isWithin, newPlace, type Place } from './target-place.ts';
import type { Track } from './track.ts';

/** What the restorer works with. */
export interface RestorerOptions {
  readonly ledger: DrawLedger;
  /** The sequences do not stand on the target where the record begins: each is set ahead of its first draw. */
  readonly moved: boolean;
  /** For each database of the target, on a connection apart from the walk's. */
  atEnd(work: AtEnd): Promise<void>;
  /** Told once for each sequence of which a draw could not be settled. */
  onUnsettled(message: string): void;
}

/**
 * Is given the sequences of a database by name, as the run knew them and as they stand now, and what runs SQL there.
 */
export type AtEnd = (
  known: ReadonlyMap<string, Sequence>,
  now: ReadonlyMap<string, Sequence>,
  execute: (sql: string) => Promise<unknown>,
) => Promise<void>;

/** An entry on its way. */
interface Sent {
  readonly found: EntryDraws;
  readonly proven: boolean;
  /** Draws whose count the target is asked for, with their first values. */
  readonly asked: readonly { readonly draw: LedgerDraw; readonly first: bigint }[];
  /** What it sets where the target has to tell where to. */
  readonly moved: readonly { readonly moved: Moved; readonly mark: Mark }[];
}

/**
 * The `IdRestorer` over a ledger of the record's draws. A sequence is set only where it would not give the
 * recorded value by itself. That it would is believed of statements of the same transaction, of answered ones,
 * and of autocommit statements whose text has succeeded before: a failure elsewhere would take the later statements
 * of its transaction with it, and their draws.
 */
export class SequenceRestorer implements IdRestorer {
  private readonly options: RestorerOptions;
  private readonly statistics: IdStatistics;
  private readonly places = new WeakMap<Track, Place>();
  private readonly sent = new Map<Entry, Sent>();
  /** Texts of autocommit statements that have succeeded. */
  private proven = new Set<string>();
  private current: ReadonlyMap<number, EntryDraws> | null = null;
  private transaction: string | null = null;
  private begun = 0;
  private failure: string | null = null;
  /** Statements that were sent and may draw from any sequence. */
  private strays = 0;

  constructor(options: RestorerOptions) {
    this.options = options;
    this.statistics = new IdStatistics(options.onUnsettled);
  }

  begin({ transaction, entries }: TransactionWithEntries): Promise<void> | null {
    this.current = null;
    this.transaction = transaction.autocommit ? null : transaction.id;
    this.begun += 1;
    if (this.begun % FORGET_EVERY === 0) this.options.ledger.forgetBefore(transaction.commitSeq);
    const last = entries.at(-1);
    if (last === undefined) return null;
    const reading = this.options.ledger.readThrough(last);
    if (reading !== null) return reading.then(() => this.take(transaction.id));
    this.take(transaction.id);
    return null;
  }

  ahead(entries: readonly Entry[], mays: Mays | null): string | null {
    if (mays?.beReadOnly !== true) return null;
    const recalls = entries.flatMap(({ sequence }) => this.current?.get(sequence)?.recalls ?? []);
    // What the session drew last is what its lastval gives, whichever it asks for first.
    const calls = this.recall(recalls.sort((one, other) => one.draw.order - other.draw.order));
    if (calls.length === 0) return null;
    return `SET TRANSACTION READ WRITE; ${calling(calls, { ...mays, beReadOnly: false })}`;
  }

  look(entry: Entry, mays: Mays | null): string | null {
    const unseen = this.strays === 0 ? [] : this.unseenBy(entry);
    if (unseen.length === 0) return null;
    return placesQuestion(
      unseen.map(({ regclass }) => regclass),
      [],
      mays?.login ?? null,
    );
  }

  looked(entry: Entry, rows: QueryResult['rows'] | null): void {
    if (rows === null) return;
    this.unseenBy(entry).forEach(({ track, draw }, index) => {
      const place = this.place(track);
      const expected = place.next ?? place.furthest;
      // Null: nothing was drawn since it was set.
      const next = nextIn(rows[index]?.[0] ?? null, draw.step) ?? expected;
      place.looked = this.strays;
      if (next === null) return;
      const count = expected === null ? 0 : Number((next - expected) / draw.step);
      if (!track.seen(draw, count, next) && count > 0) place.given = [expected!, next];
      place.furthest = count < 0 ? null : furthest(track.sequence, place.furthest, next);
      Object.assign(place, { next, latest: null, transaction: this.transaction });
    });
  }

  /** Draws from sequences that a statement sent before may have drawn from, and nobody has looked since. */
  private unseenBy({ sequence }: Entry): readonly LedgerDraw[] {
    const draws = this.current?.get(sequence)?.draws ?? [];
    return draws.filter(({ track, maybe }) => {
      const { readable, settable, cache } = track.sequence;
      return !maybe && readable && settable && cache === 1n && this.place(track).looked < this.strays;
    });
  }

  before(entry: Entry, mays: Mays | null): string | null | Promise<string | null> {
    const found = this.current?.get(entry.sequence);
    if (found === undefined) return null;
    const waits: Promise<void>[] = [];
    for (const { track, draw, maybe } of found.draws) {
      const ready = track.ready(draw, maybe);
      if (ready !== null) waits.push(ready);
    }
    return waits.length === 0
      ? this.set(entry, found, mays)
      : Promise.all(waits).then(() => this.set(entry, found, mays));
  }

  refused(entry: Entry, { sqlstate, message }: Pick<TargetOutcome, 'sqlstate' | 'message'>): void {
    // Behind an earlier failure of its transaction nothing is drawn, either.
    if (isCascade(sqlstate)) return;
    for (const { track } of this.sent.get(entry)?.found.draws ?? []) this.place(track).next = null;
    this.statistics.refused(message ?? '');
  }

  question(entry: Entry, mays: Mays | null): string | null {
    const sent = this.sent.get(entry);
    if (sent === undefined || sent.asked.length + sent.moved.length === 0) return null;
    const drawn = sent.asked.map(({ draw }) => draw.regclass);
    const moved = sent.moved.map(({ moved: { regclass } }) => regclass);
    return placesQuestion(drawn, moved, mays?.login ?? null);
  }

  answer(entry: Entry, rows: QueryResult['rows'] | null): void {
    const sent = this.sent.get(entry);
    if (sent === undefined || sent.asked.length + sent.moved.length === 0) return;
    this.sent.delete(entry);
    const { asked, moved } = sent;
    asked.forEach(({ draw: { track, draw, maybe }, first }, index) => {
      const [stands] = rows?.[index] ?? [];
      if (stands === undefined) {
        track.observed(draw, null);
        return;
      }
      // Null: nothing was drawn since it was set, or the sequence is gone.
      const next = nextIn(stands, draw.step) ?? first;
      const count = Number((next - first) / draw.step);
      const place = this.place(track);
      if (place.latest === draw) place.next = next;
      if (count > 0) place.untaken = false;
      if (count < 0) {
        if (maybe) track.moved(draw, next);
        else track.observed(draw, null);
        place.furthest = null;
        return;
      }
      place.furthest = furthest(track.sequence, place.furthest, next);
      track.observed(draw, count);
    });
    moved.forEach(({ moved: { track }, mark }, index) => {
      track.placed(mark, nextIn(rows?.[asked.length + index]?.[0] ?? null, mark.step));
    });
  }

  after(entry: Entry, outcome: TargetOutcome): void {
    const sent = this.sent.get(entry);
    if (sent === undefined) return;
    for (const { track, draw } of sent.found.draws) {
      const place = this.place(track);
      place.unanswered -= 1;
      if (!sent.proven) place.unproven -= 1;
      if (!outcome.ok) {
        place.next = null;
        const drew = drawnWhenFailed(outcome.sqlstate ?? '', draw.count).min;
        if (place.resting > 0 && drew < draw.count) this.statistics.displaced(track);
      }
      if (place.unanswered === 0) place.resting = 0;
    }
    if (!outcome.ok) for (const { track } of sent.found.renewed) this.place(track).next = null;
    if (outcome.ok && !sent.proven) this.prove(entry);
    // The question behind it is answered next; behind a failure it fails, or tells of something else.
    const asked = outcome.ok ? sent.asked : [];
    if (!outcome.ok) for (const { moved, mark } of sent.moved) moved.track.placed(mark, null);
    if (!outcome.ok || sent.asked.length + sent.moved.length === 0) this.sent.delete(entry);
    for (const ledgerDraw of sent.found.draws) {
      const { track, draw, rowsTell, perRow } = ledgerDraw;
      if (draw.min < draw.max && !asked.some((one) => one.draw === ledgerDraw))
        track.observed(draw, rowsTell && outcome.ok && outcome.rows !== null ? outcome.rows * perRow : null);
    }
  }

  async finish(): Promise<void> {
    const { ledger, atEnd } = this.options;
    try {
      await ledger.readAll();
      const tracks = new Map([...ledger.drawn()].map((track) => [track.sequence, track]));
      await atEnd(async (known, now, execute) => {
        for (const [name, stands] of now) {
          const sequence = known.get(name);
          const track = sequence === undefined ? undefined : tracks.get(sequence);
          // Where sessions take many values at once, its place does not tell how many were drawn.
          const next = stands.cache > 1n ? null : stands.next;
          const astray = next !== null && this.isAstray(sequence, track, next, stands.start);
          const isSeen = track === undefined ? this.strays === 0 : this.place(track).looked === this.strays;
          if (astray && isSeen) this.statistics.astray(name);
          if (track?.endsInDoubt === true && track.sequence.settable) this.statistics.endInDoubt(name);
          if (track !== undefined) await this.leave(track, next, astray, execute);
        }
      });
    } catch (error) {
      this.failure = messageOf(error);
    }
  }

  /** Whether a sequence has moved otherwise than by what was sent, so far as that is known. */
  private isAstray(sequence: Sequence | undefined, track: Track | undefined, stands: bigint, start: bigint): boolean {
    if (track !== undefined) {
      const { next } = this.place(track);
      return next !== null && next !== stands;
    }
    if (sequence === undefined) return stands !== start;
    return !this.options.moved && sequence.next !== null && sequence.next !== stands;
  }

  /** Leaves a sequence where the record left it, but not behind values that the target drew besides. */
  private async leave(
    track: Track,
    stands: bigint | null,
    astray: boolean,
    execute: (sql: string) => Promise<unknown>,
  ): Promise<void> {
    const { sequence } = track;
    const place = this.place(track);
    const next = furthest(sequence, furthest(sequence, track.end(), place.furthest), astray ? stands : null);
    const isLeft = next === (stands ?? place.next) && !place.untaken;
    if (!sequence.settable || next === null || isLeft || !isWithin(sequence, next)) return;
    const last = next - sequence.increment;
    // As it stands behind a nextval, where that can be said.
    await execute(
      `SELECT ${isWithin(sequence, last) ? setval(sequence.regclass, last, true) : setval(sequence.regclass, next)}`,
    );
  }

  remarks(): readonly string[] {
    const remarks = this.statistics.remarks();
    if (this.failure === null) return remarks;
    return [...remarks, `generated ids: the sequences could not be left where the record left them: ${this.failure}`];
  }

  private take(transactionId: string): void {
    this.current = this.options.ledger.take(transactionId);
  }

  private place(track: Track): Place {
    let place = this.places.get(track);
    if (place === undefined) {
      place = newPlace(this.options.moved ? null : track.sequence.next);
      this.places.set(track, place);
    }
    return place;
  }

  /** Decides what to set ahead of an entry, and notes where it leaves the sequences. */
  private set(entry: Entry, found: EntryDraws, mays: Mays | null): string | null {
    const calls = mays?.beReadOnly === true ? [] : this.recall(found.recalls);
    const asked: { draw: LedgerDraw; first: bigint }[] = [];
    const proven = this.transaction === null && this.proven.has(entry.statement);
    for (const ledgerDraw of found.draws) {
      const { track, draw, regclass, maybe } = ledgerDraw;
      const { sequence } = track;
      const place = this.place(track);
      if (!maybe) track.seen(draw, 0, 0n);
      track.shownLate(draw);
      const counted = track.valueOf(draw);
      // Values that others were given already are not given again to a statement that may as well draw none.
      const goesOn = maybe && !isShown(draw) && furthest(sequence, counted, place.furthest) !== counted;
      const first = goesOn ? (place.next ?? place.furthest) : counted;
      const given = first !== null && place.given !== null && isBetween(first, place.given);
      const usable = first !== null && !given && isWithin(sequence, first) && sequence.settable;
      if (!maybe) this.statistics.add(track, draw, usable);
      const sets = usable && !this.standsAt(place, first, sequence);
      if (sets) calls.push(setval(regclass, first));
      // One that may draw nothing leaves a sequence as it was set.
      if (sets || draw.min > 0) place.untaken = draw.min === 0;
      if (!sets && this.transaction === null && place.unanswered > 0) place.resting += 1;
      const uncertain = draw.min < draw.max;
      place.transaction = this.transaction;
      place.latest = draw;
      place.unanswered += 1;
      if (!proven) place.unproven += 1;
      // What an uncertain one draws beyond that, the answer tells.
      const least = first === null ? null : first + BigInt(draw.min) * draw.step;
      if (usable) place.furthest = furthest(sequence, place.furthest, least);
      place.next = usable && !uncertain ? first + BigInt(draw.count) * draw.step : null;
      if (!uncertain) continue;
      const canAsk = usable && sequence.readable && sequence.cache === 1n;
      if (canAsk) asked.push({ draw: ledgerDraw, first });
      if (canAsk || ledgerDraw.rowsTell) track.sent(draw);
    }
    for (const track of found.unsure) this.statistics.unsure(track);
    for (const [routine, runs] of found.untold) this.statistics.untold(routine, runs);
    const moved = found.moves.flatMap((one) => {
      const { settable, readable, cache } = one.track.sequence;
      if (one.asked === null || !settable || !readable || cache > 1n) return [];
      one.track.sent(one.asked);
      return [{ moved: one, mark: one.asked }];
    });
    for (const track of [...found.moves.map((one) => one.track), ...found.unsure]) {
      const place = this.place(track);
      place.next = null;
      place.latest = null;
      place.furthest = null;
    }
    for (const { track, start } of found.renewed) {
      const drawn = found.draws.some((draw) => draw.track === track);
      const next = drawn ? null : start;
      Object.assign(this.place(track), { next, transaction: this.transaction, latest: null, furthest: null });
    }
    if (found.strays) this.strays += 1;
    this.sent.set(entry, { found, proven, asked, moved });
    return calls.length === 0 ? null : calling(calls, mays);
  }

  /** Draws a value again that a later currval or lastval of its session, perhaps on another connection, asks for. */
  private recall(recalls: EntryDraws['recalls']): string[] {
    const calls: string[] = [];
    for (const { track, draw, regclass } of recalls) {
      const { sequence } = track;
      const first = track.valueOf(draw);
      if (first === null || draw.count < 1 || !sequence.settable) continue;
      const value = first + BigInt(draw.count - 1) * draw.step;
      if (!isWithin(sequence, value)) continue;
      calls.push(setval(regclass, value), `pg_catalog.nextval(${named(regclass)})`);
      // Nothing may rest on it: it is not an entry that is answered.
      const place = this.place(track);
      place.next = null;
      place.latest = null;
    }
    return calls;
  }

  private standsAt(place: Place, value: bigint, sequence: Sequence): boolean {
    if (place.next !== value || sequence.cache > 1n) return false;
    if (place.unanswered === 0) return true;
    return place.transaction === this.transaction && (this.transaction !== null || place.unproven === 0);
  }

  private prove({ statement, sequence }: Entry): void {
    // BEGIN is the first entry of a transaction.
    if (sequence > 1 || statement.length > LONGEST_PROVEN) return;
    if (this.proven.size >= MOST_PROVEN) this.proven = new Set();
    this.proven.add(statement);
  }
}

/** Texts that are remembered to have succeeded, and how long one may be. */
const MOST_PROVEN = 10_000;
const LONGEST_PROVEN = 2_000;
/** Transactions between two sweeps of the ledger. */
const FORGET_EVERY = 1_000;

function calling(calls: readonly string[], mays: Mays | null): string {
  const all = calls.join(', ');
  return mays === null ? `SELECT ${all}` : ownBlock(`PERFORM ${all}`, mays);
}

function setval(regclass: string, value: bigint, called = false): string {
  return `pg_catalog.setval(${named(regclass)}, ${value}, ${called})`;
}
