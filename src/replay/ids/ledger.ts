import { compareEntryKeys, type Entry, type EntryKey } from '../../journal/entry.ts';
import { isSingleStatement } from '../../journal/sql-tokens.ts';
import type { JournalStore } from '../../journal/store.ts';
import type { EntryFilter, Window } from '../../journal/window.ts';
import { sessionKey } from '../session-key.ts';
import type { Catalog, NamedCatalog, Sequence } from './catalog.ts';
import { learnCreated } from './created.ts';
import {
  type Counts,
  countedWith,
  type EntryDraws,
  isInBlock,
  joinGroup,
  type LedgerDraw,
  type Moved,
  NOT_SEEN,
  newDraw,
  type Renewed,
} from './entry-draws.ts';
import { GivenIds } from './given-ids.ts';
import { KeptDraws } from './kept-draws.ts';
import { type LedgerSession, LedgerSessions } from './ledger-sessions.ts';
import { PagesAhead } from './pages-ahead.ts';
import { type Change, NO_DRAWS, type StatementDraws } from './parts.ts';
import { executed } from './prepared.ts';
import { namedBy } from './routines.ts';
import { type Scope, SessionPaths, type SessionPathsOptions } from './session-paths.ts';
import { showAhead, showValues, valuesOf } from './showing.ts';
import { inOneString, statementDraws } from './statement-draws.ts';
import { TextCache } from './text-cache.ts';
import type { Given } from './tokens.ts';
import { Track } from './track.ts';
import { type Undone, UndoneWork } from './undone.ts';

/** Dropped sequences that are remembered. */
const MOST_DROPPED = 1_000;

/** Sequences that a statement may draw from for all that is known, and that are set ahead of it and asked about behind it. */
const MOST_MAYBE = 32;

const MAY_BE_DDL = /\b(?:create|alter|drop)\b/i;

/** What the ledger reads, and by which catalog. */
export interface LedgerOptions {
  readonly journal: JournalStore;
  /** Of the replay. */
  readonly window: Window;
  /** From where on to read: earlier than the window when transactions straddle its beginning. */
  readonly readFrom: number;
  /** Which databases; nothing else may be left out, for all sessions draw from the same sequences. */
  readonly filter: EntryFilter;
  /** False when nobody knows where the target's sequences stood when the run began. */
  readonly positionsKnown: boolean;
  catalogFor(recordedDatabase: string | null): NamedCatalog;
  readonly loginFor: SessionPathsOptions['loginFor'];
  /** What sessions had set and prepared before, by session key. */
  readonly earlier: ReadonlyMap<string, readonly Pick<Entry, 'statement' | 'parameters'>[]>;
}

/**
 * Follows the record in its total order, all sessions and outcomes, ahead of a COMMIT walk, and knows what each
 * draw gave. Values are kept for transactions that committed, until they are taken.
 */
export class DrawLedger {
  private readonly options: LedgerOptions;
  private readonly tracks = new Map<Sequence, Track>();
  private readonly sessions = new LedgerSessions();
  private readonly paths: SessionPaths;
  private readonly givenIds = new GivenIds();
  private readonly undoneWork: UndoneWork;
  private readonly texts = new Map<Catalog, TextCache<StatementDraws>>();
  private readonly kept: KeptDraws;
  private readonly pages: PagesAhead;
  private order = 0;
  /** The last statement that may have drawn from any sequence. */
  private stray: { readonly order: number; readonly entry: Entry } | null = null;
  /**
   * Last key of the page before the newest one, with the number of draws up to it: two pages are kept ahead of the walk, so that
   * a draw's later statements are known when it is settled.
   */
  private solid: { readonly key: EntryKey; readonly order: number } | null = null;
  private ended = false;
  private reachedWindow: boolean;
  private reading: Promise<void> | null = null;

  constructor(options: LedgerOptions) {
    const { journal, window, readFrom, filter } = options;
    this.options = options;
    this.paths = new SessionPaths(options);
    this.undoneWork = new UndoneWork(journal);
    this.kept = new KeptDraws(journal);
    this.pages = new PagesAhead(journal, { from: readFrom, to: window.to }, filter);
    this.reachedWindow = readFrom >= window.from;
  }

  /** Tracks of the sequences that the record drew from so far. */
  drawn(): Iterable<Track> {
    return this.tracks.values();
  }

  /** Reads as far as an entry's draws can be settled; null: that far it has been read. */
  readThrough(key: EntryKey): Promise<void> | null {
    if (this.isSolid(key)) return null;
    const before = this.reading ?? Promise.resolve();
    this.reading = before.then(() => this.readPages(key));
    return this.reading;
  }

  /** Reads the rest of the record. */
  async readAll(): Promise<void> {
    await this.reading;
    while (!this.ended) await this.readPage();
  }

  /** The draws of a transaction that committed, by sequence number; they are forgotten here. */
  take(transactionId: string): ReadonlyMap<number, EntryDraws> | null {
    return this.kept.take(transactionId);
  }

  private isSolid(key: EntryKey): boolean {
    return this.ended || (this.solid !== null && compareEntryKeys(key, this.solid.key) <= 0);
  }

  private async readPages(key: EntryKey): Promise<void> {
    while (!this.isSolid(key)) await this.readPage();
  }

  private async readPage(): Promise<void> {
    const { pages, order } = this;
    const solid = pages.newest === null ? null : { key: pages.newest, order };
    const entries = await pages.next();
    const drawing = new Map<string, Map<number, EntryDraws>>();
    const undone = await this.undoneWork.of(entries, (entry) => this.options.catalogFor(entry.origin.database).defers);
    for (const entry of entries) this.follow(entry, drawing, undone);
    await this.kept.add(drawing);
    this.solid = solid;
    this.ended = pages.ended;
    if (this.ended) this.reachWindow();
    for (const track of this.tracks.values()) {
      if (this.ended) track.settle(this.order, this.order);
      else track.settle(solid?.order ?? 0, this.order - (this.order - (solid?.order ?? 0)) / 2);
    }
    this.forgetDropped();
  }

  /** Lets go of what was known of sequences that the record has dropped, save those that it may make again soon. */
  private forgetDropped(): void {
    if (this.tracks.size <= MOST_DROPPED) return;
    const dropped = [...this.tracks.values()].filter(({ sequence, isSettled }) => sequence.dropped && isSettled);
    const forgotten = new Set(dropped.slice(0, Math.max(dropped.length - MOST_DROPPED, 0)));
    for (const { sequence } of forgotten) this.tracks.delete(sequence);
    this.sessions.forget(forgotten);
  }

  /** Forgets transactions that committed before one that the walk has begun: it will not come to them. */
  forgetBefore(commitSeq: bigint): void {
    this.kept.forgetBefore(commitSeq);
  }

  private reachWindow(): void {
    if (this.reachedWindow) return;
    this.reachedWindow = true;
    this.order += 1;
    for (const track of this.tracks.values()) track.reach(this.order);
  }

  private follow(entry: Entry, drawing: Map<string, Map<number, EntryDraws>>, undone: Undone): void {
    if (!this.reachedWindow && entry.timestamp >= this.options.window.from) this.reachWindow();
    const type = entry.statementType;
    this.givenIds.follow(entry);
    this.undoneWork.follow(entry);
    const key = sessionKey(entry.origin);
    const session = this.sessions.known(key);
    if (session !== undefined && session.running.length > 0) {
      // A session does one thing after another.
      for (const draw of session.running) draw.end = Math.min(draw.end, entry.timestamp - 1);
      session.running = [];
    }
    if (type === 'TRANSACTION' || type === 'SET') {
      this.paths.control(entry, key, undone.transactions);
      return;
    }
    const catalog = this.options.catalogFor(entry.origin.database);
    const renewed: Renewed[] = [];
    const scope = this.paths.scope(entry, key, catalog, undone.transactions);
    let said: StatementDraws;
    const isSingle = isSingleStatement(entry.statement);
    // The type of a string is that of its first statement.
    const mayBeDdl = type === 'DDL' || (!isSingle && MAY_BE_DDL.test(entry.statement));
    const succeededDdl = mayBeDdl && entry.outcome.status === 'SUCCEEDED';
    const learns = succeededDdl && !undone.has(entry);
    if (learns) this.paths.altersDefaults(entry);
    if (isSingle) {
      if (learns) this.learn(entry.statement, catalog, scope, renewed);
      said = this.read(entry.statement, catalog, scope);
      if (said.paths.length > 0) this.paths.changed(entry, key, said.paths, undone.transactions);
      // What goes back with its transaction hides other objects up to there.
      const made = succeededDdl ? this.paths.makes(entry, key, catalog, undone.transactions) : null;
      for (const sequence of made?.unplaced ?? [])
        if (!sequence.temporary) this.track(sequence).move(++this.order, null);
    } else {
      said = succeededDdl ? NO_DRAWS : this.read(entry.statement, catalog, scope);
      // Each statement goes by what those before it have made and set.
      if (succeededDdl || said.paths.length > 0) {
        const all: StatementDraws[] = [];
        this.paths.each(entry, key, catalog, undone.transactions, (statement, current) => {
          if (learns) this.learn(statement, catalog, current, renewed);
          all.push(statementDraws(statement, current.catalog));
        });
        said = inOneString(all);
      }
    }
    if (said === NO_DRAWS && renewed.length === 0) return;
    if (catalog.sequences.size === 0) return;
    if (said.prepares !== null || said.executes !== null)
      said = this.followPrepared(entry, key, catalog, scope, undone, said);
    const values = said.executes === null ? entry.parameters : [];
    const { parts, changes } = this.undoneWork.lasting(entry, said, undone);
    const given = (one: Given) => valuesOf(one, values);
    const showing = {
      transactionId: entry.transactionId,
      inBlock: isInBlock(entry),
      order: this.order,
      committed: !undone.has(entry),
      givenIds: this.givenIds,
    };
    if (entry.outcome.status !== 'FAILED')
      showValues(said.references, this.sessions.known(key), this.tracks, given, showing);
    this.note(entry, scope.catalog, { ...said, parts, changes }, renewed, key, given, drawing);
    if (!isSingle && entry.outcome.status !== 'FAILED')
      showAhead(said.references, this.sessions.known(key), this.tracks, given, showing, this.order);
  }

  /** Objects that the record creates; texts that name them have to be read anew. */
  private learn(statement: string, catalog: Catalog, scope: Scope, renewed: Renewed[]): void {
    const learned = learnCreated(statement, scope.catalog);
    if (learned === null) return;
    this.texts.delete(catalog);
    this.order += 1;
    for (const sequence of learned.renewed) {
      const track = this.track(sequence);
      // What was made again lately is forgotten last.
      this.tracks.delete(sequence);
      this.tracks.set(sequence, track);
      track.move(this.order, sequence.start);
      renewed.push({ track, start: sequence.start });
    }
    for (const sequence of learned.unplaced) this.track(sequence).move(this.order, null);
    for (const sequence of learned.stepped) this.track(sequence).changeStep(this.order);
  }

  /** What a text says to a session that finds its names so. */
  private read(text: string, catalog: Catalog, scope: Scope): StatementDraws {
    let texts = this.texts.get(catalog);
    if (texts === undefined) {
      texts = new TextCache();
      this.texts.set(catalog, texts);
    }
    return texts.get(scope.key === '' ? text : `${scope.key}\n${text}`, () => statementDraws(text, scope.catalog));
  }

  /** For PREPARE and EXECUTE: what the prepared statement says with its arguments, by the path of its execution. */
  private followPrepared(
    entry: Entry,
    key: string,
    catalog: NamedCatalog,
    scope: Scope,
    undone: Undone,
    said: StatementDraws,
  ): StatementDraws {
    const session = this.sessions.of(key);
    session.prepared ??= this.preparedEarlier(key, scope.catalog);
    if (said.prepares !== null && entry.outcome.status !== 'FAILED')
      session.prepared.set(said.prepares.name, said.prepares.text);
    if (said.executes === null) return said;
    const text = session.prepared.get(said.executes.name);
    if (text === undefined) return said;
    const prepared = this.read(text, catalog, this.paths.scope(entry, key, catalog, undone.transactions, text));
    return executed(prepared, said.executes);
  }

  private preparedEarlier(key: string, catalog: Catalog): Map<string, string> {
    const prepared = new Map<string, string>();
    for (const { statement } of this.options.earlier.get(key) ?? []) {
      const { prepares } = statementDraws(statement, catalog);
      if (prepares !== null) prepared.set(prepares.name, prepares.text);
    }
    return prepared;
  }

  private note(
    entry: Entry,
    catalog: Catalog,
    said: StatementDraws,
    renewed: readonly Renewed[],
    key: string,
    values: (given: Given) => readonly bigint[],
    drawing: Map<string, Map<number, EntryDraws>>,
  ): void {
    const { parts, changes, recalls: recalled, untold } = said;
    const count = parts.length + changes.length + recalled.length + said.unsure.length + said.maybe.length;
    if (count + renewed.length === 0) return;
    this.order += 1;
    const session = this.sessions.of(key);
    const recalls = recalled.flatMap((sequence) => this.recalled(entry, session, sequence));
    const draws = [...this.drawsOf(entry, catalog, said, session), ...this.maybeOf(entry, said.maybe, session)];
    const strays = said.maybe.length > MOST_MAYBE;
    const moves = changes.map((change) => this.move(entry, change, values));
    const unsure = said.unsure.map((sequence) => this.track(sequence));
    for (const track of unsure) track.move(this.order, null);
    if (draws.length + moves.length + recalls.length + unsure.length + renewed.length === 0 && !strays) return;
    const ofTransaction = drawing.get(entry.transactionId) ?? new Map<number, EntryDraws>();
    drawing.set(
      entry.transactionId,
      ofTransaction.set(entry.sequence, { draws, moves, renewed, recalls, unsure, untold, strays }),
    );
  }

  private drawsOf(entry: Entry, catalog: Catalog, said: StatementDraws, session: LedgerSession): LedgerDraw[] {
    const bySequence = new Map<Sequence, Counts>();
    for (const part of said.parts) {
      const sequence = part.sequence ?? this.namedByParameter(entry, catalog, part.parameter);
      session.drewTemporary = sequence?.temporary === true;
      if (sequence !== null && !sequence.temporary)
        bySequence.set(sequence, countedWith(part, bySequence.get(sequence)));
    }
    return [...bySequence].map(([sequence, counts]) => {
      const found = this.draw(entry, sequence, counts, session);
      if (found.draw.count > 0) {
        session.last.delete(found.track);
        session.last.set(found.track, { draw: found.draw, transactionId: entry.transactionId });
      }
      return { ...found, maybe: false };
    });
  }

  private draw(entry: Entry, sequence: Sequence, counts: Counts, session: LedgerSession): Omit<LedgerDraw, 'maybe'> {
    const track = this.track(sequence);
    const { stray } = this;
    if (stray !== null && track.latest < stray.order)
      track.addUnseen(newDraw(stray.order, stray.entry, sequence.increment, NOT_SEEN));
    const draw = newDraw(this.order, entry, sequence.increment, counts);
    track.add(draw);
    session.running.push(draw);
    joinGroup(session, track, draw, entry);
    const rowsTell = counts.exact && counts.rowsTell && counts.fixed === 0;
    return { track, draw, regclass: sequence.regclass, rowsTell, perRow: counts.perRow };
  }

  /** Draws of a statement from sequences of which nothing tells whether it draws from them. */
  private maybeOf(entry: Entry, maybe: readonly Sequence[], session: LedgerSession): LedgerDraw[] {
    if (maybe.length > MOST_MAYBE) {
      this.stray = { order: this.order, entry };
      return [];
    }
    return maybe.map((sequence) => ({ ...this.draw(entry, sequence, NOT_SEEN, session), maybe: true }));
  }

  /** The walk keeps a transaction on one connection, but may give the next one another. */
  private recalled(entry: Entry, session: LedgerSession, sequence: Sequence | null): EntryDraws['recalls'] {
    if (sequence === null && session.drewTemporary) return [];
    const found =
      sequence === null ? [...session.last].at(-1) : [...session.last].find(([track]) => track.sequence === sequence);
    if (found === undefined || found[1].transactionId === entry.transactionId) return [];
    return [{ track: found[0], draw: found[1].draw, regclass: found[0].sequence.regclass }];
  }

  private namedByParameter(entry: Entry, catalog: Catalog, parameter: number | null): Sequence | null {
    const value = parameter === null ? undefined : entry.parameters[parameter - 1];
    return value?.kind === 'text' ? namedBy(value.value, catalog) : null;
  }

  private track(sequence: Sequence): Track {
    let track = this.tracks.get(sequence);
    if (track === undefined) {
      track = new Track(sequence, this.options.positionsKnown && this.reachedWindow);
      this.tracks.set(sequence, track);
    }
    return track;
  }

  private move(entry: Entry, change: Change, values: (given: Given) => readonly bigint[]): Moved {
    const track = this.track(change.sequence);
    const moved = { track, regclass: change.sequence.regclass, asked: null };
    if (entry.outcome.status === 'FAILED') return moved;
    const given = change.parameter === null ? undefined : values({ parameter: change.parameter, literal: null })[0];
    const next = change.next ?? (given === undefined ? null : given + change.add);
    const mark = track.move(this.order, next, next === null);
    return next === null ? { ...moved, asked: mark } : moved;
  }
}
