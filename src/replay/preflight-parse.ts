import { identifierName, isSingleStatement, splitStatements, TOKEN, Tokenizer } from '../journal/sql-tokens.ts';
import { classifyStatement } from '../journal/statement-type.ts';
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

export interface ParseResult {
  readonly findings: readonly ParseFinding[];
  /** Statements that the target was asked about. */
  readonly checked: number;
  /** False when time ran out before all were. */
  readonly complete: boolean;
}

const CODES: Readonly<Record<string, ParseFinding['code']>> = {
  '42P01': 'MISSING_RELATION',
  '42703': 'MISSING_COLUMN',
  '42883': 'MISSING_FUNCTION',
  '3F000': 'MISSING_SCHEMA',
  '42704': 'MISSING_TYPE',
  '42601': 'SYNTAX',
};

/** First words of what PREPARE takes. */
const PREPARABLE = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'VALUES', 'TABLE', 'WITH']);
const AT_ONCE = 100;
const PREFIX = 'PREPARE reprise AS ';

interface Question {
  readonly kind: StatementKind;
  /** One statement, as recorded. */
  readonly text: string;
}

interface Refusal extends Question {
  readonly outcome: TargetOutcome;
}

/**
 * Asks the target whether it knows what the statements of a window name: each is prepared, which parses and analyses
 * it and runs nothing. A transaction of its own for each, so that no lock is held on; in the extended protocol, which
 * takes one statement only, so that no text can smuggle in another.
 *
 * Not reported: what statements of the window make themselves, and what is found under a `search_path` that they set.
 * Needs a read-only session with statement and lock timeouts.
 */
export async function parseOnTarget(
  connection: TargetConnection,
  kinds: readonly StatementKind[],
  window: Pick<WindowSample, 'made' | 'madeColumns' | 'searchPaths'>,
  ms: number,
): Promise<ParseResult> {
  const deadline = performance.now() + ms;
  const questions = kinds.flatMap((kind) => partsOf(kind.text).map((text) => ({ kind, text })));
  const asked = await ask(connection, questions, deadline);
  let refusals = asked.refusals.filter((refusal) => isMissing(refusal, window));
  let complete = asked.complete;
  for (const path of window.searchPaths) {
    if (refusals.length === 0 || !complete) break;
    const set = await send(connection, path);
    if (!set.ok) continue;
    const again = await ask(connection, refusals, deadline);
    complete &&= again.complete;
    const still = new Set(again.refusals.map(({ text }) => text));
    // Where time ran out, what was not asked again stays refused.
    refusals = again.complete ? refusals.filter(({ text }) => still.has(text)) : refusals;
  }
  return { findings: grouped(refusals), checked: asked.checked, complete };
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

async function ask<T extends Question>(connection: TargetConnection, questions: readonly T[], deadline: number) {
  const refusals: Refusal[] = [];
  let checked = 0;
  for (let at = 0; at < questions.length; at += AT_ONCE) {
    if (performance.now() >= deadline || connection.ended) return { refusals, checked, complete: false };
    const batch = questions.slice(at, at + AT_ONCE);
    const outcomes = await Promise.all(
      batch.map(async ({ text }) => {
        const prepared = send(connection, `${PREFIX}${text}`);
        void send(connection, 'DEALLOCATE reprise');
        return prepared;
      }),
    );
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.lost) continue;
      checked += 1;
      const question = batch[index];
      if (!outcome.ok && question !== undefined) refusals.push({ ...question, outcome });
    }
  }
  return { refusals, checked, complete: true };
}

function send(connection: TargetConnection, text: string): Promise<TargetOutcome> {
  return new Promise((resolve) => {
    connection.send({ protocol: 'EXTENDED', text, preparedName: null, parameters: [], digest: false }, resolve);
  });
}

/** False for other errors (a type that a parameter does not tell, a lock), and for what the window itself makes. */
function isMissing({ text, outcome }: Refusal, window: Pick<WindowSample, 'made' | 'madeColumns'>): boolean {
  const code = CODES[outcome.sqlstate ?? ''];
  if (code === undefined) return false;
  if (code === 'SYNTAX') return true;
  const names = namesAt(text, (outcome.position ?? 0) - PREFIX.length);
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

function grouped(refusals: readonly Refusal[]): ParseFinding[] {
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
      calls: [...kinds].reduce((sum, kind) => sum + kind.calls, 0),
    }))
    .sort((a, b) => b.calls - a.calls);
}
