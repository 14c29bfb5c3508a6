import { createHash } from 'node:crypto';
import { CompiledQuery, type Kysely, type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely';
import { RepriseError } from '../errors.ts';
import { hasEnded, nextState, type RunState } from '../replay/run-state.ts';
import type {
  ChunkKind,
  EventChunk,
  Replay,
  ReplayReport,
  ReplayStore,
  SequenceStarts,
  StoredRequest,
  TimelinePart,
} from '../replay/store.ts';
import type { ReplaySummary } from '../replay/summary.ts';
import type { Database } from './database.ts';
import { uuidsOf } from './entry-filter.ts';
import { guarded, sqlstateOf } from './failures.ts';
import { deleteEnded, deleteReplay } from './replay-delete.ts';
import {
  ACTIVE,
  columnsOf,
  lockReplay,
  notFound,
  REPLAY_CHANNEL,
  refuseOther,
  requestText,
  runWrite,
  writeLocked,
} from './replay-write.ts';
import { storable } from './sanitize.ts';
import type { ReplayChunksTable, ReplaysTable, Tables } from './tables.ts';

/** query_canceled: the statement timeout, too. */
const QUERY_CANCELED = '57014';

const NO_OUTCOMES: TimelinePart = { outcomes: 0, failures: 0, skipped: 0, unknown: 0, diverged: 0 };

/** True for the chunks that hold such events. */
const HOLDS = {
  FAILURES: sql<SqlBool>`failures > 0`,
  DIVERGED: sql<SqlBool>`diverged > 0`,
  SKIPPED: sql<SqlBool>`skipped > 0`,
  UNKNOWN: sql<SqlBool>`unknown > 0`,
  OTHER: sql<SqlBool>`last_seq - first_seq + 1 > outcomes`,
  TROUBLE: sql<SqlBool>`(last_seq - first_seq + 1 > outcomes or failures > 0 or diverged > 0 or unknown > 0)`,
} as const satisfies Record<ChunkKind, RawBuilder<SqlBool>>;

/**
 * Runs, their events and reports in a database. Holds no connections of its own: they end with
 * `database.close()`, and with them the ownership of runs.
 *
 * A run that has ended takes no more events (`append` is refused with REPLAY_STATE), events must follow the last ones,
 * and whoever names itself must own the run: a process that was taken for dead cannot go on writing into a run that
 * another has resumed.
 */
export function createReplayStore(database: Database): ReplayStore {
  const { query } = database;
  /** Alive as long as this is, also while the lock is lost with its connection. */
  const living = new Set<string>();

  return {
    create: (replay) =>
      guarded('store the replay', async () => {
        const row = await database.writing
          .insertInto('replays')
          .values({
            id: replay.id,
            request: requestText(replay.request),
            state: 'PENDING',
            created_at: replay.createdAt,
            target_label: storable(replay.targetLabel),
            summary: JSON.stringify(replay.summary),
            last_seq: 0,
            sent_through: 0,
            owner_id: storable(replay.ownerId),
            loss_mark: replay.lossMark,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        return replayOf(row);
      }),

    get: (id) => guarded('read the replay', () => readReplay(query, id)),

    list: (filter, before, limit) =>
      guarded('list the replays', async () => {
        if (limit < 1) return [];
        let select = query.selectFrom('replays').selectAll().orderBy('number', 'desc').limit(limit);
        if (filter.states) {
          const states = filter.states;
          select = select.where((eb) => eb('state', '=', eb.fn.any(eb.val(states))));
        }
        if (before !== null) select = select.where('number', '<', BigInt(before));
        return (await select.execute()).map(replayOf);
      }),

    transition: (id, action, patch, chunk, ownerId) =>
      guarded('change the state of the replay', () =>
        database.write(async (client) => {
          const run = await lockReplay(client, id);
          refuseOther(id, run, ownerId);
          const next = nextState(run.state, action);
          // A run that goes on again has not ended, and no longer shows why it had.
          const resumed = hasEnded(run.state) && !hasEnded(next) ? { ended_at: null, error: null } : {};
          await writeLocked(client, id, run, chunk, { ...resumed, ...columnsOf(patch), state: next });
          return next;
        }),
      ),

    append: (id, chunk, patch, ownerId) =>
      guarded('record the events of the replay', async () => {
        const columns = columnsOf(patch);
        const { text, values } = runWrite(id, ACTIVE, chunk, columns, ownerId);
        // One round trip: a busy run appends twenty times a second.
        const done = await database.writing.executeQuery(CompiledQuery.raw(text, values)).then(
          ({ rows }) => rows.length === 1,
          (error) => {
            if (sqlstateOf(error) === QUERY_CANCELED) return false;
            throw error;
          },
        );
        if (done) return;
        // Refused, which the locked run tells the reason of; or it took longer than a read may, as events can.
        await database.write(async (client) => {
          const run = await lockReplay(client, id);
          refuseOther(id, run, ownerId);
          if (hasEnded(run.state))
            throw new RepriseError('REPLAY_STATE', `replay ${id} is ${run.state}: another process has ended it`);
          await writeLocked(client, id, run, chunk, columns);
        });
      }),

    chunks: (id, afterSeq, limit, only) =>
      guarded('read the events of the replay', async () => {
        const [known] = uuidsOf([id]);
        if (known === undefined || limit < 1) return [];
        let select = selectChunks(query, known)
          .where('last_seq', '>', BigInt(afterSeq))
          .orderBy('last_seq')
          .limit(limit);
        if (only !== undefined) select = select.where(HOLDS[only]);
        return (await select.execute()).map(chunkOf);
      }),

    chunksBefore: (id, beforeSeq, limit, only) =>
      guarded('read the events of the replay', async () => {
        const [known] = uuidsOf([id]);
        if (known === undefined || limit < 1 || (beforeSeq !== null && beforeSeq <= 1)) return [];
        let select = selectChunks(query, known).orderBy('last_seq', 'desc').limit(limit);
        if (beforeSeq !== null) {
          // The key is the last event, so the chunk around the place is the first that ends at it or later.
          select = select.where('last_seq', '<=', (eb) =>
            eb.fn.coalesce(
              eb
                .selectFrom('replay_chunks')
                .select('last_seq')
                .where('replay_id', '=', known)
                .where('last_seq', '>=', BigInt(beforeSeq - 1))
                .orderBy('last_seq')
                .limit(1),
              eb.val(BigInt(beforeSeq)),
            ),
          );
        }
        if (only !== undefined) select = select.where(HOLDS[only]);
        return (await select.execute()).map(chunkOf);
      }),

    chunksByRecord: (id, from, after, limit) =>
      guarded('read the events of the replay', async () => {
        const [known] = uuidsOf([id]);
        if (known === undefined || limit < 1) return [];
        let select = selectChunks(query, known)
          .where('recorded_to', '>=', BigInt(from))
          .orderBy('recorded_from')
          .orderBy('last_seq')
          .limit(limit);
        if (after !== null) {
          const { recordedFrom, lastSeq } = after;
          select = select.where(sql<SqlBool>`(recorded_from, last_seq) > (${recordedFrom}, ${lastSeq})`);
        }
        return (await select.execute()).map(chunkOf);
      }),

    timeline: (id, from, to, parts) =>
      guarded('read the timeline of the replay', async () => {
        const [known] = uuidsOf([id]);
        const counts = Array.from({ length: parts }, () => NO_OUTCOMES);
        if (known === undefined) return counts;
        const { rows } = await sql<Record<keyof TimelinePart, bigint> & { part: number }>`
          select least(greatest(floor((at - ${from}::int8)::float8 / ${Math.max(1, to - from) / parts}::float8)::int, 0),
                       ${parts - 1}::int) as part,
                 sum(outcomes) as outcomes, sum(failures) as failures, sum(skipped) as skipped,
                 sum(unknown) as unknown, sum(diverged) as diverged
          from reprise.replay_chunks where replay_id = ${known} group by 1`.execute(query);
        for (const { part, outcomes, failures, skipped, unknown, diverged } of rows) {
          counts[part] = {
            outcomes: Number(outcomes),
            failures: Number(failures),
            skipped: Number(skipped),
            unknown: Number(unknown),
            diverged: Number(diverged),
          };
        }
        return counts;
      }),

    sentThrough: (id) =>
      guarded('read the progress of the replay', async () => {
        const row = await selectReplay(query, id)?.select('sent_through').executeTakeFirst();
        if (!row) throw notFound(id);
        return Number(row.sent_through);
      }),

    saveSequenceStarts: (id, starts) =>
      guarded('store where the sequences stand', async () => {
        const replay = await selectReplay(query, id)?.select('id').executeTakeFirst();
        if (!replay) throw notFound(id);
        await query
          .insertInto('replay_sequences')
          .values({ replay_id: replay.id, starts: JSON.stringify(starts) })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }),

    sequenceStarts: (id) =>
      guarded('read where the sequences stood', async () => {
        const [known] = uuidsOf([id]);
        if (known === undefined) return null;
        const row = await query
          .selectFrom('replay_sequences')
          .select('starts')
          .where('replay_id', '=', known)
          .executeTakeFirst();
        return row === undefined ? null : (JSON.parse(row.starts) as SequenceStarts);
      }),

    saveReport: (id, report, ownerId) =>
      guarded('store the report of the replay', async () => {
        const replay = await readReplay(query, id);
        if (replay === null) throw notFound(id);
        refuseOther(id, replay, ownerId);
        if (ownerId !== undefined && replay.state === 'INTERRUPTED')
          throw new RepriseError('REPLAY_STATE', `replay ${id} is INTERRUPTED: another process has ended it`);
        const text = JSON.stringify(report);
        await query
          .insertInto('replay_reports')
          .values({ replay_id: replay.id, report: text })
          .onConflict((conflict) => conflict.column('replay_id').doUpdateSet({ report: text }))
          .execute();
      }),

    report: (id) =>
      guarded('read the report of the replay', async () => {
        const [known] = uuidsOf([id]);
        if (known === undefined) return null;
        const row = await query
          .selectFrom('replay_reports')
          .select('report')
          .where('replay_id', '=', known)
          .executeTakeFirst();
        return row === undefined ? null : (JSON.parse(row.report) as ReplayReport);
      }),

    interruptOrphans: (chunkAfter) =>
      guarded('look for interrupted replays', () => interruptOrphans(database, living, chunkAfter)),
    holdOwnership: (ownerId, onHeldAgain) => {
      living.add(ownerId);
      return guarded('take the ownership of replays', () => database.session.hold(ownerKey(ownerId), onHeldAgain));
    },

    delete: (id) => guarded('delete the replay', () => deleteReplay(database, id)),
    deleteEnded: (before) => guarded('delete an old replay', () => deleteEnded(database, before)),

    onEvents: (listener) =>
      database.session.listen(REPLAY_CHANNEL, (payload) => {
        // After a reconnection nobody knows which runs moved; readers also look by themselves.
        if (payload !== null) listener(payload);
      }).stop,
  };
}

function chunkOf(row: Selectable<ReplayChunksTable>): EventChunk {
  return {
    firstSeq: Number(row.first_seq),
    lastSeq: Number(row.last_seq),
    payload: row.payload,
    at: Number(row.at),
    outcomes: row.outcomes,
    failures: row.failures,
    skipped: row.skipped,
    unknown: row.unknown,
    diverged: row.diverged,
    recordedFrom: row.recorded_from === null ? null : Number(row.recorded_from),
    recordedTo: row.recorded_to === null ? null : Number(row.recorded_to),
  };
}

function selectChunks(query: Kysely<Tables>, replayId: string) {
  return query.selectFrom('replay_chunks').selectAll().where('replay_id', '=', replayId);
}

function selectReplay(query: Kysely<Tables>, id: string) {
  const [known] = uuidsOf([id]);
  return known === undefined ? null : query.selectFrom('replays').where('id', '=', known);
}

async function readReplay(query: Kysely<Tables>, id: string): Promise<Replay | null> {
  const row = await selectReplay(query, id)?.selectAll().executeTakeFirst();
  return row ? replayOf(row) : null;
}

function replayOf(row: Selectable<ReplaysTable>): Replay {
  return {
    id: row.id,
    number: Number(row.number),
    request: JSON.parse(row.request) as StoredRequest,
    state: row.state as RunState,
    createdAt: Number(row.created_at),
    startedAt: row.started_at === null ? null : Number(row.started_at),
    endedAt: row.ended_at === null ? null : Number(row.ended_at),
    targetLabel: row.target_label,
    targetVersion: row.target_version,
    summary: JSON.parse(row.summary) as ReplaySummary,
    error: row.error === null ? null : (JSON.parse(row.error) as Replay['error']),
    lastSeq: Number(row.last_seq),
    ownerId: row.owner_id,
    lossMark: Number(row.loss_mark),
  };
}

/** Whoever gets an owner's lock knows that the owner is dead. The lock goes with the transaction. */
async function interruptOrphans(
  database: Database,
  living: ReadonlySet<string>,
  chunkAfter: (lastSeq: number) => EventChunk,
): Promise<readonly string[]> {
  const owners = await database.query
    .selectFrom('replays')
    .select('owner_id')
    .distinct()
    .where((eb) => eb('state', '=', eb.fn.any(eb.val(ACTIVE))))
    .execute();
  const interrupted: string[] = [];
  for (const { owner_id: ownerId } of owners) {
    if (living.has(ownerId)) continue;
    const ids = await database.write(async (client) => {
      const lock = await client.query<{ dead: boolean }>('select pg_try_advisory_xact_lock($1) as dead', [
        ownerKey(ownerId),
      ]);
      if (lock.rows[0]?.dead !== true) return [];
      const { rows } = await client.query<{ id: string; state: RunState; last_seq: bigint }>(
        'select id, state, last_seq from reprise.replays where owner_id = $1 and state = any($2::text[]) for update',
        [ownerId, ACTIVE],
      );
      for (const { id, state, last_seq } of rows) {
        const lastSeq = Number(last_seq);
        await writeLocked(client, id, { state, lastSeq }, chunkAfter(lastSeq), {
          state: 'INTERRUPTED',
          ended_at: Date.now() * 1000,
          error: JSON.stringify({ code: 'INTERRUPTED', message: 'the process that ran it has died' }),
        });
      }
      return rows.map(({ id }) => id);
    });
    interrupted.push(...ids);
  }
  return interrupted;
}

/** The advisory lock of an owner: 64 bits of a digest. */
function ownerKey(ownerId: string): bigint {
  return createHash('sha256')
    .update(`reprise owner ${storable(ownerId)}`)
    .digest()
    .readBigInt64BE(0);
}
