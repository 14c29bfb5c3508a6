import { compareEntryKeys, type Entry, type EntryKey, type EntryPlace, type Micros } from '../journal/entry.ts';
import { readPlaces } from '../journal/entry-places.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import {
  KEPT_BY_RESET_ALL,
  type SessionEffect,
  type SessionEffectKind,
  sessionEffect,
} from '../journal/statement-type.ts';
import type { EntryPage, JournalStore } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { MAY_SET_PATH } from './ids/search-path.ts';
import { backToSavepoints, isWithin, SAVEPOINT, type Span } from './ids/undone.ts';
import type { TransactionStart } from './plan.ts';
import { sessionKey } from './session-key.ts';
import { textKey } from './session-memory.ts';

const PAGE = 2_000;
/** Session ids in one filter. */
const SESSIONS_AT_ONCE = 500;
const PREPARES = /^\s*(?:prepare|deallocate)\b(?!\s+transaction\b)/i;
/** Statements of one session that are kept, of each of two kinds; a session remembers 200. */
const MOST_KEPT = 1_000;
/** How far before `from` a session's settings are looked for: 7 days, in microseconds. */
const LOOK_BACK: Micros = 7 * 86_400 * 1_000_000;

/** What sessions had made by some time that lasts, by session key. */
export interface EarlierState {
  /** What makes their settings and prepared statements again, in recorded order. */
  readonly made: ReadonlyMap<string, readonly Entry[]>;
  /** Settings, by name, of statements that do more than set: sent again they would do that again. Null: the name is not told. */
  readonly held: ReadonlyMap<string, readonly (string | null)[]>;
}

/**
 * Finds the settings and prepared statements that sessions made before the window (docs/replay.md S5). What failed, was rolled
 * back with its transaction, or was made again or taken back since did not last and is left out.
 * @param until for sessions whose first replayed transaction begins before the window: where it does, by session key
 */
export async function findEarlierState(
  journal: JournalStore,
  before: Micros,
  sessions: Iterable<{ readonly key: string; readonly sessionId: string }>,
  until: ReadonlyMap<string, TransactionStart> = new Map(),
): Promise<EarlierState> {
  const made = new Map<string, readonly Entry[]>();
  const held = new Map<string, readonly (string | null)[]>();
  if (before <= 0) return { made, held };
  const wanted = new Set<string>();
  const ids = new Set<string>();
  for (const session of sessions) {
    wanted.add(session.key);
    ids.add(session.sessionId);
  }
  const window = { from: Math.max(0, before - LOOK_BACK), to: before - 1 };
  const list = [...ids];
  for (let at = 0; at < list.length; at += SESSIONS_AT_ONCE) {
    const found = await findLasting(journal, window, list.slice(at, at + SESSIONS_AT_ONCE), wanted, until, false);
    const again = await sessionsWithUndone(journal, found);
    if (again.size > 0) {
      const sessionIds = [...new Set([...again.values()])];
      for (const key of again.keys()) found.delete(key);
      const redone = await findLasting(journal, window, sessionIds, new Set(again.keys()), until, true);
      for (const [key, lasting] of redone) found.set(key, lasting);
    }
    // What each session has undone since is let go before the next ones are read.
    for (const [key, lasting] of found) {
      made.set(key, lasting.entries());
      if (lasting.held.size > 0) held.set(key, [...lasting.held.keys()]);
    }
  }
  return { made, held };
}

/** Settings that are told of by name. */
const MOST_NAMED = 10;

/** Which settings of sessions are not made again, and why: a sentence. Null: all are. */
export function heldSentence(held: EarlierState['held']): string | null {
  if (held.size === 0) return null;
  const names = new Set([...held.values()].flat());
  const shown = [...names].slice(0, MOST_NAMED).map((name) => name ?? 'some whose names are computed');
  const more = names.size > MOST_NAMED ? `, and ${names.size - MOST_NAMED} more` : '';
  const whose = held.size === 1 ? '1 session has' : `${held.size} sessions have`;
  return (
    `settings that ${whose} from before the window are not made again, since the statements that made them do more than ` +
    `set, or may: ${shown.join(', ')}${more}`
  );
}

/**
 * `leavesUndone`: leaves out what went back to a savepoint, too, which costs a look at what lies around each statement in a
 * transaction. Those that last after all are few.
 */
async function findLasting(
  journal: JournalStore,
  window: Window,
  sessionIds: readonly string[],
  wanted: ReadonlySet<string>,
  until: ReadonlyMap<string, TransactionStart>,
  leavesUndone: boolean,
): Promise<Map<string, Lasting>> {
  const found = new Map<string, Lasting>();
  const filter: EntryFilter = {
    sessionIds,
    // These hold what can be made again (a SELECT of nothing but set_config is SET). The journal finds these two by session.
    statementTypes: ['SET', 'OTHER'],
    outcome: 'SUCCEEDED',
  };
  let after: EntryKey | null = null;
  for (;;) {
    const page: EntryPage = await journal.page(window, filter, after, PAGE);
    const kept = await withoutRolledBack(journal, page.entries);
    const undone = leavesUndone ? await undoneOf(journal, kept) : NONE;
    for (const entry of kept) {
      if (undone.has(entry)) continue;
      const key = sessionKey(entry.origin);
      if (!wanted.has(key) || !isBefore(until.get(key), entry)) continue;
      let lasting = found.get(key);
      if (lasting === undefined) {
        lasting = new Lasting();
        found.set(key, lasting);
      }
      lasting.add(entry);
    }
    after = page.entries.at(-1) ?? null;
    if (!page.hasMore || after === null) return found;
  }
}

const NONE: ReadonlySet<Entry> = new Set();
/** Entries of a transaction that are looked through for a savepoint one by one ahead of an entry. */
const MOST_AHEAD = 10;

/** The sessions of which something lasts that went back to a savepoint, by key: what that took the place of lasts instead. */
async function sessionsWithUndone(
  journal: JournalStore,
  found: ReadonlyMap<string, Lasting>,
): Promise<ReadonlyMap<string, string>> {
  const undone = await undoneOf(
    journal,
    [...found.values()].flatMap((lasting) => [...lasting.entries(), ...lasting.held.values()]),
  );
  return new Map([...undone].map(({ origin }) => [sessionKey(origin), origin.sessionId]));
}

/** Those of the entries that ROLLBACK TO SAVEPOINT took back in their own transactions. */
async function undoneOf(journal: JournalStore, entries: readonly Entry[]): Promise<ReadonlySet<Entry>> {
  // PREPARE and DEALLOCATE stand outside of transactions.
  const inside = entries.filter(({ sequence, statement }) => sequence > 1 && !PREPARES.test(statement));
  const savepointed = new Set<string>();
  const ahead: EntryPlace[] = [];
  for (const { transactionId, sequence } of inside) {
    if (sequence > MOST_AHEAD) savepointed.add(transactionId);
    else for (let before = 1; before < sequence; before++) ahead.push({ transactionId, sequence: before });
  }
  await readPlaces(journal, ahead, (entry) => {
    if (entry !== null && SAVEPOINT.test(entry.statement)) savepointed.add(entry.transactionId);
  });
  const spans = new Map<string, readonly Span[]>();
  for (const id of savepointed) spans.set(id, await backToSavepoints(journal, id));
  return new Set(inside.filter(({ transactionId, sequence }) => isWithin(spans.get(transactionId) ?? [], sequence)));
}

/** True for what lies before that start. By place, not by time alone: the log of a server often gives a BEGIN the time of the statement before it. */
export function isBefore(start: TransactionStart | undefined, entry: Entry): boolean {
  if (start === undefined) return true;
  return entry.position !== start.position && compareEntryKeys(entry, { ...start, sequence: 0 }) < 0;
}

/**
 * What a session made before the window, without what was made again or taken back since: some sessions set their search path
 * once for each transaction of a week.
 */
class Lasting {
  /** Single statements that make or reset one thing, by what it is. */
  private readonly single = new Map<string, Entry>();
  /** All others, by their text: strings of several statements may undo what they do. */
  private readonly others = new Map<string, Entry>();
  /** What the others have prepared. */
  private readonly preparedByOthers = new Set<string>();
  /** Settings, by name, that nothing makes again. */
  readonly held = new Map<string | null, Entry>();

  add(entry: Entry): void {
    const { statement } = entry;
    const all = sessionEffect(statement, entry.parameters);
    for (const done of all) this.hold(done, entry);
    const effects = all.filter(({ kind }) => MAKES.has(kind));
    const [effect] = effects;
    if (effect === undefined) {
      if (all.every(({ kind }) => kind !== 'HELD_SETTING') && MAY_SET_PATH.test(statement))
        put(this.others, textKey(entry), entry);
      return;
    }
    if (effects.length > 1 || !isSingleStatement(statement)) {
      for (const { kind, name } of effects) if (kind === 'PREPARED') this.preparedByOthers.add(name ?? '');
      put(this.others, textKey(entry), entry);
      return;
    }
    const { kind, name } = effect;
    const undone = UNDOES.get(kind);
    if (undone !== undefined) {
      if (name !== null) this.single.delete(`${undone} ${name}`);
      else
        for (const key of [...this.single.keys()])
          if (key.startsWith(`${undone} `) && !KEPT.has(key)) this.single.delete(key);
      if (kind === 'DEALLOCATE' && !this.preparedElsewhere(name)) return;
    }
    put(this.single, name === null && undone === undefined ? textKey(entry) : `${kind} ${name ?? '*'}`, entry);
  }

  private hold({ kind, name }: SessionEffect, entry: Entry): void {
    if (kind === 'HELD_SETTING') {
      this.held.set(name, entry);
      this.single.delete(`SETTING ${name}`);
    } else if (kind === 'SETTING' || (kind === 'RESET' && name !== null)) this.held.delete(name);
    else if (kind === 'RESET')
      for (const setting of this.held.keys()) if (!KEPT_BY_RESET_ALL.has(setting ?? '')) this.held.delete(setting);
  }

  private preparedElsewhere(name: string | null): boolean {
    if (name === null) return this.preparedByOthers.size > 0;
    return this.preparedByOthers.has(name) || this.preparedByOthers.has('');
  }

  entries(): readonly Entry[] {
    return [...this.single.values(), ...this.others.values()].sort(compareEntryKeys);
  }
}

/** What can be made again, or takes that back. */
const MAKES: ReadonlySet<SessionEffectKind> = new Set(['SETTING', 'RESET', 'PREPARED', 'DEALLOCATE']);
const UNDOES: ReadonlyMap<SessionEffectKind, SessionEffectKind> = new Map([
  ['RESET', 'SETTING'],
  ['DEALLOCATE', 'PREPARED'],
]);
const KEPT: ReadonlySet<string> = new Set([...KEPT_BY_RESET_ALL].map((name) => `SETTING ${name}`));

function put(kept: Map<string, Entry>, key: string, entry: Entry): void {
  kept.delete(key);
  kept.set(key, entry);
  if (kept.size <= MOST_KEPT) return;
  const oldest = kept.keys().next().value;
  if (oldest !== undefined) kept.delete(oldest);
}

async function withoutRolledBack(journal: JournalStore, entries: readonly Entry[]): Promise<readonly Entry[]> {
  const rolledBack = await journal.rolledBack([...new Set(entries.map(({ position }) => position))]);
  // PREPARE and DEALLOCATE stand outside of transactions: a rollback leaves them.
  return entries.filter(({ position, statement }) => !rolledBack.has(position) || PREPARES.test(statement));
}
