/**
 * Words of the schema that flags take. Generated types check them: a word that the schema does not have does not
 * compile.
 */
import type { Divergence, Edges, Ordering, OutcomeStatus, StatementType, TlsMode } from '../client/index.ts';

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
