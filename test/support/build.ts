import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The command as it is shipped; to run it from its sources takes each process a second and a half more. */
export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

/** Brings `dist` up to the sources, without looking at types: `npm test` has done so before, and an editor does. */
export async function buildWhereStale(): Promise<void> {
  if (!(await isStale(MAIN, ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json']))) return;
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--noEmitOnError'];
  await promisify(execFile)(process.execPath, [TSC, ...options]).catch((error: { readonly stdout: string }) => {
    throw new Error(`the sources cannot be compiled:\n${error.stdout}`, { cause: error });
  });
}

/** Whether a file is missing or older than one of those that it is made of, which may be folders. */
export async function isStale(built: string, madeOf: readonly string[]): Promise<boolean> {
  const files: string[] = [];
  for (const path of madeOf) {
    if (!(await stat(path)).isDirectory()) files.push(path);
    else {
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      files.push(...entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)));
    }
  }
  const builtAt = await changedAt(built).catch(() => 0);
  return Math.max(...(await Promise.all(files.map(changedAt)))) > builtAt;
}

async function changedAt(file: string): Promise<number> {
  return (await stat(file)).mtimeMs;
}
