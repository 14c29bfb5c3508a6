/**
 * Words of the schema that flags and fields offer. Generated types check them: a word that the schema does not have does
 * not compile.
 */
import type {
  CallDifference,
  Divergence,
  Edges,
  Ordering,
  OutcomeStatus,
  ReplayState,
  StatementType,
  TlsMode,
} from './generated/graphql.ts';

export const STATEMENT_TYPES = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'DDL',
  'TRANSACTION',
  'SET',
  'OTHER',
] as const satisfies readonly StatementType[];
export const ORDERINGS = ['TIMESTAMP', 'COMMIT', 'SESSION'] as const satisfies readonly Ordering[];
export const EDGES = ['INCLUDE', 'CUT', 'EXCLUDE'] as const satisfies readonly Edges[];
export const TLS_MODES = ['DISABLE', 'PREFER', 'REQUIRE', 'VERIFY_FULL'] as const satisfies readonly TlsMode[];
export const REPLAY_STATES = [
  'PENDING',
  'CONNECTING',
  'RUNNING',
  'PAUSED',
  'COMPLETED',
  'CANCELLED',
  'FAILED',
  'INTERRUPTED',
] as const satisfies readonly ReplayState[];
export const OUTCOME_STATUSES = [
  'SUCCEEDED',
  'FAILED',
  'SKIPPED',
  'UNKNOWN',
] as const satisfies readonly OutcomeStatus[];
export const DIVERGENCES = [
  'NEW_FAILURE',
  'MISSING_FAILURE',
  'DIFFERENT_FAILURE',
  'ROW_COUNT',
  'CHECKSUM',
  'SLOWER',
] as const satisfies readonly Divergence[];
export const CALL_DIFFERENCES = [
  'NEW_FAILURE',
  'FIXED',
  'DIFFERENT_FAILURE',
  'ROW_COUNT',
  'CHECKSUM',
  'SLOWER',
  'FASTER',
  'ONLY_IN_A',
  'ONLY_IN_B',
  'UNKNOWN',
] as const satisfies readonly CallDifference[];
