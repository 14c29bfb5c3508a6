import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cli, cliHere } from './process.ts';

/** A command line with the cursor at its end, and the words that Tab offers there. */
const LINES: readonly (readonly [string, readonly string[]])[] = [
  ['reprise jo', ['journal']],
  ['reprise journal ', ['ls', 'stats', 'show', 'export', 'tail']],
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
];
const words = (text: string) => text.split('\n').filter((word) => word !== '');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-completion-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a shell on a script of commands; its standard output. */
function run(shell: string, flags: readonly string[], commands: string): string {
  const { status, stdout, stderr } = spawnSync(shell, [...flags, '-c', commands], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}
const has = (shell: string, flags: readonly string[], commands: string) =>
  spawnSync(shell, [...flags, '-c', commands]).status === 0;

/** The script of a shell, in a file. */
async function scriptOf(shell: string): Promise<string> {
  const file = join(folder, `reprise.${shell}`);
  const { code, stdout } = await cliHere(['completion', shell]);
  expect(code).toBe(0);
  await writeFile(file, stdout);
  return file;
}

test('completion of another shell is exit status 2', async () => {
  expect(await cliHere(['completion', 'tcsh'])).toMatchObject({ code: 2, stderr: expect.stringContaining('fish') });
});

describe.runIf(has('bash', ['--norc'], '(( BASH_VERSINFO[0] >= 4 ))'))('completion in a real bash', () => {
  test.each(LINES)('%j is completed to %j', async (line, offered) => {
    // As readline cuts words: at blanks, and around =.
    const cut = line.replaceAll('=', ' = ').split(/ +/);
    const output = run(
      'bash',
      ['--norc'],
      `source ${await scriptOf('bash')}
      compopt() { :; }
      COMP_WORDS=(${cut.map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=${cut.length - 1}
      _reprise
      printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    expect(words(output)).toEqual(offered);
  });

  test('loads with `source <(reprise completion bash)` and takes the command over', async () => {
    const { code, stdout } = await cli(['completion', 'bash']);
    expect(code).toBe(0);
    expect(run('bash', ['--norc'], `${stdout}\ncomplete -p reprise`)).toBe('complete -F _reprise reprise\n');
  });
});

describe.runIf(has('zsh', ['-f'], ':'))('completion in a real zsh', () => {
  // What the completion system would show: its builtins exist within its widgets only.
  const shown = `
    compset() { :; }
    compadd() { shift; print -l -- "$@" }
    _describe() { local -a all=("\${(@P)@[-1]}"); print -l -- "\${(@)all%%:*}" }
    _files() { local typed=\${words[CURRENT]##*=}; print -l -- $typed*(N) }`;

  test.each(LINES)('%j is completed to %j', async (line, offered) => {
    const cut = line.split(/ +/);
    const output = run(
      'zsh',
      ['-f'],
      `compdef() { :; }
      ${shown}
      source ${await scriptOf('zsh')}
      words=(${cut.map((word) => `'${word}'`).join(' ')}) CURRENT=${cut.length}
      _reprise`,
    );
    const typed = cut.at(-1)?.replace(/^--\w+=/, '') ?? '';
    expect(words(output).filter((word) => word.startsWith(typed))).toEqual(offered);
  });

  test('loads with `source` behind compinit and takes the command over', async () => {
    const taken = `autoload -Uz compinit; compinit -u -D; source ${await scriptOf('zsh')}; print $_comps[reprise]`;
    expect(run('zsh', ['-f'], taken)).toBe('_reprise\n');
  });

  test('loads as a file of $fpath, and completes from its first call on', async () => {
    await copyFile(await scriptOf('zsh'), join(folder, '_reprise'));
    const first = `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -u -D
      ${shown}
      print $_comps[reprise]
      words=(reprise journal '') CURRENT=3
      _reprise`;
    expect(words(run('zsh', ['-f'], first))).toEqual(['_reprise', 'ls', 'stats', 'show', 'export', 'tail']);
  });
});

describe.runIf(has('fish', ['--no-config'], ''))('completion in a real fish', () => {
  test.each(LINES)('%j is completed to %j', async (line, offered) => {
    const output = run('fish', ['--no-config'], `source ${await scriptOf('fish')}; complete -C '${line}'`);
    const bare = words(output).map((word) => word.replace(/\t.*/, '').replace(/^--\w+=/, ''));
    expect(bare.toSorted()).toEqual([...offered].sort());
  });
});
