import { createHash } from 'node:crypto';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Origin } from '../journal/entry.ts';
import type { EntryFilter } from '../journal/window.ts';
import type { Database } from './database.ts';
import { storable, storableOrNull } from './sanitize.ts';

/** The origins that pass a filter's sessions, users, databases and applications. */
export type OriginMatch =
  | { readonly ids: readonly number[] }
  /** Too many to be named one by one, as in a journal of a million sessions: what their columns hold. */
  | { readonly ids: null; readonly columns: readonly OriginColumn[] };

export type OriginColumn = readonly [name: (typeof FILTERED)[number], texts: readonly string[]];

const FILTERED = ['session_id', 'user_name', 'database', 'application'] as const;

/** Interns origins: equal ones are one row and one number. Rows are never deleted, so that caches stay true. */
export interface Origins {
  /** The text under which an origin is interned. */
  keyOf(origin: Origin): string;
  /** The numbers of the origins, by `keyOf`. Durable before any entry refers to them. */
  intern(origins: ReadonlyMap<string, Origin>): Promise<ReadonlyMap<string, number>>;
  byId(ids: Iterable<number>): Promise<ReadonlyMap<number, Origin>>;
  /** Those that pass the filter's sessions, users, databases and applications; null: it has none of them. */
  matching(filter: EntryFilter): Promise<OriginMatch | null>;
  /** Whether more than so many pass; they are counted no further. */
  areMoreThan(most: number, matching: OriginMatch): Promise<boolean>;
}

const CACHED_ORIGINS = 20_000;
/** Characters of a column that its index holds. */
const INDEXED = 200;
/** Origins that a statement names one by one at most. */
const MOST_NAMED = 1_000;

/** See `Origins`. What an append waits for goes over the connections for writes. */
export function createOrigins({ query, writing }: Pick<Database, 'query' | 'writing'>): Origins {
  const idByKey = new LruMap<string, number>(CACHED_ORIGINS);
  const originById = new LruMap<number, Origin>(CACHED_ORIGINS);

  async function insert(missing: ReadonlyMap<string, Origin>): Promise<void> {
    const rows = [...missing].map(([key, origin]) => ({
      key: digest(key),
      node_id: storable(origin.nodeId),
      session_id: storable(origin.sessionId),
      user_name: storableOrNull(origin.user),
      database: storableOrNull(origin.database),
      application: storableOrNull(origin.application),
    }));
    for (let at = 0; at < rows.length; at += 1_000) {
      await writing
        .insertInto('origins')
        .values(rows.slice(at, at + 1_000))
        .onConflict((conflict) => conflict.column('key').doNothing())
        .execute();
    }
  }

  /** Fills the cache with those of the keys that exist; returns the others. */
  async function look(keys: readonly string[], found: Map<string, number>): Promise<readonly string[]> {
    const byDigest = new Map(keys.map((key) => [digest(key), key]));
    const rows = await writing
      .selectFrom('origins')
      .select(['id', 'key'])
      .where((eb) => eb('key', '=', eb.fn.any(eb.val([...byDigest.keys()]))))
      .execute();
    for (const row of rows) {
      const key = byDigest.get(row.key) as string;
      idByKey.set(key, row.id);
      found.set(key, row.id);
    }
    return keys.filter((key) => !found.has(key));
  }

  return {
    keyOf: (origin) =>
      JSON.stringify([origin.nodeId, origin.sessionId, origin.user, origin.database, origin.application]),

    async intern(origins) {
      const found = new Map<string, number>();
      const unknown: string[] = [];
      for (const key of origins.keys()) {
        const id = idByKey.get(key);
        if (id === undefined) unknown.push(key);
        else found.set(key, id);
      }
      if (unknown.length === 0) return found;
      // Looked up first: an insert that conflicts would use up a number each time.
      const missing = await look(unknown, found);
      if (missing.length > 0) {
        await insert(new Map(missing.map((key) => [key, origins.get(key) as Origin])));
        await look(missing, found);
      }
      return found;
    },

    async byId(ids) {
      const found = new Map<number, Origin>();
      const unknown: number[] = [];
      for (const id of new Set(ids)) {
        const origin = originById.get(id);
        if (origin === undefined) unknown.push(id);
        else found.set(id, origin);
      }
      if (unknown.length === 0) return found;
      const rows = await query
        .selectFrom('origins')
        .selectAll()
        .where((eb) => eb('id', '=', eb.fn.any(eb.val(unknown))))
        .execute();
      for (const row of rows) {
        const origin: Origin = {
          nodeId: row.node_id,
          sessionId: row.session_id,
          user: row.user_name,
          database: row.database,
          application: row.application,
        };
        originById.set(row.id, origin);
        found.set(row.id, origin);
      }
      return found;
    },

    async matching(filter) {
      const wanted = [filter.sessionIds, filter.users, filter.databases, filter.applications];
      const columns = FILTERED.flatMap((name, index): OriginColumn[] => {
        const texts = wanted[index];
        return texts ? [[name, texts.map(storable)]] : [];
      });
      if (columns.length === 0) return null;
      let select = query
        .selectFrom('origins')
        .select('id')
        .limit(MOST_NAMED + 1);
      for (const column of columns) select = select.where(hasOneOf(column));
      const ids = (await select.execute()).map((row) => row.id);
      return ids.length > MOST_NAMED ? { ids: null, columns } : { ids };
    },

    async areMoreThan(most, matching) {
      if (matching.ids !== null) return matching.ids.length > most;
      const { rows } = await sql<{ more: boolean }>`
        select count(*) > ${most} as more
        from (select from reprise.origins where ${isOneOf(matching.columns)} limit ${most + 1}) as passing`.execute(
        query,
      );
      return rows[0]?.more === true;
    },
  };
}

/** That an origin's columns hold what they have to; by their indexes. */
export function isOneOf(columns: readonly OriginColumn[]): RawBuilder<SqlBool> {
  return sql`${sql.join(columns.map(hasOneOf), sql` and `)}`;
}

function hasOneOf([name, texts]: OriginColumn): RawBuilder<SqlBool> {
  const column = sql.ref(name);
  const begins = sql`left(${column}, ${sql.lit(INDEXED)}) = any(${texts.map(beginningOf)}::text[])`;
  return sql`(${begins} and ${column} = any(${texts}::text[]))`;
}

/** In characters as the server counts them. */
function beginningOf(text: string): string {
  return text.length <= INDEXED ? text : Array.from(text).slice(0, INDEXED).join('');
}

/** 128 bits of SHA-256 in the form of a UUID. */
function digest(key: string): string {
  const hex = createHash('sha256').update(storable(key)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Forgets what was not asked for the longest. A Map keeps its keys in the order in which they were set. */
class LruMap<K, V> {
  readonly #map = new Map<K, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: K): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size > this.#limit) this.#map.delete(this.#map.keys().next().value as K);
  }
}
