import type { Entry } from '../journal/entry.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { Connector } from './connector.ts';
import { SETS_UNKNOWN } from './marked-statements.ts';
import { answerGraceMs, type ReplayRequest } from './request.ts';

/** Routines whose source is known; those of extensions mind their roles themselves. */
const JOINS = 'JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang';
const OWN = `
n.nspname NOT IN ('pg_catalog', 'information_schema') AND l.lanname NOT IN ('internal', 'c')
AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')`;

/** A body that is no text (BEGIN ATOMIC) is put together again. */
const SOURCE = `CASE WHEN p.prosrc <> '' THEN p.prosrc ELSE pg_get_functiondef(p.oid) END`;

const SETTING = `SELECT p.proname, ${SOURCE} FROM pg_proc p ${JOINS} WHERE ${OWN} AND ${SOURCE} ~* '\\m(role|session_?authorization|authorization|set_config)\\M'`;

const ALL = `SELECT p.proname, ${SOURCE} FROM pg_proc p ${JOINS} WHERE ${OWN}`;

/** Whether triggers, defaults, rules, policies or constraints call one of some names, and no statement shows it. */
const HIDDEN = `
SELECT EXISTS (
  SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid ${JOINS}
  WHERE ${OWN} AND d.refclassid = 'pg_proc'::regclass AND p.proname = ANY (string_to_array($1, chr(1)))
    AND d.classid IN ('pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass,
                      'pg_constraint'::regclass))`;

/** Functions and procedures of the target that may take a role: whoever calls one may run under another than its login. */
export class RoleRoutines {
  private readonly takers = new RoutineNames();
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
        answerGraceMs: answerGraceMs(request),
        readOnly: false,
        ...(database === null ? {} : { database }),
      };
      await connector.use(options, (connection) => routines.read(connection));
    }
    return routines;
  }

  private async read(connection: Pick<TargetConnection, 'query'>): Promise<void> {
    const setting = (await connection.query(SETTING)).rows.filter(([, source]) => takesRole(source ?? ''));
    if (setting.length === 0) return;
    const { rows } = await connection.query(ALL);
    const found = new Set(setting.map(([name]) => name ?? ''));
    const callers = callersByName(rows.map(([name, source]) => [name ?? '', source ?? '']));
    // A set gives what is added to it meanwhile, too.
    for (const name of found) for (const caller of callers.get(name) ?? []) found.add(caller);
    for (const name of found) this.takers.add(name);
    const asked = await connection.query(HIDDEN, [{ kind: 'text', value: [...found].join('\u0001'), oid: 25 }]);
    this.hidden ||= asked.rows[0]?.[0] === 't';
  }

  /** Whether any statement may run one, be it by a trigger. */
  get anyMay(): boolean {
    return this.hidden;
  }

  /** Whether a statement calls one by its name. */
  isMentioned({ statement }: Pick<Entry, 'statement'>): boolean {
    return this.takers.calledIn(statement).length > 0;
  }

  /** Notes a routine that the record creates. */
  learn({ statement, statementType: type }: Pick<Entry, 'statement' | 'statementType'>): void {
    if (type !== 'DDL' || !(takesRole(statement) || this.isMentioned({ statement }))) return;
    const made = CREATES.exec(statement)?.[1];
    if (made === undefined) return;
    this.takers.add(made.startsWith('"') ? made.slice(1, -1).replaceAll('""', '"') : made.toLowerCase());
    this.hidden ||= /\breturns\s+trigger\b/i.test(statement);
  }
}

/** Names of routines, to be found in texts that call them, in one pass however many there are. */
class RoutineNames {
  /** By their lower case: a quoted one is not told from others. */
  private readonly words = new Map<string, Set<string>>();
  /** Those that are no words, as they are quoted. */
  private readonly quoted = new Map<string, string>();

  add(name: string): void {
    const key = name.toLowerCase();
    if (IS_WORD.test(name)) this.words.set(key, (this.words.get(key) ?? new Set()).add(name));
    else this.quoted.set(`"${name.replaceAll('"', '""')}"`, name);
  }

  /** Which of them a text calls, be it in a string: some more than once. */
  calledIn(text: string): string[] {
    const found: string[] = [];
    if (this.words.size > 0)
      for (const { 0: word, index } of text.matchAll(WORDS)) {
        const names = this.words.get(word.toLowerCase());
        if (names !== undefined && isCalled(text, index + word.length)) found.push(...names);
      }
    for (const [quoted, name] of this.quoted) if (text.includes(quoted)) found.push(name);
    return found;
  }
}

const IS_WORD = /^[a-z_\u0080-\uffff][\w$\u0080-\uffff]*$/i;
const WORDS = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/gi;

/** Whether what ends here in a text is followed by a parenthesis. */
function isCalled(text: string, end: number): boolean {
  const call = /"?\s*\(/y;
  call.lastIndex = end;
  return call.test(text);
}

/** Which routines call one, by names. */
function callersByName(routines: readonly (readonly [name: string, source: string])[]): Map<string, string[]> {
  const names = new RoutineNames();
  for (const [name] of routines) names.add(name);
  const callers = new Map<string, string[]>();
  for (const [name, source] of routines)
    for (const called of new Set(names.calledIn(source))) {
      const known = callers.get(called);
      if (known === undefined) callers.set(called, [name]);
      else known.push(name);
    }
  return callers;
}

/** The name of a function or procedure that a statement creates, without its schema. */
const CREATES =
  /^\s*create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+(?:(?:"(?:[^"]|"")*"|[^\s"(.]+)\s*\.\s*)*("(?:[^"]|"")*"|[^\s"(.]+)/i;

/** `SET ROLE` and the like where a statement begins, in a string too: `UPDATE … SET role` is none. */
const TAKES_ROLE =
  /(?:^|[;'$>]|\b(?:begin|then|else|loop|atomic))\s*set\s+(?:(?:local|session)\s+)?(?:role|session_authorization|(?:session\s+)?authorization)\b/i;

/** Reading the catalog of a large database takes a while, but not for ever. */
const TIMEOUT_MS = 30_000;

/** Whether the source of a routine, or a statement that creates one, takes another role somewhere outside of comments. */
export function takesRole(source: string): boolean {
  // What only looks like the beginning of a comment, as in a string, would each time be followed to the end of the source.
  const lastEnd = source.lastIndexOf('*/') + 2;
  const commented = lastEnd < 2 ? '' : source.slice(0, lastEnd);
  const plain =
    commented.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ') + source.slice(commented.length).replace(/--[^\n]*/g, ' ');
  return TAKES_ROLE.test(plain) || SETS_UNKNOWN.test(plain);
}
