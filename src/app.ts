import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';
import { openEngine } from './engine-room.ts';
import { messageOf, RepriseError } from './errors.ts';
import { createRecorder } from './journal/recorder.ts';
import type { JournalStore } from './journal/store.ts';
import type { ReplayEngine } from './replay/engine.ts';
import { observeAll } from './replay/run-observer.ts';
import { startRetention } from './retention.ts';
import { logRuns } from './run-log.ts';
import { createServer } from './server/http.ts';
import { dashboardPages } from './server/static.ts';
import { removeServiceFile, writeServiceFile } from './service-file.ts';
import { openStorage } from './storage.ts';
import type { EmbeddedPostgres } from './store/embedded.ts';
import { checkTargetPolicy } from './target/policy.ts';
import { openTracer } from './tracing/open.ts';
import { traceRuns } from './tracing/trace-runs.ts';

/** A service that runs. */
export interface RunningApp {
  /** Base of all addresses: `http://127.0.0.1:4000`. GraphQL is at `/graphql`. */
  readonly url: string;
  /** Of GraphQL over WebSocket: `ws://127.0.0.1:4000/graphql`. */
  readonly webSocketUrl: string;
  /** Where the journal is kept, without credentials: `host:port/database`. */
  readonly database: string;
  readonly journal: JournalStore;
  readonly engine: ReplayEngine;
  /** Resolves when the service cannot go on (its embedded PostgreSQL died); never, when it is stopped. */
  readonly failed: Promise<RepriseError>;
}

/** The service as a whole. */
export interface App {
  /**
   * Starts everything; a second call gives the same. A start that fails leaves nothing running.
   * @throws RepriseError CONFIG_INVALID and as `openStorage`
   */
  start(): Promise<RunningApp>;
  /** Interrupts replays, closes every connection and child process. A second call waits for the first. */
  stop(): Promise<void>;
}

/** What of a service is not configuration. */
export interface AppOptions {
  /** Default: JSON lines on standard error, from `config.logLevel` on. */
  readonly logger?: Logger;
}

/** How long a stopping service lets readers take the last events of the runs that it interrupted. */
const LAST_WORDS_MS = 1_000;

/** Puts the service together. Nothing runs before `start`. */
export function createApp(config: Config, options: AppOptions = {}): App {
  const logger = options.logger ?? createLogger(config);
  let starting: Promise<RunningApp> | null = null;
  let stopping: Promise<void> | null = null;
  let closers: Closers | null = null;

  async function start(): Promise<RunningApp> {
    await stopping;
    const opened = new Closers();
    closers = opened;
    try {
      return await open(config, logger, opened);
    } catch (error) {
      starting = null;
      await opened.close();
      throw error;
    }
  }

  async function stop(): Promise<void> {
    // A start that fails cleans up after itself.
    await starting?.catch(() => {});
    await closers?.close();
    starting = null;
  }

  return {
    start() {
      starting ??= start();
      return starting;
    },
    stop() {
      stopping ??= stop().finally(() => {
        stopping = null;
      });
      return stopping;
    },
  };
}

/** What has been opened, closed in reverse order, once. */
class Closers {
  readonly #steps: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | null = null;

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        // What was opened earlier has to be closed all the same.
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

async function open(config: Config, logger: Logger, closers: Closers): Promise<RunningApp> {
  checkTargetPolicy({ aliases: config.targets, allow: config.allowTargets });
  let stopped = false;
  const tracer = await openTracer(process.env, (message) => logger.warn(message));
  if (tracer !== null) closers.add(() => tracer.close());
  const storage = await openStorage(config, {
    onIdleError: (error) => {
      if (!stopped) logger.warn({ reason: messageOf(error) }, 'a connection to the journal broke');
    },
  });
  closers.add(() => storage.close());
  // What a killed service left there would lead an import to a database that is gone. Not before the data folder
  // is ours: until then it is the file of a service that runs.
  if (config.databaseUrl === null) await removeServiceFile(config.dataDir);
  closers.add(() => {
    stopped = true;
  });

  const onStoreFailure = (replayId: string, error: unknown) => {
    logger.error({ replayId, reason: messageOf(error) }, 'the end of a replay could not be stored');
  };
  const observers = [logRuns(logger), ...(tracer === null ? [] : [traceRuns(tracer)])];
  const engine = await openEngine(config, storage, onStoreFailure, observeAll(observers));
  const server = createServer({
    config,
    context: {
      journal: storage.journal,
      recorder: createRecorder(storage.journal, { nodeId: config.nodeId }),
      engine,
    },
    logger,
    tracer,
    statistics: {
      replays: () => engine.statistics,
      appends: storage.appends,
      journalSize: () => storage.journalSize(),
    },
    pages: dashboardPages(),
  });
  closers.add(() => server.stop());
  // Before the server: whoever watches a run still hears that it was interrupted.
  closers.add(() => engine.stop(() => server.drained(LAST_WORDS_MS)));

  closers.add(startRetention(config, storage, logger));
  const { url } = await listening(config, () => server.start());
  if (storage.embeddedUrl !== null) {
    await writeServiceFile(config.dataDir, { url, databaseUrl: storage.embeddedUrl });
    closers.add(() => removeServiceFile(config.dataDir));
  }
  logger.info({ url, database: storage.database.label }, 'ready');
  return {
    url,
    webSocketUrl: `${url.replace(/^http/, 'ws')}/graphql`,
    database: storage.database.label,
    journal: storage.journal,
    engine,
    failed: failureOf(storage.embedded, () => stopped),
  };
}

async function listening<T>(config: Config, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why: Record<string, [string, string]> = {
      EADDRINUSE: [
        'REPRISE_PORT',
        `port ${config.port} of ${config.host} is taken: stop what listens there, or choose another port`,
      ],
      EACCES: ['REPRISE_PORT', `port ${config.port} is not for this user: choose one from 1024 on`],
      EADDRNOTAVAIL: ['REPRISE_HOST', `${config.host} is no address of this machine`],
      ENOTFOUND: ['REPRISE_HOST', `${config.host} cannot be resolved`],
    };
    const known = code === undefined ? undefined : why[code];
    if (!known) throw error;
    throw new RepriseError('CONFIG_INVALID', `${known[0]}: ${known[1]}`, { cause: error, path: [known[0]] });
  }
}

function failureOf(embedded: EmbeddedPostgres | null, isStopped: () => boolean): Promise<RepriseError> {
  return new Promise((resolve) => {
    void embedded?.exited.then(() => {
      if (isStopped()) return;
      resolve(
        new RepriseError(
          'STORE_UNAVAILABLE',
          'the embedded PostgreSQL ended by itself: see postgres.log in the data folder',
        ),
      );
    });
  });
}

function createLogger(config: Config): Logger {
  return pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
