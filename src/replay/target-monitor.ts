import type { TargetConnection } from '../target/connection.ts';

/** Backend process ids that each waiting backend waits for, those that these wait for included. */
export type Blockers = ReadonlyMap<number, readonly number[]>;

/**
 * The run's own look at the target, on a connection of its own: who blocks whom. The other connections are
 * busy with exactly the statements that are asked about.
 */
export class TargetMonitor {
  private connection: TargetConnection;
  private readonly connect: () => Promise<TargetConnection>;
  private reopening: Promise<void> | null = null;
  private closed = false;

  /** `connect` opens another connection when the first was lost. */
  constructor(connection: TargetConnection, connect: () => Promise<TargetConnection>) {
    this.connection = connection;
    this.connect = connect;
  }

  get serverVersion(): string {
    return this.connection.serverVersion;
  }

  /**
   * Who blocks these backends now, directly or through others, whoever they are. A backend that waits for no
   * lock is absent. Rejects when the target cannot be asked; the next call tries to connect again.
   */
  async blockers(processIds: readonly number[]): Promise<Blockers> {
    if (processIds.length === 0) return new Map();
    await this.reopen();
    const { rows } = await this.connection.query(
      `WITH RECURSIVE waits(pid, blocker) AS (
         SELECT pid, pg_catalog.unnest(pg_catalog.pg_blocking_pids(pid)) FROM pg_catalog.unnest(ARRAY[${listed(processIds)}]::int[]) AS pid
         UNION
         SELECT waits.pid, pg_catalog.unnest(pg_catalog.pg_blocking_pids(waits.blocker)) FROM waits
       ) SELECT pid, blocker FROM waits`,
    );
    const blockers = new Map<number, number[]>();
    for (const [pid, blocker] of rows) {
      const known = blockers.get(Number(pid));
      if (known === undefined) blockers.set(Number(pid), [Number(blocker)]);
      else known.push(Number(blocker));
    }
    return blockers;
  }

  /** Ends these backends, for when a cancel request did not. */
  async terminate(processIds: readonly number[]): Promise<void> {
    if (processIds.length === 0 || this.connection.ended) return;
    await this.connection.query(
      `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.unnest(ARRAY[${listed(processIds)}]::int[]) AS pid`,
    );
  }

  /**
   * Ends the backends of an earlier process of this run, by their application name, and resolves when they are
   * gone. They belong to the same login, which may end its own.
   */
  async endOthers(applicationName: string): Promise<void> {
    const others = `FROM pg_catalog.pg_stat_activity
      WHERE pid <> pg_catalog.pg_backend_pid() AND pg_catalog.starts_with(application_name, '${applicationName}')`;
    for (;;) {
      const { rows } = await this.connection.query(
        `SELECT pg_catalog.pg_terminate_backend(pid), pg_catalog.pg_sleep(0.01) ${others}`,
      );
      if (rows.length === 0) return;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.connection.close();
  }

  private reopen(): Promise<void> {
    if (!this.connection.ended || this.closed) return Promise.resolve();
    this.reopening ??= this.connect()
      .then((connection) => {
        if (this.closed) connection.destroy();
        else this.connection = connection;
      })
      .finally(() => {
        this.reopening = null;
      });
    return this.reopening;
  }
}

function listed(processIds: readonly number[]): string {
  return processIds.map((pid) => String(Math.trunc(pid))).join(',');
}
