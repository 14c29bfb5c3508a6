import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseAccount } from '../../src/store/embedded-account.ts';
import { locateBinaries, prepareBinaries } from '../../src/store/embedded-binaries.ts';

const root = process.geteuid?.() === 0;
let dataDir: string;

beforeEach(async () => {
  dataDir = await fs.mkdtemp(join(tmpdir(), 'reprise-binaries-'));
});

afterEach(() => fs.rm(dataDir, { recursive: true, force: true }));

describe('preparing the binaries', () => {
  it.runIf(root)('copies binaries that the account cannot reach, and completes missing symlinks', async () => {
    const hidden = join(dataDir, 'package');
    await fs.mkdir(hidden);
    await fs.cp(join(locateBinaries(), 'native'), join(hidden, 'native'), {
      recursive: true,
      filter: async (file) => !(await fs.lstat(file)).isSymbolicLink(),
    });
    await fs.copyFile(join(locateBinaries(), 'package.json'), join(hidden, 'package.json'));
    const open = await fs.mkdtemp(join(tmpdir(), 'reprise-cache-'));
    await fs.chmod(open, 0o755);
    try {
      const account = await chooseAccount(join(dataDir, 'pgdata'));
      // dataDir is 0700 and ours: no place for the cache either.
      const parents = [dataDir, open];
      const all = await Promise.all([1, 2].map(() => prepareBinaries(hidden, account, parents)));
      for (const { postgres } of all) {
        expect(postgres.startsWith(`${open}/reprise-postgres-`)).toBe(true);
        const run = execFileSync(postgres, ['--version'], { encoding: 'utf8', uid: account?.uid, gid: account?.gid });
        expect(run).toContain('18');
      }
      expect(await fs.readdir(open)).toHaveLength(1);

      const [cache] = await fs.readdir(open);
      await fs.rm(join(open, cache as string, 'share'), { recursive: true });
      const again = await prepareBinaries(hidden, account, parents);
      expect((await fs.readdir(join(again.postgres, '..', '..'))).sort()).toEqual([
        'bin',
        'lib',
        'pg-symlinks.json',
        'share',
      ]);

      await fs.chown(join(open, cache as string), 65_534, 65_534);
      await expect(prepareBinaries(hidden, account, parents)).rejects.toMatchObject({ code: 'EMBEDDED_START_FAILED' });
    } finally {
      await fs.rm(open, { recursive: true, force: true });
    }
  });

  it('completes missing symlinks in place where it may write', async () => {
    const copy = join(dataDir, 'package');
    await fs.cp(join(locateBinaries(), 'native'), join(copy, 'native'), {
      recursive: true,
      filter: async (file) => !(await fs.lstat(file)).isSymbolicLink(),
    });
    await fs.copyFile(join(locateBinaries(), 'package.json'), join(copy, 'package.json'));
    const all = await Promise.all([1, 2, 3].map(() => prepareBinaries(copy, undefined)));
    for (const { postgres } of all) {
      expect(postgres).toBe(join(copy, 'native', 'bin', 'postgres'));
      expect(execFileSync(postgres, ['--version'], { encoding: 'utf8' })).toContain('18');
    }
  });
});
