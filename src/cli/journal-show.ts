import type { Command } from 'commander';
import {
  type Client,
  type EntryFieldsFragment,
  JournalEntriesByIdDocument,
  JournalRecordDocument,
  type JournalRecordQuery,
  type TransactionFieldsFragment,
} from '../client/index.ts';
import { RepriseError } from '../errors.ts';
import { type CliContext, examples } from './context.ts';
import { type Cell, count, duration, fields, type Io, json, oneLine, printable, table, usage } from './io.ts';
import { atLeastOne, recordId, wholeNumber } from './options.ts';
import { addServiceFlags, type ServiceFlags, serviceOf } from './service.ts';

interface ShowFlags extends ServiceFlags {
  readonly limit?: number;
  readonly after?: string;
  readonly neighbours?: number;
}

/** Entries of a transaction that one request brings. */
const PAGE = 500;
const LIMIT = 50;
const NEIGHBOURS = { usual: 3, most: 49 } as const;

/** `journal show`: an entry or a transaction. */
export function addJournalShow(journal: Command, context: CliContext): void {
  const command = journal
    .command('show')
    .argument('<id>', 'of an entry (`transaction/number`) or of a transaction', recordId)
    .summary('show a recorded statement or transaction')
    .description(
      'Shows an entry whole: statement, parameters, outcome, times, and its neighbours in its transaction; or a ' +
        'transaction with its entries.',
    )
    .option(
      '--neighbours <count>',
      `of an entry: how many on each side, up to ${NEIGHBOURS.most} (default ${NEIGHBOURS.usual})`,
      wholeNumber,
    )
    .option('--limit <count>', `of a transaction: most entries to list (default ${LIMIT})`, atLeastOne)
    .option('--after <cursor>', 'of a transaction: go on behind the end of an earlier list');
  examples(
    command,
    'reprise journal show 1f6b8f0e-6c1c-4d7e-9d5a-2a5f0e3c7b11/3',
    'reprise journal show 1f6b8f0e-6c1c-4d7e-9d5a-2a5f0e3c7b11 --json',
  );
  addServiceFlags(command).action((id: ReturnType<typeof recordId>, flags: ShowFlags) => show(id, flags, context.io));
}

async function show({ transactionId, sequence }: ReturnType<typeof recordId>, flags: ShowFlags, io: Io): Promise<void> {
  checkShowFlags(sequence === null ? 'transaction' : 'entry', flags);
  const client = serviceOf(io, flags);
  const { limit = LIMIT, neighbours: side = NEIGHBOURS.usual } = flags;
  const id = sequence === null ? transactionId : `${transactionId}/${sequence}`;
  const variables = { id, first: Math.min(limit, PAGE), after: flags.after ?? null };
  const { node } = await client.request(JournalRecordDocument, variables, io.signal);
  if (node?.__typename === 'Replay') {
    throw new RepriseError('BAD_INPUT', `${id} is a replay: \`reprise replay show ${id}\` shows it`, {
      path: ['<id>'],
    });
  }
  if (node?.__typename === 'JournalTransaction') {
    const { entries: first, ...transaction } = node;
    const { entries, pageInfo } = await moreEntries(client, id, first, limit, io);
    if (flags.json) return json(io, { transaction, entries, ...pageInfo });
    io.stdout.write(`${transactionText(transaction)}\n\n${entriesTable(entries, io)}\n`);
    if (pageInfo.hasNextPage) io.stderr.write(`\nmore follow: --after ${pageInfo.endCursor}\n`);
    return;
  }
  if (node?.__typename !== 'JournalEntry') {
    throw new RepriseError(
      'TRANSACTION_NOT_FOUND',
      `the journal holds no ${sequence === null ? 'transaction' : 'entry'} ${id}`,
      {
        path: ['<id>'],
      },
    );
  }
  const { transaction, ...entry } = node;
  const ids = idsAround(entry, side, transaction?.entryCount ?? entry.sequence);
  const { nodes } = await client.request(JournalEntriesByIdDocument, { ids }, io.signal);
  const neighbours = nodes.flatMap((other) => (other?.__typename === 'JournalEntry' ? [other] : []));
  if (flags.json) return json(io, { entry, transaction: transaction ?? null, neighbours });
  io.stdout.write(
    `${entryText(entry, transaction ?? null, io.stdout.isTTY === true)}\n\n${entriesTable(neighbours, io, entry.sequence)}\n`,
  );
}

type EntriesPage = Extract<JournalRecordQuery['node'], { readonly __typename: 'JournalTransaction' }>['entries'];

/** The entries of a transaction behind its first page, up to `limit` in all. */
async function moreEntries(client: Client, id: string, first: EntriesPage, limit: number, io: Io) {
  const entries = [...first.nodes];
  let { pageInfo } = first;
  while (pageInfo.hasNextPage && entries.length < limit) {
    const variables = { id, first: Math.min(PAGE, limit - entries.length), after: pageInfo.endCursor ?? null };
    const { node } = await client.request(JournalRecordDocument, variables, io.signal);
    // Retention may have taken it meanwhile.
    if (node?.__typename !== 'JournalTransaction') break;
    entries.push(...node.entries.nodes);
    pageInfo = node.entries.pageInfo;
  }
  return { entries, pageInfo };
}

/** @throws RepriseError BAD_INPUT naming a flag that this kind of record has no use for, or that asks for too much */
function checkShowFlags(what: 'entry' | 'transaction', { limit, after, neighbours }: ShowFlags): void {
  const needless = what === 'entry' ? { '--limit': limit, '--after': after } : { '--neighbours': neighbours };
  for (const [flag, value] of Object.entries(needless)) {
    if (value === undefined) continue;
    throw usage(
      flag,
      what === 'entry' ? 'is for a transaction, not for one entry' : 'is for an entry, not for a transaction',
    );
  }
  if (neighbours !== undefined && neighbours > NEIGHBOURS.most)
    throw usage('--neighbours', `must be at most ${NEIGHBOURS.most}, not ${neighbours}`);
}

/** The entry itself and what stands around it, by sequence. */
function idsAround({ transactionId, sequence }: EntryFieldsFragment, side: number, last: number): string[] {
  const [from, to] = [Math.max(1, sequence - side), Math.max(sequence, Math.min(last, sequence + side))];
  return Array.from({ length: to - from + 1 }, (_, index) => `${transactionId}/${from + index}`);
}

/** How an entry ended, in a word. */
export function outcomeWord({ status, sqlstate }: EntryFieldsFragment['outcome']): string {
  return status === 'FAILED' ? (sqlstate ?? 'FAILED') : status === 'UNKNOWN' ? '?' : 'ok';
}

function entryText(
  entry: EntryFieldsFragment,
  transaction: TransactionFieldsFragment | null,
  onTerminal: boolean,
): string {
  const { outcome } = entry;
  const about = fields([
    ['entry', entry.id],
    ['time', entry.timestamp],
    ['session', entry.sessionId],
    ['node', entry.nodeId],
    ...who(entry),
    ['type', entry.statementType],
    ['sent as', entry.preparedName ? `${entry.protocol}, prepared as ${entry.preparedName}` : entry.protocol],
    ['outcome', outcome.status === 'FAILED' ? `FAILED ${outcome.sqlstate}: ${outcome.message}` : outcome.status],
    ['duration', duration(entry.durationMs ?? null)],
    ['rows', entry.rows ?? null],
    ['checksum', entry.checksum ?? null],
    ['not replayed', entry.unreplayable ?? null],
    [
      'transaction',
      transaction && `${transaction.status}, statement ${count(entry.sequence)} of ${count(transaction.entryCount)}`,
    ],
  ]);
  const parameters = entry.parameters.map(({ kind, text, oid }, index): Cell[] => [
    `$${index + 1}`,
    text ?? null,
    kind,
    oid === null || oid === undefined ? null : String(oid),
  ]);
  return [
    about,
    onTerminal ? printable(entry.statement) : entry.statement,
    ...(parameters.length > 0 ? [table(['', 'value', 'kind', 'type oid'], parameters)] : []),
  ].join('\n\n');
}

function transactionText(transaction: TransactionFieldsFragment): string {
  return fields([
    ['transaction', transaction.id],
    ['status', transaction.autocommit ? `${transaction.status}, autocommit` : transaction.status],
    ['began', transaction.startedAt],
    ['ended', transaction.endedAt ?? null],
    ['commit number', transaction.commitSeq ?? null],
    ['session', transaction.sessionId],
    ['node', transaction.nodeId],
    ...who(transaction),
    ['entries', transaction.entryCount],
  ]);
}

function who({
  user,
  database,
  application,
}: Pick<EntryFieldsFragment, 'user' | 'database' | 'application'>): [string, Cell][] {
  return [
    ['user', user ?? null],
    ['database', database ?? null],
    ['application', application ?? null],
  ];
}

/** Entries of one transaction; `marked`: the sequence of the one that was asked for. */
function entriesTable(entries: readonly EntryFieldsFragment[], io: Io, marked?: number): string {
  const width = io.stdout.isTTY ? Math.max(40, (io.stdout.columns || 120) - 60) : 200;
  const rows = entries.map((entry) => [
    entry.sequence === marked ? '▸' : '',
    entry.sequence,
    entry.timestamp,
    duration(entry.durationMs ?? null),
    outcomeWord(entry.outcome),
    oneLine(entry.statement, width),
  ]);
  return table(['', '#', 'time (UTC)', 'duration', 'outcome', 'statement'], rows);
}
