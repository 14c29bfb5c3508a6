import { literalText, splitStatements, TOKEN } from '../../journal/sql-tokens.ts';
import type { Temporaries } from './temporary.ts';
import { TokenList } from './tokens.ts';

/** Schemas in order, `$user` not replaced; DEFAULT: as the login has it; UNKNOWN: nothing tells. */
export type Path = readonly string[] | 'DEFAULT' | 'UNKNOWN';

/** Statements that may change what unqualified names mean. */
export const MAY_SET_PATH =
  /search_path|set_config|\bset\s+(?:local\s+|session\s+)*(?:role|schema|authorization)\b|\breset\s+(?:all|role|session)\b|\bdiscard\s+(?:all|temp)/i;

/** A change of what unqualified names of a session mean. */
export interface PathChange {
  /** `user`: whose schema `$user` is; `temporary`: objects that hide those of the path, DEFAULT being none. */
  readonly setting: 'path' | 'user' | 'temporary';
  readonly value: Path;
  /** A list written as `set_config` takes it. */
  readonly parameter: number | null;
  /** Until the end of the transaction; a parameter may tell. */
  readonly local: boolean | number;
}

/** Reads how one statement sets the search path or the role. */
export function pathChanges(text: string): readonly PathChange[] {
  const tokens = new TokenList(text);
  const change = (setting: PathChange['setting'], value: Path, local = false): PathChange => ({
    setting,
    value,
    parameter: null,
    local,
  });
  switch (tokens.word(0)) {
    case 'DISCARD':
      if (/^temp(?:orary)?$/.test(tokens.at(1).name ?? '')) return [change('temporary', 'DEFAULT')];
      if (tokens.word(1) !== 'ALL') return [];
      return [change('path', 'DEFAULT'), change('user', 'DEFAULT'), change('temporary', 'DEFAULT')];
    case 'RESET':
      if (tokens.word(1) === 'ALL' || setting(tokens, 1) === 'path') return [change('path', 'DEFAULT')];
      return setting(tokens, 1) === 'user' ? [change('user', 'DEFAULT')] : [];
    case 'SET':
      break;
    case 'PREPARE':
    case 'CREATE':
      return [];
    case 'DO':
      return /search_path|set\s+(?:local\s+|session\s+)?schema\b/i.test(text) ? [change('path', 'UNKNOWN')] : [];
    default:
      return configured(tokens);
  }
  const local = tokens.word(1) === 'LOCAL';
  const at = local || (tokens.word(1) === 'SESSION' && tokens.word(2) !== 'AUTHORIZATION') ? 2 : 1;
  const what = setting(tokens, at);
  if (what === null) return [];
  if (what === 'user') {
    const { name, kind, text: written } = tokens.at(tokens.word(at) === 'SESSION' ? at + 2 : at + 1);
    const value = kind === TOKEN.STRING ? literalText(written) : (name ?? '');
    return [change('user', kind !== TOKEN.QUOTED && /^(?:none|default)$/i.test(value) ? 'DEFAULT' : [value], local)];
  }
  const from = tokens.at(at).name === 'schema' ? at + 1 : at + 2;
  if (tokens.word(from) === 'DEFAULT') return [change('path', 'DEFAULT', local)];
  const names: string[] = [];
  for (let index = from; index < tokens.length && !tokens.is(index, ';'); index += 2) {
    const { kind, text: written, name } = tokens.at(index);
    names.push(kind === TOKEN.STRING ? literalText(written) : (name ?? ''));
  }
  return [change('path', names, local)];
}

function setting(tokens: TokenList, at: number): 'path' | 'user' | null {
  const name = tokens.at(at).name?.toLowerCase();
  if (name === 'search_path' || (name === 'schema' && tokens.at(at + 1).kind === TOKEN.STRING)) return 'path';
  return name === 'role' || (name === 'session' && tokens.word(at + 1) === 'AUTHORIZATION') ? 'user' : null;
}

/** Calls of `set_config`, anywhere in a statement. */
function configured(tokens: TokenList): PathChange[] {
  const changes: PathChange[] = [];
  for (let index = 0; index < tokens.length; index++) {
    if (tokens.at(index).name !== 'set_config' || !tokens.is(index + 1, '(')) continue;
    const [first, second, third] = tokens.items(index + 2, tokens.close(index + 1));
    const name = first === undefined ? null : tokens.at(first.from);
    const named = name?.kind === TOKEN.STRING ? literalText(name.text).toLowerCase() : null;
    // A name that is computed may be any setting's.
    if (named !== null && named !== 'search_path' && named !== 'role') continue;
    const value = second === undefined ? null : tokens.at(second.from);
    const alone = second !== undefined && second.to === second.from + 1;
    const literal = alone && value?.kind === TOKEN.STRING ? literalText(value.text) : null;
    const parameter = alone && named !== null && value?.kind === TOKEN.PARAMETER ? Number(value.text.slice(1)) : null;
    const last = third === undefined ? null : tokens.at(third.from);
    const local = last?.kind === TOKEN.PARAMETER ? Number(last.text.slice(1)) : isTrue(last?.text ?? '');
    const what = named === 'role' ? 'user' : 'path';
    const told = literal === null || named === null ? 'UNKNOWN' : toldBy(what, literal);
    changes.push({ setting: what, value: told, parameter, local });
  }
  return changes;
}

function isTrue(text: string): boolean {
  return /^'?(?:t|tr|tru|true|y|ye|yes|on|1)'?$/i.test(text);
}

function toldBy(setting: PathChange['setting'], value: string): Path {
  if (setting === 'path') return listed(value);
  return value === 'none' ? 'DEFAULT' : [value];
}

/** A list of schemas as `set_config` and the server's own settings have it. */
export function listed(value: string): readonly string[] {
  // Unlike in SQL text, what is not quoted need be no identifier. A list that goes on as none could is refused by the server.
  const items = value.matchAll(/(?:\s*"([^"]*(?:""[^"]*)*)"\s*|([^",]+))(?:,|$)/gy);
  return [...items].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!.trim().toLowerCase());
}

/** What unqualified names mean: `path` along which they are found, `user` for `$user`; null: nothing `temporary` hides it. */
export interface PathSettings {
  readonly path: Path;
  readonly user: Path;
  readonly temporary: Temporaries | null;
}

/** A session that has set and made nothing. */
export const AS_BEGUN: PathSettings = { path: 'DEFAULT', user: 'DEFAULT', temporary: null };

/** Follows the search path, the role and the temporary objects of one recorded session, in and out of its transactions. */
export class SessionPath {
  /** As it stands at the statement. */
  current: PathSettings = AS_BEGUN;
  private lasting: PathSettings = AS_BEGUN;
  /** As it stood before the open transaction. */
  private before: PathSettings = AS_BEGUN;
  private open: { readonly id: string; undone: boolean } | null = null;
  private savepoints: { readonly name: string; readonly current: PathSettings; readonly lasting: PathSettings }[] = [];

  /** A statement of a transaction is next; null: of none. `undone`: the record shows that it was not committed. */
  enter(transaction: string | null, undone: boolean): void {
    if (this.open?.id === transaction) {
      if (this.open !== null) this.open.undone ||= undone;
      return;
    }
    if (this.open !== null) this.end(this.open.undone);
    if (transaction !== null) this.open = { id: transaction, undone };
    this.before = this.lasting;
  }

  end(undone = this.open?.undone ?? false): void {
    if (undone) this.lasting = this.before;
    this.before = this.lasting;
    this.current = this.lasting;
    this.savepoints = [];
    this.open = null;
  }

  savepoint(name: string): void {
    this.savepoints.push({ name, current: this.current, lasting: this.lasting });
  }

  /** A savepoint that was not seen lies ahead of the transaction's first change. */
  rollBackTo(name: string): void {
    const at = this.savepoints.findLastIndex((one) => one.name === name);
    const { current, lasting } = this.savepoints[at] ?? { current: this.before, lasting: this.before };
    this.current = current;
    this.lasting = lasting;
    this.savepoints.length = at + 1;
  }

  release(name: string): void {
    const at = this.savepoints.findLastIndex((one) => one.name === name);
    if (at >= 0) this.savepoints.length = at;
  }

  /** @param parameter the text of a parameter; null: it is not known */
  apply(change: PathChange, parameter: (number: number) => string | null): void {
    const given = change.parameter === null ? null : parameter(change.parameter);
    const told = given === null ? change.value : toldBy(change.setting, given);
    const local = typeof change.local === 'number' ? isTrue(parameter(change.local) ?? '') : change.local;
    const value = change.setting === 'temporary' ? null : told;
    this.change((settings) => ({ ...settings, [change.setting]: value }), local);
  }

  /** @param local until the end of the transaction */
  change(make: (settings: PathSettings) => PathSettings, local: boolean): void {
    if (local && this.open === null) return;
    const before = this.current;
    this.current = make(before);
    if (!local) this.lasting = this.lasting === before ? this.current : make(this.lasting);
  }
}

const ALTERS_DEFAULT = /^\s*alter\s+(?:role|user|database|system)\b[^;]*\bsearch_path\b/i;

/** True when a statement gives sessions that begin later another search path. */
export function altersDefaultPath(text: string): boolean {
  return /search_path/i.test(text) && splitStatements(text).some((statement) => ALTERS_DEFAULT.test(statement));
}
