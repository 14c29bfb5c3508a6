import type { Entry } from '../journal/entry.ts';
import type { Value } from '../journal/value.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { Connector } from './connector.ts';
import { SETS_UNKNOWN } from './marked-statements.ts';
import type { ReplayRequest } from './request.ts';

/** Routines whose source is text; those of extensions mind their roles themselves. */
const JOINS = 'JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang';
const OWN = `
n.nspname NOT IN ('pg_catalog', 'information_schema') AND l.lanname NOT IN ('internal', 'c')
AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')`;

const SETTING = `SELECT p.proname, p.prosrc FROM pg_proc p ${JOINS} WHERE ${OWN} AND p.prosrc ~* '\\m(role|session_?authorization|authorization|set_config)\\M'`;

/** Those that mention one of some names, a regular expression. */
const CALLERS = `
SELECT DISTINCT p.proname FROM pg_proc p ${JOINS}
WHERE ${OWN} AND p.prosrc ~* ('(^|[^[:alnum:]_$])(' || $1 || ')([^[:alnum:]_$]|$)')`;

/** Whether triggers, defaults, rules, policies or constraints call one of some names, and no statement shows it. */
const HIDDEN = `
SELECT EXISTS (
  SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid ${JOINS}
  WHERE ${OWN} AND d.refclassid = 'pg_proc'::regclass AND p.proname = ANY (string_to_array($1, chr(1)))
    AND d.classid IN ('pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass,
                      'pg_constraint'::regclass))`;

/** Functions and procedures of the target that may take a role: whoever calls one may run under another than its login. */
export class RoleRoutines {
  private readonly names = new Set<string>();
  /** Null: there is none. */
  private mentions: RegExp | null = null;
  /** Any statement may call one. */
  private hidden = false;

  /**
   * Reads those of the databases of a COMMIT run that puts statements of its own into transactions; null: the target's own.
   * @throws RepriseError TARGET_UNREACHABLE, TARGET_LOST
   */
  static async open(
    connector: Connector,
    request: ReplayRequest,
    replayId: string,
    databases: ReadonlySet<string | null>,
  ): Promise<RoleRoutines> {
    const routines = new RoleRoutines();
    if (request.ordering !== 'COMMIT' || !(request.restoreIds || request.markProgress)) return routines;
    for (const database of databases) {
      const options = {
        connectTimeoutMs: request.connectTimeoutMs,
        applicationName: `reprise ${replayId.slice(0, 8)} roles`,
        statementTimeoutMs: TIMEOUT_MS,
        readOnly: false,
        ...(database === null ? {} : { database }),
      };
      await connector.use(options, (connection) => routines.read(connection));
    }
    return routines;
  }

  private async read(connection: Pick<TargetConnection, 'query'>): Promise<void> {
    const { rows } = await connection.query(SETTING);
    for (const [name, source] of rows) if (takesRole(source ?? '')) this.names.add(name ?? '');
    for (let before = 0; this.names.size > before; ) {
      before = this.names.size;
      const asked = await connection.query(CALLERS, [text([...this.names].map(escaped).join('|'))]);
      for (const [name] of asked.rows) this.names.add(name ?? '');
    }
    if (this.names.size === 0) return;
    this.hidden ||= (await connection.query(HIDDEN, [text([...this.names].join('\u0001'))])).rows[0]?.[0] === 't';
    this.compile();
  }

  /** Whether a statement mentions one. */
  isMentioned({ statement }: Pick<Entry, 'statement'>): boolean {
    return this.mentions?.test(statement) === true;
  }

  /** Whether one may run while a statement does, be it by a trigger. */
  mayTakeRole(entry: Pick<Entry, 'statement'>): boolean {
    return this.hidden || this.isMentioned(entry);
  }

  /** Notes a routine that the record creates. */
  learn({ statement, statementType: type }: Pick<Entry, 'statement' | 'statementType'>): void {
    if (type !== 'DDL' || !(takesRole(statement) || this.mentions?.test(statement) === true)) return;
    const made = CREATES.exec(statement)?.[1];
    if (made === undefined) return;
    this.names.add(made.startsWith('"') ? made.slice(1, -1).replaceAll('""', '"') : made.toLowerCase());
    this.hidden ||= /\breturns\s+trigger\b/i.test(statement);
    this.compile();
  }

  private compile(): void {
    const names = [...this.names].map(escaped).join('|');
    this.mentions = new RegExp(`(?<![\\p{L}\\p{N}_$])(?:${names})(?![\\p{L}\\p{N}_$])`, 'iu');
  }
}

/** The name of a function or procedure that a statement creates, without its schema. */
const CREATES =
  /^\s*create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+(?:(?:"(?:[^"]|"")*"|[^\s"(.]+)\s*\.\s*)*("(?:[^"]|"")*"|[^\s"(.]+)/i;

/** `SET ROLE` and the like where a statement begins, in a string too: `UPDATE … SET role` is none. */
const TAKES_ROLE =
  /(?:^|[;'$>]|\b(?:begin|then|else|loop|atomic))\s*set\s+(?:(?:local|session)\s+)?(?:role|session_authorization|(?:session\s+)?authorization)\b/i;

/** Reading the catalog of a large database takes a while, but not for ever. */
const TIMEOUT_MS = 60_000;

function takesRole(source: string): boolean {
  const plain = source.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
  return TAKES_ROLE.test(plain) || SETS_UNKNOWN.test(plain);
}

/** For regular expressions of PostgreSQL and of JavaScript. */
function escaped(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function text(value: string): Value {
  return { kind: 'text', value, oid: 25 };
}
