import { randomUUID } from 'node:crypto';
import { RepriseError } from '../errors.ts';
import type { Micros, NewEntry, Origin } from './entry.ts';
import { heldAt, lossesWith } from './recorder-losses.ts';
import {
  type BeginInput,
  bad,
  checkName,
  checkSequence,
  checkTimestamp,
  type LogInput,
  makeEntry,
  type PlaceInput,
  type Recorded,
  type RecordedSavepoint,
  type SavepointInput,
  type Timing,
} from './recording.ts';
import { quoteSavepoint, SavepointTracker } from './savepoints.ts';
import { transactionEffect } from './statement-type.ts';
import { type AppendResult, EntryError, type JournalStore } from './store.ts';
import type { NewTransaction, Transaction, TransactionStatus } from './transaction.ts';
import { TransactionClock } from './transaction-clock.ts';

export type { BeginInput, LogInput, PlaceInput, Recorded, RecordedSavepoint, SavepointInput } from './recording.ts';

/** Puts statements into the journal one by one or in bulk, as the API is asked to. */
export interface Recorder {
  begin(input: BeginInput): Promise<Transaction>;
  /** @throws RepriseError BAD_INPUT, TRANSACTION_*, SEQUENCE_*, JOURNAL_LIMIT; so do the others */
  log(input: LogInput): Promise<Recorded>;
  /** All or nothing; entries of transactions must give their sequence. */
  logAll(inputs: readonly LogInput[]): Promise<AppendResult & { readonly places: readonly Recorded[] }>;
  savepoint(input: SavepointInput): Promise<RecordedSavepoint>;
  /** @throws RepriseError SAVEPOINT_NOT_FOUND; so does `release` */
  rollbackTo(input: SavepointInput): Promise<RecordedSavepoint>;
  release(input: SavepointInput): Promise<RecordedSavepoint>;
  commit(input: PlaceInput): Promise<Transaction>;
  rollback(input: PlaceInput): Promise<Transaction>;
}

/** What a recorder fills in where callers say nothing. */
export interface RecorderOptions {
  /** Node of origins that name none. */
  readonly nodeId: string;
  /** Microseconds since 1970; for tests. */
  readonly now?: () => Micros;
}

/** Most statements of one bulk call. */
const MAX_BULK = 5000;
/** Sessions whose newest timestamp is remembered, and transactions whose savepoints are. */
const REMEMBERED = 10_000;
/** Tries for a sequence of the recorder's own choice that another process was faster with. */
const ATTEMPTS = 20;

/** A recorder over a journal. */
export function createRecorder(store: JournalStore, options: RecorderOptions): Recorder {
  return new StoreRecorder(store, options);
}

class StoreRecorder implements Recorder {
  private readonly store: JournalStore;
  private readonly nodeId: string;
  private readonly now: () => Micros;
  private readonly newest = new Map<string, Micros>();
  private readonly savepoints: SavepointTracker;
  private readonly clock: TransactionClock;
  /** The last call of each transaction that is under way: calls for one transaction go one by one. */
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(store: JournalStore, options: RecorderOptions) {
    this.store = store;
    this.nodeId = options.nodeId;
    this.now = options.now ?? (() => Math.floor((performance.timeOrigin + performance.now()) * 1000));
    this.savepoints = new SavepointTracker(store, REMEMBERED);
    this.clock = new TransactionClock(store, REMEMBERED);
  }

  async begin(input: BeginInput): Promise<Transaction> {
    const origin = this.origin(input.origin, 'origin');
    const statement = input.statement ?? 'BEGIN';
    checkText(statement);
    const effects = transactionEffect(statement);
    if (effects.length !== 1 || effects[0]?.kind !== 'BEGIN') {
      throw bad('statement', 'must be one that begins a transaction, like BEGIN or START TRANSACTION');
    }
    const id = input.id ?? randomUUID();
    return this.inTurn(id, async () => {
      const held = input.id == null ? null : await this.store.transaction(id);
      if (held !== null) {
        if (held.autocommit) throw bad('id', `is that of an autocommit statement: ${id}`);
        return held;
      }
      const begun: NewTransaction = { id, origin, startedAt: this.timestamp(input, origin), autocommit: false };
      const entry = makeEntry({ ...input, statement }, begun, 1, begun.startedAt);
      this.clock.remember(id, 1, begun.startedAt);
      await this.append({ begun: [begun], entries: [entry] });
      return this.require(id);
    });
  }

  async log(input: LogInput): Promise<Recorded> {
    if (isAutocommit(input)) {
      const { begun, entry, ended } = this.autocommit(input);
      const result = await this.append({ begun: [begun], entries: [entry], ended: [ended] }).catch((error) => {
        throw atField(error, input);
      });
      return { transactionId: begun.id, sequence: 1, duplicate: result.duplicates > 0 };
    }
    this.checkLoggable(input);
    return this.place({ ...input, transactionId: input.transactionId as string }, (place, timestamp, transaction) =>
      makeEntry(input, transaction, place, timestamp),
    );
  }

  async logAll(inputs: readonly LogInput[]) {
    if (inputs.length > MAX_BULK) {
      throw new RepriseError(
        'LIMIT_EXCEEDED',
        `entries holds ${inputs.length} statements, the limit is ${MAX_BULK}: split the call`,
        {
          path: ['input', 'entries'],
        },
      );
    }
    const named = inputs.map((input, index) => ofEntry(index, () => this.inBulk(input)));
    const ids = [...new Set(named.flatMap((input) => (isAutocommit(input) ? [] : [input.transactionId as string])))];
    const known = new Map<string, Transaction>();
    for (const [index, transaction] of (await this.store.transactions(ids)).entries()) {
      if (transaction === null) {
        const id = ids[index] as string;
        throw inEntry(
          named.findIndex(({ transactionId }) => transactionId === id),
          notFound(id),
        );
      }
      known.set(transaction.id, transaction);
    }
    const begun: NewTransaction[] = [];
    const entries: NewEntry[] = [];
    const ended: { transactionId: string; status: 'COMMITTED' | 'ROLLED_BACK'; at: Micros }[] = [];
    for (const [index, input] of named.entries()) {
      if (isAutocommit(input)) {
        const own = ofEntry(index, () => this.autocommit(input));
        begun.push(own.begun);
        entries.push(own.entry);
        ended.push(own.ended);
      } else {
        const transaction = known.get(input.transactionId as string) as Transaction;
        const sequence = input.sequence as number;
        const given = ofEntry(index, () => this.timestamp(input, transaction.origin));
        const timestamp = await this.clock.at(transaction, sequence, given);
        entries.push(ofEntry(index, () => makeEntry(input, transaction, sequence, timestamp)));
      }
    }
    const held = await heldAt(this.store, entries);
    const result = await this.append({ begun, entries, ended }).catch((error) => {
      throw atEntry(error, entries, named);
    });
    const places = entries.map((entry, index) => ({
      transactionId: entry.transactionId,
      sequence: entry.sequence,
      duplicate: held[index] === true,
    }));
    return { ...result, places };
  }

  async savepoint(input: SavepointInput): Promise<RecordedSavepoint> {
    const statement = `SAVEPOINT ${quoteSavepoint(input.name)}`;
    const recorded = await this.place(input, (place, timestamp, transaction) =>
      makeEntry({ ...input, statement }, transaction, place, timestamp),
    );
    return { ...recorded, name: input.name, setAt: recorded.sequence };
  }

  async rollbackTo(input: SavepointInput): Promise<RecordedSavepoint> {
    return this.toSavepoint(input, `ROLLBACK TO SAVEPOINT ${quoteSavepoint(input.name)}`);
  }

  async release(input: SavepointInput): Promise<RecordedSavepoint> {
    return this.toSavepoint(input, `RELEASE SAVEPOINT ${quoteSavepoint(input.name)}`);
  }

  private async toSavepoint(input: SavepointInput, statement: string): Promise<RecordedSavepoint> {
    let setAt = 0;
    const recorded = await this.place(input, async (place, timestamp, transaction) => {
      const found = await this.savepoints.find(transaction.id, input.name, place);
      if (found === null) {
        throw new RepriseError(
          'SAVEPOINT_NOT_FOUND',
          `transaction ${transaction.id} has no savepoint ${JSON.stringify(input.name)} before its statement ${place}`,
          { path: ['input', 'name'] },
        );
      }
      setAt = found;
      return makeEntry({ ...input, statement }, transaction, place, timestamp);
    });
    return { ...recorded, name: input.name, setAt };
  }

  commit(input: PlaceInput): Promise<Transaction> {
    return this.end(input, 'COMMITTED', 'COMMIT');
  }

  rollback(input: PlaceInput): Promise<Transaction> {
    return this.end(input, 'ROLLED_BACK', 'ROLLBACK');
  }

  private end(input: PlaceInput, status: 'COMMITTED' | 'ROLLED_BACK', statement: string): Promise<Transaction> {
    const id = input.transactionId;
    return this.inTurn(id, async () => {
      for (let attempt = 1; ; attempt++) {
        const transaction = await this.require(id);
        if (isOver(transaction, status)) return transaction;
        const sequence = checkSequence(input.sequence ?? transaction.lastSequence + 1);
        const at = await this.clock.at(transaction, sequence, this.timestamp(input, transaction.origin));
        const entry = makeEntry({ ...input, statement }, transaction, sequence, at);
        try {
          await this.append({ entries: [entry], ended: [{ transactionId: id, status, at }] });
          this.savepoints.forget(id);
          return await this.require(id);
        } catch (error) {
          if (!isRace(error) || input.sequence != null || attempt === ATTEMPTS) throw atField(error, input);
        }
      }
    });
  }

  /** Appends one entry to a transaction at the given place or at the next. */
  private place(
    input: PlaceInput,
    make: (place: number, timestamp: Micros, transaction: Transaction) => NewEntry | Promise<NewEntry>,
  ): Promise<Recorded> {
    const id = input.transactionId;
    return this.inTurn(id, async () => {
      for (let attempt = 1; ; attempt++) {
        const transaction = await this.require(id);
        if (transaction.autocommit)
          throw bad('transactionId', `${id} is an autocommit statement, which nothing can follow`);
        const sequence = checkSequence(input.sequence ?? transaction.lastSequence + 1);
        const timestamp = await this.clock.at(transaction, sequence, this.timestamp(input, transaction.origin));
        const entry = await make(sequence, timestamp, transaction);
        try {
          const { duplicates } = await this.append({ entries: [entry] });
          // At a place of our own choice a duplicate is another process's statement with the same text.
          if (duplicates === 0 || input.sequence != null) {
            return { transactionId: id, sequence, duplicate: duplicates > 0 };
          }
        } catch (error) {
          if (!isRace(error) || input.sequence != null || attempt === ATTEMPTS) throw atField(error, input);
        }
        if (attempt === ATTEMPTS)
          throw new RepriseError(
            'SEQUENCE_CONFLICT',
            `transaction ${id} is being written by others: give the sequence`,
          );
      }
    });
  }

  private async append(batch: Parameters<JournalStore['append']>[0]): Promise<AppendResult> {
    const { entries = [] } = batch;
    const losses = await lossesWith(this.store, entries, (place) => this.clock.wentBack(place));
    const result = await this.store.append(losses.length === 0 ? batch : { ...batch, losses }).catch((error) => {
      this.clock.forget(entries);
      throw error;
    });
    if (result.duplicates + result.refused > 0) this.clock.forget(entries);
    if (result.refused > 0) {
      throw new RepriseError(
        'JOURNAL_LIMIT',
        `${result.refused} of ${entries.length} statements are over the limit of their transaction and were counted as losses; the others are recorded`,
      );
    }
    return result;
  }

  private inBulk(input: LogInput): LogInput {
    if (!isAutocommit(input)) {
      this.checkLoggable(input);
      if (input.sequence == null) throw bad('sequence', 'is required in bulk, so that a call can be repeated');
      checkSequence(input.sequence);
    }
    return input;
  }

  private checkLoggable(input: LogInput): void {
    checkText(input.statement);
    for (const { kind } of transactionEffect(input.statement)) {
      if (kind === 'BEGIN' || kind === 'COMMIT' || kind === 'ROLLBACK' || kind === 'PREPARE_TRANSACTION') {
        throw bad(
          'statement',
          `begins or ends a transaction: use beginTransaction, commitTransaction or rollbackTransaction`,
        );
      }
    }
  }

  private autocommit(input: LogInput) {
    checkText(input.statement);
    if (input.sequence != null && input.sequence !== 1) throw bad('sequence', 'of an autocommit statement is 1');
    const { id, origin: given } = input.autocommit!;
    const origin = this.origin(given, 'autocommit.origin');
    const startedAt = this.timestamp(input, origin);
    const begun: NewTransaction = { id: id ?? randomUUID(), origin, startedAt, autocommit: true };
    const failed = input.outcome?.status === 'FAILED';
    const at = startedAt + Math.round((input.durationMs ?? 0) * 1000);
    return {
      begun,
      entry: makeEntry(input, begun, 1, startedAt),
      ended: { transactionId: begun.id, status: failed ? ('ROLLED_BACK' as const) : ('COMMITTED' as const), at },
    };
  }

  private origin(given: BeginInput['origin'], at: 'origin' | 'autocommit.origin'): Origin {
    if (given.sessionId.trim() === '') throw bad(`${at}.sessionId`, 'must not be empty');
    for (const field of ['nodeId', 'sessionId', 'user', 'database', 'application'] as const) {
      checkName(`${at}.${field}`, given[field]);
    }
    return { ...given, nodeId: given.nodeId ?? this.nodeId };
  }

  /** A given timestamp is kept as it is; a default one is later than any that the session got here. */
  private timestamp(input: Timing, origin: Origin): Micros {
    const session = `${origin.nodeId}\0${origin.sessionId}`;
    const last = this.newest.get(session);
    const given = input.timestamp == null ? null : checkTimestamp(input.timestamp);
    const at = given ?? Math.max(this.now(), last === undefined ? 0 : last + 1);
    this.newest.delete(session);
    this.newest.set(session, Math.max(at, last ?? at));
    if (this.newest.size > REMEMBERED) this.newest.delete(this.newest.keys().next().value as string);
    return at;
  }

  private async require(id: string): Promise<Transaction> {
    const transaction = await this.store.transaction(id);
    if (transaction === null) throw notFound(id);
    return transaction;
  }

  private inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const previous = this.turns.get(id) ?? Promise.resolve();
    const turn = previous.then(work, work);
    this.turns.set(id, turn);
    const done = () => {
      if (this.turns.get(id) === turn) this.turns.delete(id);
    };
    turn.then(done, done);
    return turn;
  }
}

function checkText(statement: string): void {
  if (statement.includes('\0')) throw bad('statement', 'holds U+0000, which PostgreSQL text cannot');
}

function isAutocommit(input: LogInput): boolean {
  if ((input.transactionId == null) === (input.autocommit == null)) {
    throw bad('transactionId', 'or autocommit must be given, and not both');
  }
  return input.autocommit != null;
}

/** What is made of the entry of a bulk; what is refused of it names the entry. */
function ofEntry<T>(index: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw inEntry(index, error);
  }
}

/** The same error, as one of an entry of a bulk. */
function inEntry(index: number, error: unknown): unknown {
  if (!(error instanceof RepriseError)) return error;
  const [, ...path] = error.path;
  return new RepriseError(error.code, `entries[${index}]: ${error.message}`, {
    path: ['input', 'entries', String(index), ...path],
  });
}

/** The same error, with the field of the call that the journal has refused. */
function atField(error: unknown, input: PlaceInput | LogInput): unknown {
  if (!(error instanceof EntryError)) return error;
  const own = error.code === 'TRANSACTION_ENDED' ? ['transactionId'] : ['sequence'];
  return new RepriseError(error.code, error.message, {
    path: ['input', ...('autocommit' in input && input.autocommit != null ? ['autocommit', 'id'] : own)],
  });
}

/** The same error, with the entry of the bulk that the journal has refused. */
function atEntry(error: unknown, entries: readonly NewEntry[], inputs: readonly LogInput[]): unknown {
  if (!(error instanceof EntryError)) return error;
  const { transactionId, sequence } = error.place;
  // The last of its place: those ahead of it were taken.
  const index = entries.findLastIndex((entry) => entry.transactionId === transactionId && entry.sequence === sequence);
  return inEntry(index, atField(error, inputs[index] as LogInput));
}

/** True when the transaction has ended so; refuses one that has ended in the other way. */
function isOver(transaction: Transaction, status: TransactionStatus): boolean {
  if (transaction.status === 'OPEN') return false;
  if (transaction.status === status && !transaction.autocommit) return true;
  throw new RepriseError('TRANSACTION_ENDED', `transaction ${transaction.id} is ${transaction.status} already`, {
    path: ['input', 'transactionId'],
  });
}

/** Errors of a place of our own choice that another process was faster with. */
function isRace(error: unknown): boolean {
  return error instanceof RepriseError && (error.code === 'SEQUENCE_CONFLICT' || error.code === 'TRANSACTION_ENDED');
}

function notFound(id: string): RepriseError {
  return new RepriseError('TRANSACTION_NOT_FOUND', `the journal holds no transaction ${id}: begin it first`, {
    path: ['input', 'transactionId'],
  });
}
