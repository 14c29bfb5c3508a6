import { CompiledQuery } from 'kysely';
import type { Entry } from '../journal/entry.ts';
import type { TransactionWithEntries } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import type { Database } from './database.ts';
import { originClause, uuidsOf } from './entry-filter.ts';
import { NumberReader, positionIn, timestampIn } from './entry-numbers.ts';
import { ENTRY_BODY, type EntryBody, entryOf, originsOf, PAGE_BYTES } from './entry-rows.ts';
import type { OriginMatch, Origins } from './origins.ts';
import { minutesOf } from './transaction-reads.ts';

/** A page ends when its transactions hold this many entries. */
const PAGE_ENTRIES = 5_000;

/**
 * Committed transactions in commit order, see `JournalStore.committed`. The filter's sessions, users,
 * databases, applications and transactions choose whole transactions by their own origin; what it says about
 * single statements (types, text, outcome, duration) is left to the caller, who gets all entries.
 */
export async function readCommitted(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
  afterCommitSeq: bigint,
  limit: number,
): Promise<readonly TransactionWithEntries[]> {
  if (limit < 1) return [];
  const matching = await origins.matching(filter);
  const ids = filter.transactionIds === undefined ? null : uuidsOf(filter.transactionIds);
  if (matching?.ids?.length === 0 || ids?.length === 0) return [];
  const page = await pageOf(database, pageQuery(window, afterCommitSeq, limit, matching, ids));
  // Entries that were evicted leave an empty transaction.
  const filled = page.filter(hasEntries);
  const left = await readTogether(database, origins, filled);
  if (left.length > 0) await readEach(database, origins, left);
  for (const { entries } of page) sortBySequence(entries);
  return page;
}

/** A committed transaction and the entries of it that were read so far. */
interface Committed extends TransactionWithEntries {
  readonly entries: Entry[];
  /** As text, in which all of them are exact. */
  readonly position: string;
  readonly entryCount: number;
  readonly firstTs: number | null;
  readonly lastTs: number | null;
}

type Filled = Committed & { readonly firstTs: number; readonly lastTs: number };

function hasEntries(one: Committed): one is Filled {
  return one.firstTs !== null && one.lastTs !== null;
}

const UUID_LENGTH = 36;

/**
 * Transactions that committed in the window behind a position, in commit order, in one row. As text rather than composed: there
 * is one for each 500 statements of a walk, and to compose it costs as much as to read a fifth of them.
 */
function pageQuery(
  window: Window,
  afterCommitSeq: bigint,
  limit: number,
  matching: OriginMatch | null,
  ids: readonly string[] | null,
): CompiledQuery {
  const values: unknown[] = [...minutesOf(window), afterCommitSeq, window.from, window.to, limit];
  let chosen = '';
  if (matching !== null) chosen += ` and ${originClause(matching, (value) => `$${values.push(value)}`)}`;
  if (ids !== null) chosen += ` and id = any($${values.push(ids)}::uuid[])`;
  const minutes = 'from reprise.commit_minutes where minute > $1::int8 and minute <= $2::int8';
  const text = `
    select string_agg(concat_ws(',', id, commit_seq, position, started_at, autocommit::int, entry_count, byte_count, first_ts, last_ts),
                      ';' order by commit_seq)
    from (
      select * from reprise.transactions
      where commit_seq > ${afterCommitSeq > 0n ? '$3::int8' : `greatest($3::int8, (select min(first_seq) - 1 ${minutes}))`}
        and commit_seq <= (select max(last_seq) ${minutes})
        and ended_at between $4::int8 and $5::int8${chosen}
      order by commit_seq limit $6::int
    ) t`;
  return CompiledQuery.raw(text, values);
}

/**
 * The next transactions, as many as hold `PAGE_ENTRIES`, one at least. In one row: a row for each costs more than all else
 * about them. What may be null comes last, as `concat_ws` leaves it out; a record's text would cost the server half as much again.
 */
async function pageOf(database: Database, query: CompiledQuery): Promise<readonly Committed[]> {
  const rows = await database.rows<[string | null]>(query);
  const text = rows[0]?.[0] ?? null;
  if (text === null) return [];
  const bytes = Buffer.from(text, 'latin1');
  const page: Committed[] = [];
  let start = 0;
  let held = 0;
  let heldBytes = 0;
  for (const record of text.split(';')) {
    // From the bytes: a slice of the text would keep all of it in memory for as long as the id is.
    const id = bytes.toString('latin1', start, start + UUID_LENGTH);
    start += record.length + 1;
    const numbers = new NumberReader(record, UUID_LENGTH + 1);
    const commitSeq = numbers.bigint();
    const position = numbers.text();
    const startedAt = numbers.integer();
    const autocommit = numbers.integer() === 1;
    const entryCount = numbers.integer();
    heldBytes += numbers.integer();
    const firstTs = numbers.integerOrNull();
    const lastTs = numbers.integerOrNull();
    held += entryCount;
    if ((held > PAGE_ENTRIES || heldBytes > PAGE_BYTES) && page.length > 0) break;
    const transaction = { id, startedAt, autocommit, commitSeq };
    page.push({ transaction, entries: [], position, entryCount, firstTs, lastTs });
  }
  return page;
}

/** How many entries may be read for each one that is wanted, before a look into an index for each transaction is cheaper. */
const TOLERATED = 1.25;

const TOGETHER = `
  select ${ENTRY_BODY} from reprise.entries e
  where ts between $1 and $2
  order by ts, position, sequence
  limit $3`;

/**
 * Reads the entries of the transactions that ran at about the same time, all at once in the order of their key, which
 * costs a part of what it costs to look for those of each. Gives the transactions that it left out.
 */
async function readTogether(database: Database, origins: Origins, page: readonly Filled[]): Promise<readonly Filled[]> {
  const body = bodyOf(page);
  if (body.length === 0) return page;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  let wanted = 0;
  for (const one of body) {
    from = Math.min(from, one.firstTs);
    to = Math.max(to, one.lastTs);
    wanted += one.entryCount;
  }
  const limit = Math.ceil(wanted * TOLERATED) + Math.min(wanted, 100);
  const rows = await database.rows<EntryBody>(CompiledQuery.raw(TOGETHER, [from, to, limit]));
  await handOut(rows, body, origins);
  const last = rows.at(-1);
  // Others have so many entries in between that the read ended early.
  const end = rows.length < limit || last === undefined ? Number.POSITIVE_INFINITY : timestampIn(last[0]);
  const read = new Set(body.filter((one) => one.lastTs < end));
  const left = page.filter((one) => !read.has(one));
  for (const { entries } of left) entries.length = 0;
  return left;
}

/** The transactions that lie close together in time; none where others that are not on the page lie in between. */
function bodyOf(page: readonly Filled[]): readonly Filled[] {
  const [first] = page;
  const last = page.at(-1);
  if (first === undefined || last === undefined) return [];
  const committed = Number(last.transaction.commitSeq - first.transaction.commitSeq) + 1;
  if (committed > page.length * TOLERATED) return [];
  const ends = Float64Array.from(page, (one) => one.lastTs).sort();
  // Without the few whose last statement began long before or after the others.
  const outside = Math.floor(ends.length / 50);
  const low = ends[outside] as number;
  const high = ends[ends.length - 1 - outside] as number;
  const length = high - low;
  return page.filter((one) => one.firstTs >= low - length && one.lastTs <= high + length);
}

const EACH = `
  select ${ENTRY_BODY}
  from unnest($1::int8[], $2::int8[], $3::int8[]) as t(position, first_ts, last_ts)
  join lateral (
    select * from reprise.entries
    where position = t.position and ts between t.first_ts and t.last_ts and ts between $4 and $5
  ) e on true`;

async function readEach(database: Database, origins: Origins, page: readonly Filled[]): Promise<void> {
  // The bounds of all leave out partitions when the statement is planned, those of each when it runs.
  const from = page.reduce((least, one) => Math.min(least, one.firstTs), Number.POSITIVE_INFINITY);
  const to = page.reduce((most, one) => Math.max(most, one.lastTs), Number.NEGATIVE_INFINITY);
  const places = [page.map((one) => one.position), page.map((one) => one.firstTs), page.map((one) => one.lastTs)];
  const rows = await database.rows<EntryBody>(CompiledQuery.raw(EACH, [...places, from, to]));
  await handOut(rows, page, origins);
}

/** Gives each transaction those of the rows that are its entries. */
async function handOut(rows: readonly EntryBody[], page: readonly Committed[], origins: Origins): Promise<void> {
  const byPosition = new Map(page.map((one) => [one.position, one]));
  const known = await originsOf(rows, origins);
  for (const row of rows) {
    const owner = byPosition.get(positionIn(row[0]));
    owner?.entries.push(entryOf(row, owner.transaction.id, known));
  }
}

function sortBySequence(entries: Entry[]): void {
  for (let at = 1; at < entries.length; at += 1) {
    if ((entries[at - 1] as Entry).sequence < (entries[at] as Entry).sequence) continue;
    entries.sort((a, b) => a.sequence - b.sequence);
    return;
  }
}
