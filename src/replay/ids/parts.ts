import type { Column, Sequence } from './catalog.ts';
import type { Checked } from './foreign-keys.ts';
import type { PathChange } from './search-path.ts';
import type { Given } from './tokens.ts';

/**
 * How often a statement draws: FIXED: the text tells; ROWS: once for each row that the statement returns or
 * affects; UNKNOWN: once for each row of some part of it, which its row count does not tell.
 */
export type DrawRows = 'FIXED' | 'ROWS' | 'UNKNOWN';

/** One place of a statement that draws. */
export interface DrawPart {
  /** Null: the parameter names it. */
  readonly sequence: Sequence | null;
  /** `nextval($1)`. */
  readonly parameter: number | null;
  /** Values in all (FIXED) or for each row. */
  readonly count: number;
  readonly rows: DrawRows;
  /** False where a trigger, a function or a condition decides whether it draws. */
  readonly exact: boolean;
  /** The column that takes the values as its default. */
  readonly into?: Column;
}

/** A value of a column that holds a sequence's values: shows what a draw before it gave. */
export interface Reference {
  readonly sequence: Sequence;
  readonly given: Given;
  /** Written into a foreign key: the row that it names was there when that was checked. Null, as in a condition: it need not be. */
  readonly vouched: Exclude<Checked, 'NEVER'> | null;
  /** Given to a row, in a column that draws by default: what it drew for other rows is none of them. */
  readonly into?: Column;
  /** That row may be one that was there (ON CONFLICT). */
  readonly perhaps?: true;
}

/** A statement that moves a sequence itself. */
export interface Change {
  readonly sequence: Sequence;
  /** What the sequence gives next; null: where the text alone does not tell. */
  readonly next: bigint | null;
  /** `setval(…, $2)`: the parameter, and what is added to it. */
  readonly parameter: number | null;
  readonly add: bigint;
  /** Undone when its transaction rolls back (TRUNCATE, ALTER); setval is not. */
  readonly transactional: boolean;
}

/** What a statement's text says about sequences. */
export interface StatementDraws {
  readonly parts: readonly DrawPart[];
  readonly references: readonly Reference[];
  readonly changes: readonly Change[];
  /** Sequences whose last value in the session the statement asks for (currval); null: of whichever drew last (lastval). */
  readonly recalls: readonly (Sequence | null)[];
  /** PREPARE name AS …: what an EXECUTE of it runs. */
  readonly prepares: { readonly name: string; readonly text: string } | null;
  /** EXECUTE name (…); null for an argument that is no plain value. */
  readonly executes: { readonly name: string; readonly values: readonly (Given | null)[] } | null;
  /** Sequences of which it draws from some, as the search path has it that nobody knows. */
  readonly unsure: readonly Sequence[];
  /** Sequences of which it draws from some, or which it moves: by SQL that routines put together from variables. */
  readonly maybe: readonly Sequence[];
  /** These routines, and what each runs. */
  readonly untold: ReadonlyMap<string, string>;
  /** How it sets the search path. */
  readonly paths: readonly PathChange[];
}

/** What a statement says that has nothing to do with sequences. One object, to be told by identity. */
export const NO_DRAWS: StatementDraws = Object.freeze({
  parts: [],
  references: [],
  changes: [],
  recalls: [],
  prepares: null,
  executes: null,
  unsure: [],
  maybe: [],
  untold: new Map(),
  paths: [],
});
