import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ResolvedFilter } from './entry-filter.ts';
import { isOneOf, type OriginMatch, type Origins } from './origins.ts';

/** Types of statements that may leave something in their session; an index by origin holds their entries alone (0009). */
const STATEFUL: ReadonlySet<string> = new Set(['SET', 'OTHER']);
// Not a parameter, which the planner could not hold against the condition of the index.
const OF_INDEX = sql.raw('type in (6, 7)');

/** Each of them is looked for in each day: of more, all that ran is sooner read. */
const MOST_ORIGINS = 10_000;

/**
 * The origins, where all that can pass is what some sessions have set, prepared and the like: few entries, which an index tells by
 * origin. Else null.
 */
export async function sessionStateOrigins(
  origins: Origins,
  { filter, matching, positions }: ResolvedFilter,
): Promise<OriginMatch | null> {
  if (filter.sessionIds === undefined || matching === null || positions !== null) return null;
  if (filter.keepControl === true) return null;
  if (filter.statementTypes?.every((type) => STATEFUL.has(type)) !== true) return null;
  return (await origins.areMoreThan(MOST_ORIGINS, matching)) ? null : matching;
}

/** The first entries of the origins, of the types above, that meet the conditions; in total order, as a table. */
export function sessionStateOf(
  matching: OriginMatch,
  conditions: readonly Expression<SqlBool>[],
  limit: number,
): RawBuilder<unknown> {
  const origins =
    matching.ids === null
      ? sql`(select id from reprise.origins where ${isOneOf(matching.columns)})`
      : sql`unnest(${matching.ids}::int4[])`;
  // OFFSET keeps the parts apart: the planner, which knows nothing of a day that was just filled, would look through all
  // of the time in the order of its key.
  return sql`(
    select of_origin.* from ${origins} as origin(id) cross join lateral (
      select * from reprise.entries where origin_id = origin.id and ${OF_INDEX} and ${sql.join(conditions, sql` and `)} offset 0
    ) of_origin
    order by ts, position, sequence limit ${limit}
  ) state`;
}
