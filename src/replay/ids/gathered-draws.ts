import type { Catalog, Column, Sequence, Table } from './catalog.ts';
import { type Change, type DrawPart, type DrawRows, NO_DRAWS, type Reference, type StatementDraws } from './parts.ts';
import type { RoutineBody, RowEvent } from './routine-body.ts';
import { isFired, type Reach, routineReach, triggerReach } from './routines.ts';
import type { PathChange } from './search-path.ts';

/** Gathers what the places of one statement draw, show and move, by defaults, triggers and routines too. */
export class GatheredDraws {
  readonly parts: DrawPart[] = [];
  readonly references: Reference[] = [];
  readonly changes: Change[] = [];
  readonly recalls: (Sequence | null)[] = [];
  readonly unsure: Sequence[] = [];
  setsPath: RoutineBody['setsPath'] = null;
  private readonly maybe = new Set<Sequence>();
  private readonly untold = new Map<string, string>();
  private readonly catalog: Catalog;
  /** The table that is written to has rules. */
  private hasRule = false;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  /** What the statement says, all in all. */
  result(): StatementDraws {
    const lasting = ({ sequence }: { readonly sequence: Sequence }) => !sequence.temporary;
    const references = this.references.filter(lasting);
    const changes = this.changes.filter(lasting);
    const recalls = this.recalls.filter((sequence) => sequence?.temporary !== true);
    // Triggers and functions outlive what they draw from.
    const parts = this.parts.filter(({ sequence }) => sequence?.dropped !== true);
    const unsure = this.unsure.filter(({ dropped }) => !dropped);
    const paths: PathChange[] =
      this.setsPath === null
        ? []
        : [{ setting: 'path', value: 'UNKNOWN', parameter: null, local: this.setsPath === 'LOCAL' }];
    const maybe = [...this.maybe].filter(
      (one) => !one.dropped && !one.temporary && !parts.some(({ sequence }) => sequence === one),
    );
    const { untold } = this;
    const all = [parts, references, changes, recalls, unsure, maybe, paths];
    return all.every(({ length }) => length === 0)
      ? NO_DRAWS
      : { ...NO_DRAWS, parts, references, changes, recalls, unsure, maybe, untold, paths };
  }

  /** The column takes its default. */
  defaults(column: Column, count: number, rows: DrawRows, exact: boolean): void {
    const { draws: sequence } = column;
    if (sequence !== null && count > 0)
      this.parts.push({ sequence, parameter: null, count, rows, exact: exact && !this.hasRule, into: column });
    for (const call of column.calls) this.reached(routineReach(call, this.catalog), count, rows);
  }

  /** Routines are called, or triggers fired. */
  reached({ draws, maybe, meant, moves, untold }: Reach, count: number, rows: DrawRows): void {
    if (count === 0) return;
    for (const sequence of draws) this.parts.push({ sequence, parameter: null, count, rows, exact: false });
    for (const sequence of maybe) this.maybe.add(sequence);
    for (const sequence of moves)
      this.changes.push({ sequence, next: null, parameter: null, add: 0n, transactional: false });
    for (const [routine, runs] of untold) this.untold.set(routine, runs);
    this.unsure.push(...meant);
  }

  triggers(table: Table, event: RowEvent, count: number, rows: DrawRows): void {
    for (const trigger of table.triggers) {
      if (!isFired(trigger, event)) continue;
      const reach = triggerReach(trigger, table, this.catalog);
      if (trigger.perRow) this.reached(reach, count, rows);
      else this.reached(reach, 1, 'FIXED');
    }
  }

  /** The table that a statement writes to; where it may be one of several, all their sequences are unsure. */
  target({ schema, name }: { readonly schema: string | null; readonly name: string }): Table | null {
    for (const table of this.catalog.tablesMeant(schema, name)) {
      for (const { draws } of table.columns) if (draws !== null) this.unsure.push(draws);
      const reaches = [
        ...table.columns.flatMap(({ calls }) => calls.map((call) => routineReach(call, this.catalog))),
        ...table.triggers.map((trigger) => triggerReach(trigger, table, this.catalog)),
      ];
      for (const { draws, maybe, meant, moves } of reaches) this.unsure.push(...draws, ...maybe, ...meant, ...moves);
    }
    const table = this.catalog.table(schema, name);
    this.hasRule = table?.triggers.some(({ isRule, trigger }) => isRule && trigger.enabled) === true;
    return table;
  }
}
