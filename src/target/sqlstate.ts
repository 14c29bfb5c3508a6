/** Names of codes that people meet in a replay; others go by their class. */
const NAMES: Readonly<Record<string, string>> = {
  '08P01': 'protocol violation',
  '0A000': 'feature not supported',
  '22001': 'string too long',
  '22003': 'number out of range',
  '22007': 'invalid date or time',
  '22012': 'division by zero',
  '22021': 'character not in encoding',
  '22P02': 'invalid text representation',
  '22P03': 'invalid binary representation',
  '23502': 'not null violation',
  '23503': 'foreign key violation',
  '23505': 'unique violation',
  '23514': 'check violation',
  '23P01': 'exclusion violation',
  '25001': 'active transaction',
  '25006': 'read-only transaction',
  '25P01': 'no active transaction',
  '25P02': 'in failed transaction',
  '25P03': 'idle in transaction timeout',
  '26000': 'no such prepared statement',
  '28000': 'login refused',
  '28P01': 'wrong password',
  '34000': 'no such cursor',
  '3B001': 'no such savepoint',
  '3D000': 'no such database',
  '3F000': 'no such schema',
  '40001': 'serialization failure',
  '40P01': 'deadlock detected',
  '42501': 'permission denied',
  '42601': 'syntax error',
  '42701': 'duplicate column',
  '42703': 'no such column',
  '42704': 'no such object',
  '42710': 'duplicate object',
  '42804': 'type mismatch',
  '42883': 'no such function',
  '42P01': 'no such table',
  '42P05': 'duplicate prepared statement',
  '42P07': 'duplicate table',
  '53100': 'disk full',
  '53200': 'out of memory',
  '53300': 'too many connections',
  '55000': 'object not in required state',
  '55006': 'object in use',
  '55P03': 'lock not available',
  '57014': 'cancelled or timed out',
  '57P01': 'server shut down or backend terminated',
  '57P02': 'server crashed',
  '57P03': 'server not ready',
  '57P05': 'idle session timeout',
  P0001: 'raised exception',
  XX000: 'internal error',
};

/** Names of classes (the first two characters), for codes that have no name of their own here. */
const CLASSES: Readonly<Record<string, string>> = {
  '08': 'connection exception',
  '22': 'data exception',
  '23': 'integrity violation',
  '25': 'invalid transaction state',
  '28': 'login refused',
  '40': 'transaction rolled back',
  '42': 'syntax error or access violation',
  '53': 'insufficient resources',
  '54': 'limit exceeded',
  '55': 'object not in required state',
  '57': 'operator intervention',
  '58': 'system error',
  P0: 'PL/pgSQL error',
  XX: 'internal error',
};

/** A failure that only follows from an earlier one of its transaction. */
export function isCascade(sqlstate: string | null): boolean {
  return sqlstate === '25P02';
}

/** A few words for people: `unique violation`; the class's name, or null, for a code not in the table. */
export function sqlstateName(sqlstate: string): string | null {
  return NAMES[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)] ?? null;
}
