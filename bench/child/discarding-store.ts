import { RepriseError } from '../../src/errors.ts';
import { nextState } from '../../src/replay/run-state.ts';
import type { Replay, ReplayStore } from '../../src/replay/store.ts';

/** Runs in memory, without their events: what a replay costs when nothing is recorded. */
export function discardingStore(): ReplayStore {
  const replays = new Map<string, Replay>();
  const known = (id: string): Replay => {
    const replay = replays.get(id);
    if (replay === undefined) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}`);
    return replay;
  };
  const change = (id: string, changes: Partial<Replay>) => replays.set(id, { ...known(id), ...changes });
  return {
    async create(parts) {
      const replay: Replay = {
        ...parts,
        number: replays.size + 1,
        state: 'PENDING',
        startedAt: null,
        endedAt: null,
        targetVersion: null,
        error: null,
        lastSeq: 0,
      };
      replays.set(parts.id, replay);
      return replay;
    },
    get: async (id) => replays.get(id) ?? null,
    list: async () => [...replays.values()],
    async transition(id, action, { sentThrough: _, ...patch }, chunk) {
      const state = nextState(known(id).state, action);
      change(id, { ...patch, state, ...(chunk === null ? {} : { lastSeq: chunk.lastSeq }) });
      return state;
    },
    async append(id, chunk, { sentThrough: _, ...patch }) {
      change(id, { ...patch, ...(chunk === null ? {} : { lastSeq: chunk.lastSeq }) });
    },
    chunks: async () => [],
    chunksBefore: async () => [],
    chunksByRecord: async () => [],
    timeline: async () => [],
    sentThrough: async () => 0,
    saveSequenceStarts: async () => {},
    sequenceStarts: async () => null,
    saveReport: async () => {},
    report: async () => null,
    interruptOrphans: async () => [],
    holdOwnership: async () => {},
    delete: async () => {},
    deleteEnded: async () => null,
    onEvents: () => () => {},
  };
}
