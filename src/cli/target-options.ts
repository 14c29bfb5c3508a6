import { createInterface } from 'node:readline';
import { addAbortSignal, Writable } from 'node:stream';
import type { Command } from 'commander';
import type { TargetInput } from '../client/index.ts';
import { TLS_MODES } from '../client/words.ts';
import { type Io, usage } from './io.ts';
import { choice, wholeNumber, withoutAbsent } from './options.ts';

/** Flags that give a password. */
export interface PasswordFlags {
  readonly passwordEnv?: string;
  readonly passwordStdin?: boolean;
}

/** A target by alias or by host. */
export interface TargetFlags extends PasswordFlags {
  readonly target?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly database?: string;
  readonly tls?: (typeof TLS_MODES)[number];
}

/** `--password-env`, `--password-stdin`: a password is never a flag itself. */
export function addPasswordFlags(command: Command): Command {
  return command
    .option('--password-env <name>', 'environment variable that holds the password')
    .option('--password-stdin', 'take the first line of standard input for the password; a terminal is asked for it');
}

/** Flags that name a target by host, and its login. */
export function addHostFlags(command: Command): Command {
  command
    .option('--host <host>', 'or a target by host, which policy must allow')
    .option('--port <port>', 'its port (default 5432)', wholeNumber)
    .option('--user <name>', 'login (default: that of the configured target, else postgres)');
  return addPasswordFlags(command)
    .option('--database <name>', 'database to log in to (default: that of the configured target, else postgres)')
    .addOption(choice('--tls <mode>', 'how TLS is used (default prefer)', TLS_MODES));
}

/**
 * The target of the flags. @throws RepriseError BAD_INPUT naming the flag
 */
export async function targetOf(flags: TargetFlags, io: Io): Promise<TargetInput> {
  if (flags.target === undefined && flags.host === undefined) {
    throw usage('--target', 'is missing: name a configured target, or give --host and --port');
  }
  if (flags.target !== undefined && flags.host !== undefined)
    throw usage('--target', 'excludes --host: give one of them');
  if (flags.host?.trim() === '') throw usage('--host', 'is empty: name a host, or a configured target');
  return withoutAbsent({
    alias: flags.target,
    host: flags.host,
    port: flags.port,
    user: flags.user,
    password: await passwordOf(flags, io),
    database: flags.database,
    tls: flags.tls,
  });
}

/** The password of the flags; undefined where they give none. @throws RepriseError BAD_INPUT naming the flag */
export async function passwordOf(flags: PasswordFlags, io: Io): Promise<string | undefined> {
  if (flags.passwordEnv !== undefined && flags.passwordStdin)
    throw usage('--password-env', 'excludes --password-stdin');
  if (flags.passwordEnv !== undefined) return secretOf('--password-env', flags.passwordEnv, io);
  return flags.passwordStdin ? readLine(io) : undefined;
}

/** The value of a variable that a flag names. @throws RepriseError BAD_INPUT */
export function secretOf(flag: string, variable: string, io: Io): string {
  const value = io.env[variable];
  if (value === undefined) throw usage(flag, `names the environment variable ${variable}, which is not set`);
  return value;
}

/** The first line of standard input; whoever writes it may go on, or keep it open. */
async function readLine(io: Io): Promise<string> {
  let line = '';
  if (io.stdin.isTTY) line = await askFor('Password: ', io);
  else {
    const parts: Buffer[] = [];
    for await (const chunk of addAbortSignal(io.signal, io.stdin)) {
      parts.push(Buffer.from(chunk));
      if (parts.at(-1)?.includes('\n')) break;
    }
    line = String(Buffer.concat(parts)).replace(/\r?\n[\s\S]*$/, '');
  }
  if (line === '') throw usage('--password-stdin', 'got nothing on standard input');
  return line;
}

/** A line that is typed in and not shown; empty where the terminal is at its end (Ctrl-D). */
function askFor(prompt: string, { stdin, stderr, signal }: Io): Promise<string> {
  signal.throwIfAborted();
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: unseen, terminal: true, historySize: 0 });
  stderr.write(prompt);
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
    // Keys that are read one by one are no signals any more.
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  }).finally(() => {
    lines.close();
    stderr.write('\n');
  });
}
