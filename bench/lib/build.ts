import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where this checkout is. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles the children of a checkout: the service is measured as it is shipped. Type errors are for `npm test` to tell.
 * Gives the service's program.
 * @throws Error when nothing came of it
 */
export function compile(root: string): string {
  const service = join(root, 'bench/dist/bench/child/service.js');
  try {
    execFileSync('node_modules/.bin/tsc', ['-p', 'bench/tsconfig.json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (!existsSync(service)) throw error;
    process.stderr.write(
      `tsc found errors (measuring all the same):\n${String((error as { stdout?: Buffer }).stdout)}\n`,
    );
  }
  return service;
}

/** The commit of a checkout, short, with `+` where sources differ from it: a figure belongs to a build. */
export function buildName(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'src', 'bench', ':!bench/results', 'package-lock.json');
  return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`;
}
