import { identifierName, isSingleStatement, splitStatements, TOKEN, Tokenizer } from '../journal/sql-tokens.ts';
import { classifyStatement } from '../journal/statement-type.ts';
import type { Value } from '../journal/value.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { TargetOutcome } from '../target/statement.ts';
import type { StatementKind, WindowSample } from './preflight-sample.ts';

/** What the target could not make sense of. */
export interface ParseFinding {
  readonly code:
    | 'MISSING_RELATION'
    | 'MISSING_COLUMN'
    | 'MISSING_FUNCTION'
    | 'MISSING_SCHEMA'
    | 'MISSING_TYPE'
    | 'MISSING_PRIVILEGE'
    | 'SYNTAX';
  readonly sqlstate: string;
  /** The server's own. */
  readonly message: string;
  /** Different statements, and how often they were seen. */
  readonly kinds: number;
  readonly calls: number;
  /** One of them, normalised. */
  readonly sample: string;
}

/** What the target said of a window’s statements. */
export interface ParseResult {
  readonly findings: readonly ParseFinding[];
  /** Statements that the target was asked about. */
  readonly checked: number;
  /** False when not all were answered: time ran out, the connection was lost, or a lock or a time limit of the target came in between. */
  readonly complete: boolean;
}

const CODES: Readonly<Record<string, ParseFinding['code']>> = {
  '42P01': 'MISSING_RELATION',
  '42703': 'MISSING_COLUMN',
  '42883': 'MISSING_FUNCTION',
  '3F000': 'MISSING_SCHEMA',
  '42704': 'MISSING_TYPE',
  '42501': 'MISSING_PRIVILEGE',
  '42601': 'SYNTAX',
};

/** query_canceled, lock_not_available: the target was asked, and has not said. */
const UNANSWERED = new Set(['57014', '55P03']);

/** First words of what PREPARE takes. */
const PREPARABLE = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'VALUES', 'TABLE', 'WITH']);

/** A statement that the target is asked about. */
export interface Question {
  readonly kind: StatementKind;
  /** One statement, as recorded. */
  readonly text: string;
}

/** A statement that the target did not take. */
export interface Refusal extends Question {
  readonly outcome: TargetOutcome;
}

/** How the target is made to look at a statement and to run nothing of it. */
export interface Way {
  /** What is put in front of the statement. */
  readonly prefix: string;
  /** Statements that are asked about at once. */
  readonly atOnce: number;
  put(connection: TargetConnection, text: string): Promise<TargetOutcome>;
}

/** Parsed and analysed only. */
export const PREPARE: Way = {
  prefix: 'PREPARE reprise AS ',
  atOnce: 100,
  put(connection, text) {
    const prepared = send(connection, text);
    void send(connection, 'DEALLOCATE reprise');
    return prepared;
  },
};

/** Takes those refusals out that do not stand, until a time of `performance.now()`. */
export type Again = (
  refusals: readonly Refusal[],
  deadline: number,
) => Promise<{ readonly refusals: readonly Refusal[]; readonly complete: boolean }>;

/**
 * Asks the target whether it knows what the statements of a window name: each is prepared, which parses and analyses
 * it and runs nothing. A transaction of its own for each, so that no lock is held on; in the extended protocol, which
 * takes one statement only, so that no text can smuggle in another.
 *
 * Not reported: what statements of the window make themselves, what is found under a `search_path` that they set, and what
 * `again` takes out of the refusals that are left.
 * Needs a read-only session with statement and lock timeouts.
 */
export async function parseOnTarget(
  connection: TargetConnection,
  kinds: readonly StatementKind[],
  window: Pick<WindowSample, 'made' | 'madeColumns' | 'searchPaths'>,
  ms: number,
  again: Again = async (refusals) => ({ refusals, complete: true }),
): Promise<ParseResult> {
  const deadline = performance.now() + ms;
  const questions = kinds.flatMap(questionsOf);
  const asked = await refusalsOf(connection, questions, window.searchPaths, deadline, PREPARE, (refusal) =>
    isMissing(refusal, PREPARE, window),
  );
  const left = await again(asked.refusals, deadline);
  return { findings: grouped(left.refusals), checked: asked.checked, complete: asked.complete && left.complete };
}

/** The statements of a kind that a target can be asked about. */
export function questionsOf(kind: StatementKind): Question[] {
  return partsOf(kind.text).map((text) => ({ kind, text }));
}

function partsOf(text: string): string[] {
  const parts = isSingleStatement(text) ? [text] : splitStatements(text);
  return parts.filter((part) => {
    const tokens = new Tokenizer(part);
    tokens.advance();
    while (tokens.at('(')) tokens.advance();
    // SELECT … INTO is DDL, and cannot be prepared.
    return PREPARABLE.has(tokens.keyword()) && classifyStatement(part) !== 'DDL';
  });
}

/** Those of the questions that the target refuses as `isFinding` says, and under each of the search paths again. */
export async function refusalsOf<T extends Question>(
  connection: TargetConnection,
  questions: readonly T[],
  searchPaths: readonly string[],
  deadline: number,
  way: Way,
  isFinding: (refusal: T & Refusal) => boolean,
): Promise<{ readonly refusals: readonly (T & Refusal)[]; readonly checked: number; readonly complete: boolean }> {
  const asked = await ask(connection, questions, deadline, way);
  const refusals = asked.refusals.filter(isFinding);
  const again = await stillRefused(connection, refusals, searchPaths, deadline, way);
  return { ...again, checked: asked.checked, complete: asked.complete && again.complete };
}

/** Those of the refusals that stand under each of the search paths, too. Leaves the session under the last of them. */
export async function stillRefused<T extends Question>(
  connection: TargetConnection,
  refused: readonly T[],
  searchPaths: readonly string[],
  deadline: number,
  way: Way,
): Promise<{ readonly refusals: readonly T[]; readonly complete: boolean }> {
  let refusals = refused;
  let complete = true;
  for (const path of searchPaths) {
    if (refusals.length === 0) break;
    const set = await send(connection, path);
    if (!set.ok && !set.lost) continue;
    const again = await ask(connection, refusals, deadline, way);
    complete &&= again.complete;
    // What was not asked again stays refused.
    if (again.stopped) break;
    const still = new Set(again.refusals.map(({ text }) => text));
    refusals = refusals.filter(({ text }) => still.has(text));
  }
  return { refusals, complete };
}

/** `complete`: all were answered; `stopped`: time ran out, or the connection was lost. */
async function ask<T extends Question>(
  connection: TargetConnection,
  questions: readonly T[],
  deadline: number,
  { atOnce, prefix, put }: Way,
) {
  const refusals: (T & Refusal)[] = [];
  let checked = 0;
  let complete = true;
  for (let at = 0; at < questions.length; at += atOnce) {
    if (performance.now() >= deadline || connection.ended) return { refusals, checked, complete: false, stopped: true };
    const batch = questions.slice(at, at + atOnce);
    const outcomes = await Promise.all(batch.map(({ text }) => put(connection, `${prefix}${text}`)));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.lost || UNANSWERED.has(outcome.sqlstate ?? '')) {
        complete = false;
        continue;
      }
      checked += 1;
      const question = batch[index];
      if (!outcome.ok && question !== undefined) refusals.push({ ...question, outcome });
    }
  }
  return { refusals, checked, complete, stopped: connection.ended };
}

/** One statement, in the extended protocol, which takes no more; its parameters are NULL. */
export function send(connection: TargetConnection, text: string, parameters = 0): Promise<TargetOutcome> {
  return new Promise((resolve) => {
    connection.send(
      { protocol: 'EXTENDED', text, preparedName: null, parameters: Array(parameters).fill(NULL), digest: false },
      resolve,
    );
  });
}

const NULL: Value = { kind: 'null' };

/**
 * Whether the target lacks what a statement names. False for other errors (a type that a parameter does not tell, a lock, a
 * privilege), and for what the window itself makes.
 */
export function isMissing(
  { text, outcome }: Refusal,
  { prefix }: Way,
  window: Pick<WindowSample, 'made' | 'madeColumns'>,
): boolean {
  const code = CODES[outcome.sqlstate ?? ''];
  if (code === undefined || code === 'MISSING_PRIVILEGE') return false;
  if (code === 'SYNTAX') return true;
  const names = namesAt(text, (outcome.position ?? 0) - prefix.length);
  // An operator that is missing hangs on types, which recorded parameters may settle.
  if (names.length === 0) return code !== 'MISSING_FUNCTION';
  return !names.some((name) => window.made.has(name) || (code === 'MISSING_COLUMN' && window.madeColumns.has(name)));
}

/** The parts of the qualified name that stands at a character, counted from 1. */
function namesAt(text: string, position: number): string[] {
  if (position < 1) return [];
  // The server counts characters, a string its UTF-16 units.
  let index = 0;
  for (let characters = 1; characters < position && index < text.length; characters++) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  const tokens = new Tokenizer(text);
  let kind = tokens.advance();
  while (kind !== TOKEN.END && tokens.end <= index) kind = tokens.advance();
  const names: string[] = [];
  for (let name = identifierName(tokens); name !== null; name = identifierName(tokens)) {
    names.push(name);
    tokens.advance();
    if (!tokens.at('.')) break;
    tokens.advance();
  }
  return names;
}

/** The refusals by what the server said of them, those met most often first; `callsOf`: how often a kind was. */
export function grouped(
  refusals: readonly Refusal[],
  callsOf: (kind: StatementKind) => number = ({ calls }) => calls,
): ParseFinding[] {
  const groups = new Map<string, { finding: Omit<ParseFinding, 'kinds' | 'calls'>; kinds: Set<StatementKind> }>();
  for (const { kind, outcome } of refusals) {
    const sqlstate = outcome.sqlstate ?? '';
    const message = outcome.message ?? '';
    const key = `${sqlstate} ${message}`;
    const group = groups.get(key);
    if (group !== undefined) group.kinds.add(kind);
    else {
      const code = CODES[sqlstate] ?? 'SYNTAX';
      groups.set(key, { finding: { code, sqlstate, message, sample: kind.normalised }, kinds: new Set([kind]) });
    }
  }
  return [...groups.values()]
    .map(({ finding, kinds }) => ({
      ...finding,
      kinds: kinds.size,
      calls: [...kinds].reduce((sum, kind) => sum + callsOf(kind), 0),
    }))
    .sort((a, b) => b.calls - a.calls);
}
