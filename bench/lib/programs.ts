import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program of the machine that is measured against. */
export interface Program {
  readonly path: string;
  readonly version: string;
}

/** What a program said and how long it took, from its start to its end. */
export interface Finished {
  readonly output: string;
  readonly ms: number;
  /** It was still running when its time was up, and was killed. */
  readonly timedOut: boolean;
}

/** The program on PATH or in Debian's folder of PostgreSQL programs; null when it is not installed. */
export async function findProgram(name: string, versionFlag: string): Promise<Program | null> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...debianFolders()];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const { stdout, stderr } = await run(path, [versionFlag]);
    return { path, version: (stdout || stderr).trim() };
  }
  return null;
}

function debianFolders(): string[] {
  try {
    return readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}

/**
 * Runs a program to its end, at most `timeoutMs`.
 * @throws Error with the end of its output when it fails.
 */
export async function runProgram(
  program: Program,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<Finished> {
  const started = performance.now();
  const child = spawn(program.path, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stderr.on('data', (part: Buffer) => parts.push(part));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const code = await ended(child);
  clearTimeout(timer);
  const output = Buffer.concat(parts).toString('utf8');
  if (code !== 0 && !timedOut) throw new Error(`${program.path} ended with ${code}: ${output.slice(-2000)}`);
  return { output, ms: performance.now() - started, timedOut };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}
