import type { Catalog, Sequence, Table, TriggerDraws } from './catalog.ts';
import { type Name, nameIn, type RoutineBody, type RowEvent } from './routine-body.ts';
import { ScopedCatalog } from './scoped-catalog.ts';

/** What a routine may draw from, by itself and by whatever it calls and the triggers of the tables that it writes to. */
export interface Reach {
  readonly draws: ReadonlySet<Sequence>;
  /** Of these it draws from some: its names may mean any of them. */
  readonly meant: ReadonlySet<Sequence>;
  readonly setsPath: RoutineBody['setsPath'];
}

const NOTHING: Reach = { draws: new Set(), meant: new Set(), setsPath: null };

const known = new WeakMap<Catalog, { readonly version: number; readonly byName: Map<string, Reach> }>();

/** What the functions and procedures of a name may draw from when a session calls one that finds its names so. */
export function routineReach(routine: Name, catalog: Catalog): Reach {
  if (catalog.whole.bodies(routine.name).length === 0) return NOTHING;
  const { version } = catalog.whole;
  let found = known.get(catalog);
  if (found?.version !== version) {
    found = { version, byName: new Map() };
    known.set(catalog, found);
  }
  const key = keyOf(routine);
  let reach = found.byName.get(key);
  if (reach === undefined) {
    reach = bodyReach(bodiesMeant(routine, catalog), catalog);
    found.byName.set(key, reach);
  }
  return reach;
}

function keyOf({ schema, name }: Name): string {
  return schema === null ? name : `${schema}\u0001${name}`;
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

/** What bodies may draw from where names are found so. */
export function bodyReach(bodies: readonly RoutineBody[], catalog: Catalog): Reach {
  const walk = new ReachWalk();
  for (const body of bodies) walk.body(body, catalog);
  return walk;
}

/** Draws of one table that come with a row of it. */
export function isFired({ trigger, event }: TriggerDraws, by: RowEvent | 'MERGE'): boolean {
  return trigger.enabled && (by === 'MERGE' || event === by);
}

class ReachWalk implements Reach {
  readonly draws = new Set<Sequence>();
  readonly meant = new Set<Sequence>();
  setsPath: RoutineBody['setsPath'] = null;
  private readonly visited = new Map<Catalog, Set<string>>();
  private readonly along = new Map<string, Catalog>();

  body({ writes, draws, calls, path, setsPath }: RoutineBody, caller: Catalog): void {
    const catalog = path === null ? caller : this.scoped(path, caller);
    if (setsPath !== null && this.setsPath !== 'SESSION') this.setsPath = setsPath;
    for (const { schema, name } of draws) {
      const sequence = catalog.sequence(schema, name);
      if (sequence !== null) this.draws.add(sequence);
      for (const one of catalog.sequencesMeant(schema, name)) this.meant.add(one);
    }
    for (const { event, schema, name } of writes) {
      const table = catalog.table(schema, name);
      if (table !== null) this.write(table, event, catalog, this.draws);
      for (const one of catalog.tablesMeant(schema, name)) this.write(one, event, catalog, this.meant);
    }
    for (const call of calls) this.routine(call, catalog);
  }

  private write(table: Table, event: RowEvent | 'MERGE', catalog: Catalog, found: Set<Sequence>): void {
    for (const one of table.triggers) if (isFired(one, event)) this.routine(one.routine, catalog);
    for (const { draws, calls } of event === 'UPDATE' || event === 'DELETE' ? [] : table.columns) {
      if (draws !== null) found.add(draws);
      for (const call of calls) this.routine(call, catalog);
    }
  }

  private routine(routine: Name, catalog: Catalog): void {
    if (catalog.whole.bodies(routine.name).length === 0) return;
    const key = keyOf(routine);
    const names = this.visited.get(catalog) ?? new Set();
    if (names.has(key)) return;
    this.visited.set(catalog, names.add(key));
    for (const body of bodiesMeant(routine, catalog)) this.body(body, catalog);
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
