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
import { encodeParameters } from '../journal/value-codec.ts';
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
  ['HELD_SETTING', 'settings of statements that do more than set'],
]);
/** What takes which held state away, besides what sets or resets a setting that is held. */
const RELEASES: ReadonlyMap<SessionEffectKind, SessionEffectKind> = new Map([
  ['DROP_TEMP', 'TEMP_TABLE'],
  ['ADVISORY_UNLOCK', 'ADVISORY_LOCK'],
  ['UNLISTEN', 'LISTEN'],
  ['CLOSE_CURSOR', 'HOLD_CURSOR'],
]);
/** A rollback undoes these; PREPARE, session locks and the rest stay. */
const TRANSACTIONAL: ReadonlySet<SessionEffectKind> = new Set<SessionEffectKind>([
  'SETTING',
  'HELD_SETTING',
  'RESET',
  'TEMP_TABLE',
  'DROP_TEMP',
  'LISTEN',
  'UNLISTEN',
  'HOLD_CURSOR',
]);
/** Statements remembered to make a session's state again; older ones are dropped first. */
export const MOST_REMEMBERED = 200;

/** Begins what a prepared statement is remembered by. */
const PREPARE = 'prepare ';

/**
 * What a session has done to its connection beyond its transactions: what must be done again on another
 * connection (settings, SQL-level PREPARE), and whether it may change connection at all. Follows transactions: a
 * SET that was rolled back, also to a savepoint, is forgotten.
 */
export class SessionMemory {
  /** Null for sessions that have made none: a window may hold a hundred thousand. */
  private state: SessionState | null = null;
  /** What takes back each change of the open transaction that a rollback undoes, in order. */
  private undo: (() => void)[] = [];
  /** Those of the open transaction, each with the length that `undo` had. */
  private savepoints: { readonly name: string; readonly at: number }[] = [];
  private recordedOpen = false;

  /** Notes a statement that ended on the target. */
  note(noted: NotedStatement, outcome: NotedOutcome): void {
    const { transactionStatus } = outcome;
    if (!outcome.ok) {
      if (transactionStatus === 'I') this.rollBack();
      return;
    }
    if (noted.statementType !== 'TRANSACTION' && isSingleStatement(noted.statement)) {
      for (const effect of sessionEffect(noted.statement, noted.parameters))
        this.happened(effect, noted, transactionStatus !== 'I');
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
    return this.state !== null && this.state.held.size > 0;
  }

  /** True when the session has made any state: COMMIT ordering gives it a connection of its own. */
  get isStateful(): boolean {
    return this.state !== null && (this.state.held.size > 0 || this.state.remembered.size > 0);
  }

  /** What is lost when the connection goes, for people. */
  get heldState(): readonly string[] {
    return [...(this.state?.held.keys() ?? [])].map((kind) => HELD.get(kind) ?? kind);
  }

  /** Statements that make the session's settings and prepared statements again, in order. */
  statements(): readonly MakingStatement[] {
    return [...new Set(this.state?.newest().map(([, { by }]) => by))];
  }

  /** What `statements` prepares: SQL-level PREPAREs by the names they give. */
  prepared(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const [key, { by }] of this.state?.newest() ?? []) {
      if (key.startsWith(PREPARE)) found.set(key.slice(PREPARE.length), by.statement);
    }
    return found;
  }

  /** The connection is gone, and with it what it held and its open transaction. */
  connectionLost(): void {
    this.rollBack();
    this.recordedOpen = false;
    this.state?.held.clear();
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
          this.savepoints.push({ name: effect.name, at: this.undo.length });
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
          for (const done of sessionEffect(statement, noted.parameters))
            this.happened(done, by, !single || outcome.transactionStatus !== 'I');
        }
      }
    }
  }

  private happened(effect: SessionEffect, by: MakingStatement, inTransaction: boolean): void {
    this.state ??= new SessionState();
    this.state.apply(effect, by, inTransaction && TRANSACTIONAL.has(effect.kind) ? this.undo : null);
  }

  private commit(): void {
    if (this.undo.length > 0) this.undo = [];
    if (this.savepoints.length > 0) this.savepoints = [];
  }

  private rollBack(): void {
    this.undoTo(0);
    this.commit();
  }

  private rollBackTo(name: string): void {
    const at = this.newestOf(name);
    if (at < 0) return;
    this.undoTo(this.savepoints[at]!.at);
    this.savepoints.length = at + 1;
  }

  /** The savepoint goes, and those set behind it; what happened since stays. */
  private release(name: string): void {
    const at = this.newestOf(name);
    if (at >= 0) this.savepoints.length = at;
  }

  private newestOf(name: string): number {
    return this.savepoints.findLastIndex((savepoint) => savepoint.name === name);
  }

  private undoTo(length: number): void {
    while (this.undo.length > length) this.undo.pop()?.();
  }
}

/** A statement that is remembered, and its place among all that were. */
interface Remembered {
  readonly by: MakingStatement;
  readonly order: number;
}

/** The state that a session has made. `undo` gets what takes a change back; null where nothing will. */
class SessionState {
  /** By what they make, so that the newest SET of a name replaces the older. */
  readonly remembered = new Map<string, Remembered>();
  /** Held state by kind, and by name: how often (session locks are counted by the server too). Never an empty kind. */
  readonly held = new Map<SessionEffectKind, Map<string, number>>();
  /** Keys of settings of statements that set more than one: none of these is undone by leaving its statement out. */
  private readonly together = new Set<string>();
  private last: { readonly key: string; readonly by: MakingStatement } | null = null;
  private order = 0;

  apply(effect: SessionEffect, by: MakingStatement, undo: (() => void)[] | null): void {
    const { kind } = effect;
    const name = effect.name ?? '';
    if (kind === 'SETTING') {
      const key = `set ${effect.name ?? textKey(by)}`;
      if (this.last?.by === by && this.last.key !== key) this.together.add(this.last.key).add(key);
      this.last = { key, by };
      this.remember(key, by, undo);
      this.letGo('HELD_SETTING', name, undo);
    } else if (kind === 'RESET') {
      if (this.together.has(`set ${name}`)) this.remember(`set ${name}`, by, undo);
      else this.forget('set ', effect.name, undo);
      this.letGo('HELD_SETTING', effect.name, undo);
    } else if (kind === 'PREPARED') this.remember(`${PREPARE}${name}`, by, undo);
    else if (kind === 'DEALLOCATE') this.forget(PREPARE, effect.name, undo);
    else if (HELD.has(kind)) {
      this.setCount(kind, name, (this.held.get(kind)?.get(name) ?? 0) + 1, undo);
      // An older value does not stand any more.
      if (kind === 'HELD_SETTING') this.forget('set ', name, undo);
    } else {
      const released = RELEASES.get(kind);
      if (released !== undefined) this.letGo(released, effect.name, undo);
    }
  }

  /** The statements to make again, in order: a rollback may have brought older ones back behind newer. */
  newest(): [key: string, Remembered][] {
    return [...this.remembered].sort(([, a], [, b]) => a.order - b.order).slice(-MOST_REMEMBERED);
  }

  private remember(key: string, by: MakingStatement, undo: (() => void)[] | null): void {
    this.put(key, { by, order: ++this.order }, undo);
    if (this.remembered.size <= 2 * MOST_REMEMBERED) return;
    const newest = this.newest();
    this.remembered.clear();
    for (const [key, kept] of newest) this.remembered.set(key, kept);
  }

  /** Null (RESET ALL, DEALLOCATE ALL): everything of that kind. */
  private forget(kind: string, name: string | null, undo: (() => void)[] | null): void {
    if (name !== null) this.put(kind + name, undefined, undo);
    else
      for (const key of [...this.remembered.keys()])
        if (key.startsWith(kind) && !KEPT.has(key)) this.put(key, undefined, undo);
  }

  private put(key: string, remembered: Remembered | undefined, undo: (() => void)[] | null): void {
    const before = this.remembered.get(key);
    if (remembered !== undefined) this.remembered.set(key, remembered);
    else this.remembered.delete(key);
    undo?.push(() => this.put(key, before, null));
  }

  private setCount(kind: SessionEffectKind, name: string, count: number, undo: (() => void)[] | null): void {
    let names = this.held.get(kind);
    const before = names?.get(name) ?? 0;
    if (names === undefined) {
      names = new Map();
      this.held.set(kind, names);
    }
    if (count > 0) names.set(name, count);
    else names.delete(name);
    if (names.size === 0) this.held.delete(kind);
    undo?.push(() => this.setCount(kind, name, before, null));
  }

  /** Null: everything of that kind. A name that was never taken releases nothing. */
  private letGo(kind: SessionEffectKind, name: string | null, undo: (() => void)[] | null): void {
    const names = this.held.get(kind);
    if (names === undefined) return;
    if (name === null) {
      const kept = kind === 'HELD_SETTING' ? KEPT_BY_RESET_ALL : NONE;
      for (const taken of [...names.keys()]) if (!kept.has(taken)) this.setCount(kind, taken, 0, undo);
      return;
    }
    const count = names.get(name) ?? 0;
    // Only the server counts locks; a cursor, channel or table of a name is there once.
    if (count > 0) this.setCount(kind, name, kind === 'ADVISORY_LOCK' ? count - 1 : 0, undo);
  }
}

/** By text and parameters. */
export function textKey({ statement, parameters }: MakingStatement): string {
  return parameters.length === 0 ? statement : `${statement}\n${encodeParameters(parameters)}`;
}

function endsTransaction({ kind }: TransactionEffect): boolean {
  return kind === 'COMMIT' || kind === 'ROLLBACK' || kind === 'PREPARE_TRANSACTION';
}

const NONE: ReadonlySet<string> = new Set();
const KEPT: ReadonlySet<string> = new Set([...KEPT_BY_RESET_ALL].map((name) => `set ${name}`));
