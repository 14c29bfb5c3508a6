import { type Column, NamedCatalog, type RowEvent, type Sequence, type Trigger, type TriggerDraws } from './catalog.ts';
import type { Asked } from './catalog-answers.ts';
import { type Routine, routineDraws } from './routines.ts';
import { listed } from './search-path.ts';

const SEQUENCES = `
SELECT s.seqrelid::text, n.nspname, c.relname, s.seqincrement::text, s.seqstart::text, s.seqmin::text, s.seqmax::text,
       s.seqcycle, s.seqcache::text, s.seqtypid::regtype::text,
       has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT'),
       has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'UPDATE')
         AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = ANY (string_to_array($1, chr(1)))
                         AND NOT (has_schema_privilege(r.oid, n.oid, 'USAGE') AND has_sequence_privilege(r.oid, c.oid, 'UPDATE')))
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't'`;

/** Columns of all tables and views, with the sequence that a default draws from, the ones owned, and the functions of the default. */
const COLUMNS = `
SELECT c.oid::text, n.nspname, c.relname, a.attname, a.attnum::text, a.attidentity <> '',
       coalesce(
         (SELECT d.objid::text FROM pg_depend d WHERE a.attidentity <> '' AND d.classid = 'pg_class'::regclass
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i' LIMIT 1),
         (SELECT d.refobjid::text FROM pg_depend d JOIN pg_class r ON r.oid = d.refobjid AND r.relkind = 'S'
            WHERE d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
              AND pg_get_expr(f.adbin, f.adrelid) ~ 'nextval' LIMIT 1),
         (SELECT d.refobjid::text FROM pg_depend d JOIN pg_class r ON r.oid = d.refobjid AND r.relkind = 'S'
            WHERE f.oid IS NULL AND d.classid = 'pg_type'::regclass AND d.objid = a.atttypid
              AND d.refclassid = 'pg_class'::regclass LIMIT 1)),
       (SELECT string_agg(d.objid::text, ',') FROM pg_depend d JOIN pg_class r ON r.oid = d.objid AND r.relkind = 'S'
          WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
            AND d.refobjsubid = a.attnum AND d.deptype = 'a'),
       (SELECT string_agg(d.refobjid::text, ',') FROM pg_depend d
          WHERE d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relpersistence <> 't'
  AND (c.relkind IN ('r', 'p', 'f') OR (c.relkind = 'v' AND pg_relation_is_updatable(c.oid, true) <> 0))
ORDER BY c.oid, a.attnum`;

const FOREIGN_KEYS = `
SELECT k.conrelid::text, a.attname, k.confrelid::text, b.attname, k.confdeltype, k.confupdtype
FROM pg_constraint k
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair(here, there)
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there
WHERE k.contype = 'f'`;

const PARTITIONS = `
SELECT i.inhrelid::text, i.inhparent::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relispartition`;

/** The base table of a simple view whose rows no trigger inserts. */
const VIEWS = `
SELECT DISTINCT r.ev_class::text, d.refobjid::text
FROM pg_rewrite r
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' AND pg_relation_is_updatable(v.oid, false) & 8 = 8
JOIN pg_namespace n ON n.oid = v.relnamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p')
WHERE NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = v.oid AND g.tgtype & 64 = 64 AND g.tgtype & 4 = 4)`;

const TRIGGERS = `
SELECT t.tgrelid::text, p.oid::text, t.tgtype::text, t.tgname, t.tgenabled IN ('O', 'A')
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal`;

const ROUTINES = `
SELECT p.oid::text, p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND l.lanname IN ('sql', 'plpgsql', 'plpython3u', 'plperl', 'plv8')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`;

/** Largest values of the types of sequences. */
const TOPS: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n - 1n,
  integer: 2n ** 31n - 1n,
  bigint: 2n ** 63n - 1n,
};

const POSITIONS_AT_ONCE = 200;

const SEARCH_PATH = `SELECT array_to_string(current_schemas(false), chr(1)), session_user, current_setting('search_path')`;

const SCHEMAS = 'SELECT nspname FROM pg_namespace';

/** Search paths that ALTER ROLE and ALTER DATABASE have set, those that count less first. */
const SET_PATHS = `
SELECT r.rolname, substr(c.setting, length('search_path=') + 1)
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) AS c(setting)
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE c.setting LIKE 'search_path=%' AND (s.setrole = 0 OR r.rolname IS NOT NULL)
  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY s.setdatabase <> 0`;

/**
 * Reads what draws from sequences in the database that the connection is in.
 * @param logins mapped users of the replay, who must be able to set sequences too
 */
export async function readCatalog(connection: Asked, logins: readonly string[]): Promise<NamedCatalog> {
  const sequences = await sequenceRows(connection, logins);
  const builder = new CatalogBuilder(await namedCatalog(connection));
  for (const row of sequences) builder.addSequence(row);
  await readPositions(connection, builder.readable());
  for (const row of (await connection.query(COLUMNS)).rows) builder.addColumn(row as string[]);
  builder.addPartitions((await connection.query(PARTITIONS)).rows as string[][]);
  for (const row of (await connection.query(FOREIGN_KEYS)).rows) builder.addForeignKey(row as string[]);
  for (const row of (await connection.query(VIEWS)).rows) builder.addView(row as string[]);
  const triggers = ((await connection.query(TRIGGERS)).rows as string[][]).map(
    ([relation, routine, type, name, enabled]): TriggerRow => ({
      relation: relation!,
      routine: routine!,
      type: Number(type),
      trigger: { name: name!, enabled: enabled === 't' },
    }),
  );
  const routines = (await connection.query(ROUTINES)).rows as string[][];
  return builder.build(
    triggers,
    routines.map(([oid, name, source]) => ({ oid: oid ?? '', name: name ?? '', source: source ?? '' })),
  );
}

/** A catalog that knows the schemas and search paths of the database, and nothing in them. */
async function namedCatalog(connection: Asked): Promise<NamedCatalog> {
  const [found, login, own] = (await connection.query(SEARCH_PATH)).rows[0] ?? [];
  const byRole = new Map<string, readonly string[]>();
  let otherwise = listed(DEFAULT_PATH);
  for (const [role, path] of (await connection.query(SET_PATHS)).rows) {
    if (role != null) byRole.set(role, listed(path ?? ''));
    else otherwise = listed(path ?? '');
  }
  // What the server's configuration sets shows in a session for whose user nothing else does.
  if (!byRole.has(login ?? '')) otherwise = listed(own ?? DEFAULT_PATH);
  byRole.set(login ?? '', listed(own ?? DEFAULT_PATH));
  const path = found == null || found === '' ? [] : found.split('\u0001');
  const catalog = new NamedCatalog(path, { login: login ?? '', byRole, otherwise });
  for (const [schema] of (await connection.query(SCHEMAS)).rows) catalog.addSchema(schema ?? '');
  return catalog;
}

const DEFAULT_PATH = '"$user", public';

/** Reads where sequences stand: `pg_sequence_last_value` does not tell it before the first nextval. */
async function readPositions(connection: Asked, sequences: readonly Sequence[]): Promise<void> {
  for (let at = 0; at < sequences.length; at += POSITIONS_AT_ONCE) {
    const some = sequences.slice(at, at + POSITIONS_AT_ONCE);
    const { rows } = await connection.query(some.map(({ regclass }) => positionSql(regclass)).join(' UNION ALL '));
    some.forEach((sequence, index) => {
      const [last, called] = rows[index] ?? [];
      if (last !== null && last !== undefined)
        sequence.next = called === 't' ? BigInt(last) + sequence.increment : BigInt(last);
    });
  }
}

/** The sequences of a database as they stand now, by name. */
export async function readSequences(connection: Asked): Promise<ReadonlyMap<string, Sequence>> {
  const builder = new CatalogBuilder(new NamedCatalog([]));
  for (const row of await sequenceRows(connection, [])) builder.addSequence(row);
  await readPositions(connection, builder.readable());
  return builder.sequences();
}

async function sequenceRows(connection: Asked, logins: readonly string[]): Promise<readonly string[][]> {
  const { rows } = await connection.query(SEQUENCES, [{ kind: 'text', value: logins.join('\u0001'), oid: 25 }]);
  return rows as string[][];
}

/** Gives one row: where a sequence stands, and whether that value was drawn. */
function positionSql(regclass: string): string {
  return `SELECT last_value, is_called FROM ${regclass}`;
}

interface ColumnDraft extends Column {
  mayDraw: readonly Sequence[];
  /** Functions of its default. */
  readonly calls: readonly string[];
}

interface TableDraft {
  readonly schema: string;
  readonly relation: string;
  columns: ColumnDraft[];
  readonly triggers: TriggerDraws[];
  readonly owns: Sequence[];
  readonly ownedBelow: Sequence[];
  readonly holds: Map<string, Sequence>;
  readonly refers: Set<string>;
}

interface TriggerRow {
  readonly relation: string;
  readonly routine: string;
  /** `pg_trigger.tgtype`. */
  readonly type: number;
  readonly trigger: Trigger;
}

interface ForeignKey {
  readonly from: string;
  readonly column: string;
  readonly to: string;
  readonly toColumn: string;
  /** `pg_constraint.confdeltype` and `confupdtype`. */
  readonly onDelete: string;
  readonly onUpdate: string;
}

class CatalogBuilder {
  private readonly catalog: NamedCatalog;
  private readonly byOid = new Map<string, Sequence>();
  private readonly views: { readonly view: string; readonly base: string }[] = [];
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
        refers: new Set(),
      };
      this.tables.set(oid!, table);
    }
    const sequence = draws == null ? null : (this.byOid.get(draws) ?? null);
    table.columns.push({
      name: column!,
      draws: sequence,
      mayDraw: [],
      identity: identity === 't',
      calls: calls?.split(',') ?? [],
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
    const [from, column, to, toColumn, onDelete, onUpdate] = row as string[];
    this.keys.push({
      from: from!,
      column: column!,
      to: to!,
      toColumn: toColumn!,
      onDelete: onDelete!,
      onUpdate: onUpdate!,
    });
  }

  addView(row: readonly (string | null)[]): void {
    const [view, base] = row as string[];
    this.views.push({ view: view!, base: base! });
  }

  build(triggers: readonly TriggerRow[], routines: readonly Routine[]): NamedCatalog {
    const { catalog } = this;
    this.followForeignKeys();
    this.followTruncation();
    for (const { view, base } of this.views) this.fillView(this.tables.get(view), this.tables.get(base));
    for (const table of this.tables.values()) catalog.addTable(table.schema, table.relation, table);
    // A trigger's function may write to a table whose triggers draw, which may write to another one.
    for (let more = true; more; ) {
      const drawn = routineDraws(routines, catalog);
      catalog.setRoutines(drawn.byName);
      more = this.addHiddenDraws(triggers, drawn.byOid);
    }
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

  /** Adds what routines draw in triggers and defaults; true when that was not known of all of them. */
  private addHiddenDraws(triggers: readonly TriggerRow[], drawn: ReadonlyMap<string, readonly Sequence[]>): boolean {
    let added = false;
    for (const { relation, routine, type, trigger } of triggers) {
      const table = this.tables.get(relation);
      for (const sequence of drawn.get(routine) ?? [])
        for (const draws of triggerDraws(trigger, type, sequence)) added = addTrigger(table, draws) || added;
    }
    for (const { columns } of this.tables.values()) {
      for (const column of columns) {
        const before = column.mayDraw.length;
        column.mayDraw = [...new Set(column.calls.flatMap((oid) => drawn.get(oid) ?? []))];
        if (column.mayDraw.length > before) added = true;
      }
    }
    return this.followCascades() || added;
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
          const cascaded = { ...draws, perRow: true, cascaded: true };
          if (event === onDelete) more = addTrigger(to, { ...cascaded, event: 'DELETE' }) || more;
          if (key.onUpdate in CASCADED && event === 'UPDATE')
            more = addTrigger(to, { ...cascaded, event: 'UPDATE' }) || more;
        }
      }
    }
    return added;
  }

  /** An INSERT into a simple view draws what its base table draws; columns are matched by name. */
  private fillView(view: TableDraft | undefined, base: TableDraft | undefined): void {
    if (view === undefined || base === undefined) return;
    const known = new Set(view.columns.map(({ name }) => name));
    view.columns = view.columns.map((column) => base.columns.find(({ name }) => name === column.name) ?? column);
    // A drawing column that the view leaves out is drawn for every row.
    const draws = base.columns.filter(({ draws, calls }) => draws !== null || calls.length > 0);
    view.columns.push(...draws.filter(({ name }) => !known.has(name)));
    for (const [column, sequence] of base.holds) view.holds.set(column, sequence);
    for (const column of base.refers) view.refers.add(column);
  }

  /** A column that refers to one that holds a sequence's values holds them too, over any number of steps. */
  private followForeignKeys(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const key of this.keys) {
        const held = this.tables.get(key.to)?.holds.get(key.toColumn);
        const from = this.tables.get(key.from);
        if (held === undefined || from === undefined || from.holds.has(key.column)) continue;
        from.holds.set(key.column, held);
        from.refers.add(key.column);
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
    ({ trigger, event, perRow, sequence }) =>
      trigger === draws.trigger && event === draws.event && perRow === draws.perRow && sequence === draws.sequence,
  );
  if (table === undefined || known === true) return false;
  table.triggers.push(draws);
  return true;
}

/** `pg_trigger.tgtype`: bit 0 row, 2 insert, 3 delete, 4 update. */
function triggerDraws(trigger: Trigger, type: number, sequence: Sequence): TriggerDraws[] {
  const perRow = (type & 1) !== 0;
  const events: readonly (readonly [number, RowEvent])[] = [
    [4, 'INSERT'],
    [8, 'DELETE'],
    [16, 'UPDATE'],
  ];
  return events
    .filter(([bit]) => (type & bit) !== 0)
    .map(([, event]) => ({ trigger, cascaded: false, event, perRow, sequence }));
}
