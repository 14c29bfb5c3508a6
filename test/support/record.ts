import { randomUUID } from 'node:crypto';
import type { EntryOutcome, Micros, NewEntry, Origin, UnreplayableReason } from '../../src/journal/entry.ts';
import { classifyStatement, transactionEffect } from '../../src/journal/statement-type.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../../src/journal/transaction.ts';
import type { Value } from '../../src/journal/value.ts';
import type { Window } from '../../src/journal/window.ts';

/** How a statement was recorded; what is left out is as nearly always. */
export interface RecordOptions {
  /** Milliseconds from the record's beginning; default: 1 after the statement before. */
  readonly at?: number;
  readonly durationMs?: number;
  /** SQLSTATE that it failed with. */
  readonly fails?: string;
  /** The record ends before its outcome does. */
  readonly unknown?: boolean;
  /** Given: EXTENDED. */
  readonly parameters?: readonly Value[];
  /** Name of the prepared statement; given: EXTENDED. */
  readonly name?: string;
  readonly rows?: number;
  readonly checksum?: string;
  readonly unreplayable?: UnreplayableReason;
  readonly user?: string;
  /** Null: the log does not tell. */
  readonly database?: string | null;
  readonly application?: string;
}

/** A statement of a record, as its outcome event names it. */
export interface Place {
  readonly transactionId: string;
  readonly sequence: number;
}

interface Session {
  readonly id: string;
  /** The open block, or the chained one. */
  transaction: { readonly id: string; last: number } | null;
  failed: boolean;
}

const DAY: Micros = 86_400_000_000;
let records = 0;
/** Where the next record may begin. */
let free: Micros = Date.UTC(2026, 0, 2) * 1000;

/**
 * A hand-made history. Sessions, transactions, sequences and ends follow from the statements; each record has a
 * stretch of time and session ids of its own, so that many fit in one journal.
 */
export class HandMadeRecord {
  /** Microseconds of `at: 0`. */
  readonly start: Micros;
  private readonly number: number;
  private readonly stretch: Micros;
  private readonly sessions = new Map<string, Session>();
  private readonly begun: NewTransaction[] = [];
  private readonly entries: NewEntry[] = [];
  private readonly ended: TransactionEnd[] = [];
  /** Transactions after PREPARE TRANSACTION, by name. */
  private readonly prepared = new Map<string, string>();
  private last = -1;
  private stored = { begun: 0, entries: 0, ended: 0 };

  /**
   * `stretch`: the time that it has for itself, in microseconds. A day has a partition of the journal to itself, which
   * thousands of records cannot have.
   */
  constructor(stretch: Micros = DAY) {
    this.number = ++records;
    this.stretch = stretch;
    this.start = Math.ceil(free / stretch) * stretch;
    free = this.start + stretch;
  }

  /** The session id that the journal knows a session by. */
  sessionId(session: string): string {
    return `${this.number}.${session}`;
  }

  /** A name for a transaction that the session prepares: these are of the whole server, which all test files share. */
  preparedName(session: string): string {
    return `${this.sessionId(session)}.${process.pid}`;
  }

  /** Adds a statement of a session. */
  run(session: string, statement: string, options: RecordOptions = {}): Place {
    const at = options.at ?? this.last + 1;
    this.last = Math.max(this.last, at);
    const timestamp = this.start + Math.round(at * 1000);
    const known = this.session(session);
    const origin: Origin = {
      nodeId: 'db-1',
      sessionId: known.id,
      user: options.user ?? 'app',
      database: options.database === undefined ? 'shop' : options.database,
      application: options.application ?? null,
    };
    const ok = options.fails === undefined;
    const outside = known.transaction === null;
    const effects = transactionEffect(statement);
    let open = !outside;
    let end: TransactionEnd['status'] | null = null;
    let chain = false;
    let prepares: string | null = null;
    for (const effect of effects) {
      if (effect.kind === 'BEGIN') open = true;
      else if (effect.kind === 'ROLLBACK_TO' && ok) known.failed = false;
      else if ((effect.kind === 'COMMIT' || effect.kind === 'ROLLBACK') && open) {
        end = effect.kind === 'COMMIT' && ok && !known.failed ? 'COMMITTED' : 'ROLLED_BACK';
        chain = ok && effect.chain;
        open = false;
      } else if (effect.kind === 'PREPARE_TRANSACTION' && open && ok && !known.failed) {
        prepares = effect.name;
        open = false;
      }
    }
    const transaction = known.transaction ?? { id: randomUUID(), last: 0 };
    if (transaction.last === 0) {
      this.begun.push({
        id: transaction.id,
        origin,
        startedAt: timestamp,
        autocommit: outside && !open && end === null && prepares === null,
      });
    }
    transaction.last += 1;
    this.entries.push({
      transactionId: transaction.id,
      sequence: transaction.last,
      origin,
      timestamp,
      statement,
      protocol: options.parameters === undefined && options.name === undefined ? 'SIMPLE' : 'EXTENDED',
      preparedName: options.name ?? null,
      parameters: options.parameters ?? [],
      statementType: classifyStatement(statement),
      durationMs: options.durationMs ?? null,
      rows: options.rows ?? null,
      checksum: options.checksum ?? null,
      outcome: outcomeOf(options),
      unreplayable: options.unreplayable ?? null,
    });
    const micros = timestamp + Math.round((options.durationMs ?? 0) * 1000);
    if (prepares !== null) this.prepared.set(prepares, transaction.id);
    else if (!open) end ??= ok ? 'COMMITTED' : 'ROLLED_BACK';
    const ends = /^(COMMIT|ROLLBACK) PREPARED '(.*)'$/.exec(statement);
    const ended = ok ? this.prepared.get(ends?.[2]?.replaceAll("''", "'") ?? '') : undefined;
    if (ended !== undefined) {
      this.ended.push({
        transactionId: ended,
        status: ends?.[1] === 'COMMIT' ? 'COMMITTED' : 'ROLLED_BACK',
        at: micros,
      });
    }
    if (end !== null && options.unknown !== true) {
      this.ended.push({ transactionId: transaction.id, status: end, at: micros });
    }
    known.transaction = open ? transaction : chain ? { id: randomUUID(), last: 0 } : null;
    known.failed = open && (known.failed || !ok);
    return { transactionId: transaction.id, sequence: transaction.last };
  }

  /** `[from, to]` in milliseconds of the record; default: all of it, or its first hour. */
  window(from = 0, to = Math.min(this.stretch / 1000 - 1, 3_600_000)): Window {
    return { from: this.start + Math.round(from * 1000), to: this.start + Math.round(to * 1000) };
  }

  /** Puts what was added since the last call into the journal; gives the window of everything. */
  async store(journal: JournalStore): Promise<Window> {
    const { stored } = this;
    const ended = this.ended.slice(stored.ended);
    ended.sort((a, b) => a.at - b.at);
    await journal.append({ begun: this.begun.slice(stored.begun), entries: this.entries.slice(stored.entries), ended });
    this.stored = { begun: this.begun.length, entries: this.entries.length, ended: this.ended.length };
    return this.window();
  }

  private session(name: string): Session {
    let known = this.sessions.get(name);
    if (known === undefined) {
      known = { id: this.sessionId(name), transaction: null, failed: false };
      this.sessions.set(name, known);
    }
    return known;
  }
}

function outcomeOf(options: RecordOptions): EntryOutcome {
  if (options.unknown === true) return { status: 'UNKNOWN' };
  if (options.fails !== undefined) return { status: 'FAILED', sqlstate: options.fails, message: 'as recorded' };
  return { status: 'SUCCEEDED' };
}
