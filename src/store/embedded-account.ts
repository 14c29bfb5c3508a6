import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { RepriseError } from '../errors.ts';

/** The operating-system account that the server runs as when we are root, which PostgreSQL refuses. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];

/**
 * The account to run the server as, or undefined to run it as ourselves (not root, or Windows). An existing
 * `pgdata` decides by its owner, so that a data directory made by another user keeps working under root.
 */
export async function chooseAccount(pgdata: string): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const owner = await fs.stat(pgdata).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  const passwd = await fs.readFile('/etc/passwd', 'utf8').catch(() => '');
  for (const name of CANDIDATES) {
    const [, , uid, gid] =
      passwd
        .split('\n')
        .find((line) => line.startsWith(`${name}:`))
        ?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined && Number(uid) !== 0) {
      // macOS writes nobody's ids as -2.
      const account = { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
      if (owner !== undefined) await giveAll(pgdata, account);
      return account;
    }
  }
  throw new RepriseError(
    'EMBEDDED_START_FAILED',
    `PostgreSQL refuses to run as root, and there is no account named ${CANDIDATES.join(' or ')} to run it as. ` +
      'Start Reprise as an unprivileged user, or set DATABASE_URL.',
  );
}

async function giveAll(folder: string, account: Account): Promise<void> {
  await fs.lchown(folder, account.uid, account.gid);
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    await fs.lchown(path.join(entry.parentPath, entry.name), account.uid, account.gid);
  }
}
