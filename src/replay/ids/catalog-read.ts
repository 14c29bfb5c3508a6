import { NamedCatalog, type Sequence } from './catalog.ts';
import type { Asked } from './catalog-answers.ts';
import { CatalogBuilder, type Routine, type TriggerRow } from './catalog-builder.ts';
import { readBody, ruleBody } from './routine-body.ts';
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
SELECT k.conrelid::text, a.attname, k.confrelid::text, b.attname, k.confdeltype, k.confupdtype, k.condeferrable,
       k.conname, coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'
FROM pg_constraint k
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair(here, there)
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there
WHERE k.contype = 'f'`;

const CHILDREN = `
SELECT i.inhrelid::text, i.inhparent::text, c.relispartition FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid`;

/** Simple views whose rows no trigger inserts. */
const VIEWS = `
SELECT v.oid::text, pg_get_viewdef(v.oid)
FROM (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'v' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') OFFSET 0) v
WHERE pg_relation_is_updatable(v.oid, false) & 8 = 8
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = v.oid AND g.tgtype & 64 = 64 AND g.tgtype & 4 = 4)`;

const TRIGGERS = `
SELECT t.tgrelid::text, n.nspname, p.proname, t.tgtype::text, t.tgname, t.tgenabled IN ('O', 'A')
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace WHERE NOT t.tgisinternal`;

/** Rules on INSERT, UPDATE and DELETE, as triggers of their events would be. */
const RULES = `
SELECT r.ev_class::text, CASE r.ev_type WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 16 END + 1, r.rulename,
       r.ev_enabled IN ('O', 'A'), pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.ev_type <> '1' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relpersistence <> 't'`;

/** Bodies that are no text (BEGIN ATOMIC) name what they mean as this session finds it. */
const ROUTINES = `
SELECT p.oid::text, n.nspname, p.proname, p.proargtypes::text, CASE WHEN p.prosrc <> '' THEN p.prosrc WHEN a.aggfnoid IS NULL THEN pg_get_functiondef(p.oid) END, p.prosrc = '',
       (SELECT substr(c, length('search_path=') + 1) FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND l.lanname IN ('sql', 'plpgsql', 'plpython3u', 'plperl', 'plv8')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`;

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
  const children = (await connection.query(CHILDREN)).rows as string[][];
  builder.addPartitions(children.filter(([, , isPartition]) => isPartition === 't'));
  for (const row of (await connection.query(FOREIGN_KEYS)).rows) builder.addForeignKey(row as string[]);
  for (const row of (await connection.query(VIEWS)).rows) builder.addView(row as string[]);
  const triggers = ((await connection.query(TRIGGERS)).rows as string[][]).map(
    ([relation, schema, routine, type, name, enabled]): TriggerRow => ({
      relation: relation!,
      routine: { schema: schema!, name: routine! },
      type: Number(type),
      trigger: { name: name!, enabled: enabled === 't' },
      isRule: false,
    }),
  );
  const routines = ((await connection.query(ROUTINES)).rows as string[][]).map(
    ([oid, schema, name, args, source, isResolved, path]): Routine => ({
      oid: oid!,
      name: name!,
      body: readBody(source ?? '', {
        schema: schema!,
        args: args!,
        path: path != null ? pathSet(path) : isResolved === 't' ? builder.path : null,
      }),
    }),
  );
  for (const [relation, type, name, enabled, definition] of (await connection.query(RULES)).rows as string[][]) {
    const routine = builder.ruleRoutine(relation!, name!);
    routines.push({ oid: '', name: routine, body: readBody(ruleBody(definition ?? ''), { path: builder.path }) });
    triggers.push({
      relation: relation!,
      routine: { schema: null, name: routine },
      type: Number(type),
      trigger: { name: name!, enabled: enabled === 't' },
      isRule: true,
    });
  }
  return builder.build(
    triggers,
    routines,
    children.map(([child, parent]) => ({ child: child!, parent: parent! })),
  );
}

/** A path that a function has of its own; null where it depends on who calls it. */
function pathSet(setting: string): readonly string[] | null {
  const path = listed(setting);
  return path.includes('$user') ? null : path;
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
