import type { TargetConnection } from '../../target/connection.ts';
import { readCatalog } from './catalog-read.ts';
import { statementDraws } from './statement-draws.ts';

/** Sequences that a remark names. */
const MOST_NAMED = 5;

/**
 * What a report says of a run that took ids as its sequences gave them, in statements of several sessions; null where
 * none of them draws for what their texts and the target's catalog tell.
 * @param statements normalised
 */
export async function otherIdsRemark(
  connection: Pick<TargetConnection, 'query'>,
  statements: readonly string[],
): Promise<string | null> {
  // Most targets without sequences need not be read.
  if ((await connection.query('SELECT FROM pg_catalog.pg_sequence LIMIT 1')).rows.length === 0) return null;
  const catalog = await readCatalog(connection, []);
  const names = new Set<string>();
  for (const text of statements)
    for (const { sequence, exact } of statementDraws(text, catalog).parts)
      if (sequence !== null && exact) names.add(sequence.name);
  if (names.size === 0) return null;
  const named = [...names].slice(0, MOST_NAMED).join(', ');
  const more = names.size > MOST_NAMED ? ` and ${names.size - MOST_NAMED} more sequences` : '';
  return (
    `several sessions drew ids from ${named}${more}, which may be others than in the record: a statement that names an id ` +
    'may have met another row than in the record though nothing failed; COMMIT ordering restores ids'
  );
}
