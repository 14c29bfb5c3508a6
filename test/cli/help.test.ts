import { spawnSync } from 'node:child_process';
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

  test('lists every command, as a process', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    for (const { name } of program.commands.map((command) => ({ name: command.name() }))) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    }
    expect(await cli(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

const HAS_BASH = spawnSync('bash', ['-c', '(( BASH_VERSINFO[0] >= 4 ))']).status === 0;

describe.runIf(HAS_BASH)('completion in a real bash', () => {
  const script = cli(['completion', 'bash']);
  /** What Tab would offer at the end of a line. */
  async function offered(line: string): Promise<readonly string[]> {
    const { stdout } = await script;
    // As readline cuts words: at blanks, and around =.
    const words = line.replaceAll('=', ' = ').split(/ +/);
    const run = `
      ${stdout}
      compopt() { :; }
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=${words.length - 1}
      _reprise
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const result = spawnSync('bash', ['--norc', '-c', run], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    return result.stdout.split('\n').filter((word) => word !== '');
  }

  test.each([
    ['reprise jo', ['journal']],
    ['reprise journal ', ['ls', 'stats', 'show', 'export']],
    ['reprise replay star', ['start']],
    ['reprise replay start --ord', ['--ordering']],
    ['reprise replay start --ordering ', ['timestamp', 'commit', 'session']],
    ['reprise replay start --ordering=t', ['timestamp']],
    ['reprise replay start --watch --tls ver', ['verify-full']],
    ['reprise replay ls --state ca', ['cancelled']],
    ['reprise report --format j', ['json', 'junit']],
    ['reprise completion ', ['bash', 'zsh', 'fish']],
    ['reprise import test/support/sh', ['test/support/shop.ts']],
    ['reprise report --output package.j', ['package.json']],
    ['reprise replay start --host ', []],
    ['reprise journal ls --text --ordering ', []],
  ])('%j is completed to %j', async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  test('loads with `source <(reprise completion bash)` and takes the command over', async () => {
    const { code, stdout } = await script;
    expect(code).toBe(0);
    const shell = spawnSync('bash', ['--norc', '-c', `${stdout}\ncomplete -p reprise`], { encoding: 'utf8' });
    expect(shell.stdout).toBe('complete -F _reprise reprise\n');
  });

  test('another shell is exit status 2', async () => {
    expect(await cliHere(['completion', 'tcsh'])).toMatchObject({ code: 2, stderr: expect.stringContaining('fish') });
  });
});

test.each(['zsh', 'fish'])('the script of %s is one that it can read, where it is installed', async (shell) => {
  const { stdout } = await cliHere(['completion', shell]);
  expect(stdout).toContain('reprise');
  const parsed = spawnSync(shell, ['-n', '/dev/stdin'], { input: stdout, encoding: 'utf8' });
  if (parsed.error) return;
  expect(parsed.stderr).toBe('');
  expect(parsed.status).toBe(0);
});
