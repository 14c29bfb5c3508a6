import type { Origin, Protocol, UnreplayableReason } from '../journal/entry.ts';
import type { Value } from '../journal/value.ts';
import type { LogRecord } from './log-record.ts';
import type { OperationSink } from './operation-sink.ts';
import { readParameters } from './parameters.ts';
import { Ranks } from './ranks.ts';
import type { PendingStatement, Session } from './session.ts';
import { FactsCache, type StatementFacts } from './statement-facts.ts';
import { isRefusedInFailedBlock, leavesBlockOpen } from './transactions.ts';

const NO_VALUES: readonly Value[] = Object.freeze([]);

/**
 * What is known of an entry when its statement starts: protocol, parameters, whether it can be replayed, its time and
 * its place in a transaction. Begins the transaction where none is open.
 */
export class StatementStarts {
  readonly #nodeId: string;
  readonly #sink: OperationSink;
  readonly #ranks = new Ranks();
  readonly #facts = new FactsCache();

  constructor(nodeId: string, sink: OperationSink) {
    this.#nodeId = nodeId;
    this.#sink = sink;
  }

  /**
   * A statement as the log has it: where it starts, or, `durationMs` known, where it has ended. `name`: of the prepared
   * statement.
   */
  statement(
    session: Session,
    record: LogRecord,
    protocol: Protocol,
    name: string | null,
    text: string,
    durationMs: number | null,
    fastpath: boolean,
  ): PendingStatement {
    const facts = this.#facts.of(text, protocol === 'EXTENDED');
    const logged = protocol === 'EXTENDED' ? readParameters(record.detail, session.longest) : null;
    let unreplayable: UnreplayableReason | null = null;
    if (fastpath) unreplayable = 'FASTPATH';
    else if (facts.copiesFromClient) unreplayable = 'COPY_DATA';
    else if (logged?.truncated || record.foreign) unreplayable = 'TRUNCATED';
    else if (protocol === 'EXTENDED' && facts.parameters > (logged?.values.length ?? 0)) {
      unreplayable = 'PARAMETERS_NOT_LOGGED';
    }
    const back = durationMs === null ? 0 : Math.round(durationMs * 1000);
    return this.#begin(session, record, protocol, name, facts, logged?.values ?? NO_VALUES, unreplayable, back);
  }

  /** A statement that the log knows from its failure only: it did not get through parse or bind, or starts are not logged. */
  failedOnly(session: Session, record: LogRecord, sqlstate: string): PendingStatement {
    const text = record.statement as string;
    const bound = session.bound?.joined.endsWith(`: ${text}`) ? session.bound : null;
    const logged =
      readParameters(record.context, session.longestOnError) ?? readParameters(bound?.detail ?? null, session.longest);
    const facts = this.#facts.of(text, false);
    let protocol: Protocol = 'SIMPLE';
    if (bound || logged || facts.parameters > 0 || record.tag === 'PARSE' || record.tag === 'BIND')
      protocol = 'EXTENDED';
    else if (record.tag !== 'idle' && sqlstate !== '42601') {
      // A simple statement that parses is logged before it runs, an extended one is parsed and bound before.
      if (session.startStamped) protocol = 'EXTENDED';
      else if (!session.prepares) protocol = session.lastProtocol;
    }
    const prefix = bound === null ? null : bound.joined.slice(0, -text.length - 2);
    const name = prefix === null || prefix.startsWith('<unnamed>') ? null : prefix;
    let unreplayable: UnreplayableReason | null = null;
    if (facts.copiesFromClient) unreplayable = 'COPY_DATA';
    else if (logged?.truncated || record.foreign) unreplayable = 'TRUNCATED';
    // Class 42 fails before values matter.
    else if (facts.parameters > (logged?.values.length ?? 0) && !sqlstate.startsWith('42')) {
      unreplayable = 'PARAMETERS_NOT_LOGGED';
    }
    return this.#begin(session, record, protocol, name, facts, logged?.values ?? NO_VALUES, unreplayable, 0);
  }

  /** Fetching more rows of a portal, which is no entry of its own. */
  fetch(record: LogRecord, text: string): PendingStatement {
    return {
      place: null,
      provisional: false,
      timestamp: record.time,
      earliest: record.time,
      latest: record.time,
      protocol: 'EXTENDED',
      preparedName: null,
      facts: { text, type: 'OTHER', effects: null, copiesFromClient: false, parameters: 0, prepared: null },
      parameters: NO_VALUES,
      unreplayable: null,
      virtualXid: null,
      time: record.time,
      file: record.file,
      line: record.line,
    };
  }

  /** Places a statement in its transaction, which it begins where none is open, and in time. `back`: µs from its start to its record. */
  #begin(
    session: Session,
    record: LogRecord,
    protocol: Protocol,
    preparedName: string | null,
    facts: StatementFacts,
    parameters: readonly Value[],
    unreplayable: UnreplayableReason | null,
    back: number,
  ): PendingStatement {
    session.bound = null;
    if (protocol === 'EXTENDED') {
      session.extended = true;
      session.strayDurations = 0;
    }
    session.lastProtocol = protocol;
    const ranked = this.#ranks.next(record.time, record.unit) - back;
    const timestamp = Math.max(ranked, session.lastTimestamp + 1);
    session.lastTimestamp = timestamp;
    const origin = session.origin(this.#nodeId);
    const virtualXid = record.virtualXid?.endsWith('/0') === false ? record.virtualXid : null;
    const earliest = record.time - back;
    const pending: PendingStatement = {
      place: null,
      provisional: false,
      timestamp,
      earliest,
      latest: earliest + record.unit - 1,
      protocol,
      preparedName,
      facts,
      parameters,
      unreplayable,
      virtualXid,
      time: record.time,
      file: record.file,
      line: record.line,
    };
    const { transaction } = session;
    if (session.blockInDoubt && transaction && isRefusedInFailedBlock(facts)) {
      pending.place = { transactionId: transaction.id, sequence: transaction.entries + 1, origin };
      pending.provisional = true;
    } else this.#place(session, pending, origin, back === 0 ? virtualXid : null);
    return pending;
  }

  /** A statement has its place for good, in the session's transaction or one that it begins, now that its outcome has told which. */
  settle(session: Session, pending: PendingStatement): void {
    const { place } = pending;
    if (!pending.provisional || !place) return;
    pending.provisional = false;
    this.#place(session, pending, place.origin, null);
  }

  #place(session: Session, pending: PendingStatement, origin: Origin, virtualXid: string | null): void {
    const { facts, timestamp, earliest, latest } = pending;
    if (!session.transaction) {
      const autocommit = !session.block && !leavesBlockOpen(facts);
      const id = session.transactionId(this.#nodeId, pending);
      session.transaction = { id, entries: 0, virtualXid };
      const goesOnWith = session.goesOn ? { statement: facts.text, from: earliest, to: latest } : null;
      this.#sink.begin({ id, origin, startedAt: timestamp, autocommit }, goesOnWith);
    }
    const sequence = ++session.transaction.entries;
    pending.place = { transactionId: session.transaction.id, sequence, origin };
  }
}
