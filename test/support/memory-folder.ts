import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';

const FOLDER = '/dev/shm';
const WANTED_BYTES = 4 * 1024 ** 3;

/**
 * A folder in memory for what tests write, or undefined where the system has none that is large enough and lets programs
 * be run from it. Tests make thousands of databases of 300 files each: on a disk with `discard` one took 400–900 ms, in
 * memory 30–180.
 */
export function memoryFolder(): string | undefined {
  try {
    accessSync(FOLDER, constants.W_OK);
    const { bavail, bsize } = statfsSync(FOLDER);
    return bavail * bsize >= WANTED_BYTES && memoryOfGroup() >= 2 * WANTED_BYTES && !mountedNoexec()
      ? FOLDER
      : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes that a container may use: what lies in the folder counts. */
function memoryOfGroup(): number {
  try {
    const text = readFileSync('/sys/fs/cgroup/memory.max', 'utf8').trim();
    return text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function mountedNoexec(): boolean {
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, folder]) => folder === FOLDER);
  return mount?.[3]?.split(',').includes('noexec') ?? true;
}
