import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf, RepriseError } from '../errors.ts';

const run = promisify(execFile);
const POLL_MS = 10;

/** Whether the process exists and is more than a zombie, which an init that does not reap leaves behind. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !['Z', 'X'].includes(statOf(pid)?.state ?? '');
}

/** When the process began, in the platform's own terms: only good for comparing. Null when unknown. */
export async function startTimeOf(pid: number): Promise<string | null> {
  if (process.platform === 'win32') return null;
  if (process.platform === 'linux') return statOf(pid)?.startTime ?? null;
  return run('ps', ['-p', String(pid), '-o', 'lstart=']).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

function statOf(pid: number): { name: string; state: string; startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold spaces and parentheses: fields count from the last one.
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    return { name: text.slice(text.indexOf('(') + 1, end), state: fields[0] ?? '', startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** The text of a file, or undefined when there is none; other errors throw. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What `postmaster.pid` says, or undefined without that file. */
export async function readPidFile(
  pgdata: string,
): Promise<{ pid: number; dataDir: string; ready: boolean } | undefined> {
  const text = await readIfThere(path.join(pgdata, 'postmaster.pid'));
  if (text === undefined) return undefined;
  const lines = text.split('\n').map((line) => line.trim());
  return { pid: Math.abs(Number(lines[0])), dataDir: lines[1] ?? '', ready: lines[7] === 'ready' };
}

/** Live PostgreSQL processes (initdb too) that work in `pgdata`, orphans of a dead postmaster included where we can see them. */
export async function processesIn(pgdata: string): Promise<number[]> {
  if (process.platform === 'linux') return linuxProcessesIn(pgdata);
  const file = await readPidFile(pgdata);
  if (file === undefined || path.resolve(file.dataDir) !== path.resolve(pgdata) || !isRunning(file.pid)) return [];
  if (process.platform === 'win32') return [file.pid];
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,comm=']);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([pid, parent]) => Number(pid) === file.pid || Number(parent) === file.pid)
    .filter(([, , ...command]) => command.join(' ').includes('postgres'))
    .map(([pid]) => Number(pid));
}

/** Every PostgreSQL process stands in its data directory; comparing inodes sees through links and mounts. */
async function linuxProcessesIn(pgdata: string): Promise<number[]> {
  const here = await fs.stat(pgdata).catch(() => undefined);
  if (here === undefined) return [];
  const found: number[] = [];
  for (const name of await fs.readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !['postgres', 'initdb'].includes(statOf(pid)?.name ?? '')) continue;
    const cwd = await fs.stat(`/proc/${pid}/cwd`).catch(() => undefined);
    if (cwd?.ino === here.ino && cwd.dev === here.dev && isRunning(pid)) found.push(pid);
  }
  return found;
}

/**
 * Signals a postmaster: SIGINT is a fast shutdown, SIGQUIT an immediate one. No error when it is gone.
 * Windows has no signals; there `pg_ctl kill` speaks PostgreSQL's own.
 */
export async function signal(pid: number, name: 'SIGINT' | 'SIGQUIT' | 'SIGKILL', pgCtl: string): Promise<void> {
  if (process.platform === 'win32' && name !== 'SIGKILL') {
    await run(pgCtl, ['kill', name.slice(3), String(pid)], { windowsHide: true }).catch(() => undefined);
    return;
  }
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until none of the processes runs; false when `timeoutMs` pass first. */
export async function waitUntilGone(pids: readonly number[], timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (pids.some(isRunning)) {
    if (Date.now() > end) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** SIGKILL to everything that works in `folder`; resolves when it is gone. */
export async function killIn(folder: string, pgCtl: string): Promise<void> {
  const pids = await processesIn(folder);
  for (const pid of pids) await signal(pid, 'SIGKILL', pgCtl);
  await waitUntilGone(pids, 10_000);
}

/** SIGKILL to a postmaster and everything under it, as a crash of the machine would; resolves when all are gone. */
export async function killAll(pgdata: string, postmaster: number, pgCtl: string): Promise<void> {
  // Stopped first, so that it cannot start another child between the listing and its end.
  if (process.platform !== 'win32' && isRunning(postmaster)) process.kill(postmaster, 'SIGSTOP');
  const pids = [postmaster, ...(await processesIn(pgdata))];
  for (const pid of pids) await signal(pid, 'SIGKILL', pgCtl);
  await waitUntilGone(pids, 30_000);
}

/**
 * Ends what a dead owner left running in `pgdata` and clears its `postmaster.pid`. Call it under the data
 * directory's lock. Throws `DATA_DIR_IN_USE` when the processes belong to another user.
 */
export async function stopStale(pgdata: string, pgCtl: string): Promise<void> {
  const file = await readPidFile(pgdata);
  const left = await processesIn(pgdata);
  try {
    if (file !== undefined && left.includes(file.pid)) {
      await signal(file.pid, 'SIGINT', pgCtl);
      if (!(await waitUntilGone(left, 20_000))) {
        await signal(file.pid, 'SIGQUIT', pgCtl);
        await waitUntilGone(left, 10_000);
      }
    }
    // Also backends that outlived a killed postmaster: they would keep its shared memory, and so the next start, blocked.
    await killIn(pgdata, pgCtl);
  } catch (cause) {
    throw new RepriseError(
      'DATA_DIR_IN_USE',
      `PostgreSQL process ${left[0] ?? '?'} still runs in ${pgdata} and could not be stopped (${messageOf(cause)}). Stop it and try again.`,
      { cause },
    );
  }
  // PostgreSQL takes any live process with the recorded pid for a postmaster, and a pid is soon used again in a container.
  if (file !== undefined && (await processesIn(pgdata)).length === 0) {
    await fs.rm(path.join(pgdata, 'postmaster.pid'), { force: true });
  }
}
