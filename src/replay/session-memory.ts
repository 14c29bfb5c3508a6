import type { Entry, StatementType } from '../journal/entry.ts';
import { isSingleStatement, splitStatements } from '../journal/sql-tokens.ts';
import {
  KEPT_BY_RESET_ALL,
  type SessionEffect,
  type SessionEffectKind,
  sessionEffect,
  type TransactionEffect,
  transactionEffect,
} from '../journal/statement-type.ts';
import type { Value } from '../journal/value.ts';
import type { TransactionStatus } from '../target/statement.ts';

/** A statement that makes a piece of session state, as it can be sent again. */
export interface MakingStatement {
  readonly statement: string;
  readonly parameters: readonly Value[];
}

/** What is told of a statement: all of its entry that matters here. */
export type NotedStatement = MakingStatement & { readonly statementType: StatementType };

/** How the statement ended, where the memory has to know. */
export interface NotedOutcome {
  readonly ok: boolean;
  /** Command tag; `ROLLBACK` tells a COMMIT that rolled back. */
  readonly tag: string | null;
  /** After the statement. */
  readonly transactionStatus: TransactionStatus;
}

/** State of a session that dies with its connection and cannot be made again, in words for people. */
const HELD: ReadonlyMap<SessionEffectKind, string> = new Map([
  ['TEMP_TABLE', 'temporary tables'],
  ['ADVISORY_LOCK', 'advisory locks'],
  ['LISTEN', 'LISTEN'],
  ['HOLD_CURSOR', 'cursors WITH HOLD'],
  ['SEQUENCE_VALUE', 'currval and lastval'],
]);
/** What takes which held state away. */
const RELEASES: ReadonlyMap<SessionEffectKind, SessionEffectKind> = new Map([
  ['DROP_TEMP', 'TEMP_TABLE'],
  ['ADVISORY_UNLOCK', 'ADVISORY_LOCK'],
  ['UNLISTEN', 'LISTEN'],
  ['CLOSE_CURSOR', 'HOLD_CURSOR'],
]);
/** A rollback undoes these; PREPARE, session locks and the rest stay. */
const TRANSACTIONAL = new Set<SessionEffectKind>([
  'SETTING',
  'RESET',
  'TEMP_TABLE',
  'DROP_TEMP',
  'LISTEN',
  'UNLISTEN',
  'HOLD_CURSOR',
]);
/** Statements remembered to make a session's state again; older ones are dropped first. */
const MOST_REMEMBERED = 200;

/** Savepoints of which the state is kept; to older ones all steps are gone through again. */
const MOST_SNAPSHOTS = 64;

/** Something that happened in the open transaction, in order. */
type Step = { readonly savepoint: string } | Happening;

interface Happening {
  readonly savepoint: null;
  readonly effect: SessionEffect;
  readonly by: MakingStatement;
}

interface State {
  /** By what they make, so that the newest SET of a name replaces the older. */
  readonly remembered: Map<string, MakingStatement>;
  /** Held state by kind, and by name: how often (session locks are counted by the server too). */
  readonly held: Map<SessionEffectKind, Map<string, number>>;
}

/** What all sessions that have made no state share: a window may hold a hundred thousand. Never changed. */
const NOTHING: State = { remembered: new Map(), held: new Map() };

/**
 * What a session has done to its connection beyond its transactions: what must be done again on another
 * connection (settings, SQL-level PREPARE), and whether it may change connection at all. Follows transactions: a
 * SET that was rolled back, also to a savepoint, is forgotten.
 */
export class SessionMemory {
  private state = NOTHING;
  /** As the state was before the open transaction changed it; null while it has not. */
  private before: State | null = null;
  private steps: Step[] = [];
  /** The state at savepoints behind which something happened right away, by their places in `steps`, in order. */
  private snapshots: { readonly at: number; readonly state: State }[] = [];
  private recordedOpen = false;

  /** Notes a statement that ended on the target. */
  note(noted: NotedStatement, outcome: NotedOutcome): void {
    const { transactionStatus } = outcome;
    if (!outcome.ok) {
      if (transactionStatus === 'I') this.rollBack();
      return;
    }
    if (noted.statementType !== 'TRANSACTION' && isSingleStatement(noted.statement)) {
      for (const effect of sessionEffect(noted.statement)) this.happened(effect, noted, transactionStatus !== 'I');
    } else {
      this.noteEach(noted, outcome);
    }
    if (transactionStatus === 'I') this.commit();
  }

  /** Notes a statement by what the record says of it: for those that this run did not send. */
  noteRecorded(entry: Pick<Entry, 'statement' | 'parameters' | 'statementType' | 'outcome'>): void {
    const ok = entry.outcome.status === 'SUCCEEDED';
    for (const effect of transactionEffect(entry.statement)) {
      if (effect.kind === 'BEGIN') this.recordedOpen ||= ok;
      else if (endsTransaction(effect)) this.recordedOpen = ok && 'chain' in effect && effect.chain;
    }
    this.note(entry, { ok, tag: null, transactionStatus: this.recordedOpen ? 'T' : 'I' });
  }

  /** True while a change of connection would lose something. */
  get holdsConnection(): boolean {
    return this.state.held.size > 0;
  }

  /** True when the session has made any state: COMMIT ordering gives it a connection of its own. */
  get isStateful(): boolean {
    return this.state.held.size > 0 || this.state.remembered.size > 0;
  }

  /** What is lost when the connection goes, for people. */
  get heldState(): readonly string[] {
    return [...this.state.held.keys()].map((kind) => HELD.get(kind) ?? kind);
  }

  /** Statements that make the session's settings and prepared statements again, in order. */
  statements(): readonly MakingStatement[] {
    return [...new Set(this.state.remembered.values())];
  }

  /** The connection is gone, and with it what it held and its open transaction. */
  connectionLost(): void {
    this.rollBack();
    this.recordedOpen = false;
    if (this.holdsConnection) this.state.held.clear();
  }

  /** Transaction control, and strings of several statements, one by one. */
  private noteEach(noted: NotedStatement, outcome: NotedOutcome): void {
    const single = isSingleStatement(noted.statement);
    for (const statement of single ? [noted.statement] : splitStatements(noted.statement)) {
      const effect = transactionEffect(statement)[0] ?? { kind: 'NONE' };
      switch (effect.kind) {
        case 'COMMIT':
        case 'PREPARE_TRANSACTION':
          if (single && outcome.tag === 'ROLLBACK') this.rollBack();
          else this.commit();
          break;
        case 'ROLLBACK':
          this.rollBack();
          break;
        case 'SAVEPOINT':
          this.before ??= copyOf(this.state);
          this.steps.push({ savepoint: effect.name });
          break;
        case 'ROLLBACK_TO':
          this.rollBackTo(effect.name);
          break;
        case 'RELEASE':
          this.release(effect.name);
          break;
        case 'NONE': {
          const by = single ? noted : { statement, parameters: noted.parameters };
          // A string is one transaction up to its COMMIT or ROLLBACK, also before a BEGIN in it.
          for (const done of sessionEffect(statement))
            this.happened(done, by, !single || outcome.transactionStatus !== 'I');
        }
      }
    }
  }

  private happened(effect: SessionEffect, by: MakingStatement, inTransaction: boolean): void {
    if (inTransaction) {
      this.before ??= copyOf(this.state);
      this.step({ savepoint: null, effect, by });
      return;
    }
    if (this.state === NOTHING) this.state = copyOf(NOTHING);
    apply(this.state, effect, by);
  }

  private step(happening: Happening): void {
    const at = this.steps.length - 1;
    if (at >= 0 && this.steps[at]!.savepoint !== null) {
      this.snapshots.push({ at, state: copyOf(this.state) });
      if (this.snapshots.length > MOST_SNAPSHOTS) this.snapshots.shift();
    }
    this.steps.push(happening);
    if (this.state === NOTHING) this.state = copyOf(NOTHING);
    apply(this.state, happening.effect, happening.by);
  }

  private commit(): void {
    this.before = null;
    if (this.steps.length === 0) return;
    this.steps = [];
    this.snapshots = [];
  }

  private rollBack(): void {
    if (this.before === null) return;
    this.state = this.before;
    for (const step of this.steps) if (survivesRollback(step)) apply(this.state, step.effect, step.by);
    this.commit();
  }

  private rollBackTo(savepoint: string): void {
    const at = this.steps.findLastIndex((step) => step.savepoint === savepoint);
    if (this.before === null || at < 0) return;
    const undone = this.steps.splice(at + 1);
    const first = undone.findIndex((step) => step.savepoint === null);
    if (first < 0) return;
    const snapshot = this.dropSnapshots(at);
    // Where nothing happened in between, it is the state of this savepoint, too.
    if (snapshot?.at === at + first) this.state = snapshot.state;
    else {
      this.state = copyOf(this.before);
      for (const step of this.steps) if (step.savepoint === null) apply(this.state, step.effect, step.by);
    }
    for (const step of undone) if (survivesRollback(step)) this.step(step);
  }

  /** Those of savepoints from a place on; gives the first of them. */
  private dropSnapshots(from: number): { readonly at: number; readonly state: State } | undefined {
    let first: { readonly at: number; readonly state: State } | undefined;
    while ((this.snapshots.at(-1)?.at ?? -1) >= from) first = this.snapshots.pop();
    return first;
  }

  /** The savepoint goes, and those set behind it; what happened since stays. */
  private release(savepoint: string): void {
    const at = this.steps.findLastIndex((step) => step.savepoint === savepoint);
    if (at < 0) return;
    this.dropSnapshots(at);
    for (const step of this.steps.splice(at)) if (step.savepoint === null) this.steps.push(step);
  }
}

function endsTransaction({ kind }: TransactionEffect): boolean {
  return kind === 'COMMIT' || kind === 'ROLLBACK' || kind === 'PREPARE_TRANSACTION';
}

function survivesRollback(step: Step): step is Happening {
  return step.savepoint === null && !TRANSACTIONAL.has(step.effect.kind);
}

function copyOf(state: State): State {
  return {
    remembered: new Map(state.remembered),
    held: new Map([...state.held].map(([kind, names]) => [kind, new Map(names)])),
  };
}

function apply(state: State, effect: SessionEffect, by: MakingStatement): void {
  const { kind } = effect;
  const name = effect.name ?? '';
  if (kind === 'SETTING') remember(state, `set ${name}`, by);
  else if (kind === 'RESET') forget(state, 'set ', effect.name);
  else if (kind === 'PREPARED') remember(state, `prepare ${name}`, by);
  else if (kind === 'DEALLOCATE') forget(state, 'prepare ', effect.name);
  else if (HELD.has(kind)) hold(state, kind, name);
  else {
    const released = RELEASES.get(kind);
    if (released !== undefined) letGo(state, released, effect.name);
  }
}

function hold({ held }: State, kind: SessionEffectKind, name: string): void {
  let names = held.get(kind);
  if (names === undefined) {
    names = new Map();
    held.set(kind, names);
  }
  names.set(name, (names.get(name) ?? 0) + 1);
}

/** Null: everything of that kind. A name that was never taken releases nothing. */
function letGo({ held }: State, kind: SessionEffectKind, name: string | null): void {
  const names = held.get(kind);
  if (names === undefined) return;
  if (name === null) {
    held.delete(kind);
    return;
  }
  const left = (names.get(name) ?? 0) - 1;
  // Only the server counts locks; a cursor, channel or table of a name is there once.
  if (left > 0 && kind === 'ADVISORY_LOCK') names.set(name, left);
  else names.delete(name);
  if (names.size === 0) held.delete(kind);
}

function remember({ remembered }: State, key: string, by: MakingStatement): void {
  remembered.delete(key);
  remembered.set(key, by);
  if (remembered.size > MOST_REMEMBERED) {
    const oldest = remembered.keys().next().value;
    if (oldest !== undefined) remembered.delete(oldest);
  }
}

const KEPT: ReadonlySet<string> = new Set([...KEPT_BY_RESET_ALL].map((name) => `set ${name}`));

/** Null (RESET ALL, DEALLOCATE ALL): everything of that kind. */
function forget({ remembered }: State, kind: string, name: string | null): void {
  if (name !== null) remembered.delete(kind + name);
  else for (const key of [...remembered.keys()]) if (key.startsWith(kind) && !KEPT.has(key)) remembered.delete(key);
}
