import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import saslprep from '@mongodb-js/saslprep';
import type { SaltedPasswords } from './salted-passwords.ts';

const MECHANISM = 'SCRAM-SHA-256';
/** PostgreSQL's default is 4,096; a server that asks for this many would hold the thread pool for seconds. */
const MAX_ITERATIONS = 1_000_000;

/** The answer to AuthenticationMD5Password. */
export function md5Response(user: string, password: string, salt: Uint8Array): Buffer {
  const inner = createHash('md5').update(password).update(user).digest('hex');
  const outer = createHash('md5').update(inner).update(salt).digest('hex');
  return Buffer.from(`md5${outer}\0`);
}

/** The answer to AuthenticationCleartextPassword. */
export function cleartextResponse(password: string): Buffer {
  return Buffer.from(`${password}\0`);
}

/**
 * SCRAM-SHA-256 (RFC 5802, 7677) without channel binding: first(), then next(server's first), then
 * verify(server's final). The server proves by the last step that it knows the password too.
 */
export class ScramExchange {
  private readonly user: string;
  private readonly password: string;
  private readonly salted: SaltedPasswords;
  private readonly nonce = randomBytes(18).toString('base64');
  private serverSignature: Buffer | null = null;

  /** `salted` holds keys of earlier exchanges with the same server. */
  constructor(user: string, password: string, salted: SaltedPasswords) {
    this.user = user;
    this.salted = salted;
    this.password = normalisePassword(password);
  }

  /** @throws Error when the server offers no mechanism that is spoken here. */
  first(mechanisms: readonly string[]): Buffer {
    if (!mechanisms.includes(MECHANISM)) {
      throw new Error(`it offers only ${mechanisms.join(', ')} for authentication, not ${MECHANISM}`);
    }
    const response = Buffer.from(`n,,n=*,r=${this.nonce}`);
    const head = Buffer.alloc(MECHANISM.length + 5);
    head.write(MECHANISM, 0);
    head.writeInt32BE(response.length, MECHANISM.length + 1);
    return Buffer.concat([head, response]);
  }

  /** @throws Error when the server's message is not the answer to ours. */
  async next(serverFirst: string): Promise<Buffer> {
    const fields = readFields(serverFirst);
    const { r: nonce = '', s: salt = '', i: count = '' } = fields;
    const iterations = Number(count);
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length || salt === '') {
      throw new Error('its SCRAM message does not answer ours');
    }
    if (!Number.isInteger(iterations) || iterations < 1 || iterations > MAX_ITERATIONS) {
      throw new Error(`it asks for ${count} SCRAM iterations; at most ${MAX_ITERATIONS} are done`);
    }
    const salted = await this.salted.of(this.user, this.password, salt, iterations);
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const withoutProof = `c=biws,r=${nonce}`;
    const signed = `n=*,r=${this.nonce},${serverFirst},${withoutProof}`;
    const proof = hmac(storedKey, signed);
    for (let i = 0; i < proof.length; i++) proof[i] = proof[i]! ^ clientKey[i]!;
    this.serverSignature = hmac(hmac(salted, 'Server Key'), signed);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** @throws Error when the server does not know the password. */
  verify(serverFinal: string): void {
    const signature = Buffer.from(readFields(serverFinal)['v'] ?? '', 'base64');
    const expected = this.serverSignature;
    if (expected === null || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new Error('it does not prove that it knows the password');
    }
    this.serverSignature = null;
    this.verified = true;
  }

  /** True once the server has proved itself. */
  verified = false;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function readFields(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
}

/** As SASLprep (RFC 4013) has it. PostgreSQL keeps a password as it is where SASLprep forbids it, or leaves nothing of it; so do we. */
function normalisePassword(password: string): string {
  try {
    return saslprep(password) || password;
  } catch {
    return password;
  }
}
