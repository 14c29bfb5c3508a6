import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EntryFilterInput, WindowInput } from '../client/index.ts';
import { STATEMENT_TYPES } from '../client/words.ts';
import { usage } from './io.ts';

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `250ms`, `5s`, `2m`, `1h`; not a plain number, which some would mean as seconds. */
export function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  if (!match) throw new InvalidArgumentError('write it with its unit, like 250ms, 5s, 2m or 1h.');
  return Number(match[1]) * MS[match[2] as keyof typeof MS];
}

/** As `milliseconds`, for what takes whole ones: of a larger unit, whose fractions no binary number hits, the nearest. */
export function wholeMilliseconds(text: string): number {
  const ms = milliseconds(text);
  return text.trim().endsWith('ms') ? ms : Math.round(ms);
}

/** How often something is done: never waiting between would be as often as the machine can. */
export function interval(text: string): number {
  const ms = milliseconds(text);
  if (ms === 0) throw new InvalidArgumentError('it must be more than 0.');
  return ms;
}

/** A number without fraction. @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text.trim())) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}

/** How many rows to list: a list of none would tell nothing, not even where it ends. */
export function atLeastOne(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError('it must be 1 or more.');
  return number;
}

/** A number, with a fraction or without. @throws InvalidArgumentError */
export function decimal(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('it must be a number.');
  return number;
}

/** For flags that take one text, of which a second would silently win over the first. */
export function once(text: string, before?: string): string {
  if (before !== undefined && before !== text) throw new InvalidArgumentError('it takes one, and was given two.');
  return text;
}

/** For flags that may be given several times. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A word of the API as flags take it. */
function inFlagForm(word: string): string {
  return word.toLowerCase().replaceAll('_', '-');
}

/** Case-insensitive choice; `words` as the API has them. */
function oneOf<const Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const wanted = text.trim().toUpperCase().replaceAll('-', '_');
    const found = words.find((word) => word === wanted);
    if (!found) throw new InvalidArgumentError(`it must be one of ${words.map(inFlagForm).join(', ')}.`);
    return found;
  };
}

/**
 * A flag that takes one of the API's words, in lower case with dashes; help and completion list them. `several`: it may
 * be given more than once.
 */
export function choice(flags: string, description: string, words: readonly string[], several = false): Option {
  const read = oneOf(words);
  const option = new Option(flags, description).argParser((text, before) => {
    if (several) return collect(read(text), before as readonly string[] | undefined);
    const word = read(text);
    // The last one would win, where somebody meant either.
    if (before !== undefined && before !== word) throw new InvalidArgumentError('it takes one, and was given two.');
    return word;
  });
  option.argChoices = words.map(inFlagForm);
  return option;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of a replay, as an argument: `<id>`. @throws RepriseError BAD_INPUT naming it */
export function addReplayArgument(command: Command, name = 'id', description = 'id of the replay'): Command {
  return command.argument(`<${name}>`, description, (text) => {
    if (UUID.test(text)) return text.toLowerCase();
    throw usage(
      `<${name}>`,
      `${JSON.stringify(text)} is not the id of a replay, which is a UUID: \`reprise replay ls\` lists them`,
    );
  });
}

/** The id of a recorded transaction, as the value of a flag. */
export function transactionId(text: string): string {
  if (UUID.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('it must be the id of a transaction, a UUID.');
}

/** An SQLSTATE, as the value of a flag. */
export function sqlstate(text: string): string {
  const code = text.trim().toUpperCase();
  if (/^[0-9A-Z]{5}$/.test(code)) return code;
  throw new InvalidArgumentError('it must be five digits or letters, like 23505.');
}

/** The id of an entry, `<transaction>/<sequence>`, or of a transaction. @throws RepriseError BAD_INPUT naming it */
export function recordId(text: string): { readonly transactionId: string; readonly sequence: number | null } {
  const [id = '', sequence, ...rest] = text.split('/');
  if (UUID.test(id) && rest.length === 0 && (sequence === undefined || /^[1-9]\d{0,8}$/.test(sequence))) {
    return { transactionId: id.toLowerCase(), sequence: sequence === undefined ? null : Number(sequence) };
  }
  throw usage(
    '<id>',
    `${JSON.stringify(text)} is neither the id of an entry (UUID/number) nor of a transaction (UUID): \`reprise journal ls --ids\` lists them`,
  );
}

/** Ends of a window as they were written, or the word for a whole one. */
export interface WindowFlags {
  readonly from?: string;
  readonly to?: string;
  readonly window?: string;
}

/** `--from`, `--to`, `--window`. */
export function addWindowFlags(command: Command): Command {
  return command
    .option('--from <time>', 'first moment, RFC 3339 with a zone: 2026-11-23T10:00:00Z')
    .option('--to <time>', 'last moment, inclusive')
    .option('--window <all>', '`all`: everything that the journal holds');
}

/**
 * The window of the flags; null for `--window all`.
 * @throws RepriseError BAD_INPUT when there is neither `--window all` nor both ends
 */
export function windowOf(flags: WindowFlags): WindowInput | null {
  if (flags.window !== undefined) {
    if (flags.window !== 'all') throw usage('--window', `takes only "all"; give other windows by --from and --to`);
    if (flags.from !== undefined || flags.to !== undefined) throw usage('--window', 'excludes --from and --to');
    return null;
  }
  if (flags.from === undefined) throw usage('--from', 'is missing: give --from and --to, or --window all');
  if (flags.to === undefined) throw usage('--to', 'is missing: give --from and --to, or --window all');
  return { from: flags.from, to: flags.to };
}

/** The `--only-…` flags. */
export interface FilterFlags {
  readonly onlySession?: readonly string[];
  readonly onlyTransaction?: readonly string[];
  readonly onlyDatabase?: readonly string[];
  readonly onlyUser?: readonly string[];
  readonly onlyApplication?: readonly string[];
  readonly onlyType?: readonly string[];
  readonly onlyOutcome?: 'SUCCEEDED' | 'FAILED' | 'UNKNOWN';
  readonly text?: string;
  readonly textExcludes?: string;
  readonly minDuration?: number;
}

/** Flags for what a filter of the journal can ask for. */
export function addFilterFlags(command: Command): Command {
  return command
    .option(
      '--only-session <id>',
      'entries of this recorded session (may be repeated, as all but --only-outcome)',
      collect,
    )
    .option('--only-transaction <id>', 'entries of this recorded transaction', (text, before) =>
      collect(transactionId(text), before as readonly string[] | undefined),
    )
    .option('--only-database <name>', 'entries of this recorded database', collect)
    .option('--only-user <name>', 'entries of this recorded user', collect)
    .option('--only-application <name>', 'entries of this recorded application', collect)
    .addOption(choice('--only-type <type>', 'statements of this type', STATEMENT_TYPES, true))
    .addOption(choice('--only-outcome <outcome>', 'entries that ended like this', ['SUCCEEDED', 'FAILED', 'UNKNOWN']))
    .option('--text <text>', 'statements that hold this text', once)
    .option('--text-excludes <text>', 'statements that do not hold this text', once)
    .option('--min-duration <time>', 'statements that took at least this long', milliseconds);
}

/** The filter that these flags ask for; what is not given is left out. */
export function filterOf(flags: FilterFlags): EntryFilterInput {
  return withoutAbsent({
    sessionIds: flags.onlySession,
    transactionIds: flags.onlyTransaction,
    databases: flags.onlyDatabase,
    users: flags.onlyUser,
    applications: flags.onlyApplication,
    statementTypes: flags.onlyType,
    outcome: flags.onlyOutcome,
    text: flags.text,
    textExcludes: flags.textExcludes,
    minDurationMs: flags.minDuration,
  }) as EntryFilterInput;
}

/** The fields that are there: what is left out gets the service's default. */
export function withoutAbsent<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
