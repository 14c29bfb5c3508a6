import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, startTimeOf } from './store/embedded-process.ts';

/** What a running service tells other processes of the same user, in `service.json` of its data folder. */
export interface ServiceFile {
  readonly pid: number;
  /** When that process began, which tells it from a later one of its id; null where the platform does not say. */
  readonly startTime: string | null;
  /** Where it listens: `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Its embedded PostgreSQL, with the password. */
  readonly databaseUrl: string;
}

const pathIn = (dataDir: string) => join(dataDir, 'service.json');

/** Writes the file of this process, whole or not at all, readable by its owner only: it holds a password. */
export async function writeServiceFile(
  dataDir: string,
  service: Pick<ServiceFile, 'url' | 'databaseUrl'>,
): Promise<void> {
  const { pid } = process;
  const content: ServiceFile = { pid, startTime: await startTimeOf(pid), ...service };
  const draft = `${pathIn(dataDir)}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, pathIn(dataDir));
}

/** Removes the file; nothing where there is none. */
export async function removeServiceFile(dataDir: string): Promise<void> {
  await rm(pathIn(dataDir), { force: true });
}

/** The file of a service that lives; null when there is none, or what is left of a dead one. */
export async function readServiceFile(dataDir: string): Promise<ServiceFile | null> {
  let content: ServiceFile;
  try {
    content = JSON.parse(await readFile(pathIn(dataDir), 'utf8')) as ServiceFile;
  } catch {
    return null;
  }
  return (await isAlive(content)) ? content : null;
}

/** Files of earlier releases do not tell when their process began. */
async function isAlive({ pid, startTime = null }: Partial<ServiceFile>): Promise<boolean> {
  if (pid === undefined || !isRunning(pid)) return false;
  return startTime === null || startTime === (await startTimeOf(pid));
}
