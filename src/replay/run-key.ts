/** By what the backends of a run are known: their application name begins with `name`, or they hold the lock `key`. */
export interface RunMarks {
  readonly name: string;
  readonly key: string;
}

/** A condition on rows of `pg_stat_activity`: backends of the run. */
export function ofRun({ name, key }: RunMarks): string {
  return `(pg_catalog.starts_with(application_name, '${name}') OR pid IN (
    SELECT pid FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::int8 << 32 | objid::int8) = '${key}'::int8))`;
}

/**
 * Key of an advisory lock that the connections of a run share. By it a later process finds those whose recorded session
 * has given itself another `application_name`; what it takes away (`DISCARD ALL`) brings the run's name back.
 */
export function runKey(replayId: string): string {
  return BigInt.asIntN(64, BigInt(`0x${replayId.replaceAll('-', '').slice(-16)}`)).toString();
}
