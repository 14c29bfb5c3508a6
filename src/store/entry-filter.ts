import { type Expression, type ExpressionBuilder, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { type EntryFilter, PREPARES, type Window } from '../journal/window.ts';
import { outcomeCode, statementTypeCode } from './codes.ts';
import type { OriginMatch, Origins } from './origins.ts';
import { storable } from './sanitize.ts';
import type { Tables } from './tables.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The ids among the texts, in lower case. What is no UUID names no transaction. */
export function uuidsOf(ids: readonly string[]): string[] {
  return ids.map((id) => id.toLowerCase()).filter((id) => UUID.test(id));
}

/** A filter with its sessions, users and transactions looked up. */
export interface ResolvedFilter {
  readonly filter: EntryFilter;
  readonly matching: OriginMatch | null;
  readonly positions: readonly bigint[] | null;
  /** All that can match lies in here. */
  readonly span: Window;
}

/** Looks up what a filter names; null when nothing can match. */
export async function resolveFilter(
  query: Kysely<Tables>,
  origins: Origins,
  filter: EntryFilter,
  window: Window,
): Promise<ResolvedFilter | null> {
  const matching = await origins.matching(filter);
  if (matching?.ids?.length === 0) return null;
  if (filter.transactionIds === undefined) return { filter, matching, positions: null, span: window };
  const ids = uuidsOf(filter.transactionIds);
  if (ids.length === 0) return null;
  const rows = await query
    .selectFrom('transactions')
    .select(['position', 'first_ts', 'last_ts'])
    .where((eb) => eb('id', '=', eb.fn.any(eb.val(ids))))
    .where('first_ts', 'is not', null)
    .execute();
  if (rows.length === 0) return null;
  const span = {
    from: rows.reduce((least, row) => Math.min(least, Number(row.first_ts)), Number.MAX_SAFE_INTEGER),
    to: rows.reduce((most, row) => Math.max(most, Number(row.last_ts)), 0),
  };
  return {
    filter,
    matching,
    positions: rows.map((row) => row.position),
    span: { from: Math.max(span.from, window.from), to: Math.min(span.to, window.to) },
  };
}

/**
 * That an entry or a transaction is of one of the origins. Of thousands of texts a hash is made once: with `= any` the statements that
 * pages keep hold each origin against each of them. IS TRUE keeps the planner from doing so by a join.
 */
export function isOf(matching: OriginMatch): RawBuilder<SqlBool> {
  if (matching.ids !== null) return sql`origin_id = any(${matching.ids}::int4[])`;
  const conditions = matching.columns.map(
    ([name, texts]) => sql`(${sql.ref(name)} in (select unnest(${texts}::text[]))) is true`,
  );
  return sql`origin_id in (select id from reprise.origins where ${sql.join(conditions, sql` and `)})`;
}

/** As `isOf`, for a text that is not composed. `place` takes a value and gives its parameter. */
export function originClause(matching: OriginMatch, place: (value: unknown) => string): string {
  if (matching.ids !== null) return `origin_id = any(${place(matching.ids)}::int4[])`;
  const conditions = matching.columns.map(
    ([name, texts]) => `(${name} in (select unnest(${place(texts)}::text[]))) is true`,
  );
  return `origin_id in (select id from reprise.origins where ${conditions.join(' and ')})`;
}

/** The conditions of a resolved filter, its span included. */
export function filterConditions(
  eb: ExpressionBuilder<Tables, 'entries'>,
  resolved: ResolvedFilter,
): Expression<SqlBool>[] {
  const { filter, matching, positions, span } = resolved;
  const conditions: Expression<SqlBool>[] = [eb('ts', '>=', BigInt(span.from)), eb('ts', '<=', BigInt(span.to))];
  if (matching !== null) conditions.push(isOf(matching));
  if (positions !== null) conditions.push(sql<SqlBool>`position = any(${positions}::int8[])`);
  conditions.push(...statementConditions(eb, filter));
  return conditions;
}

/** What `matchesStatement` lets through whatever else the filter says, with the PREPARE and DEALLOCATE of the other. */
const KEPT = [statementTypeCode.encode('TRANSACTION'), statementTypeCode.encode('SET')];
const OTHER = statementTypeCode.encode('OTHER');

/** What a filter asks of single statements, whatever transaction they are of; empty when it takes all of them. */
export function statementConditions(
  eb: ExpressionBuilder<Tables, 'entries'>,
  filter: EntryFilter,
): Expression<SqlBool>[] {
  const conditions = ownConditions(eb, filter);
  if (conditions.length === 0 || filter.keepControl !== true) return conditions;
  return [
    eb.or([
      ...KEPT.map((type) => eb('type', '=', type)),
      eb.and([eb('type', '=', OTHER), eb('statement', '~*', PREPARES)]),
      eb.and(conditions),
    ]),
  ];
}

function ownConditions(eb: ExpressionBuilder<Tables, 'entries'>, filter: EntryFilter): Expression<SqlBool>[] {
  const conditions: Expression<SqlBool>[] = [];
  if (filter.statementTypes) {
    conditions.push(sql<SqlBool>`type = any(${filter.statementTypes.map(statementTypeCode.encode)}::int2[])`);
  }
  if (filter.outcome) conditions.push(eb('outcome', '=', outcomeCode.encode(filter.outcome)));
  if (filter.minDurationMs !== undefined) conditions.push(eb('duration_ms', '>=', filter.minDurationMs));
  if (filter.text !== undefined) conditions.push(eb('statement', 'ilike', containing(filter.text)));
  if (filter.textExcludes !== undefined) conditions.push(eb('statement', 'not ilike', containing(filter.textExcludes)));
  return conditions;
}

/** An ILIKE pattern for a substring in which nothing is special. */
function containing(text: string): string {
  return `%${storable(text).replace(/[\\%_]/g, '\\$&')}%`;
}
