import type { Entry } from '../journal/entry.ts';
import { normaliseStatement, statementFingerprint } from '../journal/normalise.ts';
import type { EntryFilter } from '../journal/window.ts';
import { decisive, describeDivergence, isSlower, isUnverifiableFailure } from './compare.ts';
import { DIVERGENCES, type Divergence, type SkipReason } from './event.ts';
import { Histogram } from './histogram.ts';
import { passesAnyFilter } from './nothing-replayed.ts';
import type { ReplayRequest } from './request.ts';
import { StatementLines } from './statement-lines.ts';
import type { DivergenceGroup, FailureGroup, ReplayReport, StatementReport } from './store.ts';
import type { NewOutcome } from './tally.ts';

/** What a report holds at most. Statements beyond it are counted on one line that says so. */
const LIMITS = {
  statements: 5_000,
  failureGroups: 1_000,
  divergenceGroups: 1_000,
  remarks: 1_000,
  textLength: 4_000,
  messageLength: 1_000,
} as const;
/** Statements beyond the limits share these. */
const OTHER = { fingerprint: 'other', normalised: 'other statements' } as const;
/** Only a consequence of an earlier failure of the transaction: counted apart, in the record too. */
const CASCADE = '25P02';
/** Ended by `statement_timeout`, or by a request to cancel it. */
const CANCELLED = '57014';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface StatementLine {
  readonly fingerprint: string;
  readonly normalised: string;
  calls: number;
  failures: number;
  cascades: number;
  unverifiableFailures: number;
  recordedFailures: number;
  rows: number;
  readonly skips: Partial<Record<SkipReason, number>>;
  unknown: number;
  withRows: number;
  digested: number;
  /** Calls that could be compared. */
  comparable: number;
  /** Calls by divergence, at its place in `DIVERGENCES`; null until there is one. */
  divergences: number[] | null;
  replayedMs: number;
  readonly recorded: Histogram;
  readonly replayed: Histogram;
  /** Of `replayed`, the calls that `recorded` holds: failures, for one, are often logged without a duration. */
  readonly replayedAsRecorded: Histogram;
}

/**
 * Gathers a run's report while it runs, in memory that does not grow with the run: at most 5,000 normalised
 * statements and 1,000 groups each of failures and of divergences, with texts of bounded length. The first to come
 * have a line of their own; the rest share one, and a remark says so.
 */
export class ReportBuilder {
  readonly #lines = new Map<string, StatementLine>();
  readonly #groups = new Map<string, Writable<FailureGroup>>();
  /** By divergence and fingerprint. */
  readonly #diverged = new Map<string, Writable<DivergenceGroup>>();
  readonly #otherDiverged = new Map<Divergence, Writable<DivergenceGroup>>();
  readonly #remarks: string[] = [];
  #remarksLeftOut = 0;
  readonly #skips = new Map<SkipReason, number>();
  readonly #filter: EntryFilter;
  #control = 0;
  #sessionState = 0;
  /** Statements that were not given the time that they took in the record. */
  #timedOut = 0;
  readonly #statementTimeoutMs: number;
  #others: StatementLine | null = null;
  #otherGroup: Writable<FailureGroup> | null = null;
  readonly #linesByText = new StatementLines((text) => this.#normalisedLine(text));

  /** Of the request it takes what the run was to send, and how much time a statement had. */
  constructor({
    filter = {},
    statementTimeoutMs = Number.POSITIVE_INFINITY,
  }: Partial<Pick<ReplayRequest, 'filter' | 'statementTimeoutMs'>> = {}) {
    this.#filter = filter;
    this.#statementTimeoutMs = statementTimeoutMs;
  }

  /** Adds the outcome of an entry; `seq` is the number that the feed's `emit` gave its event. */
  add(entry: Entry, outcome: NewOutcome, seq: number): void {
    const line = this.#linesByText.of(entry.statement, entry.protocol === 'EXTENDED');
    line.calls += 1;
    if (outcome.rows !== null) {
      line.rows += outcome.rows;
      line.withRows += 1;
    }
    if (outcome.digest !== null) line.digested += 1;
    if (outcome.status === 'UNKNOWN') line.unknown += 1;
    const recorded = entry.outcome;
    if (recorded.status === 'FAILED' && recorded.sqlstate !== CASCADE) line.recordedFailures += 1;
    if (outcome.durationMs !== null) {
      line.replayed.add(outcome.durationMs);
      line.replayedMs += outcome.durationMs;
      if (entry.durationMs !== null) {
        line.recorded.add(entry.durationMs);
        line.replayedAsRecorded.add(outcome.durationMs);
      }
    }
    if (outcome.verdict !== 'UNVERIFIABLE') line.comparable += 1;
    const { skipReason } = outcome;
    if (skipReason !== null) {
      this.#skips.set(skipReason, (this.#skips.get(skipReason) ?? 0) + 1);
      line.skips[skipReason] = (line.skips[skipReason] ?? 0) + 1;
    }
    if (outcome.status !== 'SKIPPED') {
      const passing = passesAnyFilter(entry, this.#filter);
      if (passing === 'control') this.#control += 1;
      else if (passing === 'sessionState') this.#sessionState += 1;
    }
    for (const divergence of outcome.divergences) {
      line.divergences ??= DIVERGENCES.map(() => 0);
      line.divergences[DIVERGENCES.indexOf(divergence)]! += 1;
      this.#countDivergence(divergence, line, entry, outcome, seq);
    }
    if (outcome.status !== 'FAILED') return;
    if (outcome.cascade) line.cascades += 1;
    else line.failures += 1;
    const longer = entry.durationMs !== null && entry.durationMs > this.#statementTimeoutMs;
    if (longer && recorded.status !== 'FAILED' && outcome.sqlstate === CANCELLED) this.#timedOut += 1;
    if (isUnverifiableFailure(entry, outcome)) line.unverifiableFailures += 1;
    const group = this.#groupOf(line, outcome, seq);
    group.count += 1;
    if (outcome.cascade) group.cascades += 1;
    if (recorded.status === 'FAILED' && recorded.sqlstate === outcome.sqlstate) group.expected += 1;
    group.firstSeq = Math.min(group.firstSeq, seq);
    group.lastSeq = Math.max(group.lastSeq, seq);
  }

  /** Skipped statements so far, by reason. */
  get skips(): ReadonlyMap<SkipReason, number> {
    return this.#skips;
  }

  /** Statements sent so far that only begin, end or part transactions. */
  get control(): number {
    return this.#control;
  }

  /** Those that change their session, and that the filter lets through for that alone. */
  get sessionState(): number {
    return this.#sessionState;
  }

  /** Adds a sentence about what could not be settled; one that is there already is not repeated. */
  remark(sentence: string): void {
    if (this.#remarks.includes(sentence)) return;
    if (this.#remarks.length < LIMITS.remarks) this.#remarks.push(sentence);
    else this.#remarksLeftOut += 1;
  }

  /**
   * The report so far: statements by the time they took on the target, groups of divergences by their number, those of
   * failures by how many were new and no cascades, which the others may only follow from; most first.
   * `slower`: the request's measure, for `regressed`; null where durations are approximate and judge nothing.
   */
  finish(slower: ReplayRequest['slower'] | null = null): Omit<ReplayReport, 'thresholds'> {
    const lines = [...this.#lines.values()].sort((a, b) => b.replayedMs - a.replayedMs || b.calls - a.calls);
    const groups = [...this.#groups.values()].sort(
      (a, b) => ownNewFailures(b) - ownNewFailures(a) || b.count - a.count || a.firstSeq - b.firstSeq,
    );
    const diverged = [...this.#diverged.values()].sort((a, b) => b.count - a.count || a.firstSeq - b.firstSeq);
    const remarks = [...this.#remarks];
    const lost = (this.#skips.get('TRANSACTION_LOST') ?? 0) + (this.#skips.get('RUN_ENDED') ?? 0);
    if (lost > 0)
      remarks.push(
        `transactions were lost: ${lost} ${lost === 1 ? 'statement was' : 'statements were'} not replayed because a connection was lost or the run was stopped; ` +
          'what their transactions had done by then was rolled back, though it is told as succeeded',
      );
    if (this.#timedOut > 0) {
      const many = this.#timedOut === 1 ? '1 statement' : `${this.#timedOut} statements`;
      remarks.push(
        `${many} failed with ${CANCELLED} and took longer than statementTimeoutMs (${this.#statementTimeoutMs}) in the record: likely that ended ` +
          `${this.#timedOut === 1 ? 'it' : 'them'}, and not the target`,
      );
    }
    if (this.#others !== null) {
      lines.push(this.#others);
      remarks.push(
        `the report has a line for each of the first ${LIMITS.statements} different statements; ` +
          `${this.#others.calls} calls of others share the line "other"`,
      );
    }
    if (this.#otherGroup !== null) {
      groups.push(this.#otherGroup);
      remarks.push(
        `the report has the first ${LIMITS.failureGroups} groups of failures; ` +
          `${this.#otherGroup.count} failures of others share one group`,
      );
    }
    if (this.#otherDiverged.size > 0) {
      const others = [...this.#otherDiverged.values()];
      diverged.push(...others);
      remarks.push(
        `the report has the first ${LIMITS.divergenceGroups} groups of divergences; ` +
          `${others.reduce((sum, group) => sum + group.count, 0)} divergences of others share one group of each kind`,
      );
    }
    if (this.#remarksLeftOut > 0) remarks.push(`${this.#remarksLeftOut} more remarks were left out`);
    return {
      statements: lines.map((line) => statementReport(line, slower)),
      failures: groups.map((group) => ({ ...group })),
      divergences: diverged.map((group) => ({ ...group })),
      remarks,
      lostStatements: lost,
    };
  }

  #normalisedLine(text: string): StatementLine {
    const normalised = normaliseStatement(text);
    // A fingerprint costs more than the look-up: only long texts, which are not kept whole, are known by it.
    const key = normalised.length <= LIMITS.textLength ? normalised : statementFingerprint(normalised);
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    if (this.#lines.size >= LIMITS.statements) {
      this.#others ??= newLine(OTHER.fingerprint, OTHER.normalised);
      return this.#others;
    }
    const line = newLine(statementFingerprint(normalised), shorten(normalised, LIMITS.textLength));
    this.#lines.set(key, line);
    return line;
  }

  #groupOf(line: StatementLine, outcome: NewOutcome, seq: number): Writable<FailureGroup> {
    const sqlstate = outcome.sqlstate ?? '';
    const key = `${sqlstate} ${line.fingerprint}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const message = shorten(outcome.message ?? '', LIMITS.messageLength);
    if (this.#groups.size >= LIMITS.failureGroups) {
      this.#otherGroup ??= newGroup('', { fingerprint: OTHER.fingerprint, normalised: 'other failures' }, seq, message);
      return this.#otherGroup;
    }
    const group = newGroup(sqlstate, line, seq, message);
    this.#groups.set(key, group);
    return group;
  }

  #countDivergence(divergence: Divergence, line: StatementLine, entry: Entry, outcome: NewOutcome, seq: number): void {
    const key = `${divergence} ${line.fingerprint}`;
    const full = this.#diverged.size >= LIMITS.divergenceGroups;
    const known = this.#diverged.get(key) ?? (full ? this.#otherDiverged.get(divergence) : undefined);
    if (known !== undefined) {
      known.count += 1;
      known.firstSeq = Math.min(known.firstSeq, seq);
      known.lastSeq = Math.max(known.lastSeq, seq);
      return;
    }
    const { fingerprint, normalised } = full ? OTHER : line;
    const sample = shorten(describeDivergence(divergence, entry, outcome), LIMITS.messageLength);
    const group = { divergence, fingerprint, normalised, count: 1, firstSeq: seq, lastSeq: seq, sample };
    if (full) this.#otherDiverged.set(divergence, group);
    else this.#diverged.set(key, group);
  }
}

function newLine(fingerprint: string, normalised: string): StatementLine {
  return {
    fingerprint,
    normalised,
    calls: 0,
    failures: 0,
    cascades: 0,
    unverifiableFailures: 0,
    recordedFailures: 0,
    rows: 0,
    skips: {},
    unknown: 0,
    withRows: 0,
    digested: 0,
    comparable: 0,
    divergences: null,
    replayedMs: 0,
    recorded: new Histogram(),
    replayed: new Histogram(),
    replayedAsRecorded: new Histogram(),
  };
}

function newGroup(
  sqlstate: string,
  { fingerprint, normalised }: Pick<StatementLine, 'fingerprint' | 'normalised'>,
  seq: number,
  sampleMessage: string,
): Writable<FailureGroup> {
  const counts = { count: 0, cascades: 0, expected: 0 };
  return { sqlstate, fingerprint, normalised, ...counts, firstSeq: seq, lastSeq: seq, sampleMessage };
}

/** Of a group, those that failed by themselves and not so in the record. */
export function ownNewFailures({ count, cascades, expected }: FailureGroup): number {
  return Math.max(0, count - cascades - expected);
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function statementReport(line: StatementLine, slower: ReplayRequest['slower'] | null): StatementReport {
  const divergences: Partial<Record<Divergence, number>> = {};
  line.divergences?.forEach((count, place) => {
    if (count > 0) divergences[DIVERGENCES[place]!] = count;
  });
  const recorded = line.recorded.percentiles();
  const { replayedAsRecorded } = line;
  const timed = replayedAsRecorded.count;
  return {
    fingerprint: line.fingerprint,
    normalised: line.normalised,
    calls: line.calls,
    failures: line.failures,
    cascades: line.cascades,
    unverifiableFailures: line.unverifiableFailures,
    recordedFailures: line.recordedFailures,
    rows: line.rows,
    skips: { ...line.skips },
    unknown: line.unknown,
    withRows: line.withRows,
    digested: line.digested,
    recorded,
    replayed: line.replayed.percentiles(),
    verdict: line.divergences !== null ? 'DIVERGED' : line.comparable > 0 ? 'SAME' : 'UNVERIFIABLE',
    divergences,
    regressed:
      line.unverifiableFailures > 0 ||
      Object.keys(divergences).some((divergence) => divergence !== 'SLOWER') ||
      (slower !== null &&
        isSlower(decisive(recorded, timed), decisive(replayedAsRecorded.percentiles(), timed), slower)),
  };
}
