import { compareEntryKeys, type Entry, type EntryKey } from '../journal/entry.ts';
import { isSingleStatement, splitStatements } from '../journal/sql-tokens.ts';
import { sessionEffect } from '../journal/statement-type.ts';
import { MOST_REMEMBERED } from './session-memory.ts';

/** What a statement does with one SQL-level prepared statement. */
export interface PreparedUse {
  readonly kind: 'PREPARED' | 'DEALLOCATE' | 'EXECUTED';
  /** Null, of DEALLOCATE: all of them. */
  readonly name: string | null;
  /** The statement; of a string, the one of it. */
  readonly text: string;
}

/** What has to be sent so that a session has what it had in the record. */
export interface Restoring {
  readonly name: string;
  /** Null: that there be none. */
  readonly prepared: string | null;
  readonly statement: string;
}

interface Known {
  /** PREPARE that the record has at the place that was read up to; null: none; undefined: not known. */
  recorded: string | null | undefined;
  /** PREPARE that the connection has behind what was sent; null: none. */
  sent: string | null;
}

/** Names of one session that are followed at once. */
const MOST_NAMES = 1_000;

/** What a statement, or each of a string, does with prepared statements, in order. */
export function preparedUses(statement: string): readonly PreparedUse[] {
  const parts = isSingleStatement(statement) ? [statement] : splitStatements(statement);
  return parts.flatMap((text) =>
    sessionEffect(text).flatMap(({ kind, name }): PreparedUse[] => {
      if (kind !== 'PREPARED' && kind !== 'EXECUTED' && kind !== 'DEALLOCATE') return [];
      return name === null && kind !== 'DEALLOCATE' ? [] : [{ kind, name, text }];
    }),
  );
}

/**
 * The SQL-level prepared statements of one session in COMMIT ordering: which the record had by a place, and which its connection
 * has. What no statement of the record tells (functions prepare, too) is not known, and nothing is done about it.
 */
export class SessionPrepares {
  private readonly names = new Map<string, Known>();
  private at: EntryKey | null = null;
  private doubted = false;
  private tooMany = false;

  /** `prepared`: what the session had before the record that is followed. */
  constructor(prepared: ReadonlyMap<string, string>) {
    for (const [name, text] of prepared) this.names.set(name, { recorded: text, sent: text });
  }

  /** True when something has failed that was taken to do what it did in the record. */
  get isDoubtful(): boolean {
    return this.doubted;
  }

  /** True where the record has to be read up to the statement before it is sent. */
  asksRecord(entry: Entry, uses: readonly PreparedUse[]): boolean {
    if (this.tooMany || this.isPassed(entry)) return false;
    // A string that is of another type is not among what is read.
    if (entry.statementType !== 'OTHER' && entry.statementType !== 'SET') return uses.length > 0;
    return firstUses(uses).some(({ kind, name }) => kind !== 'PREPARED' || this.sentOf(name) !== null);
  }

  /** Follows the record: a statement of the session, in order. `isLeftOut`: on purpose, and so is what it does. */
  follow({ statement }: Entry, isLeftOut: boolean): void {
    for (const { kind, name, text } of preparedUses(statement)) {
      if (kind === 'EXECUTED') continue;
      const recorded = isLeftOut ? undefined : kind === 'PREPARED' ? text : null;
      if (name !== null) this.put(name, { recorded });
      else for (const known of [...this.names.keys()]) this.put(known, { recorded });
    }
  }

  /** The record has been followed up to this statement. */
  reached(entry: Entry): void {
    this.at = entry;
  }

  /** What has to be sent ahead of a statement. */
  missing(entry: Entry, uses: readonly PreparedUse[]): readonly Restoring[] {
    // What was only prepared commits behind what the session did since, which may have needed what it prepares.
    const isPassed = this.isPassed(entry);
    return firstUses(uses).flatMap(({ kind, name }) => {
      const known = this.names.get(name);
      if (known === undefined) return [];
      const { recorded, sent } = known;
      const taken =
        sent === null ? [] : [{ name, prepared: null, statement: `DEALLOCATE "${name.replaceAll('"', '""')}"` }];
      if (kind === 'PREPARED') return recorded === null || isPassed ? taken : [];
      if (isPassed || typeof recorded !== 'string' || recorded === sent) return [];
      return [...taken, { name, prepared: recorded, statement: recorded }];
    });
  }

  /** What was missing is being sent. */
  restoring({ name, prepared }: Restoring): void {
    this.put(name, { sent: prepared });
  }

  /** A statement of the record is being sent. */
  sending(entry: Entry, uses: readonly PreparedUse[]): void {
    for (const { kind, name, text } of uses) {
      if (kind === 'EXECUTED') continue;
      const sent = kind === 'PREPARED' ? text : null;
      const change = { sent, recorded: this.at === entry ? sent : undefined };
      if (name !== null) this.put(name, change);
      else for (const known of [...this.names.keys()]) this.put(known, change);
    }
  }

  /** Something failed that was sent. */
  doubt(): void {
    this.doubted = true;
  }

  /** Takes what the session remembers for what its connection has: with nothing under way, or on another connection. */
  connectionHas(prepared: ReadonlyMap<string, string>, isNew: boolean): void {
    this.doubted = false;
    // Of so many, the session may have forgotten some which are there all the same.
    if (!isNew && prepared.size >= MOST_REMEMBERED) this.giveUp();
    for (const name of [...this.names.keys()]) this.put(name, { sent: prepared.get(name) ?? null });
    for (const [name, sent] of prepared) if (!this.names.has(name)) this.put(name, { recorded: null, sent });
  }

  private isPassed(entry: Entry): boolean {
    return this.at !== null && compareEntryKeys(entry, this.at) < 0;
  }

  private sentOf(name: string): string | null {
    return this.names.get(name)?.sent ?? null;
  }

  private put(name: string, change: Partial<Known>): void {
    if (this.tooMany) return;
    const known: Known = { recorded: undefined, sent: null, ...this.names.get(name), ...change };
    if (typeof known.recorded !== 'string' && known.sent === null) this.names.delete(name);
    else this.names.set(name, known);
    if (this.names.size > MOST_NAMES) this.giveUp();
  }

  private giveUp(): void {
    this.tooMany = true;
    this.names.clear();
  }
}

/** The first use of each name, up to what takes all of them. */
function firstUses(uses: readonly PreparedUse[]): readonly (PreparedUse & { readonly name: string })[] {
  const found = new Map<string, PreparedUse & { readonly name: string }>();
  for (const { kind, name, text } of uses) {
    if (name === null) break;
    if (!found.has(name)) found.set(name, { kind, name, text });
  }
  return [...found.values()];
}
