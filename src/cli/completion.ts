import { Argument, type Command, type Option } from 'commander';
import { type CliContext, examples } from './context.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `completion`: a script that lets a shell complete commands, flags and the words that they take. */
export function addCompletion(program: Command, { io }: CliContext): void {
  const command = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .summary('print a script that lets a shell complete this command')
    .description(
      'Prints a completion script: commands, flags and the words that they take. It holds all that it needs, so that ' +
        'completing starts no process; print it again after an upgrade.',
    );
  examples(command, 'source <(reprise completion bash)', 'reprise completion fish | source').action(
    (shell: (typeof SHELLS)[number]) => {
      io.stdout.write(SCRIPTS[shell](program.name(), placesOf(program)));
    },
  );
}

/** A command, as the words that lead to it. */
interface Place {
  readonly path: string;
  readonly summary: string;
  readonly children: readonly Place[];
  readonly options: readonly Option[];
  /** Words that the next argument may be. */
  readonly words: readonly string[];
  readonly files: boolean;
}

/** Every command of a program, itself first. */
function placesOf(command: Command, above = ''): readonly Place[] {
  const path = `${above} ${command.name()}`.trim();
  const nested = command.commands.map((child) => placesOf(child, path));
  const help = command.createHelp();
  return [
    {
      path,
      summary: command.summary() || command.description(),
      children: nested.flatMap(([child]) => (child ? [child] : [])),
      options: help.visibleOptions(command),
      words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
      files: command.registeredArguments.some((argument) => argument.name() === 'file'),
    },
    ...nested.flat(),
  ];
}

const flagsOf = ({ short, long }: Option) => [short, long].filter((flag) => flag !== undefined);
const lastWord = (path: string) => path.split(' ').at(-1) ?? '';
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const takesFile = ({ flags }: Option) => /<.*(file|folder)>/.test(flags);
const takesValue = ({ required, optional }: Option) => required || optional;

/** `case` patterns of the flags of a kind, each behind the command that has it. */
function patterns(places: readonly Place[], kind: (option: Option) => boolean): string {
  const found = places.flatMap(({ path, options }) =>
    options.filter(kind).flatMap((option) => flagsOf(option).map((flag) => quoted(`${path} ${flag}`))),
  );
  return found.join('|');
}

/** `case` arms that bash and zsh share: follow the words to the command, complete what its flags take. */
function valueArms(places: readonly Place[], offer: (words: readonly string[]) => string, files: string): string {
  const withWords = places.flatMap(({ path, options }) =>
    options.flatMap((option) =>
      option.argChoices
        ? [
            `    ${flagsOf(option)
              .map((flag) => quoted(`${path} ${flag}`))
              .join('|')}) ${offer(option.argChoices)}; return ;;`,
          ]
        : [],
    ),
  );
  return [
    ...withWords,
    `    ${patterns(places, takesFile)}) ${files}; return ;;`,
    `    ${patterns(places, (option) => takesValue(option) && !takesFile(option) && !option.argChoices)}) return ;;`,
  ].join('\n');
}

function descent(places: readonly Place[]): string {
  return `      ${places
    .slice(1)
    .map(({ path }) => quoted(path))
    .join('|')}) at="$at $word" ;;`;
}

function bash(name: string, places: readonly Place[]): string {
  const offer = (words: readonly string[]) => `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$cur"))`;
  const files = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
  const arms = places.map(({ path, children, options, words, files: named }) => {
    const next = [...children.map((child) => lastWord(child.path)), ...words];
    const flags = options.flatMap(flagsOf).join(' ');
    const rest = named ? files : offer(next);
    return `    ${quoted(path)}) if [[ $cur == -* ]]; then ${offer([flags])}; else ${rest}; fi ;;`;
  });
  return `# bash completion of ${name}; in ~/.bashrc: source <(${name} completion bash)
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at=${name} word
  # bash makes three words of --flag=value.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
${descent(places)}
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
${valueArms(places, offer, files)}
  esac
  case "$at" in
${arms.join('\n')}
  esac
}
complete -F _${name} ${name}
`;
}

function zsh(name: string, places: readonly Place[]): string {
  const described = (items: readonly (readonly [string, string])[]) =>
    items.map(([word, text]) => quoted(`${word.replaceAll(':', '\\:')}:${text}`)).join(' ');
  const arms = places.map(({ path, children, options, words, files }) => {
    const flags = options.flatMap((option) => flagsOf(option).map((flag) => [flag, option.description] as const));
    const next = [
      ...children.map((child) => [lastWord(child.path), child.summary] as const),
      ...words.map((word) => [word, ''] as const),
    ];
    return `    ${quoted(path)}) flags=(${described(flags)}) next=(${described(next)}) files=${files ? 1 : 0} ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}; in ~/.zshrc, behind compinit: source <(${name} completion zsh)
_${name}() {
  local at=${name} word prev=\${words[CURRENT-1]} files=0
  local -a flags next
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${descent(places)}
    esac
  done
  # zsh leaves --flag=value one word.
  if [[ \${words[CURRENT]} == --*=* ]]; then prev=\${words[CURRENT]%%=*}; compset -P '*='; fi
  case "$at $prev" in
${valueArms(places, (words) => `compadd -- ${words.join(' ')}`, '_files')}
  esac
  case "$at" in
${arms.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then _describe -o flag flags
  elif (( files )); then _files
  else _describe command next; fi
}
# As a file of $fpath it is the body of the function, at its first call.
if [[ \${funcstack[1]} == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function fish(name: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ path, children, options, words, files }) => {
    const here = `complete -c ${name} -n ${quoted(`__${name}_at '${path}'`).replaceAll("'\\''", '"')}`;
    return [
      ...children.map((child) => `${here} -a ${lastWord(child.path)} -d ${fishQuoted(child.summary)}`),
      ...words.map((word) => `${here} -a ${word}`),
      ...(files ? [`${here} -F`] : []),
      ...options.map((option) => {
        const value = option.argChoices
          ? ` -x -a ${quoted(option.argChoices.join(' '))}`
          : takesFile(option)
            ? ' -r -F'
            : takesValue(option)
              ? ' -x'
              : '';
        const short = option.short ? ` -s ${option.short.slice(1)}` : '';
        return `${here}${short} -l ${option.long?.slice(2)}${value} -d ${fishQuoted(option.description)}`;
      }),
    ];
  });
  return `# fish completion of ${name}; in config.fish: ${name} completion fish | source
function __${name}_at
  set -l at ${name}
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case ${places
        .slice(1)
        .map(({ path }) => quoted(path))
        .join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
complete -c ${name} -f
${lines.join('\n')}
`;
}

const fishQuoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const SCRIPTS = { bash, zsh, fish } as const;
