import type { Command } from 'commander';
import {
  CancelReplayDocument,
  type Client,
  DeleteReplayDocument,
  PauseReplayDocument,
  PreflightReplayDocument,
  type PreflightReplayQuery,
  ReplayFailuresDocument,
  type ReplayFieldsFragment,
  type ReplayInput,
  ReplaysDocument,
  type ReplaysQuery,
  ResumeReplayDocument,
  SetReplaySpeedDocument,
  StartReplayDocument,
  unwrap,
} from '../client/index.ts';
import { REPLAY_STATES } from '../client/words.ts';
import { RepriseError } from '../errors.ts';
import { type CliContext, examples } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { flagsOf, textInFlags } from './flag-names.ts';
import { count, duration, fields, type Io, json, table, usage } from './io.ts';
import { addReplayArgument, atLeastOne, choice, collect, decimal } from './options.ts';
import {
  addRequestFlags,
  type CredentialsFlags,
  credentialsOf,
  type RequestFlags,
  requestOf,
} from './replay-request.ts';
import { addReplayStatements } from './replay-statements.ts';
import { addWatchFlags, checkWatchFlags, follow, requireRun, type WatchFlags } from './replay-watch.ts';
import { addReplayReports } from './report.ts';
import { failuresText, oneByOne, runsTable, runText } from './run-view.ts';
import { addServiceFlags, addStreamFlags, type ServiceFlags, serviceOf, settleWindow } from './service.ts';
import { addPasswordFlags } from './target-options.ts';

type Preflight = Extract<PreflightReplayQuery['preflightReplay'], { readonly __typename: 'Preflight' }>;

/** Replays that are asked for at once. */
const PAGE = 100;

interface StartFlags extends RequestFlags, WatchFlags, ServiceFlags {
  readonly watch?: boolean;
  readonly dryRun?: boolean;
  readonly cancelOnInterrupt?: boolean;
}

interface ListFlags extends ServiceFlags {
  readonly state?: readonly (typeof REPLAY_STATES)[number][];
  readonly limit: number;
  readonly after?: string;
}

/** `replay`: starts, follows, lists, shows and steers runs, and the place of its other commands. */
export function addReplay(program: Command, context: CliContext): void {
  const { io } = context;
  const replay = program.command('replay').description('run a window of the journal against another PostgreSQL');

  const start = replay
    .command('start')
    .summary('start a replay')
    .description('Starts a replay of a window against a target and prints its id; with --watch, follows it to its end.')
    .option('--watch', 'follow the run; the exit status tells how it went')
    .option('--cancel-on-interrupt', 'with --watch: Ctrl-C cancels the run instead of leaving it to itself')
    .option('--dry-run', 'only find out what the run would do and meet');
  examples(
    start,
    'reprise replay start --window all --target staging --watch',
    "reprise replay start --window all --target staging --ordering commit --watch --threshold 'failures<1%'",
    'reprise replay start --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --host 127.0.0.1 --speed 2',
  );
  addStreamFlags(addWatchFlags(addRequestFlags(start))).action((flags: StartFlags, command: Command) =>
    startReplay(flags, flagsOf(command), context),
  );

  const watch = addReplayArgument(replay.command('watch'))
    .summary('follow a replay to its end')
    .option('--after <cursor>', 'with --json: go on behind this cursor');
  examples(watch, 'reprise replay watch ID', 'reprise replay watch ID --json --detail statements > outcomes.jsonl');
  addStreamFlags(addWatchFlags(watch)).action((id: string, flags: WatchFlags & ServiceFlags) => {
    checkWatchFlags(flags, true);
    return follow(serviceOf(io, flags), id, flags, context);
  });

  const list = replay
    .command('ls')
    .summary('list replays, newest first')
    .addOption(choice('--state <state>', 'only those in this state (may be repeated)', REPLAY_STATES, true))
    .option('--limit <count>', 'most replays to list', atLeastOne, 20)
    .option('--after <cursor>', 'go on behind the end of an earlier list');
  examples(list, 'reprise replay ls --state running --state paused', 'reprise replay ls --json --limit 100');
  addServiceFlags(list).action((flags: ListFlags) => listReplays(flags, io));

  const one = examples(addReplayArgument(replay.command('show')), 'reprise replay show ID');
  addServiceFlags(one.summary('show a replay')).action(async (id: string, flags: ServiceFlags) => {
    show(await requireRun(serviceOf(io, flags), id, io.signal), flags, io);
  });

  const failures = examples(addReplayArgument(replay.command('failures')), 'reprise replay failures ID --json');
  addServiceFlags(failures.summary('failures of a replay, grouped')).action((id: string, flags: ServiceFlags) =>
    showFailures(id, flags, io),
  );

  addReplayReports(replay, context);
  addReplayStatements(replay, context);

  const change = (
    command: string,
    summary: string,
    apply: (client: Client, id: string) => Promise<ReplayFieldsFragment>,
  ) => {
    const changing = examples(addReplayArgument(replay.command(command)), `reprise replay ${command} ID`);
    addServiceFlags(changing.summary(summary)).action(async (id: string, flags: ServiceFlags) => {
      show(await apply(serviceOf(io, flags), id), flags, io);
    });
  };
  change('cancel', 'end a replay', async (client, replayId) =>
    unwrap((await client.request(CancelReplayDocument, { replayId }, io.signal)).cancelReplay),
  );
  const remove = examples(addReplayArgument(replay.command('delete')), 'reprise replay delete ID')
    .summary('delete a replay that has ended')
    .description('Deletes a replay that has ended, with its events, results and report, for good.');
  addServiceFlags(remove).action(async (replayId: string, flags: ServiceFlags) => {
    const { deleteReplay } = await serviceOf(io, flags).request(DeleteReplayDocument, { replayId }, io.signal);
    const { id } = unwrap(deleteReplay);
    if (flags.json) json(io, { id });
    else io.stdout.write(`replay ${id} is deleted\n`);
  });
  change('pause', 'hold a replay still', async (client, replayId) =>
    unwrap((await client.request(PauseReplayDocument, { replayId }, io.signal)).pauseReplay),
  );
  const resume = addReplayArgument(replay.command('resume'))
    .summary('take a paused or interrupted replay on')
    .option('--user-password-env <recorded=name>', 'of an interrupted run: password of a mapped login', collect);
  examples(resume, 'reprise replay resume ID', 'reprise replay resume ID --password-env APP_PASSWORD');
  addServiceFlags(addPasswordFlags(resume)).action(async (id: string, flags: CredentialsFlags & ServiceFlags) => {
    const variables = { replayId: id, credentials: await credentialsOf(flags, io) };
    const { resumeReplay } = await serviceOf(io, flags).request(ResumeReplayDocument, variables, io.signal);
    show(unwrap(resumeReplay), flags, io);
  });
  const speed = addReplayArgument(replay.command('speed'))
    .argument('<factor>', '0.1 to 100', decimal)
    .summary('change the speed of a replay at recorded pace');
  examples(speed, 'reprise replay speed ID 10');
  addServiceFlags(speed).action(async (id: string, factor: number, flags: ServiceFlags) => {
    const variables = { replayId: id, speed: factor };
    const { setReplaySpeed } = await serviceOf(io, flags).request(SetReplaySpeedDocument, variables, io.signal);
    show(unwrap(setReplaySpeed), flags, io);
  });
}

function show(run: ReplayFieldsFragment, flags: ServiceFlags, io: Io): void {
  if (flags.json) json(io, run);
  else io.stdout.write(`${runText(run)}\n`);
}

async function startReplay(flags: StartFlags, known: ReadonlySet<string>, context: CliContext): Promise<void> {
  const { io } = context;
  if (flags.cancelOnInterrupt && !flags.watch) throw usage('--cancel-on-interrupt', 'needs --watch');
  if (!flags.dryRun) checkWatchFlags(flags, flags.watch ?? false);
  const client = serviceOf(io, flags);
  const input = await requestOf(flags, await settleWindow(client, flags, io), io);
  if (flags.dryRun) return preflight(client, input, flags, known, context);
  io.signal.throwIfAborted();
  // Not ended by an interrupt from here on: the run would go on, and nobody would know its id.
  const asked = client.request(StartReplayDocument, { input });
  const waiting = () =>
    io.stderr.write('waiting for the service: the replay may be under way; Ctrl-C again leaves at once\n');
  io.signal.addEventListener('abort', waiting, { once: true });
  const run = unwrap((await asked.finally(() => io.signal.removeEventListener('abort', waiting))).startReplay);
  if (!flags.watch) {
    if (flags.json) json(io, run);
    else io.stdout.write(`${run.id}\n`);
    return;
  }
  if (flags.json) json(io, { kind: 'started', replay: run });
  else io.stderr.write(`replay ${run.id}: ${run.window.from} to ${run.window.to} against ${run.target}\n`);
  await follow(client, run.id, flags, context, {
    cancelOnInterrupt: flags.cancelOnInterrupt ?? false,
    started: true,
  });
}

async function preflight(
  client: Client,
  input: ReplayInput,
  flags: ServiceFlags,
  known: ReadonlySet<string>,
  { io, exit }: CliContext,
): Promise<void> {
  const { preflightReplay } = await client.request(PreflightReplayDocument, { input }, io.signal);
  const found = unwrap(preflightReplay);
  if (found.problems.some(({ severity }) => severity === 'ERROR')) exit(EXIT.REFUSED);
  if (flags.json) return json(io, found);
  const text = fields([
    [
      'target',
      found.reachable ? `${found.target} (PostgreSQL ${found.serverVersion})` : `${found.target}: out of reach`,
    ],
    ['statements', found.statements],
    ['transactions', `${count(found.transactions)} (${transactionsText(found.transactionsByStatus)})`],
    ['sessions', `${found.sessions}, ${found.sessionsAtOnce} at once`],
    ['reads, writes', `${count(found.reads)}, ${count(found.writes)}`],
    ['skipped', found.skipped.map(({ reason, count: entries }) => `${count(entries)} ${reason}`).join(', ') || null],
    [
      'parsed on target',
      found.reachable ? `${count(found.kindsChecked)} of ${count(found.statementKinds)} different statements` : null,
    ],
    ['estimate', estimateText(found.estimatedMs ?? null, input)],
    ['coverage', coverageText(found.coverage)],
  ]);
  const problems = found.problems.map(({ severity, code, message }) => [severity, code, textInFlags(message, known)]);
  io.stdout.write(
    `${text}\n\n${problems.length === 0 ? 'no problems found' : table(['', 'code', 'problem'], problems)}\n`,
  );
}

/** Capped gaps shorten the schedule by as much as nobody has counted. */
function estimateText(ms: number | null, { pace }: ReplayInput): string | null {
  const text = duration(ms);
  return text !== null && pace?.maxIdleMs != null ? `at most ${text}` : text;
}

/** What the journal holds of the window, whatever the filter. */
function coverageText({ entries, losses }: Preflight['coverage']): string {
  const lost = losses.map(({ reason, count: times }) => `${count(times)} ${reason}`).join(', ');
  return `${count(entries)} entries in the window, ${lost === '' ? 'no losses' : `losses: ${lost}`}`;
}

function transactionsText(counts: { committed: number; rolledBack: number; open: number }): string {
  return `in the record ${count(counts.committed)} committed, ${count(counts.rolledBack)} rolled back, ${count(counts.open)} open`;
}

async function listReplays(flags: ListFlags, io: Io): Promise<void> {
  const client = serviceOf(io, flags);
  const nodes: ReplayFieldsFragment[] = [];
  let pageInfo: ReplaysQuery['replays']['pageInfo'] = { hasNextPage: true, endCursor: flags.after ?? null };
  while (pageInfo.hasNextPage && nodes.length < flags.limit) {
    const first = Math.min(PAGE, flags.limit - nodes.length);
    const variables = { states: flags.state ?? null, first, after: pageInfo.endCursor ?? null };
    const { replays } = await client.request(ReplaysDocument, variables, io.signal);
    nodes.push(...replays.nodes);
    pageInfo = replays.pageInfo;
  }
  if (flags.json) return json(io, { nodes, pageInfo });
  io.stdout.write(`${runsTable(nodes)}\n`);
  if (pageInfo.hasNextPage) io.stderr.write(`\nmore follow: --after ${pageInfo.endCursor}\n`);
}

async function showFailures(id: string, flags: ServiceFlags, io: Io): Promise<void> {
  const { replayFailures } = await serviceOf(io, flags).request(ReplayFailuresDocument, { replayId: id }, io.signal);
  if (!replayFailures)
    throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}: \`reprise replay ls\` lists them`);
  if (flags.json) return json(io, replayFailures);
  io.stdout.write(`${failuresText(replayFailures, 100)}\n`);
  const [first] = replayFailures;
  if (first?.sqlstate) io.stderr.write(`\n${oneByOne(id, '--sqlstate', first.sqlstate)}\n`);
}
