import { rm } from 'node:fs/promises';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';
import { type Program, runProgram } from './programs.ts';

/** Database that the statements were recorded in and are sent to. */
export const DATABASE = 'bench';
/** What `DATABASE` is made from, again and again. */
const SEED = 'bench_seed';
/** pgbench's scale: one branch for each of eight sessions. */
export const SCALE = 8;

/** For logs that pgreplay can read too. */
const LOGGING = {
  logging_collector: 'on',
  log_destination: 'csvlog,stderr',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_statement: 'all',
  log_duration: 'on',
  log_connections: 'on',
  log_disconnections: 'on',
  log_min_error_statement: 'log',
  log_line_prefix: '%m|%u|%d|%c|',
  log_file_mode: '0644',
};

const MEMORY = { shared_buffers: '512MB', max_wal_size: '8GB', checkpoint_timeout: '1h', autovacuum: 'off' };

/** Environment that makes libpq programs find the server. */
export function libpqEnvironment(server: EmbeddedPostgres): Record<string, string> {
  return {
    PGHOST: server.host,
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSWORD: server.password,
    PGDATABASE: DATABASE,
    PGSSLMODE: 'disable',
    PGGSSENCMODE: 'disable',
  };
}

/** Runs statements, each in a transaction of its own. */
async function execute(server: EmbeddedPostgres, database: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Makes pgbench's tables, once. */
async function seed(server: EmbeddedPostgres, pgbench: Program): Promise<void> {
  await server.createDatabase(SEED);
  await runProgram(
    pgbench,
    ['-i', '-q', '-s', String(SCALE), SEED],
    { ...libpqEnvironment(server), PGDATABASE: SEED },
    120_000,
  );
  await execute(server, SEED, ['vacuum (freeze, analyze)']);
}

/** The server that everything is sent to. Logs nothing, vacuums nothing by itself. */
export interface TargetServer {
  readonly server: EmbeddedPostgres;
  /** Tables as pgbench made them, in memory, with nothing left to write. */
  reset(synchronousCommit: boolean): Promise<void>;
  /** Writes what there is to write, so that it does not fall into a measurement. */
  settle(): Promise<void>;
}

export async function startTarget(dataDir: string, pgbench: Program): Promise<TargetServer> {
  const server = await startEmbedded({ dataDir, settings: MEMORY });
  await seed(server, pgbench);
  const target: TargetServer = {
    server,
    async reset(synchronousCommit) {
      await execute(server, 'postgres', [
        `drop database if exists ${DATABASE} with (force)`,
        `create database ${DATABASE} template ${SEED}`,
        `alter database ${DATABASE} set synchronous_commit = ${synchronousCommit ? 'on' : 'off'}`,
      ]);
      await execute(server, DATABASE, [
        'select count(*) from pgbench_accounts where abalance = 0',
        'select sum(tbalance) from pgbench_tellers',
        'checkpoint',
      ]);
    },
    settle: () => execute(server, 'postgres', ['checkpoint']),
  };
  await target.reset(true);
  return target;
}

/** The server whose logs are the workload. */
export class SourceServer {
  readonly #dataDir: string;
  readonly #pgbench: Program;
  #made = false;

  constructor(dataDir: string, pgbench: Program) {
    this.#dataDir = dataDir;
    this.#pgbench = pgbench;
  }

  /** Runs pgbench under a log of its own; gives the paths of the log in csv and in stderr format. */
  async record(name: string, args: readonly string[]): Promise<{ readonly csv: string; readonly stderr: string }> {
    if (!this.#made) await this.#make();
    const folder = `${this.#dataDir}/pgdata/log`;
    const files = { csv: `${folder}/${name}.csv`, stderr: `${folder}/${name}.log` };
    for (const file of Object.values(files)) await rm(file, { force: true });
    const server = await startEmbedded({
      dataDir: this.#dataDir,
      settings: { ...MEMORY, ...LOGGING, log_filename: `${name}.log`, synchronous_commit: 'off' },
    });
    try {
      await runProgram(this.#pgbench, ['-n', ...args], libpqEnvironment(server), 600_000);
    } finally {
      await server.stop();
    }
    return files;
  }

  async #make(): Promise<void> {
    const server = await startEmbedded({ dataDir: this.#dataDir, settings: MEMORY });
    try {
      await seed(server, this.#pgbench);
      await execute(server, 'postgres', [
        `drop database if exists ${DATABASE} with (force)`,
        `create database ${DATABASE} template ${SEED}`,
      ]);
    } finally {
      await server.stop();
    }
    this.#made = true;
  }
}
