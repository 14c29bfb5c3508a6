import { randomUUID } from 'node:crypto';
import { Client, DatabaseError } from 'pg';
import type { EntryOutcome, NewEntry, Origin } from '../../src/journal/entry.ts';
import { classifyStatement } from '../../src/journal/statement-type.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../../src/journal/transaction.ts';
import type { Window } from '../../src/journal/window.ts';
import type { TestDatabase } from '../support/database.ts';

/** Runs statements on a source and keeps what a server log would have kept of them. */
export class Recorder {
  private readonly source: TestDatabase;
  private readonly from: number;
  private readonly begun: NewTransaction[] = [];
  private readonly entries: NewEntry[] = [];
  private readonly ended: TransactionEnd[] = [];
  private readonly sessions: RecordedSession[] = [];
  private clock: number;

  private readonly started = performance.now();
  private readonly stepMicros: number | null;

  /**
   * @param from where the record's time begins, microseconds
   * @param stepMicros time between two stamps; null: real time
   */
  constructor(source: TestDatabase, from: number, stepMicros: number | null) {
    this.source = source;
    this.stepMicros = stepMicros;
    this.from = from;
    this.clock = from;
  }

  async session(id: string): Promise<RecordedSession> {
    const { host, port, user, password, name } = this.source;
    const client = new Client({ host, port, user, password, database: name, ssl: false });
    await client.connect();
    const origin: Origin = { nodeId: 'n', sessionId: `${id}-${this.from}`, user, database: name, application: null };
    const session = new RecordedSession(this, client, origin);
    this.sessions.push(session);
    return session;
  }

  /** Ends the sessions and hands the record to a journal. */
  async finish(journal: JournalStore): Promise<Window> {
    for (const session of this.sessions) await session.end();
    const entries = [...this.entries].sort((a, b) => a.timestamp - b.timestamp);
    await journal.append({ begun: this.begun, entries: bySequence(entries), ended: this.ended });
    return { from: this.from, to: this.clock + 1 };
  }

  tick(): number {
    const now = this.from + Math.floor((performance.now() - this.started) * 1000);
    this.clock = this.stepMicros === null ? Math.max(this.clock + 1, now) : this.clock + this.stepMicros;
    return this.clock;
  }

  begin(transaction: NewTransaction): void {
    this.begun.push(transaction);
  }

  entry(entry: NewEntry): void {
    this.entries.push(entry);
  }

  ending(transactionId: string, status: TransactionEnd['status']): void {
    this.ended.push({ transactionId, status, at: this.tick() });
  }
}

function bySequence(entries: readonly NewEntry[]): NewEntry[] {
  return [...entries].sort((a, b) => (a.transactionId === b.transactionId ? a.sequence - b.sequence : 0));
}

export interface Ran {
  readonly rows: readonly (readonly unknown[])[];
  /** SQLSTATE; null when it succeeded. */
  readonly failed: string | null;
}

/** One recorded session. `forgetRows`: as a server log, which never tells row counts. */
export class RecordedSession {
  private readonly recorder: Recorder;
  private readonly client: Client;
  private readonly origin: Origin;
  private transaction: string | null = null;
  private sequence = 0;
  forgetRows = true;

  constructor(recorder: Recorder, client: Client, origin: Origin) {
    this.recorder = recorder;
    this.client = client;
    this.origin = origin;
  }

  get inTransaction(): boolean {
    return this.transaction !== null;
  }

  async run(text: string, values: readonly unknown[] = [], options: { rows?: boolean } = {}): Promise<Ran> {
    const start = this.recorder.tick();
    const begins = /^begin/i.test(text);
    const ends = /^(?:commit|rollback)(?! to)/i.test(text);
    const autocommit = this.transaction === null && !begins;
    const id = this.transaction ?? randomUUID();
    if (this.transaction === null) {
      this.recorder.begin({ id, origin: this.origin, startedAt: start, autocommit });
      this.sequence = 0;
      if (begins) this.transaction = id;
    }
    this.sequence += 1;
    const { sequence } = this;
    let outcome: EntryOutcome = { status: 'SUCCEEDED' };
    let rows: unknown[][] = [];
    let count: number | null = null;
    try {
      const result = await this.client.query({ text, values: values as unknown[], rowMode: 'array' });
      rows = (Array.isArray(result) ? [] : result.rows) as unknown[][];
      count = Array.isArray(result) ? null : result.rowCount;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      outcome = { status: 'FAILED', sqlstate: error.code ?? '', message: error.message };
    }
    this.recorder.entry({
      transactionId: id,
      sequence,
      origin: this.origin,
      timestamp: start,
      statement: text,
      protocol: values.length > 0 ? 'EXTENDED' : 'SIMPLE',
      preparedName: null,
      parameters: values.map((value) =>
        value === null ? { kind: 'null' } : { kind: 'text', value: String(value), oid: null },
      ),
      statementType: classifyStatement(text),
      durationMs: (this.recorder.tick() - start) / 1000,
      rows: options.rows === true ? count : null,
      checksum: null,
      outcome,
      unreplayable: null,
    });
    if (autocommit) this.recorder.ending(id, outcome.status === 'FAILED' ? 'ROLLED_BACK' : 'COMMITTED');
    else if (ends) {
      const commits = /^commit/i.test(text) && outcome.status === 'SUCCEEDED';
      this.recorder.ending(id, commits ? 'COMMITTED' : 'ROLLED_BACK');
      this.transaction = null;
    }
    return { rows, failed: outcome.status === 'FAILED' ? outcome.sqlstate : null };
  }

  /** Runs a statement that the record misses. */
  async unrecorded(text: string): Promise<void> {
    await this.client.query(text);
  }

  async end(): Promise<void> {
    if (this.transaction !== null) await this.run('ROLLBACK');
    await this.client.end();
  }
}
