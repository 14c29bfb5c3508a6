import { messageOf, RepriseError } from '../errors.ts';
import type { EntryKey } from '../journal/entry.ts';
import type { EntryPage, JournalStore } from '../journal/store.ts';
import type { RunControl } from './control.ts';
import type { OutcomeEvent } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import { hasEvicted } from './evicted-plan.ts';
import { persistentJournal, readPersistently } from './persistent-reads.ts';
import { openPlan, pageSizeOf, planFilter, plannedOf, readSessions } from './plan.ts';
import type { PlannedEntry, Reporter } from './reporter.ts';
import type { ReplayRequest } from './request.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { EventChunk, Replay, ReplayStore } from './store.ts';

const CHUNKS_AT_ONCE = 16;

/** What is told of a statement that a process may have sent before it died. */
export const MAY_HAVE_RUN = 'the service stopped while the statement may have been under way';

/** A run that ends for good before its walk has passed over all that an earlier process of it may have sent. */
export interface EndingInDoubt {
  readonly journal: JournalStore;
  readonly store: ReplayStore;
  readonly replay: Pick<Replay, 'id' | 'lossMark'>;
  readonly request: ReplayRequest;
  readonly settled: SettledOutcomes;
  readonly reporter: Reporter;
  /** Its end cuts the reading of the plan off: a run that is being cancelled has come to its own. */
  readonly control: RunControl;
}

/**
 * Tells as UNKNOWN of the statements that an earlier process may have sent and that nothing was told of: which they are, the plan
 * knows. Gives a sentence about those that it does not hold any more; null: all are told.
 * @throws RepriseError STORE_UNAVAILABLE; REPLAY_STATE when `control` has ended: they stay in doubt
 */
export async function tellLeftInDoubt(ending: EndingInDoubt): Promise<string | null> {
  const { settled, reporter, control } = ending;
  const run = { ...ending, journal: persistentJournal(ending.journal, control) };
  const { asked } = settled;
  if (settled.untold(asked) === 0) return null;
  try {
    const known = await readPersistently(() => lastKnown(run), control);
    const isShifted = async () => (await hasEvicted(run)) && !(await isInJournal(run, known));
    if (await isShifted()) return notListed(settled.untold(asked), EVICTED);
    const { untold, reached } = await readUntold(run, known, asked);
    // Retention goes on while it is read.
    if (await isShifted()) return notListed(settled.untold(asked), EVICTED);
    const isEvicted = settled.untold(reached) > 0 && (await hasEvicted(run));
    for (const place of untold) reporter.unknown(place, MAY_HAVE_RUN);
    return isEvicted ? notListed(settled.untold(reached), EVICTED) : null;
  } catch (error) {
    const isAway = error instanceof RepriseError && error.code === 'STORE_UNAVAILABLE';
    if (isAway || control.endReason !== null) throw error;
    return notListed(settled.untold(asked), messageOf(error));
  }
}

const EVICTED = 'retention took them out of the journal';

/**
 * Those behind `asked` that nothing was told of, and how far the plan was read for them. All of them before one is told: of
 * transactions that are known in part only, a run that is resumed replays nothing. Their number is bounded, as the mark is.
 */
async function readUntold(run: EndingInDoubt, known: OutcomeEvent | null, asked: number) {
  const { settled } = run;
  const untold: PlannedEntry[] = [];
  let reached = asked;
  for await (const places of placesOf(run, known)) {
    for (const place of places) {
      // The mark may also reach beyond the end of the plan.
      if (place.ordinal > settled.doubtfulThrough) return { untold, reached };
      // Asked of all: where one is another entry than it was, the others have other places too.
      const isSettled = settled.has(place);
      if (place.ordinal <= asked) continue;
      if (!isSettled) untold.push(place);
      reached = place.ordinal;
    }
  }
  return { untold, reached };
}

/** Retention takes the oldest: what is behind an entry that is there still has the place in the plan that it had. */
async function isInJournal({ journal }: EndingInDoubt, known: OutcomeEvent | null): Promise<boolean> {
  if (known === null) return false;
  const { transactionId, key } = known;
  const [entry] = await journal.entriesByPlace([{ transactionId, sequence: key.sequence }]);
  return entry !== null && entry !== undefined;
}

function notListed(count: number, why: string): string {
  const are = count === 1 ? 'statement that may have been sent is' : 'statements that may have been sent are';
  return `${count} ${are} not listed as UNKNOWN: ${why}`;
}

/**
 * The plan with its ordinals, as the walks of the orderings number it: from what has no outcome on, where its place in the journal
 * tells its ordinal, else from its beginning.
 */
async function* placesOf(
  { journal, request }: EndingInDoubt,
  known: OutcomeEvent | null,
): AsyncGenerator<readonly PlannedEntry[]> {
  if (request.ordering === 'COMMIT') yield* committedPlaces(journal, request, known);
  else if (known !== null && request.edges === 'CUT' && request.scale === 1)
    yield* placesBehind(journal, request, known);
  else yield* allPlaces(journal, request);
}

/** The outcome up to which every statement has one; null: the first has none. */
async function lastKnown({ store, replay, settled }: EndingInDoubt): Promise<OutcomeEvent | null> {
  const { gaplessThrough } = settled;
  for (let before: number | null = null; gaplessThrough > 0; ) {
    const chunks: readonly EventChunk[] = await store.chunksBefore(replay.id, before, CHUNKS_AT_ONCE);
    for (const event of chunks.flatMap(decodeChunk))
      if (event.kind === 'OUTCOME' && event.ordinal === gaplessThrough) return event;
    before = chunks.at(-1)?.firstSeq ?? 0;
    if (before <= 1) break;
  }
  return null;
}

async function* committedPlaces(
  journal: JournalStore,
  request: ReplayRequest,
  known: OutcomeEvent | null,
): AsyncGenerator<readonly PlannedEntry[]> {
  const filter = planFilter(request);
  const read = (after: bigint) => journal.committed(request.window, filter, after, pageSizeOf(request));
  const [transaction] = known === null ? [] : await journal.transactions([known.transactionId]);
  let page = await read((transaction?.commitSeq ?? 1n) - 1n);
  let ordinal = 0;
  if (known !== null) {
    const [first] = page;
    const own = first?.transaction.id === known.transactionId ? plannedOf(request, filter, first, 0) : [];
    const place = own.find(({ entry }) => entry.sequence === known.key.sequence);
    if (place !== undefined) ordinal = known.ordinal - place.ordinal;
    else page = await read(0n);
  }
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    for (const whole of page) {
      const places = plannedOf(request, filter, whole, ordinal);
      ordinal += places.length;
      yield places;
    }
    page = await read(last.transaction.commitSeq);
  }
}

/** Where a plan holds what the window does, and nothing besides. */
async function* placesBehind(
  journal: JournalStore,
  request: ReplayRequest,
  known: OutcomeEvent,
): AsyncGenerator<readonly PlannedEntry[]> {
  let { ordinal } = known;
  for (let after: EntryKey | null = known.key; after !== null; ) {
    const page: EntryPage = await journal.page(request.window, planFilter(request), after, pageSizeOf(request));
    yield page.entries.map((entry) => {
      ordinal += 1;
      return { ordinal, entry, copy: 0 };
    });
    after = page.hasMore ? (page.entries.at(-1) ?? null) : null;
  }
}

async function* allPlaces(journal: JournalStore, request: ReplayRequest): AsyncGenerator<readonly PlannedEntry[]> {
  let ordinal = 0;
  const { arrival } = await journal.tailEnd();
  const { sessions } = await readSessions(journal, request);
  const straddlers = await journal.straddlers(request.window, planFilter(request));
  const plan = await openPlan(journal, request, sessions, arrival, straddlers);
  const copies = Array.from({ length: request.scale }, (_, copy) => copy);
  for (let page = await plan.nextPage(); page !== null; page = await plan.nextPage()) {
    yield page.flatMap((entry) =>
      copies.map((copy) => {
        ordinal += 1;
        return { ordinal, entry, copy };
      }),
    );
  }
}
