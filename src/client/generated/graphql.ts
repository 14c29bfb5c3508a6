/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** How a call of run B did against the same call of run A. */
export type CallDifference =
  /** It succeeded in both with another digest of its rows. */
  | 'CHECKSUM'
  /** It failed in both, with another SQLSTATE. */
  | 'DIFFERENT_FAILURE'
  /** It took less by as much. */
  | 'FASTER'
  /** It failed in A and did not in B. */
  | 'FIXED'
  /** It failed in B and had not in A. */
  | 'NEW_FAILURE'
  /** Run B did not send it: it has no outcome of it, or skipped it. */
  | 'ONLY_IN_A'
  /** Run A did not send it. */
  | 'ONLY_IN_B'
  /** It succeeded in both with another number of rows. */
  | 'ROW_COUNT'
  /** It took more time in B by more than is put up with. */
  | 'SLOWER'
  /** It may or may not have run in one of them, so that nothing more can be said. */
  | 'UNKNOWN';

/** Which differing calls to take: every given field must match, in a list (of at most 10,000) any one of it. */
export type ComparedCallFilterInput = {
  /** Calls that only follow from an earlier failure, in either run (true), or only others (false). */
  readonly cascade?: boolean | null | undefined;
  /** Those that differ in any of these ways. */
  readonly differences?: ReadonlyArray<CallDifference> | null | undefined;
  /** Normalised statement, by its `fingerprint` in `compareReplays`; calls whose entry was evicted do not match. */
  readonly fingerprint?: string | null | undefined;
};

/** Passwords that an INTERRUPTED run was started with: they are not stored. */
export type CredentialsInput = {
  /** Of the target's login. Kept only while the run lasts. */
  readonly password?: string | null | undefined;
  /** Of mapped logins. */
  readonly users?: ReadonlyArray<UserPasswordInput> | null | undefined;
};

/** Which database of the target stands for a recorded one. */
export type DatabaseMappingInput = {
  /** Name in the record. */
  readonly recorded: string;
  /** Name on the target. */
  readonly target: string;
};

/** A difference between the record and the target. */
export type Divergence =
  /** Other result rows. */
  | 'CHECKSUM'
  /** It failed in both, with different SQLSTATEs. */
  | 'DIFFERENT_FAILURE'
  /** It failed in the record and succeeded here. */
  | 'MISSING_FAILURE'
  /** It succeeded in the record and failed here. */
  | 'NEW_FAILURE'
  /** Another number of rows. */
  | 'ROW_COUNT'
  /** It took longer than the request allows. */
  | 'SLOWER';

/** What happens to a transaction that straddles an edge of the window. */
export type Edges =
  /** Its entries inside are replayed, in a transaction of their own. Default of TIMESTAMP and SESSION. */
  | 'CUT'
  /** Nothing of it is replayed. */
  | 'EXCLUDE'
  /** It is replayed whole. Default of COMMIT. */
  | 'INCLUDE';

/** Which entries to take: every given field must match, in a list (of at most 10,000) any one of it. */
export type EntryFilterInput = {
  /** Recorded values of `application_name`. */
  readonly applications?: ReadonlyArray<string> | null | undefined;
  /** Names of recorded databases. */
  readonly databases?: ReadonlyArray<string> | null | undefined;
  /** Statements that took at least this many milliseconds, 0 or more; unknown durations do not match. */
  readonly minDurationMs?: number | null | undefined;
  /** How the statement ended on the source. */
  readonly outcome?: EntryOutcomeStatus | null | undefined;
  /** Ids of recorded sessions. */
  readonly sessionIds?: ReadonlyArray<string> | null | undefined;
  /** What the statements do. */
  readonly statementTypes?: ReadonlyArray<StatementType> | null | undefined;
  /** A part of the statement text, of 1 to 10,000 characters, in any case of letters. */
  readonly text?: string | null | undefined;
  /** What the statement text must not hold, of 1 to 10,000 characters, in any case of letters. */
  readonly textExcludes?: string | null | undefined;
  /** Ids of recorded transactions. */
  readonly transactionIds?: ReadonlyArray<string> | null | undefined;
  /** Names of recorded users. */
  readonly users?: ReadonlyArray<string> | null | undefined;
};

/** How a recorded statement ended on the source. */
export type EntryOutcomeStatus =
  /** The server refused it; SQLSTATE and message are recorded. */
  | 'FAILED'
  /** It was carried out. */
  | 'SUCCEEDED'
  /** The record ends before the outcome does. */
  | 'UNKNOWN';

/** Every way in which a caller can be refused. Closed set; see `docs/errors.md`. */
export type ErrorCode =
  /** A value is malformed or out of its range; `path` names the field. */
  | 'BAD_INPUT'
  /** The configuration of the service is wrong. */
  | 'CONFIG_INVALID'
  /** The run needs more connections than the target or the request allows. */
  | 'CONNECTION_LIMIT'
  /** The cursor did not come from this list or stream. */
  | 'CURSOR_INVALID'
  /** The window holds several databases: name one in the filter, or map them. */
  | 'DATABASES_AMBIGUOUS'
  /** Another service owns the data directory. */
  | 'DATA_DIR_IN_USE'
  /** The embedded PostgreSQL did not start. */
  | 'EMBEDDED_START_FAILED'
  /** There is no embedded PostgreSQL for this platform. */
  | 'EMBEDDED_UNSUPPORTED'
  /** Retention took statements of the window out of the journal before the run came to them. */
  | 'ENTRIES_EVICTED'
  /** A log file cannot be read. */
  | 'FILE_UNREADABLE'
  /** The access token does not allow this. */
  | 'FORBIDDEN'
  /** A log file is in no known format. */
  | 'FORMAT_UNKNOWN'
  /** A log file is no longer what an earlier part of its import read. */
  | 'IMPORT_CHANGED'
  /** The transaction has reached its limit of entries or bytes. */
  | 'JOURNAL_LIMIT'
  /** The request is larger, deeper or longer than the service takes. */
  | 'LIMIT_EXCEEDED'
  /** The `log_line_prefix` does not tell sessions apart. */
  | 'PREFIX_UNUSABLE'
  /** There is no replay with this id. */
  | 'REPLAY_NOT_FOUND'
  /** The replay is in a state that does not allow this. */
  | 'REPLAY_STATE'
  /** The run stopped by itself after the failures that the request allows. */
  | 'REPLAY_STOPPED'
  /** The run took longer than the request allows. */
  | 'RUN_TIMEOUT'
  /** The transaction has no savepoint of this name now. */
  | 'SAVEPOINT_NOT_FOUND'
  /** The place in the transaction is held by another statement. */
  | 'SEQUENCE_CONFLICT'
  /** The place in the transaction lies beyond the next one. */
  | 'SEQUENCE_GAP'
  /** No service answers at the address. */
  | 'SERVICE_UNREACHABLE'
  /** The database of the journal is of a version that is not supported. */
  | 'STORE_TOO_OLD'
  /** The database of the journal does not answer. */
  | 'STORE_UNAVAILABLE'
  /** The target went away during the run. */
  | 'TARGET_LOST'
  /** Policy does not allow this target. */
  | 'TARGET_REFUSED'
  /** The configuration names no target with this alias. */
  | 'TARGET_UNKNOWN'
  /** The target does not answer or does not let the user in. */
  | 'TARGET_UNREACHABLE'
  /** As many replays are under way as the service allows. */
  | 'TOO_MANY_REPLAYS'
  /** Too many requests: try again later. */
  | 'TOO_MANY_REQUESTS'
  /** The transaction has ended, in another way than asked for. */
  | 'TRANSACTION_ENDED'
  /** The journal holds no transaction with this id. */
  | 'TRANSACTION_NOT_FOUND'
  /** The request carries no access token, or an unknown one. */
  | 'UNAUTHENTICATED'
  /** The window begins after it ends. */
  | 'WINDOW_INVERTED';

/** Which events a stream of a run carries. */
export type EventDetail =
  /** States, notices, and outcomes that failed, are unknown or diverged; the cursor moves over the rest too. */
  | 'FAILURES'
  /** All. */
  | 'STATEMENTS'
  /** States and notices, with a fresh summary twice a second. */
  | 'SUMMARY';

/** Why a statement was sent late. */
export type LagCause =
  /** The replay itself was late. */
  | 'DISPATCHER'
  /** A lock on the target was waited for. Not told in COMMIT ordering. */
  | 'LOCK'
  /** It was not late. */
  | 'NONE'
  /** The session's previous statement was still running; in COMMIT ordering: as many statements were under way as may be. */
  | 'SESSION_BUSY'
  /** The target was slow. */
  | 'TARGET';

/** Why the journal cannot vouch for something. */
export type LossReason =
  /** The server's clock, or the times that `logStatement` was given within a transaction, stepped back by more than a second. */
  | 'CLOCK_WENT_BACK'
  /** COPY FROM STDIN: the statement is there, its data is not in a server log. */
  | 'COPY_DATA'
  /** A statement left something else than its outcome says: undone with its pipeline, or committed in part ahead of its failure. */
  | 'EFFECT_UNCERTAIN'
  /** Retention removed entries that were older than it keeps. */
  | 'EVICTED_BY_AGE'
  /** Retention removed the oldest entries to stay within its size. */
  | 'EVICTED_BY_SIZE'
  /** Fastpath function call, which has no SQL text. */
  | 'FASTPATH'
  /** The log ends before the statement does. */
  | 'OUTCOME_UNKNOWN'
  /** The statement has parameters that the server did not log. */
  | 'PARAMETERS_NOT_LOGGED'
  /** Over the limit of entries or bytes per transaction. */
  | 'REFUSED_TRANSACTION_TOO_LARGE'
  /** The log begins within a session: earlier settings and prepared statements are missing. */
  | 'SESSION_JOINED_LATE'
  /** A record that no session can be found for. */
  | 'SESSION_UNKNOWN'
  /** An error or a duration whose statement the log does not show. */
  | 'STATEMENT_TEXT_MISSING'
  /** Text or parameters were cut. */
  | 'TRUNCATED'
  /** A record that is not one; import went on behind it. */
  | 'UNPARSABLE_LINE';

/** What a notice tells. */
export type NoticeCode =
  /** The target has refused a connection because it, the login or the database has as many as it lets have: sessions take turns. */
  | 'CONNECTIONS_LIMITED'
  /** A connection to the target was lost. */
  | 'CONNECTION_LOST'
  /** Its session goes on over a new one. */
  | 'CONNECTION_REOPENED'
  /** Statements of a recorded database are not replayed, since others are mapped and it is not. */
  | 'DATABASE_LEFT_OUT'
  /** Which ids statements drew could not be settled from the record. */
  | 'IDS_UNSETTLED'
  /** The run has come to its end without sending a statement, or none but transaction control and session state. */
  | 'NOTHING_REPLAYED'
  /** Reading the plan from the journal takes a while; nothing is sent before. */
  | 'PLANNING'
  /** Transactions that the run has prepared (two-phase commit) stand on the target. */
  | 'PREPARED_LEFT'
  /** Settings and prepared statements from before the window were made again, or cannot be. */
  | 'SESSION_PREPARED'
  /** The speed of the run was changed. */
  | 'SPEED_CHANGED'
  /** A session waits for a lock of another one: the walk goes on without it. */
  | 'STALL'
  /** It runs again, and what queued behind it is sent. */
  | 'STALL_ENDED'
  /** The target sent a notice or warning. */
  | 'TARGET_NOTICE'
  /** A transaction whose end the record does not hold was rolled back, or its COMMIT failed or was not answered. */
  | 'TRANSACTION_CLOSED'
  /** A transaction was cut at an edge of the window. */
  | 'TRANSACTION_CUT';

/** How recorded statements are arranged on the target. */
export type Ordering =
  /** Whole committed transactions in commit order: the fastest way to the state that the source had. */
  | 'COMMIT'
  /** The recorded concurrency: sessions side by side, each in its order. For load. */
  | 'SESSION'
  /** One after another in recorded order, each session on a connection of its own. */
  | 'TIMESTAMP';

/** Which outcomes to take: every given field must match, in a list (of at most 10,000) any one of it. */
export type OutcomeFilterInput = {
  /** True: only failures that follow from an earlier one of their transaction; false: all but those. */
  readonly cascade?: boolean | null | undefined;
  /** What differs from the record. */
  readonly divergences?: ReadonlyArray<Divergence> | null | undefined;
  /** Normalised statement, by its `fingerprint` in the report; outcomes whose entry was evicted do not match. */
  readonly fingerprint?: string | null | undefined;
  /** Numbers of events from this one on. */
  readonly fromSeq?: number | null | undefined;
  /** Recorded session. */
  readonly sessionId?: string | null | undefined;
  /** SQLSTATEs of failures, five digits or capital letters each. */
  readonly sqlstates?: ReadonlyArray<string> | null | undefined;
  /** What became of the statement. */
  readonly statuses?: ReadonlyArray<OutcomeStatus> | null | undefined;
  /** Numbers of events up to this one, not below `fromSeq`. */
  readonly toSeq?: number | null | undefined;
  /** Recorded transaction. */
  readonly transactionId?: string | null | undefined;
  /** What the comparison with the record says. */
  readonly verdicts?: ReadonlyArray<Verdict> | null | undefined;
};

/** What became of a statement on the target. */
export type OutcomeStatus =
  /** The target refused it. */
  | 'FAILED'
  /** It was not sent; `skipReason` says why. */
  | 'SKIPPED'
  /** It was carried out. */
  | 'SUCCEEDED'
  /** It may or may not have run; it is never repeated by itself. */
  | 'UNKNOWN';

/** When statements are sent. */
export type PaceInput = {
  /** RECORDED: longer gaps of the record count as this long, 0 to 86400000; default: as they are. */
  readonly maxIdleMs?: number | null | undefined;
  /** On the recorded schedule or without waiting. */
  readonly mode: PaceMode;
  /** RECORDED: 0.1 to 100; 2 replays an hour in half an hour. Can be changed while the run lasts. With the other mode it is 1. */
  readonly speed?: number;
};

/** When statements are sent. */
export type PaceMode =
  /** Without waiting. */
  | 'AS_FAST_AS_POSSIBLE'
  /** On the recorded schedule, times `speed`. */
  | 'RECORDED';

/** What a parameter value is. */
export type ParameterKind =
  /** An array; see `items`. */
  | 'ARRAY'
  /** A boolean; see `bool`. */
  | 'BOOL'
  /** Bytes; see `bytes`. */
  | 'BYTES'
  /** A double; see `float64`. */
  | 'FLOAT64'
  /** An integer of up to 64 bits; see `int64`. */
  | 'INT64'
  /** The SQL NULL. */
  | 'NULL'
  /** Text, also of any type that was captured as text; see `text` and `oid`. */
  | 'TEXT';

/** How bad a problem is. */
export type PreflightSeverity =
  /** The run, or statements of it, would fail or be refused. */
  | 'ERROR'
  /** The run would go, with less than was recorded or than was asked for. */
  | 'WARNING';

/** How the recorded client sent the statement. */
export type Protocol =
  /** Parse, Bind, Execute: one statement, parameters apart. */
  | 'EXTENDED'
  /** One Query message, which may hold several statements and has no parameters. */
  | 'SIMPLE';

/** One run: what, where, how. What is left out has the default that is named. */
export type ReplayInput = {
  /** Bound of each connection attempt, 1 to 600000; default 10000. */
  readonly connectTimeoutMs?: number | null | undefined;
  /** Databases by name, at most 1,000; default: the window holds one only, which goes to the target's. */
  readonly databases?: ReadonlyArray<DatabaseMappingInput> | null | undefined;
  /** Digest result rows, to compare with the record's checksums; default false. */
  readonly digestRows?: boolean | null | undefined;
  /** What of transactions that straddle the window; default by ordering. */
  readonly edges?: Edges | null | undefined;
  /** Which entries; default all. Transaction control is kept unless its session or transaction is left out. */
  readonly filter?: EntryFilterInput | null | undefined;
  /** Statements under way on one connection, 1 to 1024; default 1024 (COMMIT) or 256 (SESSION, 4096 over all its connections), 1 where the run stops at the first failure; 1: faithful durations. Above 1 not for TIMESTAMP, and not for SESSION at recorded pace. */
  readonly inFlight?: number | null | undefined;
  /** COMMIT: keep a row in `reprise_marker` on the target, so that a resumed run repeats no transaction; default false. */
  readonly markProgress?: boolean | null | undefined;
  /** Most connections to the target at once, 2 to 10000; default 100. */
  readonly maxConnections?: number | null | undefined;
  /** How statements are arranged; default TIMESTAMP. */
  readonly ordering?: Ordering | null | undefined;
  /** When they are sent; default as fast as possible. */
  readonly pace?: PaceInput | null | undefined;
  /** Let the target refuse writes; default false. */
  readonly readOnly?: boolean | null | undefined;
  /** COMMIT: let sequences draw the recorded values; default true. True is refused with another ordering. */
  readonly restoreIds?: boolean | null | undefined;
  /** Bound of the whole run, pauses and resumptions included, 1 to 2592000000; default: none. */
  readonly runTimeoutMs?: number | null | undefined;
  /** SESSION: run every session this many times at once, 1 to 1000; default 1. */
  readonly scale?: number | null | undefined;
  /** Ask the target ahead of each COMMIT which transaction it ends, so that one whose answer is lost can be settled; default: where one statement at a time is under way on a connection. */
  readonly settleCommits?: boolean | null | undefined;
  /** When a statement counts as SLOWER than in the record; default: 2 times and 10 ms. */
  readonly slower?: SlowerInput | null | undefined;
  /** Bound of each statement on the target, 1 to 86400000; default 60000. */
  readonly statementTimeoutMs?: number | null | undefined;
  /** End the run after this many failures, 1 or more; default: never. */
  readonly stopAfterFailures?: number | null | undefined;
  /** SESSION: a statement waits for the transactions that had committed before it; default false. */
  readonly syncCommits?: boolean | null | undefined;
  /** Where it is executed. */
  readonly target: TargetInput;
  /** Conditions on the ended run, at most 100, held against it at its end: `failures<1%`, `p95<50ms`, `regressions=0`; default: none. */
  readonly thresholds?: ReadonlyArray<string> | null | undefined;
  /** Logins by recorded user, at most 1,000; default: the target's user for all. */
  readonly users?: ReadonlyArray<UserMappingInput> | null | undefined;
  /** Which span of recorded time. */
  readonly window: WindowInput;
};

/** Where a run is in its life. */
export type ReplayState =
  /** Ended on request. */
  | 'CANCELLED'
  /** Walked its plan to the end. Whether statements failed is in the summary. */
  | 'COMPLETED'
  /** Looking for its target, and reading its plan from the journal. */
  | 'CONNECTING'
  /** Ended by itself before the end of its plan; `error` says why. */
  | 'FAILED'
  /** Its service went away; can be resumed. */
  | 'INTERRUPTED'
  /** Holding still; can be resumed. */
  | 'PAUSED'
  /** Accepted, not begun. */
  | 'PENDING'
  /** Sending statements. */
  | 'RUNNING';

/** What a caller may do. */
export type Role =
  /** Everything. */
  | 'OPERATOR'
  /** Queries and subscriptions. */
  | 'READER';

/** How a statement of run B did against run A. */
export type RunVerdict =
  /** As many calls had other numbers of rows all in all, or another share of them differs from the record by number of rows or, where both runs digested, checksum. */
  | 'DIFFERENT_RESULTS'
  /** It shrank by as much. */
  | 'FASTER'
  /** A smaller share of them failed. */
  | 'FIXED'
  /** A larger share of its calls failed, of those that succeeded or failed. */
  | 'NEW_FAILURES'
  /** No call of it succeeded or failed in run B. */
  | 'ONLY_IN_A'
  /** No call of it succeeded or failed in run A. */
  | 'ONLY_IN_B'
  /** None of these. */
  | 'SAME'
  /** Its 95th percentile (below 20 calls: its median) grew by more than was put up with. */
  | 'SLOWER';

/** Why a statement was not sent. */
export type SkipReason =
  /** COPY … FROM STDIN, whose data the record does not hold. */
  | 'COPY_DATA'
  /** It failed in the record, and COMMIT ordering leaves out what the source undid. */
  | 'FAILED_IN_RECORD'
  /** A fastpath function call. */
  | 'FASTPATH'
  /** The record does not hold its parameters. */
  | 'PARAMETERS_NOT_LOGGED'
  /** The run is read-only, and the statement would make its session writable. */
  | 'READ_ONLY'
  /** It ends a prepared transaction that the record rolled back: COMMIT ordering has left that out. */
  | 'ROLLED_BACK_IN_RECORD'
  /** The run ended while it waited. */
  | 'RUN_ENDED'
  /** Its transaction was lost with its connection, or an earlier statement of it failed (COMMIT). */
  | 'TRANSACTION_LOST'
  /** Its text or parameters were cut. */
  | 'TRUNCATED';

/** When a statement counts as SLOWER: both conditions must hold. */
export type SlowerInput = {
  /** And at least this many milliseconds more, 0 to 86400000; default: as where it is given. */
  readonly minMs?: number | null | undefined;
  /** It took this many times what it is held against, 1 to 1000000; default: as where it is given. */
  readonly ratio?: number | null | undefined;
};

/** What a statement does, decided on its tokens: `WITH … INSERT` is INSERT, a leading comment changes nothing. */
export type StatementType =
  /** Changes objects or privileges (also SELECT … INTO, REFRESH, COMMENT). */
  | 'DDL'
  /** Removes rows (also TRUNCATE). */
  | 'DELETE'
  /** Adds rows (also COPY … FROM). */
  | 'INSERT'
  /** Anything else, and what cannot be told from the text (CALL, DO, EXECUTE, VACUUM, LOCK). */
  | 'OTHER'
  /** Reads rows (also VALUES, TABLE, SHOW, FETCH, EXPLAIN). */
  | 'SELECT'
  /** Changes settings of the session. */
  | 'SET'
  /** Begins, ends or marks a transaction (also PREPARE TRANSACTION). */
  | 'TRANSACTION'
  /** Changes rows (also MERGE). */
  | 'UPDATE';

/** The target: `alias` for one of the configuration, or `host` and `port`, which policy must allow. An alias's own password goes only to the alias's host, and not with another `user`. */
export type TargetInput = {
  /** Name of a configured target; not with `host`, `port` or `tls`. */
  readonly alias?: string | null | undefined;
  /** Database to log in to. */
  readonly database?: string | null | undefined;
  /** Host name or address. */
  readonly host?: string | null | undefined;
  /** Password of the login. Kept only while the run lasts. */
  readonly password?: string | null | undefined;
  /** Port, 1 to 65535; default 5432. */
  readonly port?: number | null | undefined;
  /** How TLS is used; default PREFER. */
  readonly tls?: TlsMode | null | undefined;
  /** Login; default: that of the alias, else the service decides. */
  readonly user?: string | null | undefined;
};

/** What the number of a threshold counts in. */
export type ThresholdUnit =
  /** Milliseconds. */
  | 'MS'
  /** Percent of all statements reported on. */
  | 'PERCENT'
  /** Statements a second. */
  | 'PER_SECOND'
  /** Statements. */
  | 'STATEMENTS';

/** How TLS is used towards the target, as libpq names it. */
export type TlsMode =
  /** Never. */
  | 'DISABLE'
  /** Where the server offers it. */
  | 'PREFER'
  /** Always, whatever certificate. */
  | 'REQUIRE'
  /** Always, with a certificate of a known authority for this host. */
  | 'VERIFY_FULL';

/** What became of a recorded transaction. */
export type TransactionStatus =
  /** It was committed and has a place in the commit order. */
  | 'COMMITTED'
  /** It has not ended, or the record does not show its end. */
  | 'OPEN'
  /** It was rolled back, by the client or by its end. */
  | 'ROLLED_BACK';

/** Why a replay cannot send a statement as it was. */
export type UnreplayableReason =
  /** COPY … FROM STDIN: its data is not in a server log. */
  | 'COPY_DATA'
  /** A fastpath function call, which has no SQL text. */
  | 'FASTPATH'
  /** It has parameters that the server did not log. */
  | 'PARAMETERS_NOT_LOGGED'
  /** Text or parameters were cut. */
  | 'TRUNCATED';

/** Which login of the target stands for a recorded user. */
export type UserMappingInput = {
  /** Its password. Kept only while the run lasts. */
  readonly password?: string | null | undefined;
  /** Name in the record. */
  readonly recorded: string;
  /** Login on the target. */
  readonly user: string;
};

/** The password of a mapped login. */
export type UserPasswordInput = {
  /** Kept only while the run lasts. */
  readonly password: string;
  /** Recorded user that the login stands for. */
  readonly recorded: string;
};

/** What the comparison with the record says. */
export type Verdict =
  /** Something differs; see `divergences`. */
  | 'DIVERGED'
  /** The outcome agrees and nothing differs. */
  | 'SAME'
  /** The journal holds nothing to compare with, or the statement was skipped. */
  | 'UNVERIFIABLE';

/** A window of recorded time, inclusive at both ends, in microseconds. `from` must not be later than `to`. */
export type WindowInput = {
  /** First microsecond. */
  readonly from: string;
  /** Last microsecond. */
  readonly to: string;
};

export type EntryRowFragment = { readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } };

export type OutcomeRowFragment = { readonly seq: number, readonly at: string, readonly ordinal: number, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly errorPosition: number | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean, readonly lagMs: number | null, readonly lagCause: LagCause, readonly verdict: Verdict, readonly divergences: ReadonlyArray<Divergence> };

export type EntryRowsQueryVariables = Exact<{
  window: WindowInput;
  filter?: EntryFilterInput | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type EntryRowsQuery = { readonly journalEntries: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } };

export type EntryViewQueryVariables = Exact<{
  id: string | number;
}>;


export type EntryViewQuery = { readonly node:
    | { readonly __typename: 'JournalEntry', readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }
    | { readonly __typename: 'JournalTransaction' }
    | { readonly __typename: 'Replay' }
   | null };

export type TransactionViewQueryVariables = Exact<{
  id: string;
  first: number;
  after?: string | null | undefined;
}>;


export type TransactionViewQuery = { readonly journalTransaction: { readonly id: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly autocommit: boolean, readonly status: TransactionStatus, readonly position: string, readonly commitSeq: string | null, readonly startedAt: string, readonly endedAt: string | null, readonly entryCount: number, readonly byteCount: number, readonly entries: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } } | null };

export type TailRowsSubscriptionVariables = Exact<{
  filter?: EntryFilterInput | null | undefined;
  after?: string | null | undefined;
  batchSize: number;
}>;


export type TailRowsSubscription = { readonly journalTail: { readonly cursor: string, readonly entries: ReadonlyArray<{ readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }> } };

export type OutcomeRowsQueryVariables = Exact<{
  replayId: string;
  filter?: OutcomeFilterInput | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type OutcomeRowsQuery = { readonly replayStatements: { readonly nodes: ReadonlyArray<{ readonly seq: number, readonly at: string, readonly ordinal: number, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly errorPosition: number | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean, readonly lagMs: number | null, readonly lagCause: LagCause, readonly verdict: Verdict, readonly divergences: ReadonlyArray<Divergence>, readonly entry: { readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } } | null }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null, readonly hasPreviousPage: boolean, readonly startCursor: string | null } } | null };

export type RunTimelineQueryVariables = Exact<{
  replayId: string;
  intervals: number;
}>;


export type RunTimelineQuery = { readonly replayTimeline: { readonly from: string, readonly intervalMs: number, readonly intervals: ReadonlyArray<{ readonly succeeded: number, readonly failed: number }> } | null };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { readonly viewer: { readonly role: Role } };

export type PreflightViewQueryVariables = Exact<{
  input: ReplayInput;
}>;


export type PreflightViewQuery = { readonly preflightReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Preflight', readonly target: string, readonly reachable: boolean, readonly serverVersion: string | null, readonly statementKinds: number, readonly kindsChecked: number, readonly statements: number, readonly transactions: number, readonly sessions: number, readonly sessionsAtOnce: number, readonly reads: number, readonly writes: number, readonly otherSessions: number | null, readonly estimatedMs: number | null, readonly byType: ReadonlyArray<{ readonly statementType: StatementType, readonly entries: number }>, readonly skipped: ReadonlyArray<{ readonly reason: SkipReason, readonly count: number }>, readonly problems: ReadonlyArray<{ readonly severity: PreflightSeverity, readonly code: string, readonly message: string }>, readonly coverage: { readonly entries: number, readonly failures: number, readonly databases: ReadonlyArray<string>, readonly losses: ReadonlyArray<{ readonly reason: LossReason, readonly count: number }> } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type ReplayFilterQueryVariables = Exact<{
  id: string;
}>;


export type ReplayFilterQuery = { readonly replay: { readonly request: { readonly connectTimeoutMs: number, readonly slowerRatio: number, readonly slowerMinMs: number, readonly filter: { readonly statementTypes: ReadonlyArray<StatementType> | null, readonly text: string | null, readonly textExcludes: string | null, readonly databases: ReadonlyArray<string> | null, readonly users: ReadonlyArray<string> | null, readonly applications: ReadonlyArray<string> | null, readonly sessionIds: ReadonlyArray<string> | null, readonly outcome: EntryOutcomeStatus | null, readonly minDurationMs: number | null, readonly transactionIds: ReadonlyArray<string> | null } } } | null };

export type SummaryFieldsFragment = { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> };

export type ReplayFieldsFragment = { readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } };

export type RestOfRequestFragment = { readonly connectTimeoutMs: number, readonly slowerRatio: number, readonly slowerMinMs: number, readonly filter: { readonly statementTypes: ReadonlyArray<StatementType> | null, readonly text: string | null, readonly textExcludes: string | null, readonly databases: ReadonlyArray<string> | null, readonly users: ReadonlyArray<string> | null, readonly applications: ReadonlyArray<string> | null, readonly sessionIds: ReadonlyArray<string> | null, readonly outcome: EntryOutcomeStatus | null, readonly minDurationMs: number | null, readonly transactionIds: ReadonlyArray<string> | null } };

export type RunInFullFragment = { readonly inDoubt: number, readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly connectTimeoutMs: number, readonly slowerRatio: number, readonly slowerMinMs: number, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }>, readonly filter: { readonly statementTypes: ReadonlyArray<StatementType> | null, readonly text: string | null, readonly textExcludes: string | null, readonly databases: ReadonlyArray<string> | null, readonly users: ReadonlyArray<string> | null, readonly applications: ReadonlyArray<string> | null, readonly sessionIds: ReadonlyArray<string> | null, readonly outcome: EntryOutcomeStatus | null, readonly minDurationMs: number | null, readonly transactionIds: ReadonlyArray<string> | null } }, readonly window: { readonly from: string, readonly to: string }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } };

type EventFields_NoticeEvent_Fragment = { readonly __typename: 'NoticeEvent', readonly code: NoticeCode, readonly seq: number, readonly at: string, readonly noticeSessionId: string | null, readonly noticeMessage: string };

type EventFields_OutcomeEvent_Fragment = { readonly __typename: 'OutcomeEvent', readonly ordinal: number, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly errorPosition: number | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean, readonly lagMs: number | null, readonly lagCause: LagCause, readonly verdict: Verdict, readonly divergences: ReadonlyArray<Divergence>, readonly seq: number, readonly at: string };

type EventFields_StateEvent_Fragment = { readonly __typename: 'StateEvent', readonly state: ReplayState, readonly reason: string | null, readonly seq: number, readonly at: string };

export type EventFieldsFragment =
  | EventFields_NoticeEvent_Fragment
  | EventFields_OutcomeEvent_Fragment
  | EventFields_StateEvent_Fragment
;

export type EntryFieldsFragment = { readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } };

export type FailureGroupFieldsFragment = { readonly sqlstate: string, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly cascades: number, readonly expected: number, readonly firstSeq: number, readonly lastSeq: number, readonly sampleMessage: string };

export type JournalEntriesQueryVariables = Exact<{
  window: WindowInput;
  filter?: EntryFilterInput | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type JournalEntriesQuery = { readonly journalEntries: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } };

export type JournalCoverageQueryVariables = Exact<{
  window: WindowInput;
  buckets: number;
}>;


export type JournalCoverageQuery = { readonly journalCoverage: { readonly entries: number, readonly failures: number, readonly unknownOutcomes: number, readonly sessions: number, readonly databases: ReadonlyArray<string>, readonly first: string | null, readonly last: string | null, readonly window: { readonly from: string, readonly to: string }, readonly transactions: { readonly committed: number, readonly rolledBack: number, readonly open: number }, readonly byType: ReadonlyArray<{ readonly statementType: StatementType, readonly entries: number }>, readonly buckets: ReadonlyArray<{ readonly from: string, readonly to: string, readonly entries: number, readonly failures: number }>, readonly losses: ReadonlyArray<{ readonly reason: LossReason, readonly count: number, readonly from: string | null, readonly to: string | null, readonly source: string | null, readonly detail: string | null }> } };

export type JournalRecordQueryVariables = Exact<{
  id: string | number;
  first: number;
  after?: string | null | undefined;
}>;


export type JournalRecordQuery = { readonly node:
    | { readonly __typename: 'JournalEntry', readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly transaction: { readonly id: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly autocommit: boolean, readonly status: TransactionStatus, readonly position: string, readonly commitSeq: string | null, readonly startedAt: string, readonly endedAt: string | null, readonly entryCount: number, readonly byteCount: number } | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }
    | { readonly __typename: 'JournalTransaction', readonly id: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly autocommit: boolean, readonly status: TransactionStatus, readonly position: string, readonly commitSeq: string | null, readonly startedAt: string, readonly endedAt: string | null, readonly entryCount: number, readonly byteCount: number, readonly entries: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } }
    | { readonly __typename: 'Replay', readonly id: string }
   | null };

export type JournalEntriesByIdQueryVariables = Exact<{
  ids: ReadonlyArray<string | number> | string | number;
}>;


export type JournalEntriesByIdQuery = { readonly nodes: ReadonlyArray<
    | { readonly __typename: 'JournalEntry', readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }
    | { readonly __typename: 'JournalTransaction' }
    | { readonly __typename: 'Replay' }
   | null> };

export type TransactionFieldsFragment = { readonly id: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly autocommit: boolean, readonly status: TransactionStatus, readonly position: string, readonly commitSeq: string | null, readonly startedAt: string, readonly endedAt: string | null, readonly entryCount: number, readonly byteCount: number };

export type TailEntriesSubscriptionVariables = Exact<{
  filter?: EntryFilterInput | null | undefined;
  after?: string | null | undefined;
  batchSize: number;
}>;


export type TailEntriesSubscription = { readonly journalTail: { readonly cursor: string, readonly evicted: boolean, readonly entries: ReadonlyArray<{ readonly id: string, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly nodeId: string, readonly sessionId: string, readonly user: string | null, readonly database: string | null, readonly application: string | null, readonly statement: string, readonly protocol: Protocol, readonly preparedName: string | null, readonly statementType: StatementType, readonly durationMs: number | null, readonly rows: number | null, readonly checksum: string | null, readonly unreplayable: UnreplayableReason | null, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }>, readonly outcome: { readonly status: EntryOutcomeStatus, readonly sqlstate: string | null, readonly message: string | null } }> } };

export type StartReplayMutationVariables = Exact<{
  input: ReplayInput;
}>;


export type StartReplayMutation = { readonly startReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Replay', readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type PauseReplayMutationVariables = Exact<{
  replayId: string;
}>;


export type PauseReplayMutation = { readonly pauseReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Replay', readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type ResumeReplayMutationVariables = Exact<{
  replayId: string;
  credentials?: CredentialsInput | null | undefined;
}>;


export type ResumeReplayMutation = { readonly resumeReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Replay', readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type CancelReplayMutationVariables = Exact<{
  replayId: string;
}>;


export type CancelReplayMutation = { readonly cancelReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Replay', readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type DeleteReplayMutationVariables = Exact<{
  replayId: string;
}>;


export type DeleteReplayMutation = { readonly deleteReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'DeletedReplay', readonly id: string }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type SetReplaySpeedMutationVariables = Exact<{
  replayId: string;
  speed: number;
}>;


export type SetReplaySpeedMutation = { readonly setReplaySpeed:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Replay', readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type ReplayQueryVariables = Exact<{
  id: string;
}>;


export type ReplayQuery = { readonly replay: { readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } } | null };

export type ReplayInFullQueryVariables = Exact<{
  id: string;
}>;


export type ReplayInFullQuery = { readonly replay: { readonly inDoubt: number, readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly connectTimeoutMs: number, readonly slowerRatio: number, readonly slowerMinMs: number, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }>, readonly filter: { readonly statementTypes: ReadonlyArray<StatementType> | null, readonly text: string | null, readonly textExcludes: string | null, readonly databases: ReadonlyArray<string> | null, readonly users: ReadonlyArray<string> | null, readonly applications: ReadonlyArray<string> | null, readonly sessionIds: ReadonlyArray<string> | null, readonly outcome: EntryOutcomeStatus | null, readonly minDurationMs: number | null, readonly transactionIds: ReadonlyArray<string> | null } }, readonly window: { readonly from: string, readonly to: string }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } } | null };

export type ReplaysQueryVariables = Exact<{
  states?: ReadonlyArray<ReplayState> | ReplayState | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type ReplaysQuery = { readonly replays: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } };

export type ReplayFailuresQueryVariables = Exact<{
  replayId: string;
}>;


export type ReplayFailuresQuery = { readonly replayFailures: ReadonlyArray<{ readonly sqlstate: string, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly cascades: number, readonly expected: number, readonly firstSeq: number, readonly lastSeq: number, readonly sampleMessage: string }> | null };

export type ReplayVerdictQueryVariables = Exact<{
  replayId: string;
  thresholds?: ReadonlyArray<string> | string | null | undefined;
}>;


export type ReplayVerdictQuery = { readonly replayReport: { readonly remarks: ReadonlyArray<string>, readonly lostStatements: number, readonly thresholds: ReadonlyArray<{ readonly threshold: string, readonly passed: boolean, readonly actual: number | null, readonly unit: ThresholdUnit }>, readonly failures: ReadonlyArray<{ readonly sqlstate: string, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly cascades: number, readonly expected: number, readonly firstSeq: number, readonly lastSeq: number, readonly sampleMessage: string }> } | null };

export type ReplayReportQueryVariables = Exact<{
  replayId: string;
}>;


export type ReplayReportQuery = { readonly replayReport: { readonly remarks: ReadonlyArray<string>, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly firstSeq: number, readonly lastSeq: number, readonly sample: string }>, readonly statements: ReadonlyArray<{ readonly fingerprint: string, readonly normalised: string, readonly calls: number, readonly failures: number, readonly cascades: number, readonly recordedFailures: number, readonly rows: number, readonly verdict: Verdict, readonly regressed: boolean, readonly recorded: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly replayed: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }> }> } | null };

export type ReplayStatementsQueryVariables = Exact<{
  replayId: string;
  filter?: OutcomeFilterInput | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type ReplayStatementsQuery = { readonly replayStatements: { readonly nodes: ReadonlyArray<{ readonly __typename: 'OutcomeEvent', readonly ordinal: number, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly errorPosition: number | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean, readonly lagMs: number | null, readonly lagCause: LagCause, readonly verdict: Verdict, readonly divergences: ReadonlyArray<Divergence>, readonly seq: number, readonly at: string }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } | null };

export type PreflightReplayQueryVariables = Exact<{
  input: ReplayInput;
}>;


export type PreflightReplayQuery = { readonly preflightReplay:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'Preflight', readonly target: string, readonly reachable: boolean, readonly serverVersion: string | null, readonly statements: number, readonly otherSessions: number | null, readonly transactions: number, readonly sessions: number, readonly sessionsAtOnce: number, readonly reads: number, readonly writes: number, readonly statementKinds: number, readonly kindsChecked: number, readonly estimatedMs: number | null, readonly transactionsByStatus: { readonly committed: number, readonly rolledBack: number, readonly open: number }, readonly skipped: ReadonlyArray<{ readonly reason: SkipReason, readonly count: number }>, readonly coverage: { readonly entries: number, readonly losses: ReadonlyArray<{ readonly reason: LossReason, readonly count: number }> }, readonly problems: ReadonlyArray<{ readonly severity: PreflightSeverity, readonly code: string, readonly message: string }> }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type ReplayProgressSubscriptionVariables = Exact<{
  replayId: string;
  after?: string | null | undefined;
  batchSize: number;
  maxWaitMs: number;
  detail: EventDetail;
}>;


export type ReplayProgressSubscription = { readonly replayProgress: { readonly cursor: string, readonly state: ReplayState, readonly events: ReadonlyArray<
      | { readonly __typename: 'NoticeEvent', readonly code: NoticeCode, readonly seq: number, readonly at: string, readonly noticeSessionId: string | null, readonly noticeMessage: string }
      | { readonly __typename: 'OutcomeEvent', readonly ordinal: number, readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly errorPosition: number | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean, readonly lagMs: number | null, readonly lagCause: LagCause, readonly verdict: Verdict, readonly divergences: ReadonlyArray<Divergence>, readonly seq: number, readonly at: string }
      | { readonly __typename: 'StateEvent', readonly state: ReplayState, readonly reason: string | null, readonly seq: number, readonly at: string }
    >, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } } };

export type ReportFileQueryVariables = Exact<{
  replayId: string;
  thresholds?: ReadonlyArray<string> | string | null | undefined;
}>;


export type ReportFileQuery = { readonly replay: { readonly inDoubt: number, readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly connectTimeoutMs: number, readonly slowerRatio: number, readonly slowerMinMs: number, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }>, readonly filter: { readonly statementTypes: ReadonlyArray<StatementType> | null, readonly text: string | null, readonly textExcludes: string | null, readonly databases: ReadonlyArray<string> | null, readonly users: ReadonlyArray<string> | null, readonly applications: ReadonlyArray<string> | null, readonly sessionIds: ReadonlyArray<string> | null, readonly outcome: EntryOutcomeStatus | null, readonly minDurationMs: number | null, readonly transactionIds: ReadonlyArray<string> | null } }, readonly window: { readonly from: string, readonly to: string }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } } | null, readonly replayReport: { readonly remarks: ReadonlyArray<string>, readonly lostStatements: number, readonly statements: ReadonlyArray<{ readonly fingerprint: string, readonly normalised: string, readonly calls: number, readonly sent: number, readonly failures: number, readonly cascades: number, readonly unverifiableFailures: number, readonly recordedFailures: number, readonly rows: number, readonly verdict: Verdict, readonly regressed: boolean, readonly skips: ReadonlyArray<{ readonly reason: SkipReason, readonly count: number }>, readonly recorded: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly replayed: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }> }>, readonly failures: ReadonlyArray<{ readonly sqlstate: string, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly cascades: number, readonly expected: number, readonly firstSeq: number, readonly lastSeq: number, readonly sampleMessage: string }>, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly firstSeq: number, readonly lastSeq: number, readonly sample: string, readonly firstCursor: string }>, readonly thresholds: ReadonlyArray<{ readonly threshold: string, readonly actual: number | null, readonly unit: ThresholdUnit, readonly passed: boolean }> } | null };

export type ReplayDivergencesQueryVariables = Exact<{
  replayId: string;
  divergences?: ReadonlyArray<Divergence> | Divergence | null | undefined;
  fingerprint?: string | null | undefined;
}>;


export type ReplayDivergencesQuery = { readonly replayDivergences: ReadonlyArray<{ readonly divergence: Divergence, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly firstSeq: number, readonly lastSeq: number, readonly sample: string, readonly firstCursor: string }> | null };

export type CompareReplaysQueryVariables = Exact<{
  a: string;
  b: string;
  slower?: SlowerInput | null | undefined;
}>;


export type CompareReplaysQuery = { readonly compareReplays:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'ReplayComparison', readonly remarks: ReadonlyArray<string>, readonly a: { readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }, readonly b: { readonly id: string, readonly state: ReplayState, readonly target: string, readonly targetVersion: string | null, readonly createdAt: string, readonly startedAt: string | null, readonly endedAt: string | null, readonly lastSeq: number, readonly window: { readonly from: string, readonly to: string }, readonly request: { readonly ordering: Ordering, readonly edges: Edges, readonly paceMode: PaceMode, readonly speed: number | null, readonly maxIdleMs: number | null, readonly needsCredentials: boolean, readonly needsCredentialsOf: ReadonlyArray<string>, readonly stopAfterFailures: number | null, readonly statementTimeoutMs: number, readonly runTimeoutMs: number | null, readonly maxConnections: number, readonly inFlight: number, readonly readOnly: boolean, readonly digestRows: boolean, readonly restoreIds: boolean, readonly markProgress: boolean, readonly settleCommits: boolean, readonly syncCommits: boolean, readonly scale: number, readonly thresholds: ReadonlyArray<string>, readonly databases: ReadonlyArray<{ readonly recorded: string, readonly target: string }> | null, readonly users: ReadonlyArray<{ readonly recorded: string, readonly target: string }> }, readonly error: { readonly code: string, readonly message: string } | null, readonly summary: { readonly planned: number | null, readonly succeeded: number, readonly failed: number, readonly cascades: number, readonly skipped: number, readonly unknown: number, readonly same: number, readonly diverged: number, readonly unverifiable: number, readonly unverifiableFailures: number, readonly rows: number, readonly stalls: number, readonly connectionsOpened: number, readonly firstError: string | null, readonly elapsedMs: number, readonly rate: number, readonly etaMs: number | null, readonly position: string | null, readonly durationsApproximate: boolean, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }>, readonly duration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly recordedDuration: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lag: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly lagByCause: ReadonlyArray<{ readonly cause: LagCause, readonly ms: number }> } }, readonly totals: ReadonlyArray<{ readonly verdict: RunVerdict, readonly statements: number }>, readonly statements: ReadonlyArray<{ readonly fingerprint: string, readonly normalised: string, readonly verdict: RunVerdict, readonly deltaMs: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly a: { readonly calls: number, readonly sent: number, readonly failures: number, readonly cascades: number, readonly rows: number, readonly replayed: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null } } | null, readonly b: { readonly calls: number, readonly sent: number, readonly failures: number, readonly cascades: number, readonly rows: number, readonly replayed: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null } } | null }> }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type CompareReplayCallsQueryVariables = Exact<{
  a: string;
  b: string;
  filter?: ComparedCallFilterInput | null | undefined;
  slower?: SlowerInput | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type CompareReplayCallsQuery = { readonly compareReplayCalls:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'ReplayCallComparison', readonly remarks: ReadonlyArray<string>, readonly calls: { readonly edges: ReadonlyArray<{ readonly cursor: string, readonly node: { readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly differences: ReadonlyArray<CallDifference>, readonly entry: { readonly id: string, readonly statement: string, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }> } | null, readonly a: { readonly seq: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean } | null, readonly b: { readonly seq: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean } | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export type ComparedCallFieldsFragment = { readonly transactionId: string, readonly sequence: number, readonly timestamp: string, readonly sessionId: string, readonly copy: number, readonly differences: ReadonlyArray<CallDifference>, readonly entry: { readonly id: string, readonly statement: string, readonly parameters: ReadonlyArray<{ readonly kind: ParameterKind, readonly text: string | null, readonly oid: number | null }> } | null, readonly a: { readonly seq: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean } | null, readonly b: { readonly seq: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean } | null };

export type ComparedOutcomeFieldsFragment = { readonly seq: number, readonly status: OutcomeStatus, readonly cascade: boolean, readonly skipReason: SkipReason | null, readonly sqlstate: string | null, readonly message: string | null, readonly rows: number | null, readonly digest: string | null, readonly durationMs: number | null, readonly durationApproximate: boolean };

export type ComparedSideFieldsFragment = { readonly calls: number, readonly sent: number, readonly failures: number, readonly cascades: number, readonly rows: number, readonly replayed: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null } };

export type StatementReportFieldsFragment = { readonly fingerprint: string, readonly normalised: string, readonly calls: number, readonly sent: number, readonly failures: number, readonly cascades: number, readonly unverifiableFailures: number, readonly recordedFailures: number, readonly rows: number, readonly verdict: Verdict, readonly regressed: boolean, readonly skips: ReadonlyArray<{ readonly reason: SkipReason, readonly count: number }>, readonly recorded: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly replayed: { readonly p50: number | null, readonly p95: number | null, readonly p99: number | null }, readonly divergences: ReadonlyArray<{ readonly divergence: Divergence, readonly count: number }> };

export type DivergenceGroupFieldsFragment = { readonly divergence: Divergence, readonly fingerprint: string, readonly normalised: string, readonly count: number, readonly firstSeq: number, readonly lastSeq: number, readonly sample: string, readonly firstCursor: string };

export type TargetsQueryVariables = Exact<{ [key: string]: never; }>;


export type TargetsQuery = { readonly targets: ReadonlyArray<{ readonly alias: string, readonly host: string, readonly port: number, readonly database: string, readonly user: string, readonly tls: TlsMode, readonly refusal:
      | { readonly code: ErrorCode, readonly message: string }
      | { readonly code: ErrorCode, readonly message: string }
      | { readonly code: ErrorCode, readonly message: string }
      | { readonly code: ErrorCode, readonly message: string }
      | { readonly code: ErrorCode, readonly message: string }
     | null }> };

export type CheckTargetQueryVariables = Exact<{
  target: TargetInput;
}>;


export type CheckTargetQuery = { readonly checkTarget:
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'InputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'ServiceError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
    | { readonly __typename: 'TargetCheck', readonly target: string, readonly address: string | null, readonly serverVersion: string, readonly encrypted: boolean, readonly connectMs: number, readonly roundTripMs: number, readonly inRecovery: boolean, readonly readOnlyByDefault: boolean, readonly otherSessions: number, readonly freeConnections: number, readonly role: { readonly name: string, readonly superuser: boolean, readonly bypassesRowSecurity: boolean, readonly connectionLimit: number | null } }
    | { readonly __typename: 'TargetError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
   };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const EntryRowFragmentDoc = new TypedDocumentString(`
    fragment EntryRow on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  sessionId
  user
  database
  application
  statement
  statementType
  durationMs
  rows
  outcome {
    status
    sqlstate
    message
  }
}
    `, {"fragmentName":"EntryRow"}) as unknown as TypedDocumentString<EntryRowFragment, unknown>;
export const OutcomeRowFragmentDoc = new TypedDocumentString(`
    fragment OutcomeRow on OutcomeEvent {
  seq
  at
  ordinal
  transactionId
  sequence
  timestamp
  sessionId
  copy
  status
  cascade
  skipReason
  sqlstate
  message
  errorPosition
  rows
  digest
  durationMs
  durationApproximate
  lagMs
  lagCause
  verdict
  divergences
}
    `, {"fragmentName":"OutcomeRow"}) as unknown as TypedDocumentString<OutcomeRowFragment, unknown>;
export const SummaryFieldsFragmentDoc = new TypedDocumentString(`
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
    `, {"fragmentName":"SummaryFields"}) as unknown as TypedDocumentString<SummaryFieldsFragment, unknown>;
export const ReplayFieldsFragmentDoc = new TypedDocumentString(`
    fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}`, {"fragmentName":"ReplayFields"}) as unknown as TypedDocumentString<ReplayFieldsFragment, unknown>;
export const RestOfRequestFragmentDoc = new TypedDocumentString(`
    fragment RestOfRequest on ReplayRequest {
  connectTimeoutMs
  slowerRatio
  slowerMinMs
  filter {
    statementTypes
    text
    textExcludes
    databases
    users
    applications
    sessionIds
    outcome
    minDurationMs
    transactionIds
  }
}
    `, {"fragmentName":"RestOfRequest"}) as unknown as TypedDocumentString<RestOfRequestFragment, unknown>;
export const RunInFullFragmentDoc = new TypedDocumentString(`
    fragment RunInFull on Replay {
  ...ReplayFields
  inDoubt
  request {
    ...RestOfRequest
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}
fragment RestOfRequest on ReplayRequest {
  connectTimeoutMs
  slowerRatio
  slowerMinMs
  filter {
    statementTypes
    text
    textExcludes
    databases
    users
    applications
    sessionIds
    outcome
    minDurationMs
    transactionIds
  }
}`, {"fragmentName":"RunInFull"}) as unknown as TypedDocumentString<RunInFullFragment, unknown>;
export const EventFieldsFragmentDoc = new TypedDocumentString(`
    fragment EventFields on ReplayEvent {
  __typename
  seq
  at
  ... on OutcomeEvent {
    ordinal
    transactionId
    sequence
    timestamp
    sessionId
    copy
    status
    cascade
    skipReason
    sqlstate
    message
    errorPosition
    rows
    digest
    durationMs
    durationApproximate
    lagMs
    lagCause
    verdict
    divergences
  }
  ... on StateEvent {
    state
    reason
  }
  ... on NoticeEvent {
    code
    noticeSessionId: sessionId
    noticeMessage: message
  }
}
    `, {"fragmentName":"EventFields"}) as unknown as TypedDocumentString<EventFieldsFragment, unknown>;
export const EntryFieldsFragmentDoc = new TypedDocumentString(`
    fragment EntryFields on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  nodeId
  sessionId
  user
  database
  application
  statement
  protocol
  preparedName
  parameters {
    kind
    text
    oid
  }
  statementType
  durationMs
  rows
  checksum
  outcome {
    status
    sqlstate
    message
  }
  unreplayable
}
    `, {"fragmentName":"EntryFields"}) as unknown as TypedDocumentString<EntryFieldsFragment, unknown>;
export const FailureGroupFieldsFragmentDoc = new TypedDocumentString(`
    fragment FailureGroupFields on FailureGroup {
  sqlstate
  fingerprint
  normalised
  count
  cascades
  expected
  firstSeq
  lastSeq
  sampleMessage
}
    `, {"fragmentName":"FailureGroupFields"}) as unknown as TypedDocumentString<FailureGroupFieldsFragment, unknown>;
export const TransactionFieldsFragmentDoc = new TypedDocumentString(`
    fragment TransactionFields on JournalTransaction {
  id
  nodeId
  sessionId
  user
  database
  application
  autocommit
  status
  position
  commitSeq
  startedAt
  endedAt
  entryCount
  byteCount
}
    `, {"fragmentName":"TransactionFields"}) as unknown as TypedDocumentString<TransactionFieldsFragment, unknown>;
export const ComparedOutcomeFieldsFragmentDoc = new TypedDocumentString(`
    fragment ComparedOutcomeFields on OutcomeEvent {
  seq
  status
  cascade
  skipReason
  sqlstate
  message
  rows
  digest
  durationMs
  durationApproximate
}
    `, {"fragmentName":"ComparedOutcomeFields"}) as unknown as TypedDocumentString<ComparedOutcomeFieldsFragment, unknown>;
export const ComparedCallFieldsFragmentDoc = new TypedDocumentString(`
    fragment ComparedCallFields on ComparedCall {
  transactionId
  sequence
  timestamp
  sessionId
  copy
  differences
  entry {
    id
    statement
    parameters {
      kind
      text
      oid
    }
  }
  a {
    ...ComparedOutcomeFields
  }
  b {
    ...ComparedOutcomeFields
  }
}
    fragment ComparedOutcomeFields on OutcomeEvent {
  seq
  status
  cascade
  skipReason
  sqlstate
  message
  rows
  digest
  durationMs
  durationApproximate
}`, {"fragmentName":"ComparedCallFields"}) as unknown as TypedDocumentString<ComparedCallFieldsFragment, unknown>;
export const ComparedSideFieldsFragmentDoc = new TypedDocumentString(`
    fragment ComparedSideFields on StatementReport {
  calls
  sent
  failures
  cascades
  rows
  replayed {
    p50
    p95
    p99
  }
}
    `, {"fragmentName":"ComparedSideFields"}) as unknown as TypedDocumentString<ComparedSideFieldsFragment, unknown>;
export const StatementReportFieldsFragmentDoc = new TypedDocumentString(`
    fragment StatementReportFields on StatementReport {
  fingerprint
  normalised
  calls
  sent
  skips {
    reason
    count
  }
  failures
  cascades
  unverifiableFailures
  recordedFailures
  rows
  recorded {
    p50
    p95
    p99
  }
  replayed {
    p50
    p95
    p99
  }
  verdict
  regressed
  divergences {
    divergence
    count
  }
}
    `, {"fragmentName":"StatementReportFields"}) as unknown as TypedDocumentString<StatementReportFieldsFragment, unknown>;
export const DivergenceGroupFieldsFragmentDoc = new TypedDocumentString(`
    fragment DivergenceGroupFields on DivergenceGroup {
  divergence
  fingerprint
  normalised
  count
  firstSeq
  lastSeq
  sample
  firstCursor
}
    `, {"fragmentName":"DivergenceGroupFields"}) as unknown as TypedDocumentString<DivergenceGroupFieldsFragment, unknown>;
export const EntryRowsDocument = new TypedDocumentString(`
    query EntryRows($window: WindowInput!, $filter: EntryFilterInput, $first: Int!, $after: Cursor) {
  journalEntries(window: $window, filter: $filter, first: $first, after: $after) {
    nodes {
      ...EntryRow
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment EntryRow on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  sessionId
  user
  database
  application
  statement
  statementType
  durationMs
  rows
  outcome {
    status
    sqlstate
    message
  }
}`) as unknown as TypedDocumentString<EntryRowsQuery, EntryRowsQueryVariables>;
export const EntryViewDocument = new TypedDocumentString(`
    query EntryView($id: ID!) {
  node(id: $id) {
    __typename
    ... on JournalEntry {
      ...EntryFields
    }
  }
}
    fragment EntryFields on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  nodeId
  sessionId
  user
  database
  application
  statement
  protocol
  preparedName
  parameters {
    kind
    text
    oid
  }
  statementType
  durationMs
  rows
  checksum
  outcome {
    status
    sqlstate
    message
  }
  unreplayable
}`) as unknown as TypedDocumentString<EntryViewQuery, EntryViewQueryVariables>;
export const TransactionViewDocument = new TypedDocumentString(`
    query TransactionView($id: UUID!, $first: Int!, $after: Cursor) {
  journalTransaction(id: $id) {
    id
    nodeId
    sessionId
    user
    database
    application
    autocommit
    status
    position
    commitSeq
    startedAt
    endedAt
    entryCount
    byteCount
    entries(first: $first, after: $after) {
      nodes {
        ...EntryRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment EntryRow on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  sessionId
  user
  database
  application
  statement
  statementType
  durationMs
  rows
  outcome {
    status
    sqlstate
    message
  }
}`) as unknown as TypedDocumentString<TransactionViewQuery, TransactionViewQueryVariables>;
export const TailRowsDocument = new TypedDocumentString(`
    subscription TailRows($filter: EntryFilterInput, $after: Cursor, $batchSize: Int!) {
  journalTail(filter: $filter, after: $after, batchSize: $batchSize) {
    cursor
    entries {
      ...EntryRow
    }
  }
}
    fragment EntryRow on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  sessionId
  user
  database
  application
  statement
  statementType
  durationMs
  rows
  outcome {
    status
    sqlstate
    message
  }
}`) as unknown as TypedDocumentString<TailRowsSubscription, TailRowsSubscriptionVariables>;
export const OutcomeRowsDocument = new TypedDocumentString(`
    query OutcomeRows($replayId: UUID!, $filter: OutcomeFilterInput, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
  replayStatements(
    replayId: $replayId
    filter: $filter
    first: $first
    after: $after
    last: $last
    before: $before
  ) {
    nodes {
      ...OutcomeRow
      entry {
        ...EntryRow
      }
    }
    pageInfo {
      hasNextPage
      endCursor
      hasPreviousPage
      startCursor
    }
  }
}
    fragment EntryRow on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  sessionId
  user
  database
  application
  statement
  statementType
  durationMs
  rows
  outcome {
    status
    sqlstate
    message
  }
}
fragment OutcomeRow on OutcomeEvent {
  seq
  at
  ordinal
  transactionId
  sequence
  timestamp
  sessionId
  copy
  status
  cascade
  skipReason
  sqlstate
  message
  errorPosition
  rows
  digest
  durationMs
  durationApproximate
  lagMs
  lagCause
  verdict
  divergences
}`) as unknown as TypedDocumentString<OutcomeRowsQuery, OutcomeRowsQueryVariables>;
export const RunTimelineDocument = new TypedDocumentString(`
    query RunTimeline($replayId: UUID!, $intervals: Int!) {
  replayTimeline(replayId: $replayId, intervals: $intervals) {
    from
    intervalMs
    intervals {
      succeeded
      failed
    }
  }
}
    `) as unknown as TypedDocumentString<RunTimelineQuery, RunTimelineQueryVariables>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    role
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const PreflightViewDocument = new TypedDocumentString(`
    query PreflightView($input: ReplayInput!) {
  preflightReplay(input: $input) {
    __typename
    ... on Preflight {
      target
      reachable
      serverVersion
      statementKinds
      kindsChecked
      statements
      transactions
      sessions
      sessionsAtOnce
      reads
      writes
      byType {
        statementType
        entries
      }
      skipped {
        reason
        count
      }
      otherSessions
      estimatedMs
      problems {
        severity
        code
        message
      }
      coverage {
        entries
        failures
        databases
        losses {
          reason
          count
        }
      }
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    `) as unknown as TypedDocumentString<PreflightViewQuery, PreflightViewQueryVariables>;
export const ReplayFilterDocument = new TypedDocumentString(`
    query ReplayFilter($id: UUID!) {
  replay(id: $id) {
    request {
      ...RestOfRequest
    }
  }
}
    fragment RestOfRequest on ReplayRequest {
  connectTimeoutMs
  slowerRatio
  slowerMinMs
  filter {
    statementTypes
    text
    textExcludes
    databases
    users
    applications
    sessionIds
    outcome
    minDurationMs
    transactionIds
  }
}`) as unknown as TypedDocumentString<ReplayFilterQuery, ReplayFilterQueryVariables>;
export const JournalEntriesDocument = new TypedDocumentString(`
    query JournalEntries($window: WindowInput!, $filter: EntryFilterInput, $first: Int!, $after: Cursor) {
  journalEntries(window: $window, filter: $filter, first: $first, after: $after) {
    nodes {
      ...EntryFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment EntryFields on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  nodeId
  sessionId
  user
  database
  application
  statement
  protocol
  preparedName
  parameters {
    kind
    text
    oid
  }
  statementType
  durationMs
  rows
  checksum
  outcome {
    status
    sqlstate
    message
  }
  unreplayable
}`) as unknown as TypedDocumentString<JournalEntriesQuery, JournalEntriesQueryVariables>;
export const JournalCoverageDocument = new TypedDocumentString(`
    query JournalCoverage($window: WindowInput!, $buckets: Int!) {
  journalCoverage(window: $window, buckets: $buckets) {
    window {
      from
      to
    }
    entries
    failures
    unknownOutcomes
    transactions {
      committed
      rolledBack
      open
    }
    sessions
    databases
    first
    last
    byType {
      statementType
      entries
    }
    buckets {
      from
      to
      entries
      failures
    }
    losses {
      reason
      count
      from
      to
      source
      detail
    }
  }
}
    `) as unknown as TypedDocumentString<JournalCoverageQuery, JournalCoverageQueryVariables>;
export const JournalRecordDocument = new TypedDocumentString(`
    query JournalRecord($id: ID!, $first: Int!, $after: Cursor) {
  node(id: $id) {
    __typename
    id
    ... on JournalEntry {
      ...EntryFields
      transaction {
        ...TransactionFields
      }
    }
    ... on JournalTransaction {
      ...TransactionFields
      entries(first: $first, after: $after) {
        nodes {
          ...EntryFields
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
}
    fragment EntryFields on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  nodeId
  sessionId
  user
  database
  application
  statement
  protocol
  preparedName
  parameters {
    kind
    text
    oid
  }
  statementType
  durationMs
  rows
  checksum
  outcome {
    status
    sqlstate
    message
  }
  unreplayable
}
fragment TransactionFields on JournalTransaction {
  id
  nodeId
  sessionId
  user
  database
  application
  autocommit
  status
  position
  commitSeq
  startedAt
  endedAt
  entryCount
  byteCount
}`) as unknown as TypedDocumentString<JournalRecordQuery, JournalRecordQueryVariables>;
export const JournalEntriesByIdDocument = new TypedDocumentString(`
    query JournalEntriesById($ids: [ID!]!) {
  nodes(ids: $ids) {
    __typename
    ... on JournalEntry {
      ...EntryFields
    }
  }
}
    fragment EntryFields on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  nodeId
  sessionId
  user
  database
  application
  statement
  protocol
  preparedName
  parameters {
    kind
    text
    oid
  }
  statementType
  durationMs
  rows
  checksum
  outcome {
    status
    sqlstate
    message
  }
  unreplayable
}`) as unknown as TypedDocumentString<JournalEntriesByIdQuery, JournalEntriesByIdQueryVariables>;
export const TailEntriesDocument = new TypedDocumentString(`
    subscription TailEntries($filter: EntryFilterInput, $after: Cursor, $batchSize: Int!) {
  journalTail(filter: $filter, after: $after, batchSize: $batchSize) {
    cursor
    evicted
    entries {
      ...EntryFields
    }
  }
}
    fragment EntryFields on JournalEntry {
  id
  transactionId
  sequence
  timestamp
  nodeId
  sessionId
  user
  database
  application
  statement
  protocol
  preparedName
  parameters {
    kind
    text
    oid
  }
  statementType
  durationMs
  rows
  checksum
  outcome {
    status
    sqlstate
    message
  }
  unreplayable
}`) as unknown as TypedDocumentString<TailEntriesSubscription, TailEntriesSubscriptionVariables>;
export const StartReplayDocument = new TypedDocumentString(`
    mutation StartReplay($input: ReplayInput!) {
  startReplay(input: $input) {
    __typename
    ...ReplayFields
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<StartReplayMutation, StartReplayMutationVariables>;
export const PauseReplayDocument = new TypedDocumentString(`
    mutation PauseReplay($replayId: UUID!) {
  pauseReplay(replayId: $replayId) {
    __typename
    ...ReplayFields
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<PauseReplayMutation, PauseReplayMutationVariables>;
export const ResumeReplayDocument = new TypedDocumentString(`
    mutation ResumeReplay($replayId: UUID!, $credentials: CredentialsInput) {
  resumeReplay(replayId: $replayId, credentials: $credentials) {
    __typename
    ...ReplayFields
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<ResumeReplayMutation, ResumeReplayMutationVariables>;
export const CancelReplayDocument = new TypedDocumentString(`
    mutation CancelReplay($replayId: UUID!) {
  cancelReplay(replayId: $replayId) {
    __typename
    ...ReplayFields
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<CancelReplayMutation, CancelReplayMutationVariables>;
export const DeleteReplayDocument = new TypedDocumentString(`
    mutation DeleteReplay($replayId: UUID!) {
  deleteReplay(replayId: $replayId) {
    __typename
    ... on DeletedReplay {
      id
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    `) as unknown as TypedDocumentString<DeleteReplayMutation, DeleteReplayMutationVariables>;
export const SetReplaySpeedDocument = new TypedDocumentString(`
    mutation SetReplaySpeed($replayId: UUID!, $speed: Float!) {
  setReplaySpeed(replayId: $replayId, speed: $speed) {
    __typename
    ...ReplayFields
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<SetReplaySpeedMutation, SetReplaySpeedMutationVariables>;
export const ReplayDocument = new TypedDocumentString(`
    query Replay($id: UUID!) {
  replay(id: $id) {
    ...ReplayFields
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<ReplayQuery, ReplayQueryVariables>;
export const ReplayInFullDocument = new TypedDocumentString(`
    query ReplayInFull($id: UUID!) {
  replay(id: $id) {
    ...RunInFull
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}
fragment RestOfRequest on ReplayRequest {
  connectTimeoutMs
  slowerRatio
  slowerMinMs
  filter {
    statementTypes
    text
    textExcludes
    databases
    users
    applications
    sessionIds
    outcome
    minDurationMs
    transactionIds
  }
}
fragment RunInFull on Replay {
  ...ReplayFields
  inDoubt
  request {
    ...RestOfRequest
  }
}`) as unknown as TypedDocumentString<ReplayInFullQuery, ReplayInFullQueryVariables>;
export const ReplaysDocument = new TypedDocumentString(`
    query Replays($states: [ReplayState!], $first: Int!, $after: Cursor) {
  replays(states: $states, first: $first, after: $after) {
    nodes {
      ...ReplayFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}`) as unknown as TypedDocumentString<ReplaysQuery, ReplaysQueryVariables>;
export const ReplayFailuresDocument = new TypedDocumentString(`
    query ReplayFailures($replayId: UUID!) {
  replayFailures(replayId: $replayId) {
    ...FailureGroupFields
  }
}
    fragment FailureGroupFields on FailureGroup {
  sqlstate
  fingerprint
  normalised
  count
  cascades
  expected
  firstSeq
  lastSeq
  sampleMessage
}`) as unknown as TypedDocumentString<ReplayFailuresQuery, ReplayFailuresQueryVariables>;
export const ReplayVerdictDocument = new TypedDocumentString(`
    query ReplayVerdict($replayId: UUID!, $thresholds: [String!]) {
  replayReport(replayId: $replayId, thresholds: $thresholds) {
    remarks
    lostStatements
    thresholds {
      threshold
      passed
      actual
      unit
    }
    failures {
      ...FailureGroupFields
    }
  }
}
    fragment FailureGroupFields on FailureGroup {
  sqlstate
  fingerprint
  normalised
  count
  cascades
  expected
  firstSeq
  lastSeq
  sampleMessage
}`) as unknown as TypedDocumentString<ReplayVerdictQuery, ReplayVerdictQueryVariables>;
export const ReplayReportDocument = new TypedDocumentString(`
    query ReplayReport($replayId: UUID!) {
  replayReport(replayId: $replayId) {
    remarks
    divergences {
      divergence
      fingerprint
      normalised
      count
      firstSeq
      lastSeq
      sample
    }
    statements {
      fingerprint
      normalised
      calls
      failures
      cascades
      recordedFailures
      rows
      recorded {
        p50
        p95
        p99
      }
      replayed {
        p50
        p95
        p99
      }
      verdict
      regressed
      divergences {
        divergence
        count
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ReplayReportQuery, ReplayReportQueryVariables>;
export const ReplayStatementsDocument = new TypedDocumentString(`
    query ReplayStatements($replayId: UUID!, $filter: OutcomeFilterInput, $first: Int!, $after: Cursor) {
  replayStatements(
    replayId: $replayId
    filter: $filter
    first: $first
    after: $after
  ) {
    nodes {
      ...EventFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment EventFields on ReplayEvent {
  __typename
  seq
  at
  ... on OutcomeEvent {
    ordinal
    transactionId
    sequence
    timestamp
    sessionId
    copy
    status
    cascade
    skipReason
    sqlstate
    message
    errorPosition
    rows
    digest
    durationMs
    durationApproximate
    lagMs
    lagCause
    verdict
    divergences
  }
  ... on StateEvent {
    state
    reason
  }
  ... on NoticeEvent {
    code
    noticeSessionId: sessionId
    noticeMessage: message
  }
}`) as unknown as TypedDocumentString<ReplayStatementsQuery, ReplayStatementsQueryVariables>;
export const PreflightReplayDocument = new TypedDocumentString(`
    query PreflightReplay($input: ReplayInput!) {
  preflightReplay(input: $input) {
    __typename
    ... on Preflight {
      target
      reachable
      serverVersion
      statements
      otherSessions
      transactions
      transactionsByStatus {
        committed
        rolledBack
        open
      }
      sessions
      sessionsAtOnce
      reads
      writes
      skipped {
        reason
        count
      }
      statementKinds
      kindsChecked
      estimatedMs
      coverage {
        entries
        losses {
          reason
          count
        }
      }
      problems {
        severity
        code
        message
      }
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    `) as unknown as TypedDocumentString<PreflightReplayQuery, PreflightReplayQueryVariables>;
export const ReplayProgressDocument = new TypedDocumentString(`
    subscription ReplayProgress($replayId: UUID!, $after: Cursor, $batchSize: Int!, $maxWaitMs: Int!, $detail: EventDetail!) {
  replayProgress(
    replayId: $replayId
    after: $after
    batchSize: $batchSize
    maxWaitMs: $maxWaitMs
    detail: $detail
  ) {
    cursor
    state
    events {
      ...EventFields
    }
    summary {
      ...SummaryFields
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment EventFields on ReplayEvent {
  __typename
  seq
  at
  ... on OutcomeEvent {
    ordinal
    transactionId
    sequence
    timestamp
    sessionId
    copy
    status
    cascade
    skipReason
    sqlstate
    message
    errorPosition
    rows
    digest
    durationMs
    durationApproximate
    lagMs
    lagCause
    verdict
    divergences
  }
  ... on StateEvent {
    state
    reason
  }
  ... on NoticeEvent {
    code
    noticeSessionId: sessionId
    noticeMessage: message
  }
}`) as unknown as TypedDocumentString<ReplayProgressSubscription, ReplayProgressSubscriptionVariables>;
export const ReportFileDocument = new TypedDocumentString(`
    query ReportFile($replayId: UUID!, $thresholds: [String!]) {
  replay(id: $replayId) {
    ...RunInFull
  }
  replayReport(replayId: $replayId, thresholds: $thresholds) {
    statements {
      ...StatementReportFields
    }
    failures {
      ...FailureGroupFields
    }
    divergences {
      ...DivergenceGroupFields
    }
    thresholds {
      threshold
      actual
      unit
      passed
    }
    remarks
    lostStatements
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}
fragment RestOfRequest on ReplayRequest {
  connectTimeoutMs
  slowerRatio
  slowerMinMs
  filter {
    statementTypes
    text
    textExcludes
    databases
    users
    applications
    sessionIds
    outcome
    minDurationMs
    transactionIds
  }
}
fragment RunInFull on Replay {
  ...ReplayFields
  inDoubt
  request {
    ...RestOfRequest
  }
}
fragment FailureGroupFields on FailureGroup {
  sqlstate
  fingerprint
  normalised
  count
  cascades
  expected
  firstSeq
  lastSeq
  sampleMessage
}
fragment StatementReportFields on StatementReport {
  fingerprint
  normalised
  calls
  sent
  skips {
    reason
    count
  }
  failures
  cascades
  unverifiableFailures
  recordedFailures
  rows
  recorded {
    p50
    p95
    p99
  }
  replayed {
    p50
    p95
    p99
  }
  verdict
  regressed
  divergences {
    divergence
    count
  }
}
fragment DivergenceGroupFields on DivergenceGroup {
  divergence
  fingerprint
  normalised
  count
  firstSeq
  lastSeq
  sample
  firstCursor
}`) as unknown as TypedDocumentString<ReportFileQuery, ReportFileQueryVariables>;
export const ReplayDivergencesDocument = new TypedDocumentString(`
    query ReplayDivergences($replayId: UUID!, $divergences: [Divergence!], $fingerprint: String) {
  replayDivergences(
    replayId: $replayId
    divergences: $divergences
    fingerprint: $fingerprint
  ) {
    ...DivergenceGroupFields
  }
}
    fragment DivergenceGroupFields on DivergenceGroup {
  divergence
  fingerprint
  normalised
  count
  firstSeq
  lastSeq
  sample
  firstCursor
}`) as unknown as TypedDocumentString<ReplayDivergencesQuery, ReplayDivergencesQueryVariables>;
export const CompareReplaysDocument = new TypedDocumentString(`
    query CompareReplays($a: UUID!, $b: UUID!, $slower: SlowerInput) {
  compareReplays(a: $a, b: $b, slower: $slower) {
    __typename
    ... on ReplayComparison {
      a {
        ...ReplayFields
      }
      b {
        ...ReplayFields
      }
      totals {
        verdict
        statements
      }
      statements {
        fingerprint
        normalised
        verdict
        deltaMs {
          p50
          p95
          p99
        }
        a {
          ...ComparedSideFields
        }
        b {
          ...ComparedSideFields
        }
      }
      remarks
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment SummaryFields on ReplaySummary {
  planned
  succeeded
  failed
  cascades
  skipped
  unknown
  same
  diverged
  unverifiable
  unverifiableFailures
  divergences {
    divergence
    count
  }
  rows
  stalls
  connectionsOpened
  firstError
  elapsedMs
  rate
  etaMs
  position
  duration {
    p50
    p95
    p99
  }
  recordedDuration {
    p50
    p95
    p99
  }
  lag {
    p50
    p95
    p99
  }
  lagByCause {
    cause
    ms
  }
  durationsApproximate
}
fragment ReplayFields on Replay {
  id
  state
  window {
    from
    to
  }
  request {
    ordering
    edges
    paceMode
    speed
    maxIdleMs
    databases {
      recorded
      target
    }
    users {
      recorded
      target
    }
    needsCredentials
    needsCredentialsOf
    stopAfterFailures
    statementTimeoutMs
    runTimeoutMs
    maxConnections
    inFlight
    readOnly
    digestRows
    restoreIds
    markProgress
    settleCommits
    syncCommits
    scale
    thresholds
  }
  target
  targetVersion
  createdAt
  startedAt
  endedAt
  error {
    code
    message
  }
  lastSeq
  summary {
    ...SummaryFields
  }
}
fragment ComparedSideFields on StatementReport {
  calls
  sent
  failures
  cascades
  rows
  replayed {
    p50
    p95
    p99
  }
}`) as unknown as TypedDocumentString<CompareReplaysQuery, CompareReplaysQueryVariables>;
export const CompareReplayCallsDocument = new TypedDocumentString(`
    query CompareReplayCalls($a: UUID!, $b: UUID!, $filter: ComparedCallFilterInput, $slower: SlowerInput, $first: Int!, $after: Cursor) {
  compareReplayCalls(
    a: $a
    b: $b
    filter: $filter
    slower: $slower
    first: $first
    after: $after
  ) {
    __typename
    ... on ReplayCallComparison {
      calls {
        edges {
          cursor
          node {
            ...ComparedCallFields
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
      remarks
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    fragment ComparedCallFields on ComparedCall {
  transactionId
  sequence
  timestamp
  sessionId
  copy
  differences
  entry {
    id
    statement
    parameters {
      kind
      text
      oid
    }
  }
  a {
    ...ComparedOutcomeFields
  }
  b {
    ...ComparedOutcomeFields
  }
}
fragment ComparedOutcomeFields on OutcomeEvent {
  seq
  status
  cascade
  skipReason
  sqlstate
  message
  rows
  digest
  durationMs
  durationApproximate
}`) as unknown as TypedDocumentString<CompareReplayCallsQuery, CompareReplayCallsQueryVariables>;
export const TargetsDocument = new TypedDocumentString(`
    query Targets {
  targets {
    alias
    host
    port
    database
    user
    tls
    refusal {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<TargetsQuery, TargetsQueryVariables>;
export const CheckTargetDocument = new TypedDocumentString(`
    query CheckTarget($target: TargetInput!) {
  checkTarget(target: $target) {
    __typename
    ... on TargetCheck {
      target
      address
      serverVersion
      encrypted
      connectMs
      roundTripMs
      inRecovery
      readOnlyByDefault
      otherSessions
      freeConnections
      role {
        name
        superuser
        bypassesRowSecurity
        connectionLimit
      }
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    `) as unknown as TypedDocumentString<CheckTargetQuery, CheckTargetQueryVariables>;