import type { Command } from 'commander';
import {
  type Client,
  type NoticeCode,
  ReplayDocument,
  type ReplayFieldsFragment,
  ReplayVerdictDocument,
  type ReplayVerdictQuery,
} from '../client/index.ts';
import { RepriseError } from '../errors.ts';
import type { CliContext } from './context.ts';
import { EXIT, exitCodeOfRun, FAIL_ON, FAIL_ON_DEFAULT, type FailOn } from './exit-codes.ts';
import { count, duration, json, LiveLine, table, usage } from './io.ts';
import { collect, oneOf, wholeNumber } from './options.ts';
import { divergencesOf, failuresText, progressText, runText } from './run-view.ts';

export interface WatchFlags {
  readonly after?: string;
  readonly detail?: 'STATEMENTS' | 'FAILURES' | 'SUMMARY';
  readonly failOn?: string;
  readonly allow?: number;
  readonly threshold?: readonly string[];
  readonly json?: boolean;
}

export function addWatchFlags(command: Command): Command {
  return command
    .option(
      '--detail <detail>',
      'with --json: events of each line: statements, failures or summary (default)',
      oneOf(['STATEMENTS', 'FAILURES', 'SUMMARY']),
    )
    .option(
      '--fail-on <kinds>',
      `differences that make the exit status 1, by comma, or none (default ${FAIL_ON_DEFAULT.join(',')}; none with --threshold)`,
    )
    .option('--allow <count>', 'differences that are put up with', wholeNumber)
    .option(
      '--threshold <condition>',
      "condition on the run, such as 'p95<50ms' or 'failures<=1%' (may be repeated)",
      collect,
    );
}

/** Groups of failures that are listed at the end. */
const MOST_FAILURES = 10;
/** Thousands of them are usual; stalls are counted in the progress line. */
const QUIET_NOTICES: readonly NoticeCode[] = ['STALL', 'STALL_ENDED', 'SESSION_PREPARED', 'TARGET_NOTICE'];

function failOnOf(flags: WatchFlags): readonly FailOn[] {
  if (flags.failOn === undefined) return FAIL_ON_DEFAULT;
  if (flags.failOn === 'none') return [];
  return flags.failOn.split(',').map((word) => {
    const found = FAIL_ON.find((kind) => kind === word.trim().toLowerCase());
    if (!found) throw usage('--fail-on', `names ${JSON.stringify(word)}: it takes ${FAIL_ON.join(', ')}, or none`);
    return found;
  });
}

/** @throws RepriseError REPLAY_NOT_FOUND */
export async function requireRun(client: Client, id: string, signal: AbortSignal): Promise<ReplayFieldsFragment> {
  const { replay } = await client.request(ReplayDocument, { id }, signal);
  if (!replay) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}: \`reprise replay ls\` lists them`);
  return replay;
}

/** The exit status of a run as it is now. */
function exitCodeOf(run: ReplayFieldsFragment, flags: WatchFlags): number {
  const { skipped, unknown } = run.summary;
  const summary = { skipped, unknown, divergences: divergencesOf(run.summary) };
  return exitCodeOfRun({ state: run.state, error: run.error ?? null, summary }, failOnOf(flags), flags.allow ?? 0);
}

/** Follows a run to its end, prints its summary, and sets the exit status. */
export async function follow(client: Client, id: string, flags: WatchFlags, { io, exit }: CliContext): Promise<void> {
  // A wrong flag is said before an hour is spent.
  failOnOf(flags);
  const live = new LiveLine(io.stderr);
  const updates = client.watchReplay(id, {
    detail: flags.json ? (flags.detail ?? 'SUMMARY') : 'SUMMARY',
    batchSize: 1000,
    maxWaitMs: 100,
    after: flags.after ?? null,
    signal: io.signal,
    onConnection(connection) {
      if (connection.state !== 'RECONNECTING') return;
      live.print(`connection lost (${connection.reason}), trying again in ${duration(connection.waitMs)}`);
    },
  });
  for await (const update of updates) {
    if (flags.json) {
      json(io, { kind: 'update', ...update });
      continue;
    }
    for (const event of update.events) {
      if (event.__typename === 'StateEvent' && event.reason) live.print(`${event.at}  ${event.state}: ${event.reason}`);
      if (event.__typename === 'NoticeEvent' && !QUIET_NOTICES.includes(event.code)) {
        live.print(`${event.at}  ${event.code}: ${event.noticeMessage}`);
      }
    }
    live.show(progressText(update.state, update.summary));
  }
  live.clear();
  if (io.signal.aborted) {
    io.stderr.write(`no longer watching; the replay goes on: reprise replay watch ${id}\n`);
    return exit(EXIT.INTERRUPTED);
  }
  const run = await requireRun(client, id, io.signal);
  // The run's own thresholds come in any case; given twice, they would be listed twice.
  const own = new Set(run.request.thresholds);
  const thresholds = (flags.threshold ?? []).filter((condition) => !own.has(condition.replace(/\s/g, '')));
  const { replayReport } = await client.request(ReplayVerdictDocument, { replayId: id, thresholds }, io.signal);
  const missed = replayReport?.thresholds.some(({ passed }) => !passed) ?? false;
  // Who sets conditions has said what counts: they decide alone, unless differences are named too.
  const conditions = own.size + thresholds.length > 0;
  const status = exitCodeOf(run, conditions && flags.failOn === undefined ? { ...flags, failOn: 'none' } : flags);
  const code = status === EXIT.OK && missed ? EXIT.DIVERGED : status;
  if (flags.json) json(io, { kind: 'ended', exitCode: code, replay: run, report: replayReport });
  else io.stdout.write(`${[runText(run), ...(replayReport ? verdictTexts(replayReport, id) : [])].join('\n\n')}\n`);
  exit(code);
}

type Report = NonNullable<ReplayVerdictQuery['replayReport']>;

function verdictTexts({ thresholds, remarks, failures }: Report, id: string): string[] {
  const parts: string[] = [];
  if (failures.length > 0) parts.push(failuresText(failures.slice(0, MOST_FAILURES), 80));
  if (failures.length > MOST_FAILURES) {
    parts.push(`… and ${count(failures.length - MOST_FAILURES)} more: reprise replay failures ${id}`);
  }
  if (thresholds.length > 0) {
    const rows = thresholds.map(({ threshold, passed, actual, unit }) => [
      passed ? 'passed' : 'MISSED',
      threshold,
      actual === null || actual === undefined
        ? 'not measured'
        : `${count(actual)} ${unit.toLowerCase().replace('_', ' ')}`,
    ]);
    parts.push(table(['', 'threshold', 'actual'], rows));
  }
  if (remarks.length > 0) parts.push(remarks.join('\n'));
  return parts;
}
