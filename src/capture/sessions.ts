import type { Micros } from '../journal/entry.ts';
import { detach, type LogRecord } from './log-record.ts';
import type { RecordNumbers } from './record-numbers.ts';
import { Session } from './session.ts';

/** Beyond so many, sessions that are at rest are forgotten: a log without disconnection lines must not fill memory. */
const REMEMBERED = 20_000;

/** Called when a session is over. `source` is the `file:line` that says so. */
export type SessionEnd = (session: Session, at: Micros, source: string) => void;

/** Processes that run statements of clients; a walsender takes SQL besides the commands of replication. */
const CLIENTS: ReadonlySet<string> = new Set(['client backend', 'walsender']);

/** The recorded sessions that are connected, told apart by session id, or by pid and connection lines. */
export class Sessions {
  readonly #ended: SessionEnd;
  readonly #byId = new Map<string, Session>();
  readonly #byPid = new Map<number, Session>();
  /** Second of the first record: a session that started before it has joined late. */
  #logStart: number | null = null;
  #connectionsLogged = false;
  /** True once a record named its user: from then on, a process without one is no client. */
  #usersLogged = false;
  /** True once the server's start was seen: no session began before the log did. */
  #startLogged = false;
  #forgotten = false;
  /** Sessions whose first record was seen, and none yet that says what they did. */
  readonly #begun = new Set<string>();
  /** Records of sessions that are over, as far as they are remembered. */
  readonly #over = new Map<string, RecordNumbers>();
  /** Sessions from which on those at rest are forgotten. */
  #most = REMEMBERED;
  /** Sessions met so far. */
  counted = 0;

  constructor(ended: SessionEnd) {
    this.#ended = ended;
  }

  /** In an order that does not depend on how the log interleaves them. */
  all(): Session[] {
    return [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Takes note of a record of whatever kind; false for one that was read before. */
  note(record: LogRecord): boolean {
    const { lineNumber, sessionId } = record;
    if (lineNumber === null) return true;
    const session = this.existing(record);
    if (sessionId === null) {
      session?.count(record);
      return true;
    }
    // By the process alone, a record of a lower number would be of another session.
    if ((session?.numbers ?? this.#over.get(sessionId))?.has(lineNumber, record.time)) return false;
    if (session) session.count(record);
    else if (lineNumber === 1) {
      if (this.#begun.size >= REMEMBERED) this.#begun.delete(this.#begun.values().next().value as string);
      this.#begun.add(detach(sessionId));
    }
    return true;
  }

  existing(record: LogRecord): Session | null {
    this.#logStart ??= Math.floor(record.time / 1_000_000);
    if (record.user !== null) this.#usersLogged = true;
    if (record.sessionId !== null) return this.#byId.get(record.sessionId) ?? null;
    return record.pid === null ? null : (this.#byPid.get(record.pid) ?? null);
  }

  /** The session of a record; null when the record names none. */
  of(record: LogRecord): Session | null {
    const session = this.existing(record);
    if (session && !isOther(session, record)) return session;
    if (record.sessionId === null && record.pid === null) return null;
    return this.#add(record, false);
  }

  /**
   * The session of an error or of what ended a session; null for a background process, such as a parallel worker, which
   * repeats its leader's error. Such a process names no user where clients do; and where connections are logged, one
   * without such a line that began within the log is no client.
   */
  failing(record: LogRecord): Session | null {
    if (record.backendType !== null && !CLIENTS.has(record.backendType)) return null;
    const session = this.existing(record);
    if (record.statement === null) return session;
    if (record.user === null && this.#usersLogged) return null;
    if (session && !isOther(session, record)) return session;
    return this.#connectionsLogged && !this.#startedBefore(record) ? null : this.of(record);
  }

  /** The session of a connection line; the first of them starts a session where only the pid tells. */
  connection(record: LogRecord, received: boolean): Session {
    this.#connectionsLogged = true;
    const session = this.existing(record);
    if (session && record.sessionId !== null) return session;
    // `connection authorized` of a session whose `connection received` or `connection authenticated` was seen.
    if (session && !received && session.connected && !session.authorized) return session;
    return this.#add(record, true);
  }

  end(session: Session, at: Micros, source: string): void {
    if (this.#byId.get(session.id) !== session) return;
    this.#byId.delete(session.id);
    if (session.pid !== null && this.#byPid.get(session.pid) === session) this.#byPid.delete(session.pid);
    if (this.#over.size >= REMEMBERED) this.#over.delete(this.#over.keys().next().value as string);
    this.#over.set(session.id, session.numbers);
    this.#ended(session, at, source);
  }

  /** The server has started anew. */
  endAll(at: Micros, source: string): void {
    this.#startLogged = true;
    for (const session of this.all()) this.end(session, at, source);
  }

  #add(record: LogRecord, connecting: boolean): Session {
    const { pid } = record;
    const previous = pid === null ? undefined : this.#byPid.get(pid);
    // A process that serves another session now has ended the one before.
    if (previous) this.end(previous, record.time, `${record.file}:${record.line}`);
    const session = new Session(record.sessionId ?? idOf(record), pid);
    session.count(record);
    session.joinedLate = !connecting && !this.#forgotten && this.#startedBefore(record);
    // Before it is there itself: nothing is open in it yet, and it has no last record.
    if (this.#byId.size >= this.#most) this.#forget();
    this.#byId.set(session.id, session);
    this.#begun.delete(session.id);
    if (pid !== null) this.#byPid.set(pid, session);
    this.counted++;
    return session;
  }

  #startedBefore(record: LogRecord): boolean {
    if (record.sessionId === null) return !this.#startLogged;
    if (record.lineNumber !== null) return record.lineNumber > 1 && !this.#begun.has(record.sessionId);
    const start = Number.parseInt(record.sessionId, 16);
    return Number.isNaN(start) || start < (this.#logStart ?? 0);
  }

  /** Drops the half that has been silent for longest, as far as nothing is open in it. */
  #forget(): void {
    const idle = [...this.#byId.values()].filter(
      (session) => !session.pending && !session.transaction && !session.block,
    );
    const busy = this.#byId.size - idle.length;
    idle.sort((a, b) => a.lastRecord - b.lastRecord);
    for (const session of idle.slice(0, idle.length >> 1)) {
      this.#byId.delete(session.id);
      if (session.pid !== null && this.#byPid.get(session.pid) === session) this.#byPid.delete(session.pid);
    }
    this.#forgotten = true;
    // Where few are at rest, each new session would else look through all of them.
    this.#most = Math.max(REMEMBERED, 4 * busy);
  }
}

/** As `%c` would name it: the same session has the same id in every format when its connection line is logged. */
function idOf(record: LogRecord): string {
  return `${Math.floor(record.time / 1_000_000).toString(16)}.${(record.pid as number).toString(16)}`;
}

/** Without session ids, another user or database under the same pid is another session. */
function isOther(session: Session, record: LogRecord): boolean {
  if (record.sessionId !== null) return false;
  return differs(session.user, record.user) || differs(session.database, record.database);
}

function differs(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b;
}
