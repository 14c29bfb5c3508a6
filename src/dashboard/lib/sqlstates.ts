/** Names of the SQLSTATEs that replays meet most; the class's name for the others. */
const NAMES: Readonly<Record<string, string>> = {
  '22001': 'string too long',
  '22003': 'number out of range',
  '22012': 'division by zero',
  '22P02': 'invalid text representation',
  '23502': 'not-null violation',
  '23503': 'foreign key violation',
  '23505': 'unique violation',
  '23514': 'check violation',
  '25006': 'read-only transaction',
  '25P02': 'transaction is aborted',
  '26000': 'no such prepared statement',
  '28P01': 'wrong password',
  '3B001': 'no such savepoint',
  '3D000': 'no such database',
  '40001': 'serialization failure',
  '40P01': 'deadlock',
  '42501': 'permission denied',
  '42601': 'syntax error',
  '42703': 'no such column',
  '42883': 'no such function',
  '42P01': 'no such table',
  '42P05': 'prepared statement exists',
  '42P07': 'table exists',
  '53300': 'too many connections',
  '55P03': 'lock not available',
  '57014': 'cancelled or timed out',
  '57P01': 'target shut down',
};

const CLASSES: Readonly<Record<string, string>> = {
  '08': 'connection',
  '0A': 'not supported',
  '22': 'data',
  '23': 'constraint violation',
  '25': 'transaction state',
  '28': 'authorization',
  '2B': 'dependent objects',
  '40': 'transaction rollback',
  '42': 'syntax or access rule',
  '53': 'insufficient resources',
  '54': 'limit exceeded',
  '55': 'object state',
  '57': 'operator intervention',
  '58': 'system',
  P0: 'PL/pgSQL',
  XX: 'internal',
};

export function sqlstateName(sqlstate: string): string {
  return NAMES[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)] ?? '';
}
