import type { ImportReport } from '../../src/capture/import-report.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import type { Replay } from '../../src/replay/store.ts';

export interface ServiceReady {
  readonly url: string;
  /** Of its journal, with the password. */
  readonly databaseUrl: string;
}

export interface FinishedReplay {
  readonly replay: Replay;
  /** From the call of `start` to the run's end, everything durable. */
  readonly ms: number;
}

/** What the benchmark asks of the service's process besides its public API. */
export interface Calls {
  /** Imports a log within this process. */
  import(options: { files: string[]; nodeId?: string; logLinePrefix?: string }): Promise<ImportReport>;
  /** The same without keeping anything: what reading the log alone costs. */
  scan(options: { files: string[]; logLinePrefix?: string }): Promise<ImportReport>;
  /** Starts a replay; DISCARD keeps its events and its state in no database. */
  start(input: ReplayInput, results: 'DURABLE' | 'DISCARD'): Promise<string>;
  /** Waits for the end of the replay that was started last. */
  finish(id: string): Promise<FinishedReplay>;
  /** Takes down where the process's CPU time goes until `profileStop`, which writes it to a file. */
  profileStart(): Promise<void>;
  profileStop(file: string): Promise<void>;
  /** Vacuums and writes out the journal, so that neither falls into a measurement. */
  settle(): Promise<void>;
}

/** What the benchmark asks of the subscribers' process. */
export interface SubscriberCalls {
  /** Opens sockets, one for each subscriber. */
  connect(url: string, count: number): Promise<void>;
  /** Subscribes each of them. */
  subscribe(replayId: string, detail: 'STATEMENTS' | 'SUMMARY', batchSize: number): Promise<void>;
  /** Waits until every stream has completed. */
  finish(): Promise<{ readonly payloads: number; readonly events: number; readonly cpuMs: number }>;
}

/** What the benchmark asks of the process whose subscribers it freezes. */
export interface WatcherCalls {
  /** Follows the run over both transports; resolves when each has had its first payload. */
  watch(url: string, replayId: string): Promise<void>;
  /** Waits for the ends of both, and gives how many events each had. Rejects where one was missing or came twice. */
  received(): Promise<readonly number[]>;
}

/** Answers calls from the parent process. */
export function answer(handlers: Readonly<Record<string, (...args: never[]) => Promise<unknown>>>): void {
  process.on('message', ({ id, name, args }: { id: number; name: string; args: never[] }) => {
    const handler = handlers[name];
    if (handler === undefined) return;
    handler(...args).then(
      (value) => process.send?.({ id, value }),
      (error: unknown) =>
        process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
}
