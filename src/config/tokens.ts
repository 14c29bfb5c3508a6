import { messageOf } from '../errors.ts';
import { list, readFile, readToken } from './values.ts';

const ROLES = ['reader', 'operator'] as const;
/** What a caller may do. `reader`: queries and subscriptions. `operator`: everything. */
export type Role = (typeof ROLES)[number];

/** Who shows `token` may do what `role` allows. */
export interface AccessToken {
  readonly token: string;
  readonly role: Role;
}

/** Tokens of a comma-separated value, or of a file after `@`. @throws Error that names no token but by its number */
export function readTokens(value: string): AccessToken[] {
  const items = value.startsWith('@')
    ? readFile(value.slice(1), 'the file')
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'))
    : list(value);
  return items.map((item, index) => {
    const colon = item.lastIndexOf(':');
    const role = ROLES.find((candidate) => candidate === item.slice(colon + 1));
    const token = item.slice(0, colon);
    if (colon < 0 || !role)
      throw new Error(`token ${index + 1} has no role: write it as token:reader or token:operator`);
    if (token.length < 16) throw new Error(`token ${index + 1} is shorter than 16 characters and could be guessed`);
    try {
      return { token: readToken(token), role };
    } catch (error) {
      throw new Error(`token ${index + 1} ${messageOf(error)}`);
    }
  });
}
