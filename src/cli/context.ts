import type { Command } from 'commander';
import type { Io } from './io.ts';

/** What every command gets. */
export interface CliContext {
  readonly io: Io;
  /** Sets the exit status of the process. */
  exit(code: number): void;
}

/** Examples at the end of a command's help, without the prompt. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/** `--json`, on every command. */
export function addJsonFlag(command: Command): Command {
  return command.option('--json', 'print JSON on standard output');
}
