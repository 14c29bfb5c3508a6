import type { Entry } from '../../journal/entry.ts';
import { isSingleStatement, splitStatements } from '../../journal/sql-tokens.ts';
import { transactionEffect } from '../../journal/transaction-effect.ts';
import type { Catalog, NamedCatalog } from './catalog.ts';
import { learnTemporary, MAY_MAKE_TEMPORARY } from './created.ts';
import type { Learned } from './definitions.ts';
import type { Paths } from './names.ts';
import { ScopedCatalog } from './scoped-catalog.ts';
import {
  AS_BEGUN,
  altersDefaultPath,
  MAY_SET_PATH,
  type PathChange,
  type PathSettings,
  pathChanges,
  SessionPath,
} from './search-path.ts';
import { mayName, SessionCatalog } from './temporary.ts';

/** What names mean to a session at a statement. */
export interface Scope {
  readonly catalog: Catalog;
  /** Tells the scopes of one database apart. */
  readonly key: string;
}

/** What search paths are followed by. */
export interface SessionPathsOptions {
  /** The login of the target that a recorded user's sessions get; null: the target's own user. */
  readonly loginFor: (recordedUser: string | null) => string | null;
  /** What sessions set before the record is read, by session key. */
  readonly earlier: ReadonlyMap<string, readonly Pick<Entry, 'statement' | 'parameters'>[]>;
}

/** Scopes remembered for each database. */
const MOST_SCOPES = 1_000;
/** `BEGIN`, `COMMIT` and the like are no longer. */
const SHORTEST_STRING = 16;

/** Sessions whose temporary objects are remembered. */
const MOST_WITH_TEMPORARY = 10_000;

/** Follows the search path and the temporary objects of every recorded session, and knows what unqualified names mean along it. */
export class SessionPaths {
  private readonly options: SessionPathsOptions;
  private readonly sessions = new Map<string, SessionPath>();
  private readonly begun = new Map<NamedCatalog, Map<string | null, Scope>>();
  private readonly scopes = new Map<NamedCatalog, Map<string, Scope>>();
  /** Those with temporary objects, the one last that made some last. */
  private readonly withTemporary = new Set<SessionPath>();
  /** The record has changed what sessions begin with. */
  private altered = false;

  constructor(options: SessionPathsOptions) {
    this.options = options;
    for (const [key, made] of options.earlier) {
      for (const entry of made)
        for (const statement of splitStatements(entry.statement)) {
          const changes = pathChanges(statement);
          if (changes.length > 0) apply(this.session(key), entry, changes);
        }
    }
  }

  /** A statement of a session is next; gives what names mean in a text. */
  scope(
    entry: Entry,
    key: string,
    catalog: NamedCatalog,
    undone: ReadonlySet<string>,
    text: string = entry.statement,
  ): Scope {
    const session = this.sessions.size === 0 ? undefined : this.sessions.get(key);
    if (session === undefined) return this.asBegun(catalog, entry.origin.user);
    enter(session, entry, undone);
    return this.scopeOf(session, entry, catalog, text);
  }

  /** SET, RESET, DISCARD, and what begins and ends transactions. */
  control(entry: Entry, key: string, undone: ReadonlySet<string>): void {
    const { statement, statementType } = entry;
    const sets = (statementType === 'SET' || statement.length > SHORTEST_STRING) && MAY_SET_PATH.test(statement);
    const session = sets ? this.session(key) : this.sessions.get(key);
    if (session === undefined) return;
    if (isSingleStatement(statement)) {
      enter(session, entry, undone);
      this.follow(session, entry, statement, sets);
    } else this.followString(session, entry, undone, () => {});
  }

  /** DDL that has succeeded: it may have made and dropped temporary objects. Gives what becomes of others. */
  makes(entry: Entry, key: string, catalog: NamedCatalog, undone: ReadonlySet<string>): Learned | null {
    if (!this.sessions.has(key) && !MAY_MAKE_TEMPORARY.test(entry.statement)) return null;
    const session = this.session(key);
    enter(session, entry, undone);
    return this.make(session, entry, catalog, entry.statement);
  }

  /** Goes through a string of several statements, and gives the scope of each. */
  each(
    entry: Entry,
    key: string,
    catalog: NamedCatalog,
    undone: ReadonlySet<string>,
    read: (statement: string, scope: Scope) => void,
  ): void {
    const session = this.session(key);
    const succeeded = entry.outcome.status !== 'FAILED';
    this.followString(session, entry, undone, (statement) => {
      read(statement, this.scopeOf(session, entry, catalog, statement));
      if (succeeded) this.make(session, entry, catalog, statement);
    });
  }

  /** A statement has set what its text says. */
  changed(entry: Entry, key: string, changes: readonly PathChange[], undone: ReadonlySet<string>): void {
    if (entry.outcome.status === 'FAILED') return;
    const session = this.session(key);
    enter(session, entry, undone);
    apply(session, entry, changes);
  }

  /** DDL that has succeeded: it may change what sessions begin with. */
  altersDefaults(entry: Entry): void {
    if (altersDefaultPath(entry.statement)) this.altered = true;
    if (this.altered) this.begun.clear();
  }

  private followString(
    session: SessionPath,
    entry: Entry,
    undone: ReadonlySet<string>,
    read: (statement: string) => void,
  ): void {
    const failed = entry.outcome.status === 'FAILED';
    // A string is one transaction up to its COMMIT or ROLLBACK, also without a BEGIN in it.
    session.enter(entry.transactionId, failed || undone.has(entry.transactionId));
    let begun = entry.sequence > 1;
    for (const statement of splitStatements(entry.statement)) {
      read(statement);
      this.follow(session, entry, statement, true);
      const [effect] = transactionEffect(statement);
      if (effect?.kind === 'BEGIN') begun = true;
      else if (effect?.kind === 'COMMIT' || effect?.kind === 'ROLLBACK') begun = effect.chain;
    }
    if (!begun) session.end();
  }

  private follow(session: SessionPath, entry: Entry, statement: string, sets: boolean): void {
    const failed = entry.outcome.status === 'FAILED';
    const [effect] = transactionEffect(statement);
    switch (effect?.kind) {
      case 'COMMIT':
      case 'PREPARE_TRANSACTION':
        session.end();
        break;
      case 'ROLLBACK':
        session.end(true);
        break;
      case 'SAVEPOINT':
        if (!failed) session.savepoint(effect.name);
        break;
      case 'ROLLBACK_TO':
        if (!failed) session.rollBackTo(effect.name);
        break;
      case 'RELEASE':
        if (!failed) session.release(effect.name);
        break;
      case 'NONE':
        if (sets && (!failed || !isSingleStatement(entry.statement))) apply(session, entry, pathChanges(statement));
    }
  }

  private session(key: string): SessionPath {
    let session = this.sessions.get(key);
    if (session === undefined) {
      session = new SessionPath();
      this.sessions.set(key, session);
    }
    return session;
  }

  private asBegun(catalog: NamedCatalog, user: string | null): Scope {
    let scopes = this.begun.get(catalog);
    if (scopes === undefined) {
      scopes = new Map();
      this.begun.set(catalog, scopes);
    }
    let scope = scopes.get(user);
    if (scope === undefined) {
      const paths = this.pathsOf(AS_BEGUN, user, catalog);
      scope = catalog.isAlong(paths) ? { catalog, key: '' } : this.scoped(catalog, paths);
      scopes.set(user, scope);
    }
    return scope;
  }

  private make(session: SessionPath, entry: Entry, catalog: NamedCatalog, statement: string): Learned | null {
    const { current } = session;
    const others = this.withoutTemporary(current, entry, catalog).catalog;
    const made = learnTemporary(statement, others, current.temporary);
    if (made === null) return null;
    session.change((settings) => {
      const { own } = settings === current ? made : (learnTemporary(statement, others, settings.temporary) ?? made);
      return { ...settings, temporary: own };
    }, made.local);
    this.withTemporary.delete(session);
    this.withTemporary.add(session);
    const [first] = this.withTemporary;
    if (first !== undefined && this.withTemporary.size > MOST_WITH_TEMPORARY) {
      this.withTemporary.delete(first);
      first.change((settings) => ({ ...settings, temporary: null }), false);
    }
    return made.learned;
  }

  private scopeOf({ current }: SessionPath, entry: Entry, catalog: NamedCatalog, text: string): Scope {
    const scope = this.withoutTemporary(current, entry, catalog);
    const { temporary } = current;
    if (temporary === null || !mayName(temporary, text)) return scope;
    const own = new SessionCatalog(temporary.catalog, scope.catalog, false);
    return { catalog: own, key: `${scope.key}\n${temporary.key}` };
  }

  private withoutTemporary(current: PathSettings, { origin }: Entry, catalog: NamedCatalog): Scope {
    if (current.path === 'DEFAULT' && current.user === 'DEFAULT') return this.asBegun(catalog, origin.user);
    return this.scoped(catalog, this.pathsOf(current, origin.user, catalog));
  }

  private scoped(catalog: NamedCatalog, paths: Paths): Scope {
    let scopes = this.scopes.get(catalog);
    if (scopes === undefined || scopes.size >= MOST_SCOPES) {
      scopes = new Map();
      this.scopes.set(catalog, scopes);
    }
    const key = JSON.stringify(paths);
    let scope = scopes.get(key);
    if (scope === undefined) {
      scope = { catalog: new ScopedCatalog(catalog, paths), key };
      scopes.set(key, scope);
    }
    return scope;
  }

  /** The path of the target's session, and the recorded one's where that may have been another. */
  private pathsOf({ path, user }: PathSettings, recorded: string | null, catalog: NamedCatalog): Paths {
    if (path === 'UNKNOWN' || (path === 'DEFAULT' && this.altered)) return null;
    const { begunWith } = catalog;
    const login = this.options.loginFor(recorded) ?? begunWith.login;
    const paths = [login, recorded ?? login].map((role) => {
      const names = path === 'DEFAULT' ? (begunWith.byRole.get(role) ?? begunWith.otherwise) : path;
      const own = user === 'DEFAULT' || user === 'UNKNOWN' ? role : (user[0] ?? role);
      return names.map((name) => (name === '$user' ? own : name));
    });
    if (user === 'UNKNOWN' && paths.some((names) => names.includes(login))) return null;
    return String(paths[0]) === String(paths[1]) ? [paths[0]!] : paths;
  }
}

function enter(session: SessionPath, { sequence, transactionId }: Entry, undone: ReadonlySet<string>): void {
  // BEGIN is the first entry of a transaction: another one at 1 stands alone.
  session.enter(sequence > 1 ? transactionId : null, undone.has(transactionId));
}

function apply(session: SessionPath, { parameters }: Pick<Entry, 'parameters'>, changes: readonly PathChange[]): void {
  for (const change of changes) {
    session.apply(change, (number) => {
      const value = parameters[number - 1];
      return value?.kind === 'text' ? value.value : null;
    });
  }
}
