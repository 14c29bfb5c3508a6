import DataLoader from 'dataloader';
import type { Entry, EntryPlace } from '../journal/entry.ts';
import { readPlaces } from '../journal/entry-places.ts';
import type { Recorder } from '../journal/recorder.ts';
import type { JournalStore } from '../journal/store.ts';
import type { Transaction } from '../journal/transaction.ts';
import type { ReplayEngine as Engine } from '../replay/engine.ts';
import type { RunCause } from '../replay/run-observer.ts';

/** Runs replays: what the API needs of the engine. */
export type ReplayEngine = Pick<
  Engine,
  | 'start'
  | 'cancel'
  | 'delete'
  | 'pause'
  | 'resume'
  | 'setSpeed'
  | 'get'
  | 'list'
  | 'events'
  | 'selected'
  | 'snapshot'
  | 'statements'
  | 'inDoubt'
  | 'report'
  | 'timeline'
  | 'compare'
  | 'compareCalls'
  | 'preflight'
  | 'isHurried'
  | 'targets'
  | 'targetRefusal'
  | 'checkTarget'
>;

/** `reader`: queries and subscriptions. `operator`: everything. */
export type Role = 'reader' | 'operator';

/** What lives as long as the service. */
export interface ServiceContext {
  readonly journal: JournalStore;
  readonly recorder: Recorder;
  readonly engine: ReplayEngine;
}

/** What a resolver gets: the service, and who asks. */
export interface RequestContext extends ServiceContext {
  readonly role: Role;
  readonly requestId: string;
  /** For what the operation starts; null where nothing is traced. */
  readonly trace: RunCause['trace'];
  /** Aborted when the client has gone or the service stops; ends the request's streams. */
  readonly signal: AbortSignal | null;
  readonly loaders: {
    readonly entry: DataLoader<EntryPlace, Entry | null>;
    readonly transaction: DataLoader<string, Transaction | null>;
  };
}

/** The context of one operation. */
export function createRequestContext(
  service: ServiceContext,
  request: Pick<RequestContext, 'role' | 'requestId' | 'trace' | 'signal'>,
): RequestContext {
  const { journal } = service;
  // Without a cache: a subscription keeps its context for hours, and a cache would keep every entry it showed.
  const options = { cache: false, maxBatchSize: 1000 } as const;
  return {
    ...service,
    ...request,
    loaders: {
      entry: new DataLoader<EntryPlace, Entry | null>((places) => entriesAt(journal, places), options),
      transaction: new DataLoader<string, Transaction | null>((ids) => journal.transactions(ids), options),
    },
  };
}

/** All of them at once: the answer holds them all. */
async function entriesAt(journal: JournalStore, places: readonly EntryPlace[]): Promise<readonly (Entry | null)[]> {
  const entries: (Entry | null)[] = [];
  await readPlaces(journal, places, (entry) => entries.push(entry));
  return entries;
}
