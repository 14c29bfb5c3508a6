import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { CompareReplaysDocument, ReplayDivergencesDocument, unwrap } from '../client/index.ts';
import {
  CSV_TABLES,
  type CsvTable,
  loadReport,
  REPORT_FORMATS,
  type ReportFormat,
  renderReport,
} from '../client/report/index.ts';
import { DIVERGENCES } from '../client/words.ts';
import { messageOf, RepriseError } from '../errors.ts';
import { addCallFlags, type CallFlags, listComparedCalls, refuseCallFlags } from './compare-calls.ts';
import { type CliContext, examples } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { json, usage } from './io.ts';
import { addReplayArgument, choice, collect, decimal, milliseconds } from './options.ts';
import { comparisonText, divergencesTable, reportText } from './report-view.ts';
import { oneByOne } from './run-view.ts';
import { addServiceFlags, type ServiceFlags, serviceOf } from './service.ts';

interface ReportFlags extends ServiceFlags {
  readonly format?: ReportFormat | 'text';
  readonly table?: CsvTable;
  readonly output?: string;
  readonly threshold?: readonly string[];
}

/** `report`: a run that has ended as a file. */
export function addReport(program: Command, context: CliContext): void {
  const command = addReplayArgument(program.command('report'), 'replay')
    .summary('the report of a replay that has ended, as a file')
    .description(
      'Prints the report of a replay that has ended: for people (text), or as JSON, CSV, JUnit XML or one HTML page that ' +
        'opens offline. The exit status is 1 when a threshold is missed: of the replay, or given here.',
    )
    .addOption(
      new Option('--format <format>', 'default: by the name of --output, else text').choices([
        ...REPORT_FORMATS,
        'text',
      ]),
    )
    .addOption(new Option('--table <table>', 'which table, of CSV (default statements)').choices([...CSV_TABLES]))
    .option('--output <file>', 'write it there instead of to standard output')
    .option('--threshold <condition>', "such as 'failures<1%' or 'p95<50ms' (may be repeated)", collect);
  examples(
    command,
    'reprise report ID --output replay.html',
    'reprise report ID --format junit --threshold regressions=0 --output replay.xml',
  );
  addServiceFlags(command).action((id: string, flags: ReportFlags) => printReport(id, flags, context));
}

async function printReport(id: string, flags: ReportFlags, { io, exit }: CliContext): Promise<void> {
  if (flags.json && flags.format !== undefined && flags.format !== 'json')
    throw usage('--json', `excludes --format ${flags.format}: give one of them`);
  const format = flags.format ?? (flags.json ? 'json' : formatOf(flags.output));
  if (flags.table !== undefined && format !== 'csv') throw usage('--table', 'is for --format csv');
  const data = await loadReport(serviceOf(io, flags), id, flags.threshold, io.signal);
  const text = format === 'text' ? `${reportText(data)}\n` : renderReport(data, format, flags.table);
  if (flags.output === undefined) io.stdout.write(text);
  else {
    await writeFile(flags.output, text).catch((error: unknown) => {
      throw new RepriseError('BAD_INPUT', `--output cannot be written: ${messageOf(error)}`, { path: ['--output'] });
    });
  }
  if (data.report.thresholds.some(({ passed }) => !passed)) exit(EXIT.DIVERGED);
}

const BY_ENDING: Readonly<Record<string, ReportFormat | 'text'>> = {
  json: 'json',
  csv: 'csv',
  xml: 'junit',
  html: 'html',
  htm: 'html',
  txt: 'text',
};

function formatOf(output: string | undefined): ReportFormat | 'text' {
  if (output === undefined) return 'text';
  const ending = /\.(\w+)$/.exec(output)?.[1]?.toLowerCase() ?? '';
  const format = BY_ENDING[ending];
  if (format === undefined) throw usage('--format', `is missing: the name ${JSON.stringify(output)} does not tell it`);
  return format;
}

interface DivergencesFlags extends ServiceFlags {
  readonly kind?: readonly (typeof DIVERGENCES)[number][];
}

interface CompareFlags extends CallFlags {
  readonly slowerRatio?: number;
  readonly slowerMin?: number;
  readonly all?: boolean;
  readonly failOn?: string;
}

const FAIL_ON_DEFAULT = 'new-failures,different-results';

/** Verdicts that `--fail-on` of `replay compare` may name. */
const FAIL_ON = ['new-failures', 'different-results', 'slower', 'only-in-a', 'only-in-b'] as const;

/** `replay divergences` and `replay compare`. */
export function addReplayReports(replay: Command, context: CliContext): void {
  const divergences = addReplayArgument(replay.command('divergences'))
    .summary('divergences of a replay, grouped')
    .addOption(choice('--kind <kind>', 'only this kind (may be repeated)', DIVERGENCES, true));
  examples(divergences, 'reprise replay divergences ID --kind new-failure');
  addServiceFlags(divergences).action((id: string, flags: DivergencesFlags) => showDivergences(id, flags, context));

  const before = addReplayArgument(replay.command('compare'), 'a', 'id of the replay before');
  const compare = addReplayArgument(before, 'b', 'id of the replay after')
    .summary('compare two replays that have ended: A before, B after an upgrade')
    .option(
      '--slower-ratio <factor>',
      'slower means this many times the 95th percentile of A, with --calls the call of A (default 1.25)',
      decimal,
    )
    .option('--slower-min <time>', '… and at least this much more (default 1ms)', milliseconds)
    .option('--all', 'also list statements that did the same')
    .option(
      '--fail-on <verdicts>',
      `what makes the exit status 1: ${FAIL_ON.join(', ')} by comma, or none (default ${FAIL_ON_DEFAULT})`,
    );
  examples(
    addCallFlags(compare),
    'reprise replay compare BEFORE AFTER --fail-on new-failures,slower --slower-ratio 1.5',
    'reprise replay compare BEFORE AFTER --calls --kind row-count --fingerprint 45a7fbf4fc9414bb',
  );
  addServiceFlags(compare).action((a: string, b: string, flags: CompareFlags) => compareRuns(a, b, flags, context));
}

async function showDivergences(id: string, flags: DivergencesFlags, { io }: CliContext): Promise<void> {
  const variables = { replayId: id, divergences: flags.kind ?? null };
  const { replayDivergences } = await serviceOf(io, flags).request(ReplayDivergencesDocument, variables, io.signal);
  if (!replayDivergences)
    throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}: \`reprise replay ls\` lists them`);
  if (flags.json) return json(io, replayDivergences);
  io.stdout.write(`${divergencesTable(replayDivergences, 80)}\n`);
  const [first] = replayDivergences;
  const kind = first?.divergence.toLowerCase().replace('_', '-');
  if (kind !== undefined) io.stderr.write(`\n${oneByOne(id, '--kind', kind)}\n`);
}

async function compareRuns(a: string, b: string, flags: CompareFlags, { io, exit }: CliContext): Promise<void> {
  const failOn = verdictsOf(flags.failOn ?? FAIL_ON_DEFAULT);
  const slower =
    flags.slowerRatio === undefined && flags.slowerMin === undefined
      ? null
      : { ratio: flags.slowerRatio ?? 1.25, minMs: flags.slowerMin ?? 1 };
  if (flags.calls) {
    if (flags.all) throw usage('--all', 'is not for --calls, which lists calls that differ');
    if (flags.failOn !== undefined) throw usage('--fail-on', 'is not for --calls, which lists and does not judge');
    return listComparedCalls([a, b], slower, flags, io);
  }
  refuseCallFlags(flags);
  const { compareReplays } = await serviceOf(io, flags).request(CompareReplaysDocument, { a, b, slower }, io.signal);
  const found = unwrap(compareReplays);
  if (flags.json) json(io, found);
  else {
    io.stdout.write(`${comparisonText(found, flags.all ?? false)}\n`);
    const kinds = kindsOfCalls(found.totals);
    if (kinds !== null) io.stderr.write(`\ncall by call: reprise replay compare ${a} ${b} --calls${kinds}\n`);
  }
  // Runs without a common statement differ in none: a gate that passed them would pass a run that never reached its target.
  const common = found.totals.some(({ verdict, statements }) => statements > 0 && !/^ONLY_IN_/.test(verdict));
  if (!common) io.stderr.write('\nnothing could be compared: the runs have sent no statement in common\n');
  const fails = found.totals.some(({ verdict, statements }) => statements > 0 && failOn.includes(verdict));
  if (fails || (!common && failOn.length > 0)) exit(EXIT.DIVERGED);
}

/** Flags by which `--calls` lists what the verdicts are about; null where all statements did the same. */
function kindsOfCalls(totals: readonly { readonly verdict: string; readonly statements: number }[]): string | null {
  const verdicts = totals.flatMap(({ verdict, statements }) =>
    statements > 0 && verdict !== 'SAME' ? [verdict.toLowerCase()] : [],
  );
  // Without a kind, calls that differ in time alone are not listed.
  const ofTime = verdicts.every((verdict) => verdict === 'slower' || verdict === 'faster');
  if (verdicts.length === 0) return null;
  return ofTime ? verdicts.map((verdict) => ` --kind ${verdict}`).join('') : '';
}

function verdictsOf(text: string): readonly string[] {
  if (text === 'none') return [];
  return text.split(',').map((word) => {
    const found = FAIL_ON.find((verdict) => verdict === word.trim().toLowerCase());
    if (!found) throw usage('--fail-on', `names ${JSON.stringify(word)}: it takes ${FAIL_ON.join(', ')}, or none`);
    return found.toUpperCase().replaceAll('-', '_');
  });
}
