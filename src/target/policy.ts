import { lookup } from 'node:dns/promises';
import { messageOf, RepriseError } from '../errors.ts';
import { nameProblem } from '../journal/name.ts';
import {
  Allowlist,
  hostProblem,
  isThisMachine,
  isUnspecified,
  normaliseAddress,
  normaliseHost,
  normaliseSocketDirectory,
} from './allowlist.ts';
import { type ResolvedTarget, type TargetAlias, type TargetSpec, type TlsMode, targetLabel } from './spec.ts';

/** A database that must not be replayed against: the journal's own, a capture source. */
export interface ForbiddenDatabase {
  /** Name, IP address, or directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** For the message: `the journal's own database`. */
  readonly what?: string;
}

/** What the operator allows. */
export interface TargetPolicyConfig {
  readonly aliases: readonly TargetAlias[];
  /**
   * Rules of REPRISE_ALLOW_TARGETS, for targets that are no alias: name, IP, CIDR or `loopback`, each with
   * `:port` or `:low-high` on request, or `/socket/dir`. A rule with a name trusts whatever the name resolves to.
   */
  readonly allow: readonly string[];
  readonly forbidden: readonly ForbiddenDatabase[];
  /** All addresses of a name, in the resolver's order. Default: the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
}

/** An alias as it is shown: no password. */
export interface PublicAlias {
  readonly alias: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly tls: TlsMode;
}

/** Login of a free-form target that names none. */
const DEFAULT_USER = 'postgres';
const DEFAULT_DATABASE = 'postgres';

/** Decides what a replay may connect to. */
export interface TargetPolicy {
  /**
   * Turns what a caller named into what is connected to. An alias is the operator's own word and passes the
   * allowlist; nothing passes into a forbidden database. Of a name's addresses the first that is allowed is
   * taken, and only that one is connected to (for `localhost`, IPv4 comes first). `databases`: others of the server
   * that will be logged in to; none of them may be forbidden either.
   * @throws RepriseError BAD_INPUT (host, port, user, password, database), TARGET_UNKNOWN (no such alias; names
   * the known ones), TARGET_REFUSED (names what to add), TARGET_UNREACHABLE (the name does not resolve).
   */
  resolve(spec: TargetSpec, databases?: readonly string[]): Promise<ResolvedTarget>;
  aliases(): readonly PublicAlias[];
}

/**
 * The policy of a configuration.
 * @throws RepriseError CONFIG_INVALID for a rule or the host of an alias that cannot be read, or an alias given twice
 */
export function createTargetPolicy(config: TargetPolicyConfig): TargetPolicy {
  return new ConfiguredPolicy(config);
}

/**
 * Checks aliases and rules before anything is opened that a policy also needs.
 * @throws RepriseError CONFIG_INVALID, as `createTargetPolicy`
 */
export function checkTargetPolicy({ aliases, allow }: Pick<TargetPolicyConfig, 'aliases' | 'allow'>): void {
  createTargetPolicy({ aliases, allow, forbidden: [] });
}

class ConfiguredPolicy implements TargetPolicy {
  private readonly allowlist: Allowlist;
  private readonly byAlias: ReadonlyMap<string, TargetAlias>;
  private readonly forbidden: readonly ForbiddenDatabase[];
  private readonly resolveName: (host: string) => Promise<readonly string[]>;

  constructor(config: TargetPolicyConfig) {
    this.allowlist = new Allowlist(config.allow);
    this.byAlias = checkedAliases(config.aliases);
    this.forbidden = config.forbidden;
    this.resolveName = config.lookup ?? systemLookup;
  }

  async resolve(spec: TargetSpec, databases: readonly string[] = []): Promise<ResolvedTarget> {
    const target = this.named(spec);
    checkInput(target);
    const resolved = { ...plain(target), address: await this.addressFor(target) };
    for (const database of new Set([resolved.database, ...databases]))
      await this.refuseForbidden({ ...resolved, database });
    return resolved;
  }

  aliases(): readonly PublicAlias[] {
    return [...this.byAlias.values()].map(({ alias, host, port, user, database, tls }) => ({
      alias,
      host,
      port,
      user,
      database,
      tls,
    }));
  }

  /** What was named, with what it leaves out. @throws RepriseError TARGET_UNKNOWN */
  private named(spec: TargetSpec): Omit<ResolvedTarget, 'address'> {
    if (!('alias' in spec)) {
      return {
        alias: null,
        host: spec.host,
        port: spec.port,
        user: spec.user ?? DEFAULT_USER,
        password: spec.password ?? null,
        database: spec.database ?? DEFAULT_DATABASE,
        tls: spec.tls ?? 'PREFER',
        ca: null,
      };
    }
    const alias = this.byAlias.get(spec.alias);
    if (!alias) {
      const known = [...this.byAlias.keys()].join(', ');
      throw new RepriseError(
        'TARGET_UNKNOWN',
        `target alias ${JSON.stringify(spec.alias)} is not configured: ` +
          (known === '' ? 'no alias is; give host and port, or set REPRISE_TARGETS' : `use one of ${known}`),
        { path: ['target', 'alias'] },
      );
    }
    const user = spec.user ?? alias.user;
    // The stored password belongs to the alias's own user; another user brings their own or has none.
    const stored = user === alias.user ? alias.password : null;
    return { ...alias, user, password: spec.password ?? stored, database: spec.database ?? alias.database };
  }

  /** Addresses of a host that is no alias's, first choice first; a socket directory stands for itself. */
  private async addressesOf(target: Omit<ResolvedTarget, 'address'>): Promise<readonly string[]> {
    const host = normaliseHost(target.host);
    const literal = normaliseAddress(host);
    if (literal !== null) return [literal];
    let found: readonly string[];
    try {
      found = await this.resolveName(host);
    } catch (error) {
      const why = (error as { code?: string }).code ?? messageOf(error);
      throw new RepriseError(
        'TARGET_UNREACHABLE',
        `connect to target ${targetLabel(target)}: the name does not resolve (${why})`,
        { path: ['target', 'host'], cause: error },
      );
    }
    const addresses = found.map(normaliseAddress).filter((address) => address !== null);
    // Servers listen on 127.0.0.1 more often than on ::1, and one address is all that is tried.
    return host === 'localhost'
      ? addresses.toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
      : addresses;
  }

  private async addressFor(target: Omit<ResolvedTarget, 'address'>): Promise<string> {
    const free = target.alias === null;
    if (target.host.startsWith('/')) {
      const directory = normaliseSocketDirectory(target.host);
      if (free && !this.allowlist.allowsSocket(directory)) throw this.notAllowed(target, directory);
      return directory;
    }
    const addresses = await this.addressesOf(target);
    const concrete = addresses.filter((address) => !isUnspecified(address));
    if (concrete.length === 0) {
      throw new RepriseError(
        'TARGET_REFUSED',
        `target ${targetLabel(target)} names no host but any of this machine: name the address, such as 127.0.0.1`,
        { path: ['target', 'host'] },
      );
    }
    const byName = !free || this.allowlist.allowsName(normaliseHost(target.host), target.port);
    const chosen = concrete.find((address) => byName || this.allowlist.allowsAddress(address, target.port));
    if (chosen === undefined) throw this.notAllowed(target, hint(target));
    return chosen;
  }

  private notAllowed(target: Omit<ResolvedTarget, 'address'>, add: string): RepriseError {
    const known = [...this.byAlias.keys()];
    const or = known.length === 0 ? '' : `, or use a configured alias (${known.join(', ')})`;
    return new RepriseError(
      'TARGET_REFUSED',
      `target ${targetLabel(target)} is not allowed: add ${add} to REPRISE_ALLOW_TARGETS${or}`,
      { path: ['target', 'host'] },
    );
  }

  private async refuseForbidden(target: ResolvedTarget): Promise<void> {
    for (const forbidden of this.forbidden) {
      if (forbidden.port !== target.port || forbidden.database !== target.database) continue;
      if (!(await this.leadTo(forbidden.host, target.address))) continue;
      throw new RepriseError(
        'TARGET_REFUSED',
        `target ${targetLabel(target)} is ${forbidden.what ?? 'the journal or a capture source'}: ` +
          'replay against another database',
        { path: ['target'] },
      );
    }
  }

  /** Whether a forbidden host is where `address` leads. All ways to this machine (loopback, own address, socket) are one. */
  private async leadTo(host: string, address: string): Promise<boolean> {
    if (host.startsWith('/')) {
      const directory = normaliseSocketDirectory(host);
      return address.startsWith('/') ? directory === address : isThisMachine(address);
    }
    const literal = normaliseAddress(normaliseHost(host));
    // A name that does not resolve leads nowhere; `isSameDatabase` still looks after connecting.
    const addresses = literal !== null ? [literal] : await this.resolveName(normaliseHost(host)).catch(() => []);
    const here = isThisMachine(address);
    return addresses
      .map(normaliseAddress)
      .some((other) => other !== null && (other === address || (here && isThisMachine(other))));
  }
}

/** By their names. @throws RepriseError CONFIG_INVALID */
function checkedAliases(aliases: readonly TargetAlias[]): ReadonlyMap<string, TargetAlias> {
  const byAlias = new Map<string, TargetAlias>();
  for (const alias of aliases) {
    if (byAlias.has(alias.alias)) {
      throw new RepriseError('CONFIG_INVALID', `REPRISE_TARGETS: alias ${JSON.stringify(alias.alias)} is given twice`, {
        path: ['REPRISE_TARGETS'],
      });
    }
    const problem = hostProblem(alias.host);
    if (problem !== null) {
      throw new RepriseError('CONFIG_INVALID', `REPRISE_TARGETS: ${alias.alias}.host ${problem}`, {
        path: ['REPRISE_TARGETS'],
      });
    }
    byAlias.set(alias.alias, alias);
  }
  return byAlias;
}

/** Only the fields of the type, whatever else the configuration's object carries; the host without brackets. */
function plain(target: Omit<ResolvedTarget, 'address'>): Omit<ResolvedTarget, 'address'> {
  const { alias, port, user, password, database, tls, ca } = target;
  const host = target.host.startsWith('[') ? target.host.replace(/^\[|\]$/g, '') : target.host;
  return { alias, host, port, user, password, database, tls, ca };
}

/** What to add to the allowlist for this target: `db.internal:5432`, `[fd00::1]:5432`. */
function hint(target: { readonly host: string; readonly port: number }): string {
  const host = normaliseAddress(normaliseHost(target.host)) ?? normaliseHost(target.host);
  return `${host.includes(':') ? `[${host}]` : host}:${target.port}`;
}

function checkInput(target: Omit<ResolvedTarget, 'address'>): void {
  const bad = (field: string, why: string) =>
    new RepriseError('BAD_INPUT', `target.${field} ${why}`, { path: ['target', field] });
  if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65_535) {
    throw bad('port', `${target.port} is not a port: give a whole number from 1 to 65535`);
  }
  for (const field of ['user', 'database'] as const) {
    if (target[field] === '') throw bad(field, 'is empty: leave it out for the default');
  }
  for (const field of ['host', 'user', 'database'] as const) {
    // The start-up message separates its fields by NUL: one in a name would smuggle in options.
    const problem = nameProblem(target[field]);
    if (problem !== null) throw bad(field, problem);
  }
  if (target.password?.includes('\0')) throw bad('password', 'holds a NUL character');
  const problem = hostProblem(target.host);
  if (problem !== null) throw bad('host', problem);
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
