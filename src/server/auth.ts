import { createHash, timingSafeEqual } from 'node:crypto';
import { RepriseError } from '../errors.ts';
import type { Role } from '../graphql/context.ts';

/** An access token of the configuration. */
export interface AccessToken {
  readonly token: string;
  readonly role: Role;
}

/** Tells who asks by `Authorization: Bearer <token>`. Without any token configured, everyone is an operator. */
export class Authenticator {
  private readonly known: readonly { readonly digest: Buffer; readonly role: Role }[];

  constructor(tokens: readonly AccessToken[]) {
    this.known = tokens.map(({ token, role }) => ({ digest: digestOf(token), role }));
  }

  /** False when nobody is asked for a token. */
  get required(): boolean {
    return this.known.length > 0;
  }

  /**
   * The role behind a header's value.
   * @throws RepriseError UNAUTHENTICATED; the message does not hold the token
   */
  authenticate(authorization: string | undefined): Role {
    if (!this.required) return 'operator';
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) {
      throw new RepriseError(
        'UNAUTHENTICATED',
        'an access token is needed: send `Authorization: Bearer <token>`, or set REPRISE_TOKEN for the command line',
      );
    }
    const digest = digestOf(given);
    // Digests have one length, and every token is compared, so that time tells nothing about either.
    let role: Role | null = null;
    for (const candidate of this.known) {
      if (timingSafeEqual(candidate.digest, digest)) role = candidate.role;
    }
    if (role === null) throw new RepriseError('UNAUTHENTICATED', 'the access token is not known: check its spelling');
    return role;
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
