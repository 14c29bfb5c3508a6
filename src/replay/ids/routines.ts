import type { Catalog, Sequence, Table, TriggerDraws } from './catalog.ts';
import { firedFor, HOLE, hasHole } from './dynamic-sql.ts';
import { type Name, nameIn, type RoutineBody, type RowEvent, type SequenceName } from './routine-body.ts';
import { ScopedCatalog } from './scoped-catalog.ts';

/** What a routine may draw from, by itself and by whatever it calls and the triggers of the tables that it writes to. */
export interface Reach {
  readonly draws: ReadonlySet<Sequence>;
  /** Of these it draws from some, or moves them: what it runs by EXECUTE does not tell from which. */
  readonly maybe: ReadonlySet<Sequence>;
  /** Of these it draws from some: its names may mean any of them. */
  readonly meant: ReadonlySet<Sequence>;
  /** These it sets, nobody knows where. */
  readonly moves: ReadonlySet<Sequence>;
  /** Routines that are to blame for `maybe`, and what each runs. */
  readonly untold: ReadonlyMap<string, string>;
  readonly setsPath: RoutineBody['setsPath'];
}

const NOTHING: Reach = {
  draws: new Set(),
  maybe: new Set(),
  meant: new Set(),
  moves: new Set(),
  untold: new Map(),
  setsPath: null,
};

const known = new WeakMap<Catalog, { readonly version: number; readonly byName: Map<string, Reach> }>();

/** What a trigger or rule of a table may draw from when it fires in a session that finds its names so. */
export function triggerReach(trigger: TriggerDraws, of: Table, catalog: Catalog): Reach {
  return routineReach(trigger.routine, catalog, firesFor(trigger, of));
}

/** The table that a trigger finds in TG_TABLE_NAME; null: it may be another one than the one that has it. */
function firesFor({ elsewhere }: TriggerDraws, of: Table): Table | null {
  return elsewhere === true || of.hasChildren === true ? null : of;
}

/**
 * What the functions and procedures of a name may draw from when a session calls one that finds its names so.
 * @param on the table for which it fires as a trigger; null: nobody knows, or it is called
 */
export function routineReach(routine: Name, catalog: Catalog, on: Table | null = null): Reach {
  if (catalog.whole.bodies(routine.name).length === 0) return NOTHING;
  const { version } = catalog.whole;
  let found = known.get(catalog);
  if (found?.version !== version) {
    found = { version, byName: new Map() };
    known.set(catalog, found);
  }
  const key = keyOf(routine, on);
  let reach = found.byName.get(key);
  if (reach === undefined) {
    reach = bodyReach(routine.name, bodiesMeant(routine, catalog), catalog, on);
    found.byName.set(key, reach);
  }
  return reach;
}

function keyOf({ schema, name }: Name, on: Table | null): string {
  const routine = schema === null ? name : `${schema}\u0001${name}`;
  return on === null ? routine : [routine, on.schema, on.name].join('\u0002');
}

/** The routines that a call may mean: those along the search path, as long as none ahead of them takes the same arguments. */
function bodiesMeant({ schema, name }: Name, { whole, paths }: Catalog): readonly RoutineBody[] {
  const all = whole.bodies(name);
  if (schema !== null) return all.filter((body) => body.schema === schema || body.schema === null);
  if (all.length < 2 || paths === null) return all;
  const found = new Set(all.filter((body) => body.schema === null));
  for (const path of paths) {
    const taken = new Set<string>();
    for (const one of path) {
      const here = all.filter((body) => body.schema === one && !taken.has(body.args ?? ''));
      for (const body of here) {
        found.add(body);
        if (body.args !== null) taken.add(body.args);
      }
    }
  }
  return found.size > 0 ? [...found] : all;
}

/** What bodies may draw from where names are found so; `name`: what remarks call them; `on`: see `routineReach`. */
export function bodyReach(
  name: string,
  bodies: readonly RoutineBody[],
  catalog: Catalog,
  on: Table | null = null,
): Reach {
  const walk = new ReachWalk();
  for (const body of bodies) walk.body(name, firedOn(body, on), catalog, walk.draws);
  for (const sequence of [...walk.draws, ...walk.moves]) walk.maybe.delete(sequence);
  return walk;
}

/** A body as a trigger of a table runs it, whose name its own names may be made of. */
function firedOn(body: RoutineBody, on: Table | null): RoutineBody {
  const fired = <T extends Name>(named: T): T => {
    if (!hasHole(named.name) && !hasHole(named.schema)) return named;
    const { schema, name } = named;
    return { ...named, schema: schema === null ? null : firedFor(schema, on), name: firedFor(name, on) };
  };
  return {
    ...body,
    writes: body.writes.map(fired),
    draws: body.draws.map(fired),
    moves: body.moves.map(fired),
    calls: body.calls.map(fired),
  };
}

/** Draws of one table that come with a row of it. */
export function isFired({ trigger, event }: TriggerDraws, by: RowEvent | 'MERGE'): boolean {
  return trigger.enabled && (by === 'MERGE' || event === by);
}

class ReachWalk implements Reach {
  readonly draws = new Set<Sequence>();
  readonly maybe = new Set<Sequence>();
  readonly meant = new Set<Sequence>();
  readonly moves = new Set<Sequence>();
  readonly untold = new Map<string, string>();
  setsPath: RoutineBody['setsPath'] = null;
  private readonly visited = new Map<Catalog, Set<string>>();
  private readonly along = new Map<string, Catalog>();

  /** @param found where to put what it draws from: what it is reached by may itself be doubtful */
  body(name: string, body: RoutineBody, caller: Catalog, found: Set<Sequence>): void {
    const { writes, draws, moves, calls, path, setsPath, unknown } = body;
    const catalog = path === null ? caller : this.scoped(path, caller);
    const routine = body.schema === null ? name : `${body.schema}.${name}`;
    if (setsPath !== null && this.setsPath !== 'SESSION') this.setsPath = setsPath;
    for (const one of draws) this.sequences(routine, one, catalog, found);
    for (const one of moves) this.sequences(routine, one, catalog, found === this.draws ? this.moves : found);
    for (const { event, ...written } of writes) {
      if (hasHole(written.schema) || hasHole(written.name)) {
        const like = new Set<Sequence>();
        for (const table of this.tablesLike(written, catalog)) this.write(table, event, catalog, like);
        this.oneOf(like, routine, written, found);
        continue;
      }
      const table = catalog.table(written.schema, written.name);
      if (table !== null) this.write(table, event, catalog, found);
      for (const one of catalog.tablesMeant(written.schema, written.name)) this.write(one, event, catalog, this.meant);
    }
    for (const call of calls) {
      if (!hasHole(call.name)) this.routine(call, catalog, found);
      else
        for (const like of catalog.whole.routinesLike(call.name))
          this.routine({ schema: hasHole(call.schema) ? null : call.schema, name: like }, catalog, this.maybe);
    }
    if (unknown === null) return;
    this.untold.set(routine, unknown);
    for (const sequence of catalog.sequences.values()) this.maybe.add(sequence);
  }

  private sequences(routine: string, named: SequenceName, catalog: Catalog, found: Set<Sequence>): void {
    const { schema, name, column, owned } = named;
    const inTable = column !== undefined || owned === true;
    const ofTable = ({ holds, owns }: Table) => (column === undefined ? owns : [holds.get(column) ?? []].flat());
    if (hasHole(schema) || hasHole(name)) {
      const like = inTable
        ? this.tablesLike(named, catalog).flatMap(ofTable)
        : catalog.whole.sequenceNames.like(schema, name);
      this.oneOf(new Set(like), routine, named, found);
      return;
    }
    const one = inTable ? catalog.table(schema, name) : catalog.sequence(schema, name);
    const several = inTable ? catalog.tablesMeant(schema, name) : catalog.sequencesMeant(schema, name);
    const sequencesOf = (object: Table | Sequence) => ('columns' in object ? ofTable(object) : [object]);
    for (const sequence of one === null ? [] : sequencesOf(one)) found.add(sequence);
    for (const sequence of several.flatMap(sequencesOf)) this.meant.add(sequence);
  }

  /** It draws from one of these, which it names by a name that nobody knows whole. */
  private oneOf(
    candidates: ReadonlySet<Sequence>,
    routine: string,
    { schema, name }: Name,
    found: Set<Sequence>,
  ): void {
    for (const sequence of candidates) (candidates.size === 1 ? found : this.maybe).add(sequence);
    if (candidates.size < 2 || this.untold.has(routine)) return;
    const shown = schema === null ? name : `${schema}.${name}`;
    this.untold.set(routine, shown.replaceAll(HOLE, '…'));
  }

  private tablesLike({ schema, name }: Name, { whole }: Catalog): readonly Table[] {
    return whole.tableNames.like(schema, name);
  }

  private write(table: Table, event: RowEvent | 'MERGE', catalog: Catalog, found: Set<Sequence>): void {
    for (const one of table.triggers)
      if (isFired(one, event)) this.routine(one.routine, catalog, found, firesFor(one, table));
    for (const { draws, calls } of event === 'UPDATE' || event === 'DELETE' ? [] : table.columns) {
      if (draws !== null) found.add(draws);
      for (const call of calls) this.routine(call, catalog, found);
    }
  }

  private routine(routine: Name, catalog: Catalog, found: Set<Sequence>, on: Table | null = null): void {
    if (catalog.whole.bodies(routine.name).length === 0) return;
    const key = `${found === this.draws ? '' : '?'}${keyOf(routine, on)}`;
    const names = this.visited.get(catalog) ?? new Set();
    if (names.has(key)) return;
    this.visited.set(catalog, names.add(key));
    for (const body of bodiesMeant(routine, catalog)) this.body(routine.name, firedOn(body, on), catalog, found);
  }

  private scoped(path: readonly string[], { whole }: Catalog): Catalog {
    const key = JSON.stringify(path);
    const catalog = this.along.get(key) ?? new ScopedCatalog(whole, [path]);
    this.along.set(key, catalog);
    return catalog;
  }
}

/**
 * The sequence that a regclass text names: `orders_id_seq`, `public."Order_id_seq"`. Where it may be one of several, they
 * are added to `unsure`.
 */
export function namedBy(
  text: string,
  objects: Pick<Catalog, 'sequence' | 'sequencesMeant'>,
  unsure: Sequence[] = [],
): Sequence | null {
  const named = nameIn(text);
  if (named === null) return null;
  unsure.push(...objects.sequencesMeant(named.schema, named.name));
  return objects.sequence(named.schema, named.name);
}
