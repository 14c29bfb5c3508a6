import type { Column, NamedCatalog, Sequence, Trigger, TriggerDraws } from './catalog.ts';
import { hasHole } from './dynamic-sql.ts';
import { type Checked, type ForeignKeys, withKey } from './foreign-keys.ts';
import { type Name, type RoutineBody, type RowEvent, ruleRoutine } from './routine-body.ts';
import { TokenList } from './tokens.ts';

/** Largest values of the types of sequences. */
const TOPS: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n - 1n,
  integer: 2n ** 31n - 1n,
  bigint: 2n ** 63n - 1n,
};

/** A function, procedure or rule of the target. */
export interface Routine {
  readonly oid: string;
  readonly name: string;
  readonly body: RoutineBody;
}

/** A partition, or a table that inherits, by OIDs. */
export interface Child {
  readonly child: string;
  readonly parent: string;
}

interface ColumnDraft extends Column {
  calls: readonly Name[];
  /** OIDs of what its default calls. */
  readonly callOids: readonly string[];
}

interface TableDraft {
  readonly schema: string;
  readonly relation: string;
  columns: ColumnDraft[];
  readonly triggers: TriggerDraws[];
  readonly owns: Sequence[];
  readonly ownedBelow: Sequence[];
  readonly holds: Map<string, Sequence>;
  refers: ForeignKeys;
  hasChildren?: true;
  filtered?: true;
}

/** A trigger of a table, or a rule, which does its work like one. */
export interface TriggerRow {
  readonly relation: string;
  readonly routine: Name;
  /** `pg_trigger.tgtype`. */
  readonly type: number;
  readonly trigger: Trigger;
  readonly isRule: boolean;
}

interface ForeignKey {
  readonly name: string;
  readonly from: string;
  readonly column: string;
  readonly to: string;
  readonly toColumn: string;
  /** `pg_constraint.confdeltype` and `confupdtype`. */
  readonly onDelete: string;
  readonly onUpdate: string;
  readonly checked: Checked;
}

/** Puts the rows that tell of a database together. */
export class CatalogBuilder {
  private readonly catalog: NamedCatalog;
  private readonly byOid = new Map<string, Sequence>();
  /** Definitions by OID. */
  private readonly views = new Map<string, string>();
  private readonly tables = new Map<string, TableDraft>();
  private readonly keys: ForeignKey[] = [];

  constructor(catalog: NamedCatalog) {
    this.catalog = catalog;
  }

  addSequence(row: readonly (string | null)[]): void {
    const [oid, schema, relation, increment, start, min, max, cycles, cache, type, readable, settable] =
      row as string[];
    const sequence = this.catalog.addSequence(schema!, relation!, {
      increment: BigInt(increment!),
      start: BigInt(start!),
      min: BigInt(min!),
      max: BigInt(max!),
      cycles: cycles === 't',
      cache: BigInt(cache!),
      top: TOPS[type!]!,
      settable: settable === 't',
      readable: readable === 't',
    });
    this.byOid.set(oid!, sequence);
  }

  sequences(): ReadonlyMap<string, Sequence> {
    return this.catalog.sequences;
  }

  readable(): readonly Sequence[] {
    return [...this.catalog.sequences.values()].filter((sequence) => sequence.readable);
  }

  addColumn(row: readonly (string | null)[]): void {
    const [oid, schema, relation, column, , identity, draws, owned, calls] = row;
    let table = this.tables.get(oid!);
    if (table === undefined) {
      table = {
        schema: schema!,
        relation: relation!,
        columns: [],
        triggers: [],
        owns: [],
        ownedBelow: [],
        holds: new Map(),
        refers: new Map(),
      };
      this.tables.set(oid!, table);
    }
    const sequence = draws == null ? null : (this.byOid.get(draws) ?? null);
    table.columns.push({
      name: column!,
      draws: sequence,
      identity: identity === 't',
      calls: [],
      callOids: calls?.split(',') ?? [],
    });
    const ownedOids = owned?.split(',') ?? (identity === 't' && draws != null ? [draws] : []);
    table.owns.push(...ownedOids.flatMap((sequenceOid) => this.byOid.get(sequenceOid) ?? []));
    // OWNED BY alone: the application calls nextval itself and gives the value.
    const held = sequence ?? this.byOid.get((owned ?? '').split(',')[0]!) ?? null;
    if (held !== null) table.holds.set(column!, held);
  }

  /** The identity of a partition is that of the whole table, which alone restarts it. */
  addPartitions(rows: readonly (readonly string[])[]): void {
    const parents = new Map(rows.map(([partition, parent]) => [partition!, parent!]));
    for (const partition of parents.keys()) {
      const table = this.tables.get(partition);
      let root = partition;
      for (let up = parents.get(root); up !== undefined; up = parents.get(root)) root = up;
      const whole = this.tables.get(root)?.columns ?? [];
      if (table === undefined) continue;
      table.columns = table.columns.map((column) => {
        const draws = column.identity ? whole.find(({ name }) => name === column.name)?.draws : null;
        if (draws == null) return column;
        table.holds.set(column.name, draws);
        return { ...column, draws };
      });
    }
  }

  addForeignKey(row: readonly (string | null)[]): void {
    const [from, column, to, toColumn, onDelete, onUpdate, deferrable, name, enforced] = row as string[];
    this.keys.push({
      name: name!,
      from: from!,
      column: column!,
      to: to!,
      toColumn: toColumn!,
      onDelete: onDelete!,
      onUpdate: onUpdate!,
      checked: enforced === 'f' ? 'NEVER' : deferrable === 't' ? 'AT_COMMIT' : 'AT_ONCE',
    });
  }

  addView(row: readonly (string | null)[]): void {
    const [view, definition] = row as string[];
    this.views.set(view!, definition!);
  }

  /** Along which the database names what its rules and views mean. */
  get path(): readonly string[] {
    return this.catalog.path;
  }

  ruleRoutine(relation: string, rule: string): string {
    const { schema = '', relation: name = relation } = this.tables.get(relation) ?? {};
    return ruleRoutine({ schema, name }, rule);
  }

  build(triggers: readonly TriggerRow[], routines: readonly Routine[], children: readonly Child[]): NamedCatalog {
    const { catalog } = this;
    this.followForeignKeys();
    this.followTruncation();
    const bodies = live(routines);
    catalog.setRoutines(bodies);
    const names = new Map(routines.map(({ oid, name, body: { schema } }) => [oid, { schema, name }]));
    for (const { columns } of this.tables.values())
      for (const column of columns)
        column.calls = column.callOids.flatMap((oid) => names.get(oid) ?? []).filter(({ name }) => bodies.has(name));
    for (const row of triggers) {
      const table = this.tables.get(row.relation);
      if (table !== undefined && (row.type & AHEAD_OF_ROW) === AHEAD_OF_ROW) table.filtered = true;
      if (bodies.has(row.routine.name)) this.addTrigger(row);
    }
    // A row that is routed to a partition, and rows of children, fire their own triggers.
    for (let more = true; more; ) {
      more = this.followChildren(children);
      more = this.followCascades() || more;
    }
    this.fillViews();
    for (const table of this.tables.values()) catalog.addTable(table.schema, table.relation, table);
    return catalog;
  }

  /** TRUNCATE … CASCADE goes on to the tables that refer to one, over any number of steps. */
  private followTruncation(): void {
    for (let more = true; more; ) {
      more = false;
      for (const key of this.keys) {
        const from = this.tables.get(key.from);
        const to = this.tables.get(key.to);
        if (from === undefined || to === undefined || from === to) continue;
        const reached = new Set([...to.ownedBelow, ...from.owns, ...from.ownedBelow]);
        if (reached.size === to.ownedBelow.length) continue;
        to.ownedBelow.splice(0, Number.POSITIVE_INFINITY, ...reached);
        more = true;
      }
    }
  }

  private addTrigger({ relation, routine, type, trigger, isRule }: TriggerRow): void {
    const table = this.tables.get(relation);
    for (const [bit, event] of EVENTS)
      if ((type & bit) !== 0)
        addTrigger(table, { trigger, isRule, cascaded: false, event, perRow: (type & 1) !== 0, routine });
  }

  /** Gives tables the row triggers of those below them, save those that they have themselves; false: nothing new. */
  private followChildren(children: readonly Child[]): boolean {
    let added = false;
    for (const { child, parent } of children) {
      const above = this.tables.get(parent);
      if (above !== undefined) above.hasChildren = true;
      if (above !== undefined && this.tables.get(child)?.filtered === true && above.filtered !== true)
        added = above.filtered = true;
      for (const draws of this.tables.get(child)?.triggers ?? []) {
        const has = above?.triggers.some(
          ({ event, routine: { schema, name } }) =>
            event === draws.event && name === draws.routine.name && schema === draws.routine.schema,
        );
        if (draws.perRow && has === false) added = addTrigger(above, { ...draws, elsewhere: true }) || added;
      }
    }
    return added;
  }

  /** Rows that a foreign key deletes or changes with those that they refer to fire triggers of their own. */
  private followCascades(): boolean {
    let added = false;
    for (let more = true; more; added ||= more) {
      more = false;
      for (const key of this.keys) {
        const from = this.tables.get(key.from);
        const to = this.tables.get(key.to);
        const onDelete = CASCADED[key.onDelete];
        for (const { event, ...draws } of [...(from?.triggers ?? [])]) {
          const cascaded = { ...draws, perRow: true, cascaded: true, elsewhere: true as const };
          if (event === onDelete) more = addTrigger(to, { ...cascaded, event: 'DELETE' }) || more;
          if (key.onUpdate in CASCADED && event === 'UPDATE')
            more = addTrigger(to, { ...cascaded, event: 'UPDATE' }) || more;
        }
      }
    }
    return added;
  }

  private fillViews(): void {
    const byName = new Map([...this.tables].map(([oid, { schema, relation }]) => [`${schema}.${relation}`, oid]));
    const filled = new Set<string>();
    const fill = (oid: string): TableDraft | undefined => {
      const view = this.tables.get(oid);
      const definition = this.views.get(oid);
      if (view === undefined || definition === undefined || filled.has(oid)) return view;
      filled.add(oid);
      const query = new ViewQuery(definition);
      const { schema, name } = query.from;
      const base = (schema === null ? this.path : [schema]).flatMap((one) => byName.get(`${one}.${name}`) ?? [])[0];
      if (base !== undefined) fillView(view, fill(base), query.columns);
      return view;
    };
    for (const oid of this.views.keys()) fill(oid);
  }

  /** A column that refers to one that holds a sequence's values holds them too, over any number of steps. */
  private followForeignKeys(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const key of this.keys) {
        const held = this.tables.get(key.to)?.holds.get(key.toColumn);
        const from = this.tables.get(key.from);
        if (held === undefined || from === undefined) continue;
        const known = from.refers.get(key.column);
        const holds = from.holds.get(key.column);
        if (known === undefined ? holds !== undefined : known.has(key.name) || holds !== held) continue;
        from.holds.set(key.column, held);
        from.refers = withKey(from.refers, key.column, key.name, key.checked);
        changed = true;
      }
    }
  }
}

/** What becomes of the rows that refer to a deleted one: by CASCADE, SET NULL, SET DEFAULT. */
const CASCADED: Readonly<Record<string, RowEvent>> = { c: 'DELETE', n: 'UPDATE', d: 'UPDATE' };

/** False when the table has it already. */
function addTrigger(table: TableDraft | undefined, draws: TriggerDraws): boolean {
  const known = table?.triggers.some(
    ({ trigger, event, perRow }) => trigger === draws.trigger && event === draws.event && perRow === draws.perRow,
  );
  if (table === undefined || known === true) return false;
  table.triggers.push(draws);
  return true;
}

/** BEFORE INSERT … FOR EACH ROW: bits of `pg_trigger.tgtype`. */
const AHEAD_OF_ROW = 7;
/** Bits of `pg_trigger.tgtype`; the lowest one is for row triggers. */
const EVENTS: readonly (readonly [bit: number, event: RowEvent])[] = [
  [4, 'INSERT'],
  [8, 'DELETE'],
  [16, 'UPDATE'],
];

/** Bodies by name, without those that write, draw and set nothing, whatever they call. */
function live(routines: readonly Routine[]): ReadonlyMap<string, readonly RoutineBody[]> {
  const bodies = new Map<string, RoutineBody[]>();
  for (const { name, body } of routines) {
    const others = bodies.get(name);
    if (others === undefined) bodies.set(name, [body]);
    else others.push(body);
  }
  const found = new Map<string, RoutineBody[]>();
  for (let more = true; more; ) {
    more = false;
    for (const [name, all] of bodies) {
      if (found.has(name) || !all.some((body) => does(body) || body.calls.some((other) => found.has(other.name))))
        continue;
      found.set(name, all);
      more = true;
    }
  }
  return found;
}

function does({ writes, draws, moves, calls, setsPath, unknown }: RoutineBody): boolean {
  if (writes.length + draws.length + moves.length > 0 || setsPath !== null || unknown !== null) return true;
  return calls.some(({ name }) => hasHole(name));
}

/** What a simple view selects, from `pg_get_viewdef`. */
class ViewQuery {
  readonly from: { readonly schema: string | null; readonly name: string };
  /** For each of its columns the one of the table that it shows; null: it shows none. */
  readonly columns: readonly (string | null)[];

  constructor(definition: string) {
    const tokens = new TokenList(definition);
    const from = tokens.find(0, -1, ['FROM']);
    this.from = tokens.name(from + 1);
    this.columns = tokens.items(tokens.find(0, -1, ['SELECT']) + 1, from).map((item) => {
      const { name, next } = tokens.name(item.from);
      return next === item.to || tokens.word(next) === 'AS' ? name : null;
    });
  }
}

/** An INSERT into a simple view draws what its base table draws, for every row where the view leaves the column out. */
function fillView(view: TableDraft, base: TableDraft | undefined, shown: readonly (string | null)[]): void {
  if (base === undefined) return;
  view.columns = view.columns.map((own, place) => {
    const column = base.columns.find(({ name }) => name === shown[place]);
    // A view may have defaults of its own.
    return column === undefined || own.draws !== null || own.calls.length > 0 ? own : { ...column, name: own.name };
  });
  const left = base.columns.filter(({ name }) => !shown.includes(name));
  view.columns.push(...left.filter(({ draws, calls }) => draws !== null || calls.length > 0).map(hidden));
  for (const draws of base.triggers) addTrigger(view, { ...draws, elsewhere: true });
  if (base.filtered === true) view.filtered = true;
  view.columns.forEach(({ name }, place) => {
    const held = base.holds.get(shown[place] ?? '');
    if (held !== undefined) view.holds.set(name, held);
    const keys = base.refers.get(shown[place] ?? '');
    if (keys !== undefined) view.refers = new Map([...view.refers, [name, keys]]);
  });
}

function hidden(column: ColumnDraft): ColumnDraft {
  return { ...column, name: `\u0001${column.name}`, hidden: true };
}
