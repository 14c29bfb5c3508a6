import { describe, expect, test } from 'vitest';
import { createProgram, everyCommand } from '../../src/cli/program.ts';
import { cli, cliHere } from './process.ts';

const program = createProgram({
  io: {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: {},
    signal: new AbortController().signal,
  },
  exit: () => {},
});
const commands = everyCommand(program).filter((command) => command.commands.length === 0);
const pathOf = (command: (typeof commands)[number]): string[] =>
  command.parent?.parent ? [command.parent.name(), command.name()] : [command.name()];

describe('--help', () => {
  test.each(commands.map((command) => [pathOf(command).join(' '), pathOf(command)] as const))(
    'of %s has a summary and examples of itself',
    async (name, path) => {
      const { code, stdout } = await cliHere([...path, '--help']);
      expect(code).toBe(0);
      const [, examples = ''] = stdout.split('\nExamples:\n');
      expect(examples).toMatch(new RegExp(`^ {2}.*\\breprise ${name}`));
    },
  );

  test('of a command below another is found by `help` too', async () => {
    const { stdout } = await cliHere(['replay', 'start', '--help']);
    expect(await cliHere(['help', 'replay', 'start'])).toEqual({ code: 0, stdout, stderr: '' });
  });

  test.each([[['nope']], [['replay', 'nope']]])('of a command that there is not is wrong usage: %j', async (words) => {
    const { code, stdout, stderr } = await cliHere(['help', ...words]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: unknown command 'nope'/);
  });

  test('lists every command, as a process', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    for (const { name } of program.commands.map((command) => ({ name: command.name() }))) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    }
    expect(await cli(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
