import type { ReplayInput } from '../../src/replay/request.ts';
import type { FinishedReplay } from '../child/calls.ts';
import { processCpu, treeCpu } from './cpu.ts';
import { type Frames, sendFrames } from './frames.ts';
import type { Lab, RecordedLog } from './lab.ts';
import { type Finished, runProgram } from './programs.ts';
import { DATABASE } from './servers.ts';
import type { Service } from './service.ts';

/** One measured run. */
export interface Sample {
  readonly ms: number;
  readonly statementsPerSecond: number;
  /** CPU time for each statement, microseconds; null where the system does not tell. */
  readonly cpuMicros: {
    /** The service's Node.js process; null for other tools. */
    readonly service: number | null;
    /** The PostgreSQL that keeps the journal and the results; null for other tools. */
    readonly journal: number | null;
    /** The PostgreSQL that the statements are sent to. */
    readonly target: number | null;
  };
}

/** CPU seconds so far. */
interface CpuMark {
  readonly service: number;
  readonly journal: number;
  readonly target: number;
}

async function mark(lab: Lab, service: Service | null): Promise<CpuMark> {
  return {
    service: service === null ? Number.NaN : processCpu(service.pid),
    journal: service === null ? Number.NaN : treeCpu(service.postmaster),
    target: treeCpu((await lab.target()).server.pid),
  };
}

function sampleOf(ms: number, statements: number, before: CpuMark, after: CpuMark): Sample {
  const micros = (name: keyof CpuMark) => ((after[name] - before[name]) / statements) * 1e6;
  const orNull = (value: number) => (Number.isNaN(value) ? null : value);
  return {
    ms,
    statementsPerSecond: (statements / ms) * 1000,
    cpuMicros: {
      service: orNull(micros('service')),
      journal: orNull(micros('journal')),
      target: orNull(micros('target')),
    },
  };
}

/**
 * Replays a log through the service and waits for its end. `meanwhile` is called with the run's id once started.
 * @throws Error unless every statement succeeded
 */
export async function replay(
  lab: Lab,
  log: RecordedLog,
  request: Partial<ReplayInput>,
  results?: 'DURABLE' | 'DISCARD',
  meanwhile?: (id: string) => Promise<void>,
): Promise<Sample & { readonly finished: FinishedReplay }> {
  return replayOn(lab, await lab.service(), log, request, results, meanwhile);
}

/** As `replay`, through this service, whose journal holds the log. */
export async function replayOn(
  lab: Lab,
  service: Service,
  log: RecordedLog,
  request: Partial<ReplayInput>,
  results: 'DURABLE' | 'DISCARD' = 'DURABLE',
  meanwhile: (id: string) => Promise<void> = async () => {},
): Promise<Sample & { readonly finished: FinishedReplay }> {
  const input = await lab.replayInput(log, request);
  const before = await mark(lab, service);
  const id = await service.call('start', input, results);
  await meanwhile(id);
  const finished = await service.call('finish', id);
  const after = await mark(lab, service);
  const { state, error, summary } = finished.replay;
  if (state !== 'COMPLETED' || summary.succeeded !== log.entries) {
    throw new Error(`replay of ${log.name}: ${state} ${JSON.stringify(error ?? summary)}`);
  }
  return { ...sampleOf(finished.ms, log.entries, before, after), finished };
}

/** Replays a log through pgreplay as fast as it can; null when it did not end in time. */
export async function pgreplay(lab: Lab, log: RecordedLog, timeoutMs: number): Promise<Sample | null> {
  const { server } = await lab.target();
  const before = await mark(lab, null);
  const finished = await runProgram(
    lab.pgreplay!,
    // A pause in the record is jumped over (-j) and what is left of the schedule is over at once (-s).
    ['-r', '-j', '-s', '1000000', '-h', server.host, '-p', String(server.port), '-W', server.password, log.replayFile!],
    { PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' },
    timeoutMs,
  );
  if (finished.timedOut) return null;
  const executed = Number(/SQL statements executed: (\d+)/.exec(finished.output)?.[1]);
  if (!(executed >= log.entries))
    throw new Error(`pgreplay executed ${executed} of ${log.entries}: ${finished.output}`);
  return sampleOf(finished.ms, log.entries, before, await mark(lab, null));
}

/** Sends a log's statements and does nothing else with them; see `sendFrames`. */
export async function frames(lab: Lab, log: RecordedLog, sessions: Frames, inFlight: number): Promise<Sample> {
  const before = await mark(lab, null);
  const ms = await sendFrames(lab, sessions, inFlight);
  return sampleOf(ms, log.entries, before, await mark(lab, null));
}

/** Runs pgbench against the target; `statements` of one of its transactions. */
export async function pgbench(
  lab: Lab,
  environment: Readonly<Record<string, string>>,
  args: readonly string[],
  statements: number,
): Promise<Sample> {
  const before = await mark(lab, null);
  const finished: Finished = await runProgram(lab.pgbench, ['-n', ...args, DATABASE], environment, 600_000);
  const after = await mark(lab, null);
  const read = (pattern: RegExp) => Number(pattern.exec(finished.output)?.[1]);
  const transactions = read(/actually processed: (\d+)/);
  const tps = read(/^tps = ([\d.]+) \(without/m);
  return sampleOf((transactions / tps) * 1000, transactions * statements, before, after);
}
