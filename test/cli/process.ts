import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { runCli } from '../../src/cli/program.ts';

const COMMAND = [process.execPath, '--import', 'tsx', 'src/main.ts'];

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

function launch(args: readonly string[], env: Env): ChildProcess {
  const [program = '', ...rest] = COMMAND;
  // Variables of the machine must not decide on a test.
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(REPRISE_|DATABASE_URL|PG)/.test(name)),
  );
  return spawn(program, [...rest, ...args], {
    env: { ...clean, ...env } as NodeJS.ProcessEnv,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs a command to its end. */
export async function cli(args: readonly string[], env: Env = {}, input = ''): Promise<CliResult> {
  const child = launch(args, env);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    output.stdout += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    output.stderr += String(chunk);
  });
  child.stdin?.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

/** Runs a command within the test's process: a fifth of the time, for what needs no process of its own. */
export async function cliHere(args: readonly string[], env: Env = {}): Promise<CliResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runCli(args, {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    stdin: process.stdin,
    env,
    signal: new AbortController().signal,
  });
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

/** A command that goes on, such as `serve`; its lines on standard output, one after another. */
export interface RunningCli {
  readonly pid: number;
  nextLine(): Promise<string>;
  stderr(): string;
  /** Closes the reading end of its standard output and resolves with the exit status. */
  hangUp(): Promise<number | null>;
  /** Sends a signal and resolves with the exit status (null when it was killed). */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export function startCli(args: readonly string[], env: Env = {}): RunningCli {
  const child = launch(args, env);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    async nextLine() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${args.join(' ')} ended: ${stderr}`);
      return value;
    },
    stderr: () => stderr,
    async hangUp() {
      child.stdout?.destroy();
      return (await closed)[0];
    },
    async end(signal) {
      child.kill(signal);
      return (await closed)[0];
    },
  };
}

export interface ServiceProcess extends RunningCli {
  readonly url: string;
}

/** Starts `reprise serve` on a data folder and waits until it is ready. */
export async function startService(dataDir: string, port = 0, env: Env = {}): Promise<ServiceProcess> {
  const running = startCli(['serve', '--json', '--data-dir', dataDir, '--port', String(port)], env);
  const { url } = JSON.parse(await running.nextLine()) as { url: string };
  return { ...running, url };
}

/** True while a process of this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
