import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataDirLock, lockDataDir } from '../../src/store/embedded-lock.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'reprise-lock-'));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** Leaves the lock of a process that is gone. */
async function leaveDeadLock(): Promise<void> {
  const lock = await lockDataDir(dataDir);
  const file = join(dataDir, 'reprise.lock');
  const text = await readFile(file, 'utf8');
  await lock.release();
  // Beyond the largest pid that Linux gives.
  await writeFile(file, JSON.stringify({ ...JSON.parse(text), pid: 2 ** 30 }));
}

// A race: what went wrong did so in one round of fifty.
test('a dead lock goes to exactly one of those who find it at once, and leaves nothing behind', async () => {
  for (let round = 0; round < 300; round++) {
    await leaveDeadLock();
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => lockDataDir(dataDir)));
    const held: DataDirLock[] = [];
    for (const result of results) {
      if (result.status === 'fulfilled') held.push(result.value);
      else expect(result.reason).toMatchObject({ code: 'DATA_DIR_IN_USE' });
    }
    expect(held).toHaveLength(1);
    expect(await readdir(dataDir)).toEqual(['reprise.lock']);
    await held[0]?.release();
    expect(await readdir(dataDir)).toEqual([]);
  }
});
