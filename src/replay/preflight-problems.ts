import type { SessionSpan, WindowProfile } from '../journal/store.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import { counted } from './counted.ts';
import { type LoginInspection, MAX_LOGINS } from './preflight-logins.ts';
import type { ParseFinding } from './preflight-parse.ts';
import type { WindowSample } from './preflight-sample.ts';
import { isJournalMessage, type TargetInspection } from './preflight-target.ts';
import { refusalOf } from './refusal.ts';
import type { ReplayRequest } from './request.ts';

/** Findings that are listed one by one; of the others there is a count. */
const MOST_FINDINGS = 50;

/** Something that a run would meet. */
export interface PreflightProblem {
  /**
   * ERROR: the replay, or statements of it, would fail or be refused. WARNING: it would run, with less than was
   * recorded or asked for.
   */
  readonly severity: 'ERROR' | 'WARNING';
  readonly code: string;
  readonly message: string;
}

/** What was found so far, in the order in which it is told. */
export class Problems {
  readonly list: PreflightProblem[] = [];

  error(code: string, message: string): void {
    this.list.push({ severity: 'ERROR', code, message });
  }

  warn(code: string, message: string): void {
    this.list.push({ severity: 'WARNING', code, message });
  }
}

/** Of the target itself: out of reach, the journal itself, a standby, behind a pooler, in use. */
export function aboutTarget(
  { facts, errors }: TargetInspection,
  target: ResolvedTarget,
  writes: number,
  request: ReplayRequest,
  problems: Problems,
): void {
  for (const error of errors) problems.error('TARGET_UNREACHABLE', error);
  if (facts?.isJournal) {
    problems.error('TARGET_REFUSED', isJournalMessage(target));
    return;
  }
  if (writes > 0 && facts?.inRecovery) {
    problems.error(
      'TARGET_STANDBY',
      `the target is a standby: what writes (${counted(writes, 'statement')}) would fail with 25006`,
    );
  } else if (writes > 0 && request.readOnly) {
    problems.warn(
      'READ_ONLY',
      `${counted(writes, 'statement')} of the window ${writes === 1 ? 'writes' : 'write'}, and the target's sessions will be read-only: ` +
        'that fails with 25006',
    );
  }
  if (facts?.behindPooler) {
    problems.warn(
      'BEHIND_POOLER',
      'the target is reached through a connection pooler: one that pools transactions is refused, and behind one that pools ' +
        'sessions statements that wait for locks of the replay hold it up; name the server itself where you can',
    );
  }
  if (facts !== null && facts.otherSessions > 0) {
    problems.warn(
      'TARGET_IN_USE',
      `${facts.otherSessions} other sessions are connected to the target's database, ${facts.activeSessions} of them busy: ` +
        'their locks and load will show in the results, and what the replay writes will meet them',
    );
  }
}

/** Behind a user that is misspelt, sessions log in as the target's user; behind a database, they are left out. */
export function aboutMappings(
  spans: readonly SessionSpan[],
  { users, databases }: ReplayRequest,
  problems: Problems,
): void {
  if (spans.length === 0) return;
  const unused = (what: 'user' | 'database', mapped: readonly { readonly recorded: string }[]) => {
    const recorded = new Set(spans.map((span) => span[what]));
    for (const { recorded: name } of mapped) {
      if (recorded.has(name)) continue;
      const message = `no session of the window is of ${what} ${JSON.stringify(name)}: its mapping has no effect`;
      problems.warn('UNUSED_MAPPING', message);
    }
  };
  unused('user', users);
  unused('database', databases ?? []);
}

/** Whether `maxConnections` and the target have room for so many sessions at once. */
export function aboutConnections(
  { facts }: TargetInspection,
  sessionsAtOnce: number,
  { ordering, maxConnections }: ReplayRequest,
  problems: Problems,
): void {
  // One more watches for locks.
  const wanted = ordering === 'COMMIT' ? 2 : Math.min(sessionsAtOnce + 1, maxConnections);
  if (ordering !== 'COMMIT' && sessionsAtOnce > maxConnections - 1) {
    problems.warn(
      'CONNECTION_LIMIT',
      `${sessionsAtOnce} sessions are open at once and maxConnections is ${maxConnections}: sessions without state will take turns`,
    );
  }
  if (facts !== null && facts.freeConnections < wanted) {
    problems.warn(
      'CONNECTION_LIMIT',
      `the run wants up to ${wanted} connections and the target has ${Math.max(0, facts.freeConnections)} to spare: ` +
        "raise its max_connections, or lower the run's maxConnections",
    );
  }
}

/** What the target says of the different statements, and which ones a read-only run does not send. */
export function aboutStatements(
  { parsed }: TargetInspection,
  sample: WindowSample,
  target: ResolvedTarget,
  request: ReplayRequest,
  problems: Problems,
): void {
  for (const { database, findings } of parsed) {
    const where = database === target.database ? '' : ` in database ${database}`;
    for (const finding of findings.slice(0, MOST_FINDINGS)) problems.error(finding.code, findingText(finding, where));
    const more = findings.length - MOST_FINDINGS;
    if (more > 0)
      problems.error('MORE_FINDINGS', `${more} more things that statements name and the target does not have`);
  }
  const refused = sample.kinds.filter(
    ({ text }) => refusalOf({ statement: text, parameters: [], unreplayable: null }, request) !== null,
  );
  if (refused[0] !== undefined) {
    const what = refused.length === 1 ? '1 statement' : `${refused.length} different statements`;
    problems.warn(
      'READ_ONLY',
      `${what} would be skipped, since they make their session writable, such as ${oneLine(refused[0].text)}`,
    );
  }
}

/** Statements that took longer than they may. */
export function aboutTimeout(
  { longestMs }: WindowProfile,
  { statementTimeoutMs }: ReplayRequest,
  problems: Problems,
): void {
  if (longestMs <= statementTimeoutMs) return;
  problems.warn(
    'STATEMENT_TIMEOUT',
    `statements of the window took up to ${Math.ceil(longestMs)} ms, and statementTimeoutMs is ${statementTimeoutMs}: ` +
      'those that take longer on the target fail with 57014, unless their session sets its own statement_timeout',
  );
}

/** What the logins that sessions are mapped to may not do. */
export function aboutLogins({ findings }: LoginInspection, target: ResolvedTarget, problems: Problems): void {
  for (const finding of findings.slice(0, MOST_FINDINGS)) {
    const where = finding.database === target.database ? '' : ` in database ${finding.database}`;
    problems.error(finding.code, findingText(finding, ` for login ${JSON.stringify(finding.login)}${where}`));
  }
  const more = findings.length - MOST_FINDINGS;
  if (more > 0) problems.error('MORE_FINDINGS', `${more} more things that logins may not do or do not find`);
}

function findingText({ sqlstate, message, kinds, calls, sample }: ParseFinding, where: string): string {
  const what = `${kinds === 1 ? '1 statement' : `${kinds} different statements`}, ${counted(calls, 'time')}`;
  return `${message} (${sqlstate})${where}: ${what}, such as ${oneLine(sample)}`;
}

/** What was not looked at or not asked about. */
export function aboutCompleteness(
  { parsed, facts, leftOut }: TargetInspection,
  logins: LoginInspection,
  sample: WindowSample,
  problems: Problems,
): void {
  if (!sample.complete) {
    problems.warn(
      'CHECK_INCOMPLETE',
      `the window is large: ${sample.entries} entries with ${sample.kinds.length} different statements were looked at, in parts all over it`,
    );
  } else if (facts !== null && (!logins.complete || parsed.some(({ complete }) => !complete))) {
    problems.warn(
      'CHECK_INCOMPLETE',
      'the target has not answered about every different statement: it was too slow, something there is locked, or a connection was lost',
    );
  }
  if (leftOut > 0)
    problems.warn('CHECK_INCOMPLETE', `${leftOut} of the databases that statements go to were not asked about them`);
  if (logins.leftOut > 0) {
    problems.warn(
      'CHECK_INCOMPLETE',
      `${logins.leftOut} of the logins of the window (each in each of its databases) were not tried: only the first ${MAX_LOGINS} are`,
    );
  }
}

function oneLine(statement: string): string {
  return statement.length > 200 ? `${statement.slice(0, 199)}…` : statement;
}
