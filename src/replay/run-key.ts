/** By what the backends of a run are known: their application name begins with `name`, or they hold the lock `key`. */
export interface RunMarks {
  readonly name: string;
  readonly key: string;
}

/** Those of a run. */
export function marksOf(replayId: string): RunMarks {
  return { name: `reprise ${replayId.slice(0, 8)}`, key: runKey(replayId) };
}

/** A condition on rows of `pg_stat_activity`: backends of the run. */
export function ofRun({ name, key }: RunMarks): string {
  return `(pg_catalog.starts_with(application_name, '${name}') OR pid IN (
    SELECT pid FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::int8 << 32 | objid::int8) = '${key}'::int8))`;
}

/** A condition on rows of `pg_stat_activity` with their `pg_roles`: backends that the asking role may end. */
export const MAY_END = `((pg_catalog.pg_has_role(usesysid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))
  AND (NOT coalesce(rolsuper, false) OR pg_catalog.current_setting('is_superuser') = 'on'))`;

/**
 * Key of an advisory lock that the connections of a run share. By it a later process finds those whose recorded session
 * has given itself another `application_name`; what it takes away (`DISCARD ALL`) brings the run's name back.
 */
export function runKey(replayId: string): string {
  return BigInt.asIntN(64, BigInt(`0x${replayId.replaceAll('-', '').slice(-16)}`)).toString();
}
