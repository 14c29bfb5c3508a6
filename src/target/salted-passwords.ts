import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

interface Salted {
  readonly password: string;
  readonly salt: string;
  readonly iterations: number;
  readonly key: Promise<Buffer>;
}

/**
 * The keys that SCRAM derives from passwords (SaltedPassword of RFC 5802, which lets a client keep them), the last one of each
 * user: to derive one takes milliseconds of a processor, which a window of short sessions would pay for each of their logins.
 */
export class SaltedPasswords {
  private readonly lastOf = new Map<string, Salted>();

  /** 32 bytes. `salt` is base64, as the server sends it. Another password, salt or count derives another key. */
  of(user: string, password: string, salt: string, iterations: number): Promise<Buffer> {
    const last = this.lastOf.get(user);
    if (last?.password === password && last.salt === salt && last.iterations === iterations) return last.key;
    const key = derive(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
    this.lastOf.set(user, { password, salt, iterations, key });
    return key;
  }
}
