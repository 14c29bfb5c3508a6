import { Presets, SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import type { ImportProgress } from '../capture/import-log.ts';
import { bytes } from '../client/bytes.ts';
import type { Config } from '../config.ts';
import { RepriseError } from '../errors.ts';
import { addJsonFlag, type CliContext, examples } from './context.ts';
import { count, duration, type Io, isTerminal, json, LiveLine, printable, usage } from './io.ts';

interface ImportFlags {
  readonly format?: 'csv' | 'json' | 'stderr';
  readonly logLinePrefix?: string;
  readonly logTimezone?: string;
  readonly node?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** `import`: a server log into the journal. */
export function addImport(program: Command, { io }: CliContext): void {
  const command = program
    .command('import')
    .summary('bring PostgreSQL server logs into the journal')
    .description(
      'Brings a PostgreSQL server log into the journal: one file, or the rotated files of one server in their order, ' +
        'plain or gzipped, `-` for standard input. An import that was cut off goes on where it stopped; importing ' +
        'a log again adds nothing, and a log that has grown from where it ended.\n\n' +
        'Needs no running service. When one runs on the same data folder, its database is used.',
    )
    .argument('<file...>', 'log files, oldest first')
    .addOption(new Option('--format <format>', 'default: told from the log').choices(['csv', 'json', 'stderr']))
    .option('--log-line-prefix <prefix>', "the server's log_line_prefix, for a stderr log (default: told from the log)")
    .option('--log-timezone <zone>', "the server's log_timezone, where the log's own abbreviation is ambiguous")
    .option('--node <id>', 'which server the log is of (default: REPRISE_NODE_ID)')
    .option('--data-dir <folder>', 'data folder (REPRISE_DATA_DIR)');
  examples(
    command,
    'reprise import postgresql-10.csv postgresql-11.csv.gz',
    "zcat postgresql.log.gz | reprise import --format stderr --log-line-prefix '%m|%u|%d|%c|%l|%v|%x|%a|' -",
  );
  addJsonFlag(command).action(async (files: readonly string[], flags: ImportFlags) => {
    if (flags.logLinePrefix !== undefined && (flags.format ?? 'stderr') !== 'stderr')
      throw usage('--log-line-prefix', `is for stderr logs: leave it out with --format ${flags.format}`);
    const { loadConfig } = await import('../config.ts');
    const config = loadConfig(io.env, { REPRISE_DATA_DIR: flags.dataDir, REPRISE_NODE_ID: flags.node });
    await importFiles(files, flags, config, io);
  });
}

async function importFiles(files: readonly string[], flags: ImportFlags, config: Config, io: Io): Promise<void> {
  // PostgreSQL and the readers of logs, which no other command needs to load.
  const [{ openStorage }, { importLog }, { formatImportReport }, { openTracer }, { traceAppends }] = await Promise.all([
    import('../storage.ts'),
    import('../capture/import-log.ts'),
    import('../capture/import-report.ts'),
    import('../tracing/open.ts'),
    import('../tracing/trace-appends.ts'),
  ]);
  const storage = await openStorage(config, { joinService: true });
  const tracer = await openTracer(io.env, (message) => io.stderr.write(`reprise: ${message}\n`));
  const span = tracer?.begin('import', null, { 'reprise.import.files': files.length }) ?? null;
  const progress = isTerminal(io.stderr, io.env) ? progressBar(io) : progressLines(io);
  try {
    const report = await importLog({
      files,
      store: tracer && span ? traceAppends(storage.journal, tracer, span.context) : storage.journal,
      nodeId: config.nodeId,
      signal: io.signal,
      onProgress: progress.show,
      ...(flags.format ? { format: flags.format } : {}),
      ...(flags.logLinePrefix === undefined ? {} : { logLinePrefix: flags.logLinePrefix }),
      ...(flags.logTimezone === undefined ? {} : { logTimezone: flags.logTimezone }),
    });
    span?.end({ 'reprise.import.entries': report.entries.accepted });
    progress.end();
    if (flags.json) json(io, report);
    else io.stdout.write(printable(formatImportReport(report)));
  } catch (error) {
    span?.end({}, error instanceof RepriseError ? error.code : 'INTERNAL');
    throw error;
  } finally {
    progress.end();
    await storage.close();
    await tracer?.close();
  }
}

interface ProgressView {
  show(progress: ImportProgress): void;
  end(): void;
}

function progressBar(io: Io): ProgressView {
  let bar: SingleBar | null = null;
  const begin = (payload: object, sized: boolean) => {
    // Of standard input nobody knows how much there is.
    const share = sized ? '{bar} {percentage} %  ' : '';
    const begun = new SingleBar(
      {
        format: `${share}{done}, {entries} entries  {rate} entries/s  {eta_text}`,
        stream: io.stderr,
        hideCursor: true,
        clearOnComplete: true,
        // Signals are the process's, which ends the import first.
        gracefulExit: false,
      },
      Presets.rect,
    );
    begun.start(1000, 0, payload);
    return begun;
  };
  return {
    show(progress) {
      const payload = {
        done: bytes(progress.bytes),
        entries: count(progress.entries),
        rate: count(Math.round((progress.entries / Math.max(progress.elapsedMs, 1)) * 1000)),
        eta_text: progress.etaMs === null ? '' : `ETA ${duration(progress.etaMs)}`,
      };
      bar ??= begin(payload, progress.fraction !== null);
      bar.update(Math.round((progress.fraction ?? 0) * 1000), payload);
    },
    end: () => bar?.stop(),
  };
}

function progressLines(io: Io): ProgressView {
  const line = new LiveLine(io.stderr, { terminal: false });
  return {
    show(progress) {
      const share = progress.fraction === null ? '' : `${Math.floor(progress.fraction * 100)} %  `;
      const eta = progress.etaMs === null ? '' : `  ETA ${duration(progress.etaMs)}`;
      line.show(`${share}${bytes(progress.bytes)}, ${count(progress.entries)} entries${eta}`);
    },
    end: () => line.clear(),
  };
}
