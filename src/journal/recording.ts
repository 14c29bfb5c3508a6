import { RepriseError } from '../errors.ts';
import type { EntryOutcome, Micros, NewEntry, Origin, Protocol, StatementType } from './entry.ts';
import { nameProblem } from './name.ts';
import { classifyStatement, isCopyFromStdin } from './statement-type.ts';
import type { NewTransaction } from './transaction.ts';
import type { Value } from './value.ts';

/** Fields of every recorded statement; what is left out has the default that is named. */
export interface Timing {
  /** Start of execution. Default: now, and later than anything that this recorder gave the session. */
  readonly timestamp?: Micros | null | undefined;
  readonly durationMs?: number | null | undefined;
}

/** A transaction to begin. */
export interface BeginInput extends Timing {
  /** UUID; default: a new one. A second begin with the same id answers with the same transaction. */
  readonly id?: string | null | undefined;
  readonly origin: Omit<Origin, 'nodeId'> & { readonly nodeId: string | null };
  /** Default `BEGIN`. */
  readonly statement?: string | null | undefined;
}

/** A place in a transaction that was begun. */
export interface PlaceInput extends Timing {
  readonly transactionId: string;
  /** Default: the next one. Given, the call can be repeated safely: the second answers as the first. */
  readonly sequence?: number | null | undefined;
}

/** A savepoint to set or to roll back to. */
export interface SavepointInput extends PlaceInput {
  /** As the server would know it: quoted in the recorded statement, so letters keep their case. */
  readonly name: string;
}

/** A statement to log. */
export interface LogInput extends Timing {
  /** Exactly one of `transactionId` and `autocommit` is given. */
  readonly transactionId?: string | null | undefined;
  readonly sequence?: number | null | undefined;
  /** A statement outside of BEGIN … COMMIT: a transaction of its own, `id` as in `BeginInput`. */
  readonly autocommit?:
    | { readonly id?: string | null | undefined; readonly origin: BeginInput['origin'] }
    | null
    | undefined;
  readonly statement: string;
  /** Default: EXTENDED with parameters or a prepared name, else SIMPLE. */
  readonly protocol?: Protocol | null | undefined;
  readonly preparedName?: string | null | undefined;
  readonly parameters?: readonly Value[] | undefined;
  /** Default: as `classifyStatement` says. */
  readonly statementType?: StatementType | null | undefined;
  readonly rows?: number | null | undefined;
  readonly checksum?: string | null | undefined;
  /** Default: it succeeded. */
  readonly outcome?: EntryOutcome | undefined;
}

/** Where a statement stands now. */
export interface Recorded {
  readonly transactionId: string;
  readonly sequence: number;
  /** True when the journal held it already. */
  readonly duplicate: boolean;
}

/** A savepoint as it was recorded. */
export interface RecordedSavepoint extends Recorded {
  readonly name: string;
  /** Place of the SAVEPOINT statement that the name stands for. */
  readonly setAt: number;
}

/** Parameters of a statement that the protocol can send: their number has 16 bits. */
const MOST_PARAMETERS = 65_535;
/** Milliseconds that a statement may have taken: ten years. What it ended at must be a time too. */
const MOST_MS = 315_360_000_000;

/**
 * The entry of a statement, with defaults filled in.
 * @throws RepriseError BAD_INPUT
 */
export function makeEntry(
  input: Omit<LogInput, 'transactionId' | 'sequence' | 'autocommit'>,
  transaction: NewTransaction,
  sequence: number,
  timestamp: Micros,
): NewEntry {
  const outcome = input.outcome ?? { status: 'SUCCEEDED' };
  checkName('preparedName', input.preparedName);
  if (input.durationMs != null && !(input.durationMs >= 0 && input.durationMs <= MOST_MS))
    throw bad('durationMs', `must be 0 to ${MOST_MS}, not ${input.durationMs}`);
  if (input.rows != null && input.rows < 0) throw bad('rows', `must not be below 0, as ${input.rows} is`);
  if (input.checksum != null && !/^(?:[0-9a-f]{2})+$/.test(input.checksum))
    throw bad('checksum', 'must be lower-case hex');
  if (outcome.status === 'FAILED' && !/^[0-9A-Z]{5}$/.test(outcome.sqlstate)) {
    throw bad('outcome.sqlstate', 'of a failure must be five digits or capital letters, like 23505');
  }
  const parameters = input.parameters ?? [];
  if (parameters.length > MOST_PARAMETERS)
    throw bad('parameters', `must be at most ${MOST_PARAMETERS}, as PostgreSQL takes, not ${parameters.length}`);
  const protocol = input.protocol ?? (parameters.length > 0 || input.preparedName != null ? 'EXTENDED' : 'SIMPLE');
  if (protocol === 'SIMPLE' && (parameters.length > 0 || input.preparedName != null)) {
    throw bad('protocol', 'SIMPLE has neither parameters nor a prepared name');
  }
  return {
    transactionId: transaction.id,
    sequence,
    origin: transaction.origin,
    timestamp,
    statement: input.statement,
    protocol,
    preparedName: input.preparedName ?? null,
    parameters,
    statementType: input.statementType ?? classifyStatement(input.statement),
    durationMs: input.durationMs ?? null,
    rows: input.rows ?? null,
    checksum: input.checksum ?? null,
    outcome,
    unreplayable: isCopyFromStdin(input.statement) ? 'COPY_DATA' : null,
  };
}

/** Latest start that still has its longest duration, and the statement after it, within the microseconds that a number holds. */
export const LATEST: Micros = Date.UTC(2245, 0, 1) * 1000;
/** Places that a transaction has: `sequence` is an int4, and the one behind it is counted, too. */
export const MOST_PLACES = 2_147_483_646;

/**
 * Checks when a statement is said to have begun.
 * @throws RepriseError BAD_INPUT: out of what the journal's clock reaches
 */
export function checkTimestamp(timestamp: Micros): Micros {
  if (timestamp < 0) throw bad('timestamp', 'must not be before 1970');
  if (timestamp > LATEST) throw bad('timestamp', 'must not be after the beginning of 2245');
  return timestamp;
}

/**
 * Checks the place that a statement is given in its transaction.
 * @throws RepriseError BAD_INPUT
 */
export function checkSequence(sequence: number): number {
  if (sequence >= 1 && sequence <= MOST_PLACES) return sequence;
  throw bad('sequence', `must be 1 to ${MOST_PLACES}, not ${sequence}`);
}

/**
 * Checks a name that is given to be recorded: stored with its NUL replaced, or cut, no filter would find it again.
 * @throws RepriseError BAD_INPUT
 */
export function checkName(field: string, name: string | null | undefined): void {
  const problem = name == null ? null : nameProblem(name);
  if (problem !== null) throw bad(field, problem);
}

/** BAD_INPUT of a field of the `input` argument. */
export function bad(field: string, why: string): RepriseError {
  return new RepriseError('BAD_INPUT', `${field} ${why}`, { path: ['input', ...field.split('.')] });
}
