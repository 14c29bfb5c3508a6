import type { Entry, EntryKey } from '../journal/entry.ts';
import { normaliseStatement } from '../journal/normalise.ts';
import { identifierName, isSingleStatement, splitStatements, TOKEN, Tokenizer } from '../journal/sql-tokens.ts';
import type { JournalStore } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { MAY, mayDo } from './marked-statements.ts';

const PAGE = 2_000;
/** A window with more entries than this is looked at in parts all over it, so that time does not run out at its begin. */
const WHOLE = 100_000;
const PARTS = 20;
const MAX_SEARCH_PATHS = 10;
const MOST_USERS = 100;
/** Texts whose kind is remembered, none longer than this. */
const MEMORY = { texts: 10_000, longest: 2_000 } as const;

/** A normalised statement of the window that succeeded in the record. */
export interface StatementKind {
  readonly database: string | null;
  readonly normalised: string;
  /** One text of it as it was recorded. */
  readonly text: string;
  /** Times it was seen, all in all and by recorded user, of the first `MOST_USERS` of them. */
  calls: number;
  readonly byUser: Map<string | null, number>;
}

/** What a look over the window found. */
export interface WindowSample {
  readonly kinds: readonly StatementKind[];
  /** Tables, views, functions, types, schemas that statements of the window make. */
  readonly made: ReadonlySet<string>;
  /** Names in statements that make or change tables: columns among them. */
  readonly madeColumns: ReadonlySet<string>;
  /** What the window sets `search_path` to, as statements. */
  readonly searchPaths: readonly string[];
  /** Recorded users of sessions that may have taken another role. */
  readonly roleUsers: ReadonlySet<string | null>;
  /** Whether statements of the window may give rights: who may do what changes on its way. */
  readonly givesRights: boolean;
  /** Entries looked at; fewer than there are when time or places ran out. */
  readonly entries: number;
  readonly complete: boolean;
}

/** How far the look goes. */
export interface SampleLimits {
  readonly kinds: number;
  readonly ms: number;
}

/** Looks over a window for the different statements in it, within limits. `total`: its entries. */
export async function sampleWindow(
  journal: JournalStore,
  window: Window,
  filter: EntryFilter,
  total: number,
  limits: SampleLimits,
): Promise<WindowSample> {
  const sample = new Sample(limits.kinds);
  const parts = partsOf(window, total > WHOLE ? PARTS : 1);
  const started = performance.now();
  let complete = true;
  for (const [index, part] of parts.entries()) {
    const until = started + (limits.ms * (index + 1)) / parts.length;
    let after: EntryKey | null = null;
    for (;;) {
      const page: Awaited<ReturnType<JournalStore['page']>> = await journal.page(part, filter, after, PAGE);
      for (const entry of page.entries) sample.add(entry);
      after = page.entries.at(-1) ?? null;
      if (!page.hasMore || after === null) break;
      if (sample.isFull || performance.now() >= until) {
        complete = false;
        break;
      }
    }
    if (sample.isFull && index < parts.length - 1) {
      complete = false;
      break;
    }
  }
  return sample.result(complete);
}

function partsOf(window: Window, parts: number): Window[] {
  const width = Math.ceil((window.to - window.from + 1) / parts);
  return Array.from({ length: parts }, (_, index) => ({
    from: window.from + index * width,
    to: Math.min(window.from + (index + 1) * width - 1, window.to),
  })).filter((part) => part.from <= part.to);
}

class Sample {
  readonly #kinds = new Map<string, StatementKind>();
  readonly #byText = new Map<string, StatementKind | null>();
  readonly #made = new Set<string>();
  readonly #madeColumns = new Set<string>();
  readonly #searchPaths = new Set<string>();
  readonly #roleUsers = new Set<string | null>();
  #givesRights = false;
  readonly #most: number;
  #entries = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get isFull(): boolean {
    return this.#kinds.size >= this.#most;
  }

  add(entry: Entry): void {
    this.#entries += 1;
    // What failed in the record is expected to fail, and made nothing; what is cut cannot be read.
    if (entry.outcome.status === 'FAILED' || entry.unreplayable !== null) return;
    const { statement, statementType } = entry;
    const { user } = entry.origin;
    // BEGIN and SET ROLE in one string are a statement of transaction control.
    if ((mayDo(statement, statementType) & MAY.CHANGE_ROLE) !== 0) this.#roleUsers.add(user);
    if (statementType === 'TRANSACTION') return;
    const key = `${entry.origin.database ?? ''}\u0000${statement}`;
    let kind = this.#byText.get(key);
    if (kind === undefined) {
      kind = this.#kindOf(entry);
      if (statement.length <= MEMORY.longest && this.#byText.size < MEMORY.texts) this.#byText.set(key, kind);
    }
    if (kind === null) return;
    kind.calls += 1;
    const calls = kind.byUser.get(user);
    if (calls !== undefined || kind.byUser.size < MOST_USERS) kind.byUser.set(user, (calls ?? 0) + 1);
  }

  result(complete: boolean): WindowSample {
    return {
      kinds: [...this.#kinds.values()],
      made: this.#made,
      madeColumns: this.#madeColumns,
      searchPaths: [...this.#searchPaths],
      roleUsers: this.#roleUsers,
      givesRights: this.#givesRights,
      entries: this.#entries,
      complete,
    };
  }

  #kindOf({ statement, origin }: Entry): StatementKind | null {
    for (const part of isSingleStatement(statement) ? [statement] : splitStatements(statement)) this.#note(part);
    const normalised = normaliseStatement(statement);
    const key = `${origin.database ?? ''}\u0000${normalised}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.isFull) return null;
    const kind: StatementKind = { database: origin.database, normalised, text: statement, calls: 0, byUser: new Map() };
    this.#kinds.set(key, kind);
    return kind;
  }

  /** What the statement makes, and what it sets `search_path` to. */
  #note(text: string): void {
    const tokens = new Tokenizer(text);
    tokens.advance();
    if (!this.#givesRights && GIVERS.has(tokens.keyword()) && GIVES.test(text)) this.#givesRights = true;
    switch (tokens.keyword()) {
      case 'SET': {
        const path = searchPathOf(text);
        if (path !== null && this.#searchPaths.size < MAX_SEARCH_PATHS) this.#searchPaths.add(path);
        return;
      }
      case 'CREATE': {
        const name = createdName(tokens);
        if (name !== null) this.#made.add(name);
        collectNames(new Tokenizer(text), this.#madeColumns);
        return;
      }
      case 'ALTER':
        // RENAME TO, SET SCHEMA, ADD COLUMN: every name behind the object's own may be new.
        createdName(tokens);
        collectNames(tokens, this.#made);
        collectNames(new Tokenizer(text), this.#madeColumns);
        return;
      case 'SELECT':
      case 'WITH':
        for (let kind = tokens.advance(), before = ''; kind !== TOKEN.END; kind = tokens.advance()) {
          const word = tokens.keyword();
          // INSERT INTO and MERGE INTO write to what must be there; only the INTO of a SELECT makes it.
          const isMade = word === 'INTO' && before !== 'INSERT' && before !== 'MERGE';
          before = word;
          if (!isMade) continue;
          tokens.advance();
          while (['TEMP', 'TEMPORARY', 'UNLOGGED', 'TABLE'].includes(tokens.keyword())) tokens.advance();
          const name = lastOfName(tokens);
          if (name !== null) this.#made.add(name);
        }
    }
  }
}

/** First words of statements that may give rights, and what they hold then. */
const GIVERS = new Set(['GRANT', 'REASSIGN', 'ALTER', 'DO']);
const GIVES = /grant|reassign|\bowner\b|\bprivileges\b|\b(?:role|user|group)\b/i;

/** A SET of `search_path` as a statement that sets it for the session; null for any other statement. */
export function searchPathOf(text: string): string | null {
  const tokens = new Tokenizer(text);
  tokens.advance();
  if (tokens.keyword() !== 'SET') return null;
  tokens.advance();
  // LOCAL would not outlive the statement.
  if (tokens.keyword() === 'LOCAL' || tokens.keyword() === 'SESSION') tokens.advance();
  return identifierName(tokens) === 'search_path'
    ? `SET ${text.slice(tokens.start).replace(/(?<![\s;])[\s;]+$/, '')}`
    : null;
}

const OBJECT_WORDS = new Set(
  'table view sequence function procedure aggregate schema type domain index trigger role user operator'.split(' '),
);

/** The name that a CREATE or ALTER names its object by, without its schema; null where none is found. */
function createdName(tokens: Tokenizer): string | null {
  for (let words = 0; words < 6; words++) {
    if (tokens.advance() !== TOKEN.WORD) return null;
    if (!OBJECT_WORDS.has(tokens.value.toLowerCase())) continue;
    tokens.advance();
    if (tokens.keyword() === 'IF') {
      tokens.advance();
      if (tokens.keyword() === 'NOT') tokens.advance();
      tokens.advance();
    }
    if (tokens.value.toLowerCase() === 'only') tokens.advance();
    return lastOfName(tokens);
  }
  return null;
}

/** Reads `a.b.c`, from its first part on, and gives the last. */
function lastOfName(tokens: Tokenizer): string | null {
  let name = identifierName(tokens);
  while (name !== null) {
    const next = new Tokenizer(tokens.text, tokens.end);
    next.advance();
    if (!next.at('.')) return name;
    tokens.advance();
    tokens.advance();
    name = identifierName(tokens);
  }
  return name;
}

function collectNames(tokens: Tokenizer, into: Set<string>): void {
  // Enough for any schema; a window that makes more objects than this is no window of an application.
  for (let kind = tokens.advance(); kind !== TOKEN.END && into.size < 20_000; kind = tokens.advance()) {
    const name = identifierName(tokens);
    if (name !== null) into.add(name);
  }
}
