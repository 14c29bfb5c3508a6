import type { Command } from 'commander';
import type { EntryFieldsFragment } from '../client/index.ts';
import { type CliContext, examples } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { duration, type Io, oneLine, printable, untilRoom } from './io.ts';
import { outcomeWord } from './journal-show.ts';
import { addFilterFlags, type FilterFlags, filterOf } from './options.ts';
import { addStreamFlags, type ServiceFlags, serviceOf } from './service.ts';

interface TailFlags extends FilterFlags, ServiceFlags {
  readonly after?: string;
}

/** `journal tail`: entries as they arrive. */
export function addJournalTail(journal: Command, context: CliContext): void {
  const command = journal
    .command('tail')
    .summary('follow statements as they arrive')
    .description(
      'Prints statements as they arrive in the journal, one a line, until Ctrl-C. A connection that breaks is made again, ' +
        'and goes on behind the last statement.',
    )
    .option('--after <cursor>', 'go on behind the end of an earlier tail');
  examples(
    command,
    'reprise journal tail --only-outcome failed',
    "reprise journal tail --only-database shop --json | jq -r '.statement'",
  );
  addStreamFlags(addFilterFlags(command)).action((flags: TailFlags) => tail(flags, context));
}

async function tail(flags: TailFlags, { io, exit }: CliContext): Promise<void> {
  const { stdout, stderr, signal } = io;
  let after = flags.after ?? null;
  const updates = serviceOf(io, flags).tailJournal({
    filter: filterOf(flags),
    after,
    signal,
    onConnection(connection) {
      if (connection.state === 'RECONNECTING')
        stderr.write(`connection lost (${connection.reason}), trying again in ${duration(connection.waitMs)}\n`);
    },
  });
  for await (const { entries, evicted, cursor } of updates) {
    if (evicted)
      stderr.write('retention has evicted statements before they could be shown: some may be missing here\n');
    const lines = entries.map((entry) => `${flags.json ? JSON.stringify(entry) : lineOf(entry, io)}\n`);
    stdout.write(lines.join(''));
    after = cursor;
    await untilRoom(stdout, signal).catch(() => {});
  }
  if (after !== null) stderr.write(`go on with --after ${after}\n`);
  exit(EXIT.INTERRUPTED);
}

function lineOf(entry: EntryFieldsFragment, { stdout }: Io): string {
  const place = [
    entry.timestamp,
    printable(entry.sessionId),
    (duration(entry.durationMs ?? null) ?? '–').padStart(7),
    outcomeWord(entry.outcome).padEnd(5),
  ].join('  ');
  const room = (stdout.columns || 120) - place.length - 3;
  return `${place}  ${oneLine(entry.statement, stdout.isTTY ? Math.max(40, room) : 200)}`;
}
