import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from '../../src/cli/program.ts';
import { MAIN } from '../support/build.ts';

const COMMAND = [process.execPath, MAIN];

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** Variables of the machine must not decide on a test. */
function environment(env: Env): NodeJS.ProcessEnv {
  const clean = Object.entries(process.env).filter(([name]) => !/^(REPRISE_|DATABASE_URL|PG|npm_)/.test(name));
  return { ...Object.fromEntries(clean), ...env } as NodeJS.ProcessEnv;
}

function launch(args: readonly string[], env: Env): ChildProcess {
  const [program = '', ...rest] = COMMAND;
  return spawn(program, [...rest, ...args], { env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Runs a command to its end. */
export async function cli(args: readonly string[], env: Env = {}, input: string | Buffer = ''): Promise<CliResult> {
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

/**
 * Runs a command within the test's process: a fifth of the time, for what needs no process of its own.
 * @param signal what SIGINT and SIGTERM would abort
 */
export async function cliHere(
  args: readonly string[],
  env: Env = {},
  signal = new AbortController().signal,
): Promise<CliResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  // Read all the while: a command waits for a reader to take what it has written.
  const output = Promise.all([text(stdout), text(stderr)]);
  const code = await runCli(args, {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    stdin: process.stdin,
    env,
    signal,
  });
  for (const stream of [stdout, stderr]) stream.end();
  const [written, said] = await output;
  return { code, stdout: written, stderr: said };
}

/** A command that goes on, such as `serve`; its lines on standard output, one after another. */
export interface RunningCli {
  readonly pid: number;
  nextLine(): Promise<string>;
  stderr(): string;
  /** Resolves when its standard error matches; throws when it has ended without it. */
  says(pattern: RegExp): Promise<void>;
  /** Writes to its standard input, which stays open; resolves when all but what a pipe holds was read. */
  give(text: string): Promise<void>;
  /** The exit status, when it has ended by itself. */
  readonly ended: Promise<number | null>;
  /** Closes the reading end of its standard output and resolves with the exit status. */
  hangUp(): Promise<number | null>;
  /** Sends a signal and resolves with the exit status (null when it was killed). */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export function startCli(args: readonly string[], env: Env = {}): RunningCli {
  const child = launch(args, env);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let stderr = '';
  const heard = new EventEmitter();
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
    heard.emit('more');
  });
  closed.finally(() => heard.emit('more'));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    async nextLine() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${args.join(' ')} ended: ${stderr}`);
      return value;
    },
    stderr: () => stderr,
    give: (text) => new Promise((resolve) => child.stdin?.write(text, () => resolve())),
    ended: closed.then(([code]) => code),
    async says(pattern) {
      while (!pattern.test(stderr)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`ended without ${pattern}: ${stderr}`);
        await once(heard, 'more');
      }
    },
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

/** util-linux's `script`, which gives a command a terminal; elsewhere these tests are skipped. */
export const HAS_TERMINAL =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

/** A command on a pseudo terminal of 100 columns, or so many: what it shows, and keys for it. */
export interface TerminalCli {
  /** Everything that was written, control sequences included. */
  screen(): string;
  /** Resolves when what was written matches; throws when the command has ended without it. */
  shows(pattern: RegExp): Promise<void>;
  /** `\u0003` is Ctrl-C, as the terminal turns it into a signal. */
  press(keys: string): void;
  /** The exit status of the command, when it has ended. */
  readonly ended: Promise<number | null>;
}

export function startInTerminal(args: readonly string[], env: Env = {}, columns = 100): TerminalCli {
  const quoted = [...COMMAND, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty cols ${columns} rows 30; exec ${quoted}`, '/dev/null'], {
    env: environment({ TERM: 'xterm', ...env }),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  let over = false;
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const look of waiting) look();
  };
  child.stdout.on('data', (chunk) => {
    screen += String(chunk);
    changed();
  });
  const ended = once(child, 'close').then(([code]) => {
    over = true;
    changed();
    return code as number | null;
  });
  return {
    screen: () => screen,
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (pattern.test(screen)) resolve();
          else if (over) reject(new Error(`ended without ${pattern}: ${screen}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    press: (keys) => child.stdin.write(keys),
    ended,
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
