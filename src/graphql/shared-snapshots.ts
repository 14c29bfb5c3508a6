import type { ProgressSnapshot } from '../replay/summary.ts';
import type { ReplayEngine } from './context.ts';

/** A snapshot is shared for this long, milliseconds: less than a SUMMARY stream's own pace. */
const FRESH_MS = 100;
/** Runs whose last snapshot is kept; the one asked for longest ago goes first. */
const RUNS = 64;

interface Taken {
  readonly at: number;
  readonly snapshot: Promise<ProgressSnapshot>;
}

const byEngine = new WeakMap<ReplayEngine, Map<string, Taken>>();

/**
 * How a run is now, for a payload that has told of its events up to `lastSeq`. Fifty dashboards that watch one run
 * cost one look at its row. State and number of the last event are one row, so a snapshot that is not older than the
 * payload's events never says RUNNING beside the event of the end.
 * @throws RepriseError REPLAY_NOT_FOUND
 */
export async function sharedSnapshot(engine: ReplayEngine, id: string, lastSeq: number): Promise<ProgressSnapshot> {
  let runs = byEngine.get(engine);
  if (runs === undefined) {
    runs = new Map();
    byEngine.set(engine, runs);
  }
  const taken = runs.get(id);
  if (taken !== undefined && performance.now() - taken.at < FRESH_MS) {
    const snapshot = await taken.snapshot.catch(() => null);
    if (snapshot !== null && snapshot.seq >= lastSeq) return snapshot;
  }
  const snapshot = engine.snapshot(id);
  runs.delete(id);
  runs.set(id, { at: performance.now(), snapshot });
  for (const oldest of runs.keys()) {
    if (runs.size <= RUNS) break;
    runs.delete(oldest);
  }
  return snapshot;
}
