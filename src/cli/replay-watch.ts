import type { Command } from 'commander';
import {
  CancelReplayDocument,
  type Client,
  hasEnded,
  ReplayDocument,
  type ReplayFieldsFragment,
  ReplayInFullDocument,
  ReplayVerdictDocument,
  type ReplayVerdictQuery,
  type RunInFullFragment,
  unwrap,
} from '../client/index.ts';
import { actualText, sentOnlyControl } from '../client/report/index.ts';
import { persistently } from '../client/retry.ts';
import { messageOf, RepriseError } from '../errors.ts';
import type { CliContext } from './context.ts';
import { type Allowed, EXIT, exitCodeOfRun, FAIL_ON, FAIL_ON_DEFAULT, type FailOn } from './exit-codes.ts';
import { count, json, table, untilRoom, usage } from './io.ts';
import { LiveRun } from './live-run.ts';
import { choice, collect, interval } from './options.ts';
import { divergencesOf, failuresText, remarksText, runText } from './run-view.ts';
import type { ServiceFlags } from './service.ts';

/** How a run is watched. */
export interface WatchFlags extends ServiceFlags {
  readonly after?: string;
  readonly detail?: 'STATEMENTS' | 'FAILURES' | 'SUMMARY';
  readonly failOn?: readonly FailOn[];
  readonly allow?: Partial<Allowed>;
  readonly threshold?: readonly string[];
  readonly interval?: number;
}

/** Flags of every command that follows a run to its end. */
export function addWatchFlags(command: Command): Command {
  return command
    .addOption(
      choice('--detail <detail>', 'with --json: which events (default summary)', ['STATEMENTS', 'FAILURES', 'SUMMARY']),
    )
    .option(
      '--fail-on <kinds>',
      `differences that make the exit status 1, by comma, or none (default ${FAIL_ON_DEFAULT.join(',')}; only nothing-replayed with --threshold)`,
      differences,
    )
    .option(
      '--interval <time>',
      'without a terminal or --json: how often to print a line of progress (default 5s)',
      interval,
    )
    .option(
      '--allow <what>',
      'how many differences are put up with, or nothing-replayed (may be given for both)',
      allowance,
    )
    .option(
      '--threshold <condition>',
      "condition on the run, such as 'p95<50ms' or 'failures<=1%' (may be repeated)",
      collect,
    );
}

/**
 * @throws RepriseError BAD_INPUT naming a flag that would change nothing: a pipeline that relies on it would call a run
 * a success that was not.
 */
export function checkWatchFlags(flags: WatchFlags, watches: boolean): void {
  const needWatch = { '--fail-on': flags.failOn, '--allow': flags.allow, '--interval': flags.interval };
  for (const [flag, value] of Object.entries({ ...needWatch, '--detail': flags.detail, '--sse': flags.sse }))
    if (value !== undefined && !watches) throw usage(flag, 'needs --watch');
  for (const [flag, value] of Object.entries({ '--detail': flags.detail, '--after': flags.after }))
    if (value !== undefined && !flags.json) throw usage(flag, 'needs --json');
  if (flags.interval !== undefined && flags.json)
    throw usage('--interval', 'is not for --json, which tells each change');
}

/** Groups of failures that are listed at the end. */
const MOST_FAILURES = 10;

/** Read with the other flags, so that a wrong word is refused before anything is started or waited for. */
function differences(text: string): readonly FailOn[] {
  if (text === 'none') return [];
  return text.split(',').map((word) => {
    const found = FAIL_ON.find((kind) => kind === word.trim().toLowerCase());
    if (!found) throw usage('--fail-on', `names ${JSON.stringify(word)}: it takes ${FAIL_ON.join(', ')}, or none`);
    return found;
  });
}

/** What one `--allow` adds to those before it. */
function allowance(text: string, before: Partial<Allowed> = {}): Partial<Allowed> {
  if (text.trim().toLowerCase() === 'nothing-replayed') return { ...before, nothingReplayed: true };
  if (/^\d{1,15}$/.test(text.trim())) return { ...before, differences: Number(text) };
  throw usage('--allow', `must be a whole number or nothing-replayed, not ${JSON.stringify(text)}`);
}

/** @throws RepriseError REPLAY_NOT_FOUND */
export async function requireRun(client: Client, id: string, signal: AbortSignal): Promise<RunInFullFragment> {
  const { replay } = await client.request(ReplayInFullDocument, { id }, signal);
  if (!replay) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}: \`reprise replay ls\` lists them`);
  return replay;
}

/** The exit status of a run as it is now. */
function exitCodeOf(run: ReplayFieldsFragment, report: Report | null, flags: WatchFlags): number {
  const summary = { ...run.summary, divergences: divergencesOf(run.summary) };
  const allowed = { differences: 0, nothingReplayed: false, ...flags.allow };
  return exitCodeOfRun(
    {
      state: run.state,
      error: run.error ?? null,
      summary,
      onlyControl: sentOnlyControl(report?.remarks ?? []),
      lostTransactions: (report?.lostStatements ?? 0) > 0,
    },
    flags.failOn,
    allowed,
  );
}

/** How a run is followed. */
export interface FollowOptions {
  /** The first interrupt cancels the run, and its end is still shown; else it ends the watching only. */
  readonly cancelOnInterrupt: boolean;
  /** The run has just been started here: all its failures are news. */
  readonly started: boolean;
}

/** Follows a run to its end, prints its summary, and sets the exit status. */
export async function follow(
  client: Client,
  id: string,
  flags: WatchFlags,
  { io, exit }: CliContext,
  { cancelOnInterrupt, started }: FollowOptions = { cancelOnInterrupt: false, started: false },
): Promise<void> {
  // Only the service can read conditions, and a wrong one is said before an hour is spent. Those of a start it has read.
  if (!started && flags.threshold !== undefined) {
    await client.request(ReplayVerdictDocument, { replayId: id, thresholds: flags.threshold }, io.signal);
  }
  const live = new LiveRun(io, flags.interval);
  const leaving = new AbortController();
  const interrupt = () => {
    if (!cancelOnInterrupt) return leaving.abort();
    live.print('cancelling the replay; Ctrl-C again leaves at once');
    cancel(client, id).catch((error) => {
      live.print(`the replay could not be cancelled: ${messageOf(error)}`);
      leaving.abort();
    });
  };
  if (io.signal.aborted) interrupt();
  else io.signal.addEventListener('abort', interrupt, { once: true });
  let cursor = flags.after ?? null;
  const updates = client.watchReplay(id, {
    detail: flags.json ? (flags.detail ?? 'SUMMARY') : 'SUMMARY',
    batchSize: 1000,
    maxWaitMs: 100,
    after: cursor,
    signal: leaving.signal,
    onConnection(connection) {
      if (connection.state === 'RECONNECTING') live.lostConnection(connection.reason, connection.waitMs);
    },
  });
  if (started && !flags.json) live.showFailures(client, id, null);
  let ended: EndOfRun | null = null;
  try {
    try {
      for await (const update of updates) {
        if (flags.json) json(io, { kind: 'update', ...update });
        else {
          live.update(update);
          // Of a run that was under way before, the failures from now on.
          if (!started && cursor === null) live.showFailures(client, id, update.cursor);
        }
        cursor = update.cursor;
        if (flags.json) await untilRoom(io.stdout, leaving.signal).catch(() => {});
      }
    } finally {
      await live.end(leaving.signal.aborted);
    }
    const ask = () => endOf(client, id, flags, leaving.signal);
    // What has ended the run may be a stop of the service, which goes down right behind it.
    ended = await persistently(ask, leaving.signal, (reason, waitMs) => live.lostConnection(reason, waitMs));
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    io.signal.removeEventListener('abort', interrupt);
  }
  if (ended === null) {
    io.stderr.write(`no longer watching; the replay goes on: ${watchCommand(id, flags, started, cursor)}\n`);
    return exit(EXIT.INTERRUPTED);
  }
  const { run, replayReport, conditions } = ended;
  const missed = replayReport?.thresholds.some(({ passed }) => !passed) ?? false;
  // Who sets conditions has said what counts: they decide alone, unless differences are named too. But what was
  // never sent holds conditions on counts for the wrong reason.
  const status = exitCodeOf(
    run,
    replayReport,
    conditions && flags.failOn === undefined ? { ...flags, failOn: ['nothing-replayed'] } : flags,
  );
  const code = io.signal.aborted ? EXIT.INTERRUPTED : status === EXIT.OK && missed ? EXIT.DIVERGED : status;
  if (flags.json) json(io, { kind: 'ended', exitCode: code, replay: run, report: replayReport });
  else io.stdout.write(`${[runText(run), ...(replayReport ? verdictTexts(replayReport, id) : [])].join('\n\n')}\n`);
  exit(code);
}

/** What an ended run is judged by. */
interface EndOfRun {
  readonly run: RunInFullFragment;
  readonly replayReport: Report | null;
  /** There are thresholds, of the run or of the command. */
  readonly conditions: boolean;
}

async function endOf(client: Client, id: string, flags: WatchFlags, signal: AbortSignal): Promise<EndOfRun> {
  const run = await requireRun(client, id, signal);
  // The run's own thresholds come in any case; given twice, they would be listed twice.
  const own = new Set(run.request.thresholds);
  const thresholds = (flags.threshold ?? []).filter((condition) => !own.has(condition.replace(/\s/g, '')));
  const { replayReport } = await client.request(ReplayVerdictDocument, { replayId: id, thresholds }, signal);
  return { run, replayReport: replayReport ?? null, conditions: own.size + thresholds.length > 0 };
}

/** Cancels a run; one that has ended meanwhile needs none. */
async function cancel(client: Client, replayId: string): Promise<void> {
  try {
    unwrap((await client.request(CancelReplayDocument, { replayId })).cancelReplay);
  } catch (error) {
    if (!(error instanceof RepriseError) || error.code !== 'REPLAY_STATE') throw error;
    const { replay } = await client.request(ReplayDocument, { id: replayId });
    if (replay && !hasEnded(replay.state)) throw error;
  }
}

/** The command that takes the watching up again, with what decides on its output and its exit status. */
function watchCommand(id: string, flags: WatchFlags, started: boolean, cursor: string | null): string {
  const words = ['reprise', 'replay', 'watch', id];
  const add = (flag: string, value: string | number | undefined) => {
    if (value !== undefined) words.push(flag, shellWord(String(value)));
  };
  add('--server', flags.server);
  if (flags.sse) words.push('--sse');
  if (flags.json) {
    words.push('--json');
    add('--detail', flags.detail?.toLowerCase());
    add('--after', cursor ?? undefined);
  }
  add('--fail-on', flags.failOn && (flags.failOn.join(',') || 'none'));
  add('--allow', flags.allow?.differences);
  if (flags.allow?.nothingReplayed) add('--allow', 'nothing-replayed');
  // A run keeps the conditions that it was started with.
  if (!started) for (const condition of flags.threshold ?? []) add('--threshold', condition);
  return words.join(' ');
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

type Report = NonNullable<ReplayVerdictQuery['replayReport']>;

function verdictTexts({ thresholds, remarks, failures }: Report, id: string): string[] {
  const parts: string[] = [];
  if (failures.length > 0) parts.push(failuresText(failures.slice(0, MOST_FAILURES), 80));
  if (failures.length > MOST_FAILURES) {
    parts.push(`… and ${count(failures.length - MOST_FAILURES)} more: reprise replay failures ${id}`);
  }
  if (thresholds.length > 0) {
    const rows = thresholds.map((line) => [line.passed ? 'passed' : 'MISSED', line.threshold, actualText(line)]);
    parts.push(table(['', 'threshold', 'actual'], rows));
  }
  if (remarks.length > 0) parts.push(remarksText(remarks));
  return parts;
}
