import type { Command } from 'commander';
import { type OutcomeFilterInput, OutcomeRowsDocument, type OutcomeRowsQuery } from '../client/index.ts';
import { DIVERGENCES, OUTCOME_STATUSES } from '../client/words.ts';
import { RepriseError } from '../errors.ts';
import { type CliContext, examples } from './context.ts';
import { count, duration, type Io, json, oneLine, printable } from './io.ts';
import { addReplayArgument, atLeastOne, choice, collect, sqlstate, transactionId, wholeNumber } from './options.ts';
import { addServiceFlags, type ServiceFlags, serviceOf } from './service.ts';

type Outcome = NonNullable<OutcomeRowsQuery['replayStatements']>['nodes'][number];

interface StatementsFlags extends ServiceFlags {
  readonly status?: readonly (typeof OUTCOME_STATUSES)[number][];
  readonly sqlstate?: readonly string[];
  readonly kind?: readonly (typeof DIVERGENCES)[number][];
  readonly transaction?: string;
  readonly seq?: number;
  readonly cascades: boolean;
  readonly limit: number;
  readonly after?: string;
}

/** Entries that one request brings. */
const PAGE = 100;

/** `replay statements`: what became of each statement. */
export function addReplayStatements(replay: Command, { io }: CliContext): void {
  const command = addReplayArgument(replay.command('statements'))
    .summary('statements of a replay, one by one, with what became of each')
    .description(
      'Lists what became of the statements of a replay, in the order in which they were reported. `failures` and ' +
        '`divergences` tell what to look for; `journal show` takes the ids that are listed here.',
    )
    .addOption(choice('--status <status>', 'only those that ended like this (may be repeated)', OUTCOME_STATUSES, true))
    .option('--sqlstate <sqlstate>', 'only failures with this SQLSTATE (may be repeated)', (text, before) =>
      collect(sqlstate(text), before as readonly string[] | undefined),
    )
    .addOption(choice('--kind <kind>', 'only those that diverged like this (may be repeated)', DIVERGENCES, true))
    .option('--transaction <id>', 'only those of this recorded transaction', transactionId)
    .option('--seq <number>', 'from this number on, such as a "first seq" of `failures`', wholeNumber)
    .option('--no-cascades', 'leave out failures that only follow from an earlier one')
    .option('--limit <count>', 'most statements to list', atLeastOne, 20)
    .option('--after <cursor>', 'go on behind the end of an earlier list');
  examples(
    command,
    'reprise replay statements ID --kind new-failure --no-cascades',
    'reprise replay statements ID --transaction 1f6b8f0e-6c1c-4d7e-9d5a-2a5f0e3c7b11',
  );
  addServiceFlags(command).action((id: string, flags: StatementsFlags) => listStatements(id, flags, io));
}

async function listStatements(replayId: string, flags: StatementsFlags, io: Io): Promise<void> {
  const client = serviceOf(io, flags);
  const filter = filterOf(flags);
  const outcomes: Outcome[] = [];
  let after = flags.after ?? null;
  let hasNextPage = true;
  while (hasNextPage && outcomes.length < flags.limit) {
    const first = Math.min(PAGE, flags.limit - outcomes.length);
    const variables = { replayId, filter, first, after };
    const { replayStatements: page } = await client.request(OutcomeRowsDocument, variables, io.signal);
    if (!page) {
      throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${replayId}: \`reprise replay ls\` lists them`);
    }
    outcomes.push(...page.nodes);
    hasNextPage = page.pageInfo.hasNextPage;
    after = page.pageInfo.endCursor ?? after;
  }
  if (flags.json) return json(io, { statements: outcomes, hasNextPage, endCursor: after });
  const width = io.stdout.isTTY ? Math.max(60, io.stdout.columns || 0) - 12 : 200;
  io.stdout.write(
    outcomes.length === 0 ? 'no such statements\n' : outcomes.map((one) => outcomeText(one, width)).join(''),
  );
  if (hasNextPage) io.stderr.write(`\nmore follow: --after ${after}\n`);
}

function filterOf(flags: StatementsFlags): OutcomeFilterInput {
  return {
    ...(flags.status ? { statuses: flags.status } : {}),
    ...(flags.sqlstate ? { sqlstates: flags.sqlstate } : {}),
    ...(flags.kind ? { divergences: flags.kind } : {}),
    ...(flags.transaction === undefined ? {} : { transactionId: flags.transaction }),
    ...(flags.seq === undefined ? {} : { fromSeq: flags.seq }),
    ...(flags.cascades ? {} : { cascade: false }),
  };
}

/** A statement as a block of lines: place and outcome, what it is, and the message of a failure. */
function outcomeText(outcome: Outcome, width: number): string {
  const { seq, transactionId: transaction, sequence, verdict, divergences, durationMs, entry, message } = outcome;
  const parts = [
    count(seq).padStart(10),
    `${transaction}/${sequence}`,
    statusText(outcome),
    verdict === 'DIVERGED' ? divergences.join(', ') : verdict === 'SAME' ? 'as recorded' : verdict.toLowerCase(),
    durationMs === null || durationMs === undefined ? null : duration(durationMs),
  ];
  const lines = [
    printable(parts.filter((part) => part !== null).join('  ')),
    `            ${entry ? oneLine(entry.statement, width) : '(evicted from the journal)'}`,
    ...(message ? [`            → ${oneLine(message, width)}`] : []),
    ...recordedText(outcome, width),
  ];
  return `${lines.join('\n')}\n`;
}

/** What the record has instead, where the divergences do not say it. */
function recordedText({ divergences, entry, rows }: Outcome, width: number): string[] {
  if (!entry) return [];
  const { sqlstate, message } = entry.outcome;
  const texts = divergences.map((divergence) => {
    if (divergence === 'MISSING_FAILURE' || divergence === 'DIFFERENT_FAILURE') return `${sqlstate} ${message}`;
    if (divergence === 'ROW_COUNT') return `${count(entry.rows ?? 0)} rows, not ${count(rows ?? 0)}`;
    return divergence === 'SLOWER' ? duration(entry.durationMs ?? null) : null;
  });
  const told = texts.filter((text) => text !== null);
  return told.length === 0 ? [] : [`            in the record: ${oneLine(told.join(', '), width)}`];
}

function statusText({ status, sqlstate, cascade, skipReason }: Outcome): string {
  if (status === 'FAILED') return `FAILED ${sqlstate}${cascade ? ' (cascade)' : ''}`;
  return status === 'SKIPPED' && skipReason ? `SKIPPED ${skipReason}` : status;
}
