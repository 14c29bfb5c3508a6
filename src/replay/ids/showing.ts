import type { Value } from '../../journal/value.ts';
import type { Sequence } from './catalog.ts';
import type { Group } from './draw.ts';
import { type GivenIds, isTakenFrom } from './given-ids.ts';
import type { LedgerSession } from './ledger-sessions.ts';
import type { Reference } from './parts.ts';
import type { Given } from './tokens.ts';
import type { Track } from './track.ts';

/** Values shown behind one group of draws. */
const MOST_SHOWN = 1_000;

/** A statement that shows values. */
export interface Showing {
  readonly transactionId: string;
  /** Of several statements: what this one did may yet be undone. */
  readonly inBlock: boolean;
  /** Of the last draw ahead of it. */
  readonly order: number;
  /** What it did was committed, so that all keys held in the end: a row that it named may never have been there else. */
  readonly committed: boolean;
  readonly givenIds: GivenIds;
}

/** Notes the values of a statement that show what its session drew before, and those that it gave to rows itself. */
export function showValues(
  references: readonly Reference[],
  session: LedgerSession | undefined,
  tracks: ReadonlyMap<Sequence, Track>,
  values: (given: Given) => readonly bigint[],
  showing: Showing,
): void {
  for (const { sequence, given, into, perhaps } of references) {
    const id = { column: perhaps === true ? null : (into ?? null), order: showing.order };
    if (into === undefined) continue;
    for (const value of values(given))
      showing.givenIds.add(sequence, value, id, showing.inBlock ? showing.transactionId : null);
  }
  if (session === undefined) return;
  for (const reference of references) {
    const track = tracks.get(reference.sequence);
    const group = track === undefined ? undefined : session.groups.get(track);
    if (track !== undefined && group !== undefined)
      show(group, session.earlier.get(track) ?? [], reference, values(reference.given), showing);
  }
}

/** Notes the values of a string of statements that has drawn, too, by its order: the rows may be of its own making. */
export function showAhead(
  references: readonly Reference[],
  session: LedgerSession | undefined,
  tracks: ReadonlyMap<Sequence, Track>,
  values: (given: Given) => readonly bigint[],
  { committed, givenIds }: Showing,
  order: number,
): void {
  for (const reference of references) {
    const track = tracks.get(reference.sequence);
    const group = track === undefined ? undefined : session?.groups.get(track);
    if (group === undefined || group.draws.at(-1)?.order !== order) continue;
    for (const value of values(reference.given)) {
      const given = givenIds.of(reference.sequence, value);
      if (given !== null) group.given.set(value, given);
      const vouched = reference.vouched === 'AT_ONCE' || (reference.vouched === 'AT_COMMIT' && committed);
      group.ahead.set(value, (vouched && given === null) || group.ahead.get(value) === true);
    }
  }
}

/** Notes values behind a group of draws, and behind earlier ones of its session. */
function show(
  group: Group,
  earlier: readonly Group[],
  reference: Reference,
  values: readonly bigint[],
  { transactionId, order, committed, givenIds }: Showing,
): void {
  const isOwn = group.transaction === transactionId;
  const unchecked = reference.vouched === 'AT_COMMIT' && !committed;
  if (unchecked && !isOwn) return;
  const vouched = reference.vouched !== null && !unchecked;
  for (const value of values) {
    if (group.before.has(value)) continue;
    const given = givenIds.of(reference.sequence, value);
    const isOthers = ({ draws }: Group) => draws.every((draw) => isTakenFrom(draw, given) === 'SURELY');
    for (const one of earlier) if (one.perhaps.size < MOST_SHOWN && !isOthers(one)) one.perhaps.add(value);
    if (isOthers(group)) continue;
    if (given !== null && !group.shown.has(value)) group.given.set(value, given);
    // The row is there because a client gave it its id.
    const strong = vouched && given === null;
    if (group.shown.size >= MOST_SHOWN && !group.shown.has(value)) return;
    if (reference.vouched !== 'AT_COMMIT') group.deferred.delete(value);
    else if (!group.shown.has(value)) group.deferred.set(value, { transactionId, strong, held: committed });
    if (!isOwn && !group.shown.has(value)) group.shownLater.set(value, order);
    group.shown.set(value, strong || group.shown.get(value) === true);
  }
}

const NONE: readonly bigint[] = [];
const WHOLE = /^-?\d{1,18}$/;

/** Whole numbers that a statement gives at a place: one, or the elements of an array. */
export function valuesOf(given: Given, parameters: readonly Value[]): readonly bigint[] {
  if (given.literal !== null) return [given.literal];
  const value = given.parameter === null ? undefined : parameters[given.parameter - 1];
  return value === undefined ? NONE : wholeNumbers(value);
}

function wholeNumbers(value: Value): readonly bigint[] {
  switch (value.kind) {
    case 'int64':
      return [value.value];
    case 'text':
      if (WHOLE.test(value.value)) return [BigInt(value.value)];
      if (!/^\{[-\d,]+\}$/.test(value.value)) return NONE;
      return value.value
        .slice(1, -1)
        .split(',')
        .filter((item) => WHOLE.test(item))
        .map(BigInt);
    case 'array':
      return value.items.flatMap(wholeNumbers);
    default:
      return NONE;
  }
}
