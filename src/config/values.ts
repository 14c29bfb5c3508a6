import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { messageOf } from '../errors.ts';

/** The items of a comma-separated value, without empty ones. */
export function list(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** A host name or IP address; an IPv6 one loses its brackets. @throws Error what is wrong and what to do, as all here */
export function readHost(value: string): string {
  if (/[\s/]/.test(value) || value.includes('://')) {
    throw new Error(
      `${JSON.stringify(value)} is not an address: give a host name or IP address without port or scheme`,
    );
  }
  return value.replace(/^\[|\]$/g, '');
}

/** Host names and addresses by comma, as `Host` has them without a port. @throws Error */
export function readHosts(value: string): string[] {
  return list(value).map((item) => {
    const host = readHost(item);
    const url = `http://${isIPv6(host) ? `[${host}]` : host}`;
    if ((!isIPv6(host) && /[:*?#@\\]/.test(host)) || !URL.canParse(url)) {
      throw new Error(
        `${JSON.stringify(item)} is no host name: name each, without port or scheme, like reprise.example`,
      );
    }
    return new URL(url).hostname;
  });
}

/** Origins of web pages by comma, as browsers send them. @throws Error */
export function readOrigins(value: string): string[] {
  return list(value).map((item) => {
    // Extensions and shells of desktop programs, compared as they are.
    if (/^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*\\]+$/.test(item)) return item;
    const url = URL.canParse(item) ? new URL(item) : null;
    const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    if (!isOrigin || url.hostname.includes('*')) {
      throw new Error(`${JSON.stringify(item)} is no origin: name each, without a path, like https://tools.example`);
    }
    return url.origin;
  });
}

/** A whole number from `min` to `max`, both included. @throws Error */
export function readInteger(value: string, min: number, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new Error(`${JSON.stringify(value)} is not a whole number from ${min} to ${max}`);
  }
  return number;
}

/** A minute: less would evict what has just come. */
const LEAST_DAYS = 1 / 1_440;
/** A hundred years: a day before these cannot be told from one that there never was. */
const MOST_DAYS = 36_500;

/** A number of days, in milliseconds. @throws Error */
export function readDays(value: string): number {
  const days = Number(value);
  if (!(days >= LEAST_DAYS && days <= MOST_DAYS)) {
    throw new Error(
      `${JSON.stringify(value)} is not a number of days from a minute (0.0007) to ${MOST_DAYS}: leave it out to keep all`,
    );
  }
  return Math.round(days * 86_400_000);
}

/** A size in bytes, with units as PostgreSQL counts: a kB is 1,024 bytes. @throws Error */
export function readBytes(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(|B|kB|MB|GB|TB)$/i.exec(value);
  const power = ['', 'kb', 'mb', 'gb', 'tb'].indexOf((match?.[2] ?? '').toLowerCase().replace(/^b$/, ''));
  const bytes = Math.round(Number(match?.[1]) * 1024 ** power);
  if (!match || !(bytes >= 1) || !Number.isSafeInteger(bytes)) {
    throw new Error(`${JSON.stringify(value)} is not a size above 0: write bytes, or a number with kB, MB, GB or TB`);
  }
  return bytes;
}

/** One of the allowed words. @throws Error */
export function readOneOf<T extends string>(value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (!found) throw new Error(`${JSON.stringify(value)} is none of ${allowed.join(', ')}`);
  return found;
}

/** @throws Error */
export function readNodeId(value: string): string {
  if (!/^[\w.:-]{1,100}$/.test(value)) {
    throw new Error(`${JSON.stringify(value)} is not a node id: use up to 100 letters, digits and . _ : -`);
  }
  return value;
}

/** @throws Error that never shows the value: it holds a password */
export function readDatabaseUrl(value: string): string {
  if (!isDatabaseUrl(value)) {
    throw new Error(
      'is not a PostgreSQL URL: write postgresql://user:password@host:5432/database (percent-encode the password)',
    );
  }
  return value;
}

/**
 * Whether it is a URL of a database in which nothing but the password can be the password: one that is not percent-encoded
 * ends what stands before the first `/`, `?` or `#` of it.
 */
export function isDatabaseUrl(value: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value)) return false;
  const { hash, pathname, search } = new URL(value);
  return hash === '' && !`${pathname}${search}`.includes('@');
}

/** Without a slash at its end. @throws Error */
export function readServerUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  // Never shown: somebody may have written a password into it.
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Error('is not a URL: write it like http://127.0.0.1:4000');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error('holds a user or a password, which the service does not know: give its token in REPRISE_TOKEN');
  }
  return value.replace(/\/+$/, '');
}

/** An access token, as a header can carry it. @throws Error that never shows it */
export function readToken(value: string): string {
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new Error(
      'holds a space, a line end or a letter that is not ASCII, which no header can carry: copy it again',
    );
  }
  return value;
}

/** @throws Error that names the file, as `what` it is */
export function readFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${what} ${path} cannot be read: ${messageOf(error)}`);
  }
}
