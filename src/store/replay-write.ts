import type { Updateable } from 'kysely';
import type { PoolClient } from 'pg';
import { RepriseError } from '../errors.ts';
import type { RunState } from '../replay/run-state.ts';
import type { EventChunk, ReplayPatch, StoredRequest } from '../replay/store.ts';
import { uuidsOf } from './entry-filter.ts';
import { storable } from './sanitize.ts';
import type { ReplaysTable } from './tables.ts';

/** The channel that tells of runs with new events or state. */
export const REPLAY_CHANNEL = 'reprise_replay';

/** Runs that somebody is, or should be, working on. */
export const ACTIVE: readonly RunState[] = ['PENDING', 'CONNECTING', 'RUNNING', 'PAUSED'];

/** There is no run of this id. */
export function notFound(id: string): RepriseError {
  return new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}`);
}

/** A run whose row is locked until the transaction ends. */
export interface LockedRun {
  readonly state: RunState;
  readonly lastSeq: number;
  readonly ownerId: string;
}

/**
 * Locks a run's row.
 * @throws RepriseError REPLAY_NOT_FOUND
 */
export async function lockReplay(client: PoolClient, id: string): Promise<LockedRun> {
  const [known] = uuidsOf([id]);
  const { rows } = await client.query<{ state: RunState; last_seq: bigint; owner_id: string }>(
    'select state, last_seq, owner_id from reprise.replays where id = $1 for update',
    [known ?? null],
  );
  const row = rows[0];
  if (row === undefined) throw notFound(id);
  return { state: row.state, lastSeq: Number(row.last_seq), ownerId: row.owner_id };
}

/**
 * Refuses whoever has lost a run; `ownerId`: who writes, undefined for who need not own it.
 * @throws RepriseError REPLAY_STATE
 */
export function refuseOther(id: string, run: Pick<LockedRun, 'ownerId'>, ownerId: string | undefined): void {
  if (ownerId === undefined || storable(ownerId) === run.ownerId) return;
  throw new RepriseError('REPLAY_STATE', `another process of the service has taken replay ${id}`);
}

/**
 * A request as its column holds it. The caller has taken passwords out already; a second look costs nothing and a stored
 * one could never be recalled.
 */
export function requestText(request: StoredRequest): string {
  const { password: _, ...target } = request.target;
  return JSON.stringify({ ...request, target, users: request.users.map((user) => ({ ...user, password: null })) });
}

/** The columns that a patch changes. */
export function columnsOf(patch: ReplayPatch): Updateable<ReplaysTable> {
  const columns: Updateable<ReplaysTable> = {};
  if (patch.startedAt !== undefined) columns.started_at = patch.startedAt;
  if (patch.endedAt !== undefined) columns.ended_at = patch.endedAt;
  if (patch.targetVersion !== undefined) columns.target_version = storable(patch.targetVersion);
  if (patch.summary !== undefined) columns.summary = JSON.stringify(patch.summary);
  if (patch.error !== undefined) columns.error = patch.error === null ? null : JSON.stringify(patch.error);
  if (patch.ownerId !== undefined) columns.owner_id = storable(patch.ownerId);
  if (patch.request !== undefined) columns.request = requestText(patch.request);
  if (patch.sentThrough !== undefined) columns.sent_through = patch.sentThrough;
  return columns;
}

/**
 * Writes a chunk and columns of a run that is locked.
 * @throws RepriseError REPLAY_STATE when the chunk does not follow its last event.
 */
export async function writeLocked(
  client: PoolClient,
  id: string,
  { state, lastSeq }: Pick<LockedRun, 'state' | 'lastSeq'>,
  chunk: EventChunk | null,
  columns: Updateable<ReplaysTable>,
): Promise<void> {
  const { rowCount } = await client.query(runWrite(id, [state], chunk, columns));
  if (rowCount === 1) return;
  throw new RepriseError(
    'REPLAY_STATE',
    `events of replay ${id} must go on at ${lastSeq + 1}, not at ${chunk?.firstSeq}: another process writes them`,
  );
}

/**
 * The one statement that writes a chunk and columns of a run and wakes its readers. It gives a row, or, where the run
 * is in none of the states, is not `ownerId`'s, or the chunk does not follow its last event, writes nothing and gives none.
 */
export function runWrite(
  id: string,
  states: readonly RunState[],
  chunk: EventChunk | null,
  columns: Updateable<ReplaysTable>,
  ownerId?: string,
): { readonly text: string; readonly values: unknown[] } {
  const [known = null] = uuidsOf([id]);
  const values: unknown[] = [known, states];
  const bind = (value: unknown) => `$${values.push(value)}`;
  // The mark only ever moves on.
  const changes = Object.entries(columns).map(([column, value]) =>
    column === 'sent_through' ? `sent_through = greatest(sent_through, ${bind(value)})` : `${column} = ${bind(value)}`,
  );
  let where = 'id = $1 and state = any($2::text[])';
  if (ownerId !== undefined) where += ` and owner_id = ${bind(storable(ownerId))}`;
  let insert = '';
  if (chunk !== null) {
    changes.push(`last_seq = ${bind(chunk.lastSeq)}`);
    where += ` and last_seq = ${bind(chunk.firstSeq - 1)}`;
    const row = Object.entries({
      first_seq: chunk.firstSeq,
      last_seq: chunk.lastSeq,
      at: chunk.at,
      outcomes: chunk.outcomes,
      failures: chunk.failures,
      skipped: chunk.skipped,
      unknown: chunk.unknown,
      diverged: chunk.diverged,
      recorded_from: chunk.recordedFrom,
      recorded_to: chunk.recordedTo,
      payload: chunk.payload,
    });
    insert = `, chunk as (insert into reprise.replay_chunks (replay_id, ${row.map(([column]) => column).join(', ')})
      select id, ${row.map(([, value]) => bind(value)).join(', ')} from run)`;
  }
  // Nothing to change: locked all the same, as the state counts until the commit.
  const run =
    changes.length > 0
      ? `update reprise.replays set ${changes.join(', ')} where ${where} returning id`
      : `select id from reprise.replays where ${where} for update`;
  const text = `with run as (${run})${insert} select pg_notify('${REPLAY_CHANNEL}', id::text) from run`;
  return { text, values };
}
