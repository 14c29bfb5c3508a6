import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { posix } from 'node:path';
import ipaddr from 'ipaddr.js';
import { messageOf, RepriseError } from '../errors.ts';

type Address = ReturnType<typeof ipaddr.process>;

/** One rule of REPRISE_ALLOW_TARGETS. */
interface AllowRule {
  readonly kind: 'name' | 'network' | 'socket' | 'loopback';
  /** Lower-case name, or socket directory. */
  readonly name: string;
  readonly network: readonly [Address, number] | null;
  readonly lowPort: number;
  readonly highPort: number;
}

/**
 * What callers may name as a target: `staging-db`, `10.0.0.0/8:5432`, `[fd00::]/8:5432-5440`, `loopback`,
 * `/var/run/postgresql`. Without a port, any port.
 */
export class Allowlist {
  private readonly rules: readonly AllowRule[];

  /** @throws RepriseError CONFIG_INVALID naming the rule that cannot be read. */
  constructor(rules: readonly string[]) {
    this.rules = rules.map(parseRule);
  }

  /** True when a rule names this very host (not its address) with this port. `host` as `normaliseHost` gives it. */
  allowsName(host: string, port: number): boolean {
    return this.rules.some((rule) => rule.kind === 'name' && rule.name === host && portFits(rule, port));
  }

  /** `address` as `normaliseAddress` gives it. */
  allowsAddress(address: string, port: number): boolean {
    const parsed = ipaddr.process(address);
    return this.rules.some((rule) => {
      if (!portFits(rule, port)) return false;
      if (rule.kind === 'loopback') return parsed.range() === 'loopback';
      if (rule.network === null) return false;
      // ipaddr throws when the kinds differ; an IPv4-mapped address was already made IPv4.
      return parsed.kind() === rule.network[0].kind() && parsed.match(rule.network as [Address, number]);
    });
  }

  allowsSocket(directory: string): boolean {
    return this.rules.some((rule) => rule.kind === 'socket' && rule.name === directory);
  }
}

function portFits(rule: AllowRule, port: number): boolean {
  return port >= rule.lowPort && port <= rule.highPort;
}

const RULE = /^(?:\[(?<bracketed>[^\]]+)\](?<mask>\/\d+)?|(?<plain>[^:[\]]+))(?::(?<low>\d+)(?:-(?<high>\d+))?)?$/;

function parseRule(text: string): AllowRule {
  const trimmed = text.trim();
  const bad = (why: string) =>
    new RepriseError('CONFIG_INVALID', `REPRISE_ALLOW_TARGETS: ${JSON.stringify(text)} ${why}`, {
      path: ['REPRISE_ALLOW_TARGETS'],
    });
  const rule = { name: '', network: null, lowPort: 1, highPort: 65_535 };
  if (trimmed.startsWith('/')) return { ...rule, kind: 'socket', name: normaliseSocketDirectory(trimmed) };

  // An IPv6 address or network without brackets cannot carry a port: the colon is part of it.
  const bareIpv6 = isIP(trimmed.split('/')[0] ?? '') === 6;
  const groups = bareIpv6 ? { plain: trimmed } : RULE.exec(trimmed)?.groups;
  if (!groups) throw bad('is no rule: write host, host:port, host:low-high, CIDR, [IPv6]:port or /socket/dir');
  const { low, high = low } = groups as Record<string, string | undefined>;
  const lowPort = low === undefined ? 1 : Number(low);
  const highPort = high === undefined ? 65_535 : Number(high);
  if (lowPort < 1 || highPort > 65_535 || lowPort > highPort) throw bad('has a port that is not within 1 to 65535');

  const ports = { lowPort, highPort };
  const host = groups['bracketed'] ? groups['bracketed'] + (groups['mask'] ?? '') : (groups['plain'] ?? '');
  if (host.toLowerCase() === 'loopback') return { ...rule, ...ports, kind: 'loopback' };
  if (host.includes('/')) {
    try {
      return { ...rule, ...ports, kind: 'network', network: mappedToIpv4(ipaddr.parseCIDR(host)) };
    } catch (error) {
      throw bad(`is not a network: ${messageOf(error)}`);
    }
  }
  const address = normaliseAddress(host);
  if (address !== null) {
    const parsed = ipaddr.process(address);
    return { ...rule, ...ports, kind: 'network', network: [parsed, parsed.kind() === 'ipv4' ? 32 : 128] };
  }
  if (!NAME.test(host)) throw bad('names no host');
  return { ...rule, ...ports, kind: 'name', name: normaliseHost(host) };
}

/** `::ffff:10.0.0.0/104` means `10.0.0.0/8`: addresses are compared as IPv4 too. */
function mappedToIpv4([network, bits]: [Address, number]): [Address, number] {
  if (network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && bits >= 96) {
    return [network.toIPv4Address(), bits - 96];
  }
  return [network, bits];
}

const NAME = /^[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_.])?$/i;

/**
 * Why nothing can be at this host; null where it is a name, an address or the directory of a Unix socket. What looks like
 * a URL is not repeated: its password would get into logs.
 */
export function hostProblem(host: string): string | null {
  if (host.startsWith('/')) return null;
  const plain = normaliseHost(host);
  if (normaliseAddress(plain) !== null || isHostName(plain)) return null;
  if (/@|:\/\//.test(host)) return 'is a URL or holds a login: give host, port, user, password and database one by one';
  return `${JSON.stringify(host)} is neither a host name nor an IP address`;
}

/** True for what can be a DNS name. */
function isHostName(host: string): boolean {
  return NAME.test(host);
}

/** A host as it is compared: without brackets, in lower case, without the root's dot. */
export function normaliseHost(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return bare.toLowerCase().replace(/\.$/, '');
}

/**
 * The canonical text of an IP address, whatever notation it came in (`127.1`, `0x7f000001`, `2130706433`,
 * `::ffff:127.0.0.1` are all 127.0.0.1), so that what is checked is what is connected to. Null for a name.
 */
export function normaliseAddress(host: string): string | null {
  try {
    return ipaddr.process(host).toString();
  } catch {
    return null;
  }
}

/** The path without `.`, `..`, doubled slashes, and one at its end. */
export function normaliseSocketDirectory(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 ? normal.replace(/\/+$/, '') : normal;
}

/** 0.0.0.0 and ::, which systems take for "this host". `address` canonical. */
export function isUnspecified(address: string): boolean {
  return ipaddr.process(address).range() === 'unspecified';
}

/** True when the canonical address, or socket directory, leads to this very machine. */
export function isThisMachine(address: string): boolean {
  if (address.startsWith('/')) return true;
  const range = ipaddr.process(address).range();
  if (range === 'loopback' || range === 'unspecified') return true;
  return Object.values(networkInterfaces())
    .flat()
    .some((own) => own !== undefined && normaliseAddress(own.address) === address);
}
