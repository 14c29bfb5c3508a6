import { isSingleStatement, skipExplain, splitStatements, Tokenizer } from '../../journal/sql-tokens.ts';
import type { Catalog } from './catalog.ts';
import { type Change, NO_DRAWS, type StatementDraws } from './parts.ts';
import { MAY_SET_PATH, pathChanges } from './search-path.ts';
import { readStatement } from './statement-reader.ts';

/** Reads what a statement, or a string of several, draws, shows and moves. Pure; costs a tokenising. */
export function statementDraws(text: string, catalog: Catalog): StatementDraws {
  if (isSingleStatement(text)) return singleDraws(text, catalog);
  return inOneString(splitStatements(text).map((statement) => singleDraws(statement, catalog)));
}

function singleDraws(text: string, catalog: Catalog): StatementDraws {
  const said = read(text, catalog);
  const paths = MAY_SET_PATH.test(text) ? pathChanges(text) : [];
  return paths.length === 0 ? said : { ...said, paths: [...said.paths, ...paths] };
}

/** What a string of several statements says. */
export function inOneString(all: readonly StatementDraws[]): StatementDraws {
  if (all.every((said) => said === NO_DRAWS)) return NO_DRAWS;
  return {
    // The row count of a string is the sum over its statements.
    parts: all.flatMap(({ parts }) =>
      parts.map((part) => (part.rows === 'ROWS' ? { ...part, rows: 'UNKNOWN' as const } : part)),
    ),
    references: all.flatMap(({ references }) => references),
    changes: all.flatMap(({ changes }, index) => changes.map((change) => behind(change, all.slice(index + 1)))),
    recalls: all.flatMap(({ recalls }) => recalls),
    prepares: all.find(({ prepares }) => prepares !== null)?.prepares ?? null,
    executes: all.find(({ executes }) => executes !== null)?.executes ?? null,
    unsure: all.flatMap(({ unsure }) => unsure),
    maybe: all.flatMap(({ maybe }) => maybe),
    untold: new Map(all.flatMap(({ untold }) => [...untold])),
    paths: all.flatMap(({ paths }) => paths),
  };
}

/** A change with what statements behind it draw, for the draws of an entry count as made before what it moves. */
function behind(change: Change, later: readonly StatementDraws[]): Change {
  const { sequence } = change;
  const parts = later.flatMap((said) => said.parts.filter((part) => part.sequence === sequence));
  const isTold = parts.every(({ rows, exact }) => rows === 'FIXED' && exact);
  if (!isTold || later.some(({ maybe }) => maybe.includes(sequence))) return { ...change, next: null, parameter: null };
  const drawn = sequence.increment * parts.reduce((sum, { count }) => sum + BigInt(count), 0n);
  return { ...change, next: change.next === null ? null : change.next + drawn, add: change.add + drawn };
}

function read(text: string, catalog: Catalog): StatementDraws {
  const first = new Tokenizer(text);
  first.advance();
  if (first.keyword() === 'EXPLAIN') {
    return skipExplain(first) ? read(text.slice(first.end), catalog) : NO_DRAWS;
  }
  return readStatement(text, catalog);
}
