import { sentNothing } from '../client/report/index.ts';
import type { ErrorCode } from '../errors.ts';

/** Exit statuses, as `docs/cli.md` lists them. */
export const EXIT = {
  OK: 0,
  /** The run differs from the record, or was cancelled. */
  DIVERGED: 1,
  USAGE: 2,
  REFUSED: 3,
  NOT_ALLOWED: 4,
  /** The target was not reached or lost, transactions were lost, or outcomes are unknown. */
  TARGET: 5,
  SERVICE: 6,
  /** A bug, of the CLI or the service. */
  INTERNAL: 70,
  INTERRUPTED: 130,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  BAD_INPUT: EXIT.USAGE,
  WINDOW_INVERTED: EXIT.USAGE,
  CURSOR_INVALID: EXIT.USAGE,
  LIMIT_EXCEEDED: EXIT.USAGE,
  CONFIG_INVALID: EXIT.USAGE,
  TRANSACTION_NOT_FOUND: EXIT.USAGE,
  TRANSACTION_ENDED: EXIT.USAGE,
  SAVEPOINT_NOT_FOUND: EXIT.USAGE,
  SEQUENCE_CONFLICT: EXIT.USAGE,
  SEQUENCE_GAP: EXIT.USAGE,
  JOURNAL_LIMIT: EXIT.USAGE,
  FILE_UNREADABLE: EXIT.USAGE,
  FORMAT_UNKNOWN: EXIT.USAGE,
  PREFIX_UNUSABLE: EXIT.USAGE,
  IMPORT_CHANGED: EXIT.USAGE,
  TARGET_UNKNOWN: EXIT.REFUSED,
  TARGET_REFUSED: EXIT.REFUSED,
  TARGET_UNREACHABLE: EXIT.TARGET,
  TARGET_LOST: EXIT.TARGET,
  CONNECTION_LIMIT: EXIT.REFUSED,
  DATABASES_AMBIGUOUS: EXIT.USAGE,
  REPLAY_NOT_FOUND: EXIT.USAGE,
  REPLAY_STATE: EXIT.USAGE,
  REPLAY_STOPPED: EXIT.DIVERGED,
  RUN_TIMEOUT: EXIT.DIVERGED,
  ENTRIES_EVICTED: EXIT.DIVERGED,
  TOO_MANY_REPLAYS: EXIT.REFUSED,
  UNAUTHENTICATED: EXIT.NOT_ALLOWED,
  FORBIDDEN: EXIT.NOT_ALLOWED,
  TOO_MANY_REQUESTS: EXIT.SERVICE,
  STORE_UNAVAILABLE: EXIT.SERVICE,
  STORE_TOO_OLD: EXIT.SERVICE,
  EMBEDDED_START_FAILED: EXIT.SERVICE,
  EMBEDDED_UNSUPPORTED: EXIT.SERVICE,
  DATA_DIR_IN_USE: EXIT.SERVICE,
  SERVICE_UNREACHABLE: EXIT.SERVICE,
};

/** The exit status of a command that failed with this code. */
export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code];
}

/** What `--fail-on` may name. */
export const FAIL_ON = [
  'new-failure',
  'missing-failure',
  'different-failure',
  'unverifiable-failure',
  'row-count',
  'checksum',
  'nothing-replayed',
  'slower',
  'skipped',
] as const;
/** One of them. */
export type FailOn = (typeof FAIL_ON)[number];
/** What it names where it is left out. Times differ between machines, and what was skipped is told in any case. */
export const FAIL_ON_DEFAULT: readonly FailOn[] = FAIL_ON.filter((what) => what !== 'slower' && what !== 'skipped');

/** What of an ended run decides on the exit status. */
export interface EndedRun {
  readonly state: string;
  readonly error: { readonly code: string } | null;
  /** All that it sent was transaction control and session state. */
  readonly onlyControl: boolean;
  /** Transactions are not on the target, though nothing in them failed. */
  readonly lostTransactions: boolean;
  readonly summary: {
    readonly succeeded: number;
    readonly failed: number;
    readonly cascades: number;
    readonly skipped: number;
    readonly unknown: number;
    readonly unverifiableFailures: number;
    readonly divergences: Readonly<Record<string, number>>;
  };
}

/** What `--allow` puts up with. */
export interface Allowed {
  /** That many differences. */
  readonly differences: number;
  /** That no statement was sent, or nothing but what passes every filter: never covered by a number, since a run that did nothing differs in nothing. */
  readonly nothingReplayed: boolean;
}

/**
 * The exit status of a run that has ended: unknown outcomes weigh most, then how it ended, then lost transactions, then its
 * differences from the record. A statement that failed as it had failed in the record is no difference.
 */
export function exitCodeOfRun(
  run: EndedRun,
  failOn: readonly FailOn[] = FAIL_ON_DEFAULT,
  allowed: Allowed = { differences: 0, nothingReplayed: false },
): number {
  if (run.state === 'INTERRUPTED' || run.summary.unknown > 0) return EXIT.TARGET;
  if (run.state === 'FAILED') {
    const code = run.error?.code;
    if (code === 'INTERNAL') return EXIT.INTERNAL;
    return (code !== undefined && (BY_CODE as Readonly<Record<string, number>>)[code]) || EXIT.DIVERGED;
  }
  if (run.state !== 'COMPLETED') return EXIT.DIVERGED;
  if (run.lostTransactions) return EXIT.TARGET;
  const nothing = sentNothing(run.summary) || run.onlyControl;
  if (failOn.includes('nothing-replayed') && !allowed.nothingReplayed && nothing) return EXIT.DIVERGED;
  const counts: Record<string, number> = {
    ...run.summary.divergences,
    UNVERIFIABLE_FAILURE: run.summary.unverifiableFailures,
    SKIPPED: run.summary.skipped,
  };
  const differences = failOn.reduce((sum, kind) => sum + (counts[kind.toUpperCase().replaceAll('-', '_')] ?? 0), 0);
  return differences > allowed.differences ? EXIT.DIVERGED : EXIT.OK;
}
