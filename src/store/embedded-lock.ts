import { createHash } from 'node:crypto';
import { closeSync, fstatSync, futimes, openSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RepriseError } from '../errors.ts';
import { isRunning, startTimeOf } from './embedded-process.ts';

/** A held data directory. */
export interface DataDirLock {
  /** Gives the directory free. Safe to call twice. */
  release(): Promise<void>;
}

interface Holder {
  pid: number;
  /** Tells a process from a later one with the same pid; null where the platform does not say. */
  startTime: string | null;
  /** Where `pid` means something: one boot of one kernel and one pid namespace. */
  realm: string;
}

const BEAT_MS = 1000;
/** How long a holder in another container may be silent before it counts as dead. */
const SILENCE_MS = 4000;

/** A lock as it was found. One that is another by now differs in one of them. */
interface Found {
  text: string;
  /** Its last heartbeat. Unix milliseconds. */
  beat: number;
}

/**
 * Takes the directory for this process, with a file that names the holder. A dead holder's lock is taken
 * over: at once where its pid can be looked up, and after `SILENCE_MS` without a heartbeat where it cannot
 * (another container on the same volume). Throws `DATA_DIR_IN_USE` when the holder lives, also when it is us.
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const own: Holder = { pid: process.pid, startTime: await startTimeOf(process.pid), realm: await currentRealm() };
  const lock = await take(path.join(dataDir, 'reprise.lock'), own);
  await removeDeadClaims(dataDir, own.realm);
  return lock;
}

async function take(file: string, own: Holder): Promise<DataDirLock> {
  for (;;) {
    try {
      await fs.writeFile(file, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const dead = await deadHolder(file, own.realm);
      if (dead !== undefined) await remove(file, dead, own);
      continue;
    }
    try {
      return hold(file);
    } catch (error) {
      await fs.rm(file, { force: true });
      throw error;
    }
  }
}

/** Process that holds the directory, as far as this machine can tell; null when none does. Takes nothing over. */
export async function holderOf(dataDir: string): Promise<number | null> {
  const text = await fs.readFile(path.join(dataDir, 'reprise.lock'), 'utf8').catch(() => '');
  const holder = parse(text);
  if (holder === undefined || holder.realm !== (await currentRealm())) return null;
  return (await isAlive(holder)) ? holder.pid : null;
}

function hold(file: string): DataDirLock {
  // By descriptor: after a wrongful takeover the beats must not keep the new holder's file alive.
  let fd: number | undefined = openSync(file, 'r+');
  const beat = setInterval(() => {
    const now = new Date();
    if (fd !== undefined) futimes(fd, now, now, () => undefined);
  }, BEAT_MS);
  beat.unref();
  return {
    async release() {
      if (fd === undefined) return;
      clearInterval(beat);
      const { ino } = fstatSync(fd);
      closeSync(fd);
      fd = undefined;
      // After a wrongful takeover the file is the new holder's.
      const there = await fs.stat(file).catch(() => null);
      if (there?.ino === ino) await fs.rm(file, { force: true });
    },
  };
}

/** A lock whose holder is dead, undefined when it is gone meanwhile; throws when the holder lives. */
async function deadHolder(file: string, realm: string): Promise<Found | undefined> {
  let firstBeat: number | undefined;
  for (;;) {
    const found = await read(file);
    if (found === undefined) return undefined;
    const { text, beat } = found;
    const holder = parse(text);
    if (holder?.realm === realm) {
      if (!(await isAlive(holder))) return found;
      throw inUse(file, `process ${holder.pid}`);
    }
    firstBeat ??= beat;
    if (beat !== firstBeat) throw inUse(file, `process ${holder?.pid ?? '?'} of another container or machine`);
    if (Date.now() - beat > SILENCE_MS) return found;
    await delay(100);
  }
}

async function read(file: string): Promise<Found | undefined> {
  try {
    return { text: await fs.readFile(file, 'utf8'), beat: (await fs.stat(file)).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Removes a dead holder's lock. Several may find it dead, and the slower ones must not remove that of the fastest: only who
 * holds the claim on this very lock may, and looks again first. A claim is a lock like any other, so that one whose
 * holder has died can be taken over, too.
 */
async function remove(file: string, dead: Found, own: Holder): Promise<void> {
  const name = createHash('sha256').update(`${dead.beat} ${dead.text}`).digest('hex').slice(0, 16);
  const claim = await take(`${file}.${name}`, own);
  try {
    const found = await read(file);
    if (found?.text === dead.text && found.beat === dead.beat) await fs.rm(file, { force: true });
  } finally {
    await claim.release();
  }
}

/** Removes what is left of takeovers whose process died on the way: with the lock that they were about they serve nothing. */
async function removeDeadClaims(dataDir: string, realm: string): Promise<void> {
  for (const name of await fs.readdir(dataDir)) {
    if (!name.startsWith('reprise.lock.')) continue;
    const file = path.join(dataDir, name);
    const holder = parse((await read(file))?.text ?? '');
    if (holder?.realm === realm && !(await isAlive(holder))) await fs.rm(file, { force: true });
  }
}

async function isAlive({ pid, startTime }: Holder): Promise<boolean> {
  return isRunning(pid) && (await startTimeOf(pid)) === startTime;
}

function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    // Written half at the moment of a power failure, or being written right now.
    return undefined;
  }
}

function inUse(file: string, holder: string): RepriseError {
  return new RepriseError(
    'DATA_DIR_IN_USE',
    `the data directory ${path.dirname(file)} is in use by ${holder}. Stop it, or choose another data directory.`,
  );
}

async function currentRealm(): Promise<string> {
  if (process.platform !== 'linux') return os.hostname();
  const boot = await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => os.hostname());
  const namespace = await fs.readlink('/proc/self/ns/pid').catch(() => '');
  return `${boot.trim()} ${namespace}`;
}
