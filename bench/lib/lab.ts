import { fork } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ImportReport } from '../../src/capture/import-report.ts';
import { parseMicros, type Window } from '../../src/journal/window.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import type { SubscriberCalls, WatcherCalls } from '../child/calls.ts';
import { findProgram, type Program, runProgram } from './programs.ts';
import { DATABASE, SourceServer, startTarget, type TargetServer } from './servers.ts';
import { Calling, type Service, startService } from './service.ts';

export interface LabOptions {
  /** Small and few: to see that everything works, not for figures. */
  readonly quick: boolean;
  /** Also what takes the better part of an hour: ten million entries. */
  readonly full: boolean;
  readonly rounds: number;
  /** Where data directories and logs are kept; default: a new folder that is removed at the end. */
  readonly folder: string | null;
  /** Only cases whose name holds this text. */
  readonly only: string | null;
}

/** A log that pgbench's statements left, in the forms that are needed of it. */
export interface RecordedLog {
  readonly name: string;
  readonly csv: string;
  readonly stderr: string;
  /** For `pgreplay -r`; null without pgreplay. */
  readonly replayFile: string | null;
  /** The same two in the spelling that pgreplay 1.2 knows. */
  readonly oldCsv: string;
  readonly oldStderr: string;
  readonly report: ImportReport;
  readonly window: Window;
  /** Statements in it. */
  readonly entries: number;
}

/** Everything that measurements share, made when it is first asked for and taken down at the end. */
export class Lab {
  readonly options: LabOptions;
  readonly folder: string;
  readonly pgbench: Program;
  readonly pgreplay: Program | null;
  readonly #logs = new Map<string, Promise<RecordedLog>>();
  #source: SourceServer | null = null;
  #target: Promise<TargetServer> | null = null;
  #service: Promise<Service> | null = null;
  readonly #closers: (() => Promise<unknown>)[] = [];

  static async open(options: LabOptions): Promise<Lab> {
    const pgbench = await findProgram('pgbench', '--version');
    if (pgbench === null)
      throw new Error('pgbench is needed to make the workload: install postgresql-contrib or postgresql-15');
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'reprise-bench-')));
    await mkdir(folder, { recursive: true });
    // The servers run as another user when we are root.
    await chmod(folder, 0o755);
    return new Lab(options, folder, pgbench, await findProgram('pgreplay', '-v'));
  }

  private constructor(options: LabOptions, folder: string, pgbench: Program, pgreplay: Program | null) {
    this.options = options;
    this.folder = folder;
    this.pgbench = pgbench;
    this.pgreplay = pgreplay;
  }

  say(line: string): void {
    process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
  }

  target(): Promise<TargetServer> {
    this.#target ??= startTarget(join(this.folder, 'target'), this.pgbench).then((target) => {
      this.#closers.push(() => target.server.stop());
      return target;
    });
    return this.#target;
  }

  service(): Promise<Service> {
    this.#service ??= this.startService('service');
    return this.#service;
  }

  /** A service of its own, on a new data directory; stopped at the end unless that was done before. As `startService`. */
  async startService(name: string, nodeOptions: readonly string[] = [], child?: string): Promise<Service> {
    const service = await startService(join(this.folder, name), nodeOptions, child);
    let stopping: Promise<void> | null = null;
    const stop = () => {
      stopping ??= service.stop();
      return stopping;
    };
    this.#closers.push(stop);
    return { ...service, stop };
  }

  /** The process of the subscribers. */
  async subscribers(): Promise<SubscriberCalls> {
    const { calls } = await this.#child('subscribers');
    return {
      connect: (...args) => calls.call('connect', ...args) as Promise<void>,
      subscribe: (...args) => calls.call('subscribe', ...args) as Promise<void>,
      finish: () => calls.call('finish') as ReturnType<SubscriberCalls['finish']>,
    };
  }

  /** A process of subscribers that can be frozen; ended by `stop`. */
  async watchers(): Promise<WatcherCalls & { readonly pid: number; stop(): Promise<void> }> {
    const { calls, pid, stop } = await this.#child('watchers');
    return {
      pid,
      watch: (...args) => calls.call('watch', ...args) as Promise<void>,
      received: () => calls.call('received') as ReturnType<WatcherCalls['received']>,
      stop,
    };
  }

  /** Starts a program of `child/`, which ends with us at the latest. */
  async #child(name: string) {
    const child = fork(fileURLToPath(new URL(`../dist/bench/child/${name}.js`, import.meta.url)), [], {
      execArgv: [],
      serialization: 'advanced',
    });
    const calls = new Calling(child);
    await calls.call('ready');
    const stop = async () => {
      if (child.connected) child.disconnect();
      child.kill();
      await calls.exited;
    };
    this.#closers.push(stop);
    return { calls, pid: child.pid!, stop };
  }

  /** The log of a pgbench run, imported into the service's journal. Made once for each name. */
  log(name: string, args: readonly string[]): Promise<RecordedLog> {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = this.#record(name, args);
      this.#logs.set(name, log);
    }
    return log;
  }

  async #record(name: string, args: readonly string[]): Promise<RecordedLog> {
    this.say(`record ${name}: pgbench ${args.join(' ')}`);
    this.#source ??= new SourceServer(join(this.folder, 'source'), this.pgbench);
    const { csv, stderr } = await this.#source.record(name, args);
    const oldCsv = join(this.folder, `${name}.old.csv`);
    await respell(csv, oldCsv);
    const oldStderr = join(this.folder, `${name}.old.log`);
    await respell(stderr, oldStderr);
    let replayFile: string | null = null;
    if (this.pgreplay !== null) {
      replayFile = join(this.folder, `${name}.pgreplay`);
      await runProgram(this.pgreplay, ['-f', '-c', '-o', replayFile, oldCsv], {}, 600_000);
    }
    const service = await this.service();
    const report = await service.call('import', { files: [csv], nodeId: name });
    await service.call('settle');
    return {
      name,
      csv,
      stderr,
      replayFile,
      oldCsv,
      oldStderr,
      report,
      // Logs tell milliseconds; the journal ranks the entries of one in microseconds.
      window: { from: parseMicros(report.firstTimestamp!), to: parseMicros(report.lastTimestamp!) + 999 },
      entries: report.entries.total,
    };
  }

  /** What asks for a replay of the log against the target. */
  async replayInput(log: RecordedLog, rest: Partial<ReplayInput>): Promise<ReplayInput> {
    const { server } = await this.target();
    const { host, port, user, password } = server;
    return {
      window: log.window,
      target: { host, port, user, password, database: DATABASE, tls: 'DISABLE' },
      ...rest,
    };
  }

  /** Writes a pgbench script and gives its path. */
  async script(name: string, text: string): Promise<string> {
    const path = join(this.folder, `${name}.sql`);
    await writeFile(path, text);
    return path;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) {
      await close().catch((error: unknown) => this.say(`while closing: ${String(error)}`));
    }
    if (this.options.folder === null) await rm(this.folder, { recursive: true, force: true });
  }
}

/** PostgreSQL 16 and later write `Parameters:`; pgreplay 1.2 knows `parameters:` only. */
async function respell(from: string, to: string): Promise<void> {
  const out = createWriteStream(to);
  for await (const line of createInterface({
    input: createReadStream(from, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    if (!out.write(`${line.replace('Parameters: $1', 'parameters: $1')}\n`)) {
      await new Promise<void>((resolve) => out.once('drain', resolve));
    }
  }
  await new Promise<void>((resolve) => out.end(resolve));
}
