import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { messageOf, RepriseError } from '../errors.ts';
import { addCompletion } from './completion.ts';
import type { CliContext } from './context.ts';
import { addDoctor } from './doctor.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { flagsOf, inFlags, inGivenFlags } from './flag-names.ts';
import { addImport } from './import.ts';
import { type Io, printable } from './io.ts';
import { addJournal } from './journal.ts';
import { addReplay } from './replay.ts';
import { addReport } from './report.ts';
import { addServe } from './serve.ts';
import { addTargets } from './targets.ts';

/** Version of the package, as `--version` prints it. */
function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/**
 * Runs one command and gives its exit status. `argv` without the program's own name. Never throws: errors are
 * written to standard error, as JSON with `--json`.
 */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.OK;
  const asJson = argv.includes('--json');
  const context: CliContext = {
    io,
    exit: (status) => {
      code = status;
    },
  };
  let asked = new Command();
  const program = createProgram(context, asJson).hook('preAction', (_program, command) => {
    asked = command;
  });
  try {
    await program.parseAsync(helpOfNested(argv, program), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
    if (io.signal.aborted) return EXIT.INTERRUPTED;
    report(error instanceof RepriseError ? inGivenFlags(inFlags(error, flagsOf(asked)), asked) : error, asJson, io);
    return error instanceof RepriseError ? exitCodeOf(error.code) : EXIT.INTERNAL;
  }
}

/**
 * Says that a command has ended without its result, since nothing was left that it could wait for, and gives its exit
 * status.
 */
export function reportStuck(argv: readonly string[], io: Io): number {
  const message = 'the command ended before it was done, with nothing left to wait for: this is a bug';
  report(message, argv.includes('--json'), io);
  return EXIT.INTERNAL;
}

/** Says that standard output takes nothing more, such as on a full disk, and gives the exit status. */
export function reportUnwritable(argv: readonly string[], io: Io, error: Error): number {
  const message = `standard output cannot be written: ${messageOf(error)}`;
  report(new RepriseError('BAD_INPUT', message), argv.includes('--json'), io);
  return exitCodeOf('BAD_INPUT');
}

/** The program with all its commands. `asJson`: wrong usage is written as JSON. */
export function createProgram(context: CliContext, asJson = false): Command {
  const { io } = context;
  const program = new Command('reprise')
    .description('Time-travel replay for PostgreSQL: journal what a database ran, and run it again elsewhere.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => (asJson ? reportUsage(text, io) : write(text)),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    .showHelpAfterError(asJson ? false : '(--help shows what there is)')
    .addHelpText('after', '\nExit statuses, and examples: docs/cli.md');
  addServe(program, context);
  addImport(program, context);
  addJournal(program, context);
  addReplay(program, context);
  addReport(program, context);
  addTargets(program, context);
  addDoctor(program, context);
  addCompletion(program, context);
  for (const command of everyCommand(program)) command.copyInheritedSettings(program).exitOverride();
  return program;
}

/** Every command below one, groups included. */
export function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)]);
}

/**
 * `help replay start` as `replay start --help`: commander's own `help` reads one word only.
 * @throws CommanderError of a command that there is not: the answer would be the help of what is above it
 */
function helpOfNested(argv: readonly string[], program: Command): readonly string[] {
  const [first, ...words] = argv;
  if (first !== 'help' || words.length === 0) return argv;
  let command = program;
  for (const word of words) {
    if (command.commands.length === 0 || word.startsWith('-')) break;
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) return command.error(`error: unknown command '${word}'`);
    command = child;
  }
  return [...words, '--help'];
}

/** Commander's own words on wrong usage, in the form of every other error. */
function reportUsage(text: string, io: Io): void {
  const message = text.replace(/^error: /, '').trim();
  report(new RepriseError('BAD_INPUT', message, { path: atFault(message) }), true, io);
}

/** The flag or argument that commander's words are about; empty where it is the command. */
function atFault(message: string): readonly string[] {
  const flag = /^(?:unknown )?option '(?:-\w, )?(--[\w-]+)/.exec(message)?.[1];
  if (flag !== undefined) return [flag];
  const name =
    /^missing required argument '([\w-]+)'/.exec(message) ??
    /^command-argument value '[\s\S]*' is invalid for argument '([\w-]+)'/.exec(message);
  return name === null ? [] : [`<${name[1]}>`];
}

function report(error: unknown, asJson: boolean, io: Io): void {
  const known = error instanceof RepriseError ? error : null;
  if (asJson) {
    const body = { code: known?.code ?? 'INTERNAL', message: messageOf(error), path: known?.path ?? [] };
    io.stderr.write(`${JSON.stringify({ error: body })}\n`);
    return;
  }
  io.stderr.write(`error: ${printable(messageOf(error))}${known ? ` [${known.code}]` : ''}\n`);
  // Something that nobody expected: whoever reports it needs to say where it came from.
  if (!known && error instanceof Error && error.name !== 'ServiceError')
    io.stderr.write(`${printable(error.stack ?? '')}\n`);
}
