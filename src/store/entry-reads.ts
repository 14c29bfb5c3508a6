import { CompiledQuery, type Expression, expressionBuilder, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Entry, EntryKey, EntryPlace } from '../journal/entry.ts';
import type { EntryPage, TailKey } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import type { Database } from './database.ts';
import { filterConditions, type ResolvedFilter, resolveFilter, uuidsOf } from './entry-filter.ts';
import { type EntryRow, entriesOf, fitsPage, fitsShare, PAGE_BYTES, PAGE_FIELDS, textBytes } from './entry-rows.ts';
import type { OriginMatch, Origins } from './origins.ts';
import { DAY, dayOf } from './partitions.ts';
import { sessionStateOf, sessionStateOrigins } from './session-state.ts';
import type { Tables } from './tables.ts';

const ORDER = 'ts, position, sequence';

const EMPTY: EntryPage = { entries: [], hasMore: false };

// Orders are always on the bare columns: an alias of a cast would be sorted as text, row by row (FACTS.md).

/** Days that one statement looks into: the planner takes time and locks for each, also for those it never reads. */
const DAYS_AT_ONCE = 32;

/** Microseconds of the first span whose entries an index gives by origin, and how many times longer each next one is. */
const FIRST_SPAN = 60_000_000;
const SPAN_GROWTH = 8;

const DAYS = 'select day from reprise.journal_days where day >= $1 and day <= $2 order by day limit $3';

/** One page of a window, see `JournalStore.page`. */
export async function readPage(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
  after: EntryKey | null,
  limit: number,
): Promise<EntryPage> {
  // The row comparison finds the place in the index; only a bound on ts alone leaves partitions out.
  const ahead = after === null ? window : { from: Math.max(window.from, after.timestamp), to: window.to };
  if (ahead.from > ahead.to || limit < 1) return EMPTY;
  const { query } = database;
  const resolved = await resolveFilter(query, origins, filter, ahead);
  if (resolved === null) return EMPTY;
  const rows: PageRow[] = [];
  const state = await sessionStateOrigins(origins, resolved);
  // What an index gives by origin has to be put in order: short spans keep that to little more than fills a page.
  let longest = state === null ? Number.POSITIVE_INFINITY : FIRST_SPAN;
  let { from } = resolved.span;
  // A page mostly lies within one day: that it has entries need not be asked first, which is a journey more for each page.
  let last = dayOf(from);
  let room = PAGE_BYTES;
  for (;;) {
    const span = { from, to: Math.min(last + DAY - 1, resolved.span.to, from + longest) };
    // Of a page that is full, it is only asked whether there is more.
    const wanted = room > 0 ? limit + 1 - rows.length : 1;
    const found = await readSpan(database, { ...resolved, span }, state, after, wanted, room);
    rows.push(...found);
    if (rows.length > limit || isCut(rows) || span.to >= resolved.span.to) break;
    for (const row of found) room -= textBytes(row as EntryRow);
    from = span.to + 1;
    longest *= SPAN_GROWTH;
    const days = await database.rows<[day: string]>(
      CompiledQuery.raw(DAYS, [dayOf(from), resolved.span.to, DAYS_AT_ONCE]),
    );
    if (days.length === 0) break;
    from = Math.max(from, Number(days[0]?.[0]));
    last = Number(days.at(-1)?.[0]);
  }
  return pageOf(rows, origins, limit);
}

/** The first entries of a span of few days, in total order, after the given place, with so many bytes of texts or one more. */
async function readSpan(
  database: Database,
  resolved: ResolvedFilter,
  state: OriginMatch | null,
  after: EntryKey | null,
  limit: number,
  room: number,
): Promise<readonly PageRow[]> {
  const eb = expressionBuilder<Tables, 'entries'>();
  const conditions = filterConditions(eb, state === null ? resolved : { ...resolved, matching: null });
  if (after !== null) {
    conditions.push(
      sql<SqlBool>`(ts, position, sequence) > (${after.timestamp}, ${after.position}, ${after.sequence})`,
    );
  }
  const entries = state === null ? entriesWith(conditions) : sessionStateOf(state, conditions, limit);
  // Without what puts schemas in front of tables, which walks through all of the query for each page.
  const query = database.query.withoutPlugins();
  const rows = await database.rows<PageRow>(firstOf(entries, ORDER, limit, fitsShare(room, limit)).compile(query));
  if (rows.every((row) => row[1] !== null)) return rows;
  return database.rows(firstOf(entries, ORDER, limit, fitsPage(ORDER, room)).compile(query));
}

/** A row of `PAGE_FIELDS`. */
type PageRow = EntryRow | readonly [numbers: string, statement: null, ...rest: (string | null)[]];

/** The first entries in an order; those that do not fit without their texts. */
function firstOf(
  entries: RawBuilder<unknown>,
  order: string,
  limit: number,
  fits: RawBuilder<boolean> = fitsPage(order, PAGE_BYTES),
): RawBuilder<unknown> {
  return sql`
    select ${sql.raw(PAGE_FIELDS)} from (
      select *, ${fits} as fits from ${entries}
      order by ${sql.raw(order)}
      limit ${limit}
    ) e`;
}

function entriesWith(conditions: readonly Expression<SqlBool>[]): RawBuilder<unknown> {
  return sql`reprise.entries where ${sql.join(conditions, sql` and `)}`;
}

/** Whether texts were left out. */
function isCut(rows: readonly PageRow[]): boolean {
  return rows.at(-1)?.[1] === null;
}

function fitting(rows: readonly PageRow[], limit: number): readonly EntryRow[] {
  const fit = isCut(rows) ? rows.findIndex((row) => row[1] === null) : rows.length;
  return rows.slice(0, Math.min(fit, limit)) as readonly EntryRow[];
}

async function pageOf(rows: readonly PageRow[], origins: Origins, limit: number): Promise<EntryPage> {
  const page = fitting(rows, limit);
  return { entries: await entriesOf(page, origins), hasMore: page.length < rows.length };
}

/** Entries of one transaction, see `JournalStore.transactionEntries`. */
export async function readTransactionEntries(
  database: Database,
  origins: Origins,
  transactionId: string,
  afterSequence: number,
  limit: number,
): Promise<EntryPage> {
  const [id] = uuidsOf([transactionId]);
  if (id === undefined || limit < 1) return EMPTY;
  const { query } = database;
  const transaction = await query
    .selectFrom('transactions')
    .select(['position', 'first_ts', 'last_ts'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (transaction === undefined || transaction.first_ts === null || transaction.last_ts === null) return EMPTY;
  const conditions = [
    sql<SqlBool>`position = ${transaction.position}`,
    sql<SqlBool>`sequence > ${afterSequence}`,
    sql<SqlBool>`ts between ${transaction.first_ts} and ${transaction.last_ts}`,
  ];
  const rows = await database.rows<PageRow>(firstOf(entriesWith(conditions), 'sequence', limit + 1).compile(query));
  return pageOf(rows, origins, limit);
}

/** Entries by place, see `JournalStore.entriesByPlace`. */
export async function readEntriesByPlace(
  database: Database,
  origins: Origins,
  places: readonly EntryPlace[],
): Promise<readonly (Entry | null)[]> {
  const ids = new Set(uuidsOf(places.map((place) => place.transactionId)));
  if (ids.size === 0) return places.map(() => null);
  const select = sql`
    select ${sql.raw(PAGE_FIELDS)}, e.nth from (
      select e.*, place.nth, ${fitsPage('place.nth', PAGE_BYTES)} as fits
      from unnest(${places.map((place) => place.transactionId.toLowerCase()).map((id) => (ids.has(id) ? id : null))}::uuid[],
                  ${places.map((place) => place.sequence)}::int4[]) with ordinality as place(id, sequence, nth)
      join reprise.transactions t on t.id = place.id
      join lateral (
        select * from reprise.entries e
        where e.position = t.position and e.sequence = place.sequence and e.ts between t.first_ts and t.last_ts
      ) e on true
    ) e order by e.nth`;
  const rows = await database.rows<readonly [...row: PageRow, nth: string]>(select.compile(database.query));
  const indexes = rows.map((row) => Number(row.at(-1)) - 1);
  const read = fitting(
    rows.map((row) => row.slice(0, -1) as unknown as PageRow),
    rows.length,
  );
  const found: (Entry | null)[] = Array(indexes[read.length] ?? places.length).fill(null);
  for (const [at, entry] of (await entriesOf(read, origins)).entries()) found[indexes[at] as number] = entry;
  return found;
}

/** Entries in order of arrival, see `JournalStore.tail`. */
export async function readTail(
  database: Database,
  origins: Origins,
  after: TailKey,
  filter: EntryFilter,
  limit: number,
): Promise<readonly Entry[]> {
  if (limit < 1) return [];
  const { query } = database;
  const days = await query
    .selectFrom('journal_days')
    .select((eb) => [eb.fn.min('day').as('first'), eb.fn.max('day').as('last')])
    .where('max_arrival', '>=', after.arrival)
    .executeTakeFirst();
  if (!days || days.first === null || days.last === null) return [];
  const resolved = await resolveFilter(query, origins, filter, {
    from: Number(days.first),
    to: Number(days.last) + DAY - 1,
  });
  if (resolved === null) return [];
  const conditions = [
    ...filterConditions(expressionBuilder<Tables, 'entries'>(), resolved),
    sql<SqlBool>`arrival >= ${after.arrival}`,
    sql<SqlBool>`(arrival, ts, position, sequence) > (${after.arrival}, ${after.timestamp}, ${after.position}, ${after.sequence})`,
  ];
  const select = firstOf(entriesWith(conditions), 'arrival, ts, position, sequence', limit);
  return entriesOf(fitting(await database.rows(select.compile(query)), limit), origins);
}

/** The place behind the newest entry: before everything that the next append brings. */
export async function readTailEnd({ query }: Database): Promise<TailKey> {
  const clock = await query.selectFrom('journal_clock').select('arrival').executeTakeFirstOrThrow();
  return { arrival: clock.arrival + 1n, timestamp: 0, position: 0n, sequence: 0 };
}

/** See `JournalStore.evictedBehind`. */
export async function wasEvictedBehind({ query }: Database, after: TailKey): Promise<boolean> {
  const { arrival, timestamp, position, sequence } = after;
  const clock = await query
    .selectFrom('journal_clock')
    .select(
      sql<boolean>`evicted_place > array[${arrival}, ${timestamp}, ${position}, ${sequence}]::int8[]`.as('is_ahead'),
    )
    .executeTakeFirstOrThrow();
  return clock.is_ahead;
}
