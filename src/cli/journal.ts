import type { Command } from 'commander';
import {
  type EntryFieldsFragment,
  JournalCoverageDocument,
  type JournalCoverageQuery,
  JournalEntriesDocument,
} from '../client/index.ts';
import { type CliContext, examples } from './context.ts';
import { count, duration, fields, type Io, json, oneLine, table } from './io.ts';
import { addJournalExport } from './journal-export.ts';
import { addJournalShow, outcomeWord } from './journal-show.ts';
import { addJournalTail } from './journal-tail.ts';
import {
  addFilterFlags,
  addWindowFlags,
  atLeastOne,
  type FilterFlags,
  filterOf,
  type WindowFlags,
  wholeNumber,
} from './options.ts';
import { addServiceFlags, type ServiceFlags, serviceOf, settleWindow } from './service.ts';

interface ListFlags extends WindowFlags, FilterFlags, ServiceFlags {
  readonly limit: number;
  readonly after?: string;
  readonly ids?: boolean;
}

interface StatsFlags extends WindowFlags, ServiceFlags {
  readonly buckets?: number;
}

/** Entries that one request brings. */
const PAGE = 500;

/** `journal`: `ls`, `stats`, and the place of its other commands. */
export function addJournal(program: Command, context: CliContext): void {
  const journal = program.command('journal').description('look into the journal');
  const list = journal
    .command('ls')
    .summary('list recorded statements')
    .description('Lists the statements of a window in recorded order.')
    .option('--limit <count>', 'most entries to list', atLeastOne, 50)
    .option('--after <cursor>', 'go on behind the end of an earlier list')
    .option('--ids', 'list ids, as `journal show` takes them, instead of sessions');
  examples(
    list,
    'reprise journal ls --window all --only-outcome failed --limit 20',
    'reprise journal ls --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --min-duration 1s --ids',
  );
  addServiceFlags(addFilterFlags(addWindowFlags(list))).action((flags: ListFlags) => listEntries(flags, context.io));
  const stats = journal
    .command('stats')
    .summary('what the journal holds of a window, and what it knows to be missing')
    .option('--buckets <count>', 'also count the window in this many equal parts', wholeNumber);
  examples(
    stats,
    'reprise journal stats',
    'reprise journal stats --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --buckets 12',
  );
  addServiceFlags(addWindowFlags(stats)).action((flags: StatsFlags) => showStats(flags, context.io));
  addJournalShow(journal, context);
  addJournalExport(journal, context);
  addJournalTail(journal, context);
}

async function listEntries(flags: ListFlags, io: Io): Promise<void> {
  const client = serviceOf(io, flags);
  const window = await settleWindow(client, flags, io);
  const filter = filterOf(flags);
  const entries: EntryFieldsFragment[] = [];
  let after = flags.after ?? null;
  let hasNextPage = true;
  while (hasNextPage && entries.length < flags.limit) {
    const first = Math.min(PAGE, flags.limit - entries.length);
    const page = (await client.request(JournalEntriesDocument, { window, filter, first, after }, io.signal))
      .journalEntries;
    entries.push(...page.nodes);
    hasNextPage = page.pageInfo.hasNextPage;
    after = page.pageInfo.endCursor ?? after;
  }
  if (flags.json) return json(io, { window, entries, hasNextPage, endCursor: after });
  const room = (io.stdout.columns || 120) - (flags.ids ? 90 : 65);
  const rows = entries.map((entry) => [
    entry.timestamp,
    flags.ids ? entry.id : entry.sessionId,
    duration(entry.durationMs ?? null),
    outcomeWord(entry.outcome),
    oneLine(entry.statement, io.stdout.isTTY ? Math.max(40, room) : 200),
  ]);
  const headings = ['time (UTC)', flags.ids ? 'id' : 'session', 'duration', 'outcome', 'statement'];
  io.stdout.write(`${table(headings, rows)}\n`);
  if (hasNextPage) io.stderr.write(`\nmore follow: --after ${after}\n`);
}

async function showStats(flags: StatsFlags, io: Io): Promise<void> {
  const client = serviceOf(io, flags);
  const everything =
    flags.from === undefined && flags.to === undefined ? { ...flags, window: flags.window ?? 'all' } : flags;
  const window = await settleWindow(client, everything, io);
  const buckets = flags.buckets ?? 1;
  const { journalCoverage } = await client.request(JournalCoverageDocument, { window, buckets }, io.signal);
  if (flags.json) return json(io, journalCoverage);
  io.stdout.write(`${coverageText(journalCoverage, flags.buckets !== undefined)}\n`);
}

function coverageText(coverage: JournalCoverageQuery['journalCoverage'], showBuckets: boolean): string {
  const { transactions } = coverage;
  const parts = [
    fields([
      ['window', `${coverage.window.from} to ${coverage.window.to}`],
      ['entries', coverage.entries],
      ['first, last', coverage.first && `${coverage.first}, ${coverage.last}`],
      [
        'transactions',
        `${count(transactions.committed)} committed, ${count(transactions.rolledBack)} rolled back, ${count(transactions.open)} open`,
      ],
      ['sessions', coverage.sessions],
      ['databases', coverage.databases.join(', ') || 'none'],
      ['by type', coverage.byType.map((type) => `${type.statementType} ${count(type.entries)}`).join(', ') || 'none'],
      ['failed', coverage.failures],
      ['no outcome', coverage.unknownOutcomes],
    ]),
  ];
  if (showBuckets) {
    const most = Math.max(1, ...coverage.buckets.map((bucket) => bucket.entries));
    const rows = coverage.buckets.map((bucket) => [
      bucket.from,
      bucket.entries,
      bucket.failures,
      '▇'.repeat(Math.ceil((bucket.entries / most) * 40)),
    ]);
    parts.push(table(['from (UTC)', 'entries', 'failed', ''], rows));
  }
  if (coverage.losses.length === 0) parts.push('nothing lost');
  else {
    const rows = coverage.losses.map((loss) => [loss.reason, loss.count, loss.source ?? null, loss.detail ?? null]);
    parts.push(`lost or limited\n${table(['reason', 'count', 'first at', 'seen'], rows)}`);
  }
  return parts.join('\n\n');
}
