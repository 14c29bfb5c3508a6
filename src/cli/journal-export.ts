import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type EntryFieldsFragment, JournalEntriesDocument } from '../client/index.ts';
import { csvValue } from '../client/report/csv.ts';
import { messageOf, RepriseError } from '../errors.ts';
import { type CliContext, examples } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { count, type Io, untilRoom, usage } from './io.ts';
import { addFilterFlags, addWindowFlags, type FilterFlags, filterOf, type WindowFlags } from './options.ts';
import { addServiceFlags, type ServiceFlags, serviceOf, settleWindow } from './service.ts';

const FORMATS = ['jsonl', 'csv'] as const;

interface ExportFlags extends WindowFlags, FilterFlags, ServiceFlags {
  readonly format?: (typeof FORMATS)[number];
  readonly output?: string;
  readonly after?: string;
  /** False with `--no-header`. What goes on has its header already. */
  readonly header: boolean;
}

/** Entries that one request brings, and that are in memory at once. */
const PAGE = 500;

/** Columns of CSV; `parameters` is the JSON that JSON lines hold. */
const COLUMNS: readonly (readonly [string, (entry: EntryFieldsFragment) => string | number | null | undefined])[] = [
  ['id', (entry) => entry.id],
  ['transaction', (entry) => entry.transactionId],
  ['sequence', (entry) => entry.sequence],
  ['timestamp', (entry) => entry.timestamp],
  ['node', (entry) => entry.nodeId],
  ['session', (entry) => entry.sessionId],
  ['user', (entry) => entry.user],
  ['database', (entry) => entry.database],
  ['application', (entry) => entry.application],
  ['statement_type', (entry) => entry.statementType],
  ['protocol', (entry) => entry.protocol],
  ['prepared_name', (entry) => entry.preparedName],
  ['statement', (entry) => entry.statement],
  ['parameters', (entry) => JSON.stringify(entry.parameters)],
  ['duration_ms', (entry) => entry.durationMs],
  ['rows', (entry) => entry.rows],
  ['checksum', (entry) => entry.checksum],
  ['outcome', (entry) => entry.outcome.status],
  ['sqlstate', (entry) => entry.outcome.sqlstate],
  ['message', (entry) => entry.outcome.message],
  ['unreplayable', (entry) => entry.unreplayable],
];

const LINE = {
  jsonl: (entry: EntryFieldsFragment) => `${JSON.stringify(entry)}\n`,
  csv: (entry: EntryFieldsFragment) => `${COLUMNS.map(([, value]) => csvValue(value(entry))).join(',')}\r\n`,
} as const;

/** `journal export`: every entry of a window, page by page. */
export function addJournalExport(journal: Command, context: CliContext): void {
  const command = journal
    .command('export')
    .summary('write all statements of a window as JSON lines or CSV')
    .description(
      'Writes every statement of a window in recorded order, with its parameters, one a line: JSON as the API gives it, or ' +
        'CSV (RFC 4180; parameters as JSON; nothing where a value is absent, "" where a text is empty). Says on standard ' +
        'error how many there were.',
    )
    .addOption(new Option('--format <format>', 'default: by the name of --output, else jsonl').choices([...FORMATS]))
    .option('--output <file>', 'write it there instead of to standard output; with --after behind what it holds')
    .option('--no-header', 'CSV: leave the first line, of names, out')
    .option('--after <cursor>', 'go on behind the end of an export that was cut off');
  examples(
    command,
    'reprise journal export --window all --output journal.csv',
    "reprise journal export --window all --only-outcome failed | jq -r '.outcome.sqlstate' | sort | uniq -c",
  );
  addServiceFlags(addFilterFlags(addWindowFlags(command))).action((flags: ExportFlags) =>
    exportEntries(flags, context),
  );
}

async function exportEntries(flags: ExportFlags, { io, exit }: CliContext): Promise<void> {
  const format = flags.format ?? formatOf(flags.output);
  if (!flags.header && format !== 'csv') throw usage('--no-header', 'is for CSV, which alone has one');
  if (flags.json && format === 'csv') throw usage('--json', 'excludes CSV: leave it out, or give --format jsonl');
  const client = serviceOf(io, flags);
  const window = await settleWindow(client, flags, io);
  const filter = filterOf(flags);
  const pageBehind = async (after: string | null) =>
    (await client.request(JournalEntriesDocument, { window, filter, first: PAGE, after }, io.signal)).journalEntries;
  let after = flags.after ?? null;
  let written = 0;
  let sink: Sink | null = null;
  try {
    // Before the file is opened: what is refused leaves an earlier export as it is.
    let page = await pageBehind(after);
    sink = flags.output === undefined ? standardOutput(io) : await fileOf(flags.output, flags.after !== undefined);
    if (format === 'csv' && flags.header && flags.after === undefined)
      await sink.write(`${COLUMNS.map(([name]) => name).join(',')}\r\n`);
    for (;;) {
      await sink.write(page.nodes.map(LINE[format]).join(''));
      written += page.nodes.length;
      after = page.pageInfo.endCursor ?? after;
      await sink.room();
      if (!page.pageInfo.hasNextPage) break;
      page = await pageBehind(after);
    }
  } catch (error) {
    // A cursor that was refused is nothing to go on with.
    if (sink === null && !io.signal.aborted) throw error;
    const goOn = after === null ? '' : `: go on with --after ${after}`;
    io.stderr.write(`not complete, ${count(written)} entries were written${goOn}\n`);
    if (!io.signal.aborted) throw error;
    return exit(EXIT.INTERRUPTED);
  } finally {
    await sink?.close();
  }
  io.stderr.write(`${count(written)} entries exported${flags.output === undefined ? '' : ` to ${flags.output}`}\n`);
}

interface Sink {
  /** Takes the text whole, or throws and holds nothing of it. */
  write(text: string): Promise<void>;
  /** Resolves when more may be written: what is under way never grows beyond a page. */
  room(): Promise<void>;
  close(): Promise<void>;
}

function standardOutput({ stdout, signal }: Io): Sink {
  return {
    // It is with the stream then, also where we are interrupted before that has room again.
    write: async (text) => void stdout.write(text),
    room: () => untilRoom(stdout, signal),
    close: async () => {},
  };
}

async function fileOf(path: string, goesOn: boolean): Promise<Sink> {
  const failed = (error: unknown): never => {
    throw new RepriseError('BAD_INPUT', `--output cannot be written: ${messageOf(error)}`, { path: ['--output'] });
  };
  const handle = await open(path, goesOn ? 'a' : 'w').catch(failed);
  return {
    async write(text) {
      const before = await handle.stat();
      await handle.appendFile(text).catch(async (error: unknown) => {
        // A full disk takes a part of it, which would stand ahead of the same entries once more.
        if (before.isFile()) await handle.truncate(before.size).catch(failed);
        failed(error);
      });
    },
    room: async () => {},
    close: () => handle.close(),
  };
}

function formatOf(output: string | undefined): (typeof FORMATS)[number] {
  const ending = /\.(\w+)$/.exec(output ?? '.jsonl')?.[1]?.toLowerCase();
  if (ending === 'csv') return 'csv';
  if (ending === 'jsonl' || ending === 'ndjson' || ending === 'json') return 'jsonl';
  throw usage('--format', `is missing: the name ${JSON.stringify(output)} does not tell it`);
}
