import type { JournalStore } from '../../journal/store.ts';
import type { EntryFilter } from '../../journal/window.ts';
import type { TargetConnection } from '../../target/connection.ts';
import type { Connector } from '../connector.ts';
import { type EarlierState, findEarlierState } from '../earlier-state.ts';
import { type PlannedSession, planFilter } from '../plan.ts';
import { answerGraceMs, type ReplayRequest } from '../request.ts';
import { sessionKey } from '../session-key.ts';
import type { SequenceStarts } from '../store.ts';
import { NamedCatalog } from './catalog.ts';
import { answersIn, KeptAnswers } from './catalog-answers.ts';
import { readCatalog, readSequences } from './catalog-read.ts';
import type { IdRestorer } from './id-restorer.ts';
import { DrawLedger } from './ledger.ts';
import { SequenceRestorer } from './sequence-restorer.ts';

/** What restoring ids works with. */
export interface OpenIdsOptions {
  readonly journal: JournalStore;
  readonly request: ReplayRequest;
  readonly connector: Connector;
  readonly replayId: string;
  readonly sessions: ReadonlyMap<string, PlannedSession>;
  /** Whether a planned entry is of type DDL. */
  readonly holdDdl: boolean;
  readonly earlier: EarlierState['made'];
  /** Target database for a recorded one; null: the target's own. */
  readonly databaseFor: (recorded: string | null) => string | null;
  /**
   * Of a run that goes on where it was interrupted: what drew at its start, and where the sequences, which have moved
   * since, stood; null in it when that is not known. Null for one that begins.
   */
  readonly resumed: { readonly starts: SequenceStarts | null } | null;
  /** Keeps what draws and where the sequences stand; awaited before anything draws from them. */
  readonly saveStarts: (starts: SequenceStarts) => Promise<void>;
  readonly onUnsettled: (message: string) => void;
}

/** Reading the catalog of a large database takes a while, but not for ever. */
const CATALOG_TIMEOUT_MS = 30_000;
/** How far before the window transactions that straddle its beginning are followed, in microseconds. */
const LOOK_BACK = 3_600_000_000;

/**
 * The restorer for a COMMIT run, reading which of the target's statements draw. Null when the target has no
 * sequences and the record creates no tables: the walk pays nothing then.
 * @throws RepriseError TARGET_UNREACHABLE, TARGET_LOST
 */
export async function openIdRestorer(options: OpenIdsOptions): Promise<IdRestorer | null> {
  const { journal, request, sessions, databaseFor } = options;
  const { target } = options.connector;
  // setval writes.
  if (request.readOnly) return null;
  const databases = new Set([...sessions.values()].map(({ database }) => databaseFor(database) ?? target.database));
  const { resumed } = options;
  const catalogs = new Map<string, NamedCatalog>();
  const starts: Record<string, string> = {};
  let startKnown = true;
  for (const database of databases) {
    const begun = await catalogAtStart(options, database);
    if (begun !== null) catalogs.set(database, begun);
    else {
      const found = await withConnection(options, database, async (connection) => {
        const answers = new KeptAnswers(connection);
        const catalog = await readCatalog(answers, loginsOf(request));
        return { catalog, packed: await answers.packed() };
      });
      catalogs.set(database, found.catalog);
      starts[database] = found.packed;
      if (resumed !== null) startKnown = false;
    }
  }
  const drawsNothing = [...catalogs.values()].every(({ sequences }) => sequences.size === 0);
  if (drawsNothing && !(await createsTables(options))) return null;
  if (resumed === null) await options.saveStarts(starts);
  const readFrom = await earliestStart(options);
  const ledger = new DrawLedger({
    journal,
    window: request.window,
    readFrom,
    filter: databasesOnly(options),
    positionsKnown: startKnown,
    catalogFor: (recorded) => catalogs.get(databaseFor(recorded) ?? target.database) ?? NO_CATALOG,
    loginFor: (recorded) => request.users.find((user) => user.recorded === recorded)?.user ?? null,
    earlier:
      readFrom === request.window.from && leavesNothingOut(request)
        ? options.earlier
        : await earlierOfAll(options, readFrom),
  });
  return new SequenceRestorer({
    ledger,
    moved: resumed !== null,
    atEnd: async (work) => {
      for (const [database, { sequences }] of catalogs) {
        await withConnection(options, database, async (connection) => {
          await work(sequences, await readSequences(connection), (sql) => connection.query(sql));
        });
      }
    },
    onUnsettled: options.onUnsettled,
  });
}

/** The catalog of a database of the target as a run that is resumed found it when it began; null: nobody knows. */
async function catalogAtStart({ resumed, request }: OpenIdsOptions, database: string): Promise<NamedCatalog | null> {
  const packed = resumed?.starts?.[database];
  const answers = packed === undefined ? null : await answersIn(packed);
  // What another version of this program kept may not do.
  return answers === null ? null : readCatalog(answers, loginsOf(request)).catch(() => null);
}

function loginsOf({ users }: ReplayRequest): readonly string[] {
  return users.map(({ user }) => user);
}

const NO_CATALOG = new NamedCatalog([]);

function withConnection<T>(
  options: OpenIdsOptions,
  database: string,
  work: (connection: TargetConnection) => Promise<T>,
): Promise<T> {
  return options.connector.use(
    {
      connectTimeoutMs: options.request.connectTimeoutMs,
      applicationName: `reprise ${options.replayId.slice(0, 8)} ids`,
      statementTimeoutMs: CATALOG_TIMEOUT_MS,
      answerGraceMs: answerGraceMs(options.request),
      readOnly: false,
      database,
    },
    work,
  );
}

/** Whether the record may create what draws: with a table, or with a column of one. */
async function createsTables(options: OpenIdsOptions): Promise<boolean> {
  const { journal, request, holdDdl } = options;
  // Where the plan leaves nothing out it has told; to look costs a scan of the window for each text.
  if (leavesNothingOut(request) && !holdDdl) return false;
  for (const text of ['create', 'alter']) {
    const filter: EntryFilter = { ...databasesOnly(options), statementTypes: ['DDL'], text };
    if ((await journal.page(request.window, filter, null, 1)).entries.length > 0) return true;
  }
  return false;
}

/** Whether the plan holds all sessions and statements of its databases. */
function leavesNothingOut(request: ReplayRequest): boolean {
  return Object.keys(request.filter).every((name) => name === 'databases');
}

/** What all sessions had set by a point in time that draw from there on, those that the replay leaves out too. */
async function earlierOfAll(options: OpenIdsOptions, from: number): Promise<EarlierState['made']> {
  const { journal, request } = options;
  const spans = await journal.sessionSpans({ from, to: request.window.to }, databasesOnly(options));
  const sessions = spans.map((span) => ({ key: sessionKey(span), sessionId: span.sessionId }));
  return (await findEarlierState(journal, from, sessions)).made;
}

/**
 * Statements that the replay leaves out drew from the same sequences: only the databases may be narrowed, to those of the
 * sessions that it does not leave out where the request names none.
 */
function databasesOnly({ request, sessions }: OpenIdsOptions): EntryFilter {
  const { databases } = planFilter(request);
  if (databases !== undefined) return { databases };
  const planned = new Set<string>();
  for (const { database } of sessions.values()) {
    // It may be any.
    if (database === null) return {};
    planned.add(database);
  }
  return leavesNothingOut(request) ? {} : { databases: [...planned] };
}

/** Where to begin reading: at the start of the earliest transaction that the window's beginning cuts and the walk includes. */
async function earliestStart(options: OpenIdsOptions): Promise<number> {
  const { journal, request } = options;
  const { from, to } = request.window;
  if (request.edges !== 'INCLUDE') return from;
  const straddlers = await journal.straddlers(request.window, databasesOnly(options));
  let earliest = from;
  for (const { startedAt, endedAt, status } of straddlers) {
    if (status === 'COMMITTED' && endedAt !== null && endedAt <= to) earliest = Math.min(earliest, startedAt);
  }
  return Math.max(earliest, from - LOOK_BACK);
}
