import { ownBlock } from '../as-login.ts';

/**
 * SQL that gives one row for each sequence, in the order given, with where it stands: for `nextIn`.
 * @param drawn sequences that were set ahead of what drew from them
 * @param moved others
 * @param login to ask as; null: as the session's own role
 */
export function placesQuestion(drawn: readonly string[], moved: readonly string[], login: string | null): string {
  if (moved.length === 0 && login === null) return drawn.map((one) => `SELECT ${lastValue(one)}`).join(' UNION ALL ');
  const found = moved.length === 0 ? `found := ${listOf(drawn)};` : lookedUp([...drawn, ...moved]);
  // A DO block answers nothing: places pass through a setting of the transaction.
  const work = `DECLARE
 one pg_catalog.text;
 stands pg_catalog.text;
 found pg_catalog.text := '';
BEGIN
 ${found}
 PERFORM pg_catalog.set_config('reprise.places', found, true);
END`;
  return `${ownBlock(work, { beReadOnly: false, login })};
SELECT one FROM pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.current_setting('reprise.places'), ',', 'none'))
 WITH ORDINALITY AS places (one, at) ORDER BY at`;
}

function listOf(regclasses: readonly string[]): string {
  return `pg_catalog.array_to_string(ARRAY[${regclasses.map(lastValue).join(', ')}]::pg_catalog.int8[], ',', 'none')`;
}

function lastValue(regclass: string): string {
  return `pg_catalog.pg_sequence_last_value(${named(regclass)})`;
}

/** Behind `setval(…, false)`, pg_sequence_last_value tells nothing. An error would end the transaction. */
function lookedUp(regclasses: readonly string[]): string {
  return `FOREACH one IN ARRAY ARRAY[${regclasses.map(quoted).join(', ')}]::pg_catalog.text[] LOOP
  BEGIN
   EXECUTE 'SELECT last_value || CASE WHEN is_called THEN ''t'' ELSE ''f'' END FROM ' || one INTO stands;
  EXCEPTION WHEN OTHERS THEN stands := 'none';
  END;
  found := found || CASE WHEN found = '' THEN '' ELSE ',' END || stands;
 END LOOP;`;
}

/** What a sequence gives next by an answer; null: it tells nothing. */
export function nextIn(stands: string | null, step: bigint): bigint | null {
  if (stands === null) return null;
  const last = BigInt(stands.replace(/[tf]$/, ''));
  return stands.endsWith('f') ? last : last + step;
}

/** Null where the target has none of that name, by a RENAME or DROP that nothing shows: an error would end the transaction. */
export function named(regclass: string): string {
  return `pg_catalog.to_regclass(${quoted(regclass)})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
