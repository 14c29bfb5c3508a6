import type { Entry } from '../journal/entry.ts';
import { TOKEN, Tokenizer } from '../journal/sql-tokens.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { Connector } from './connector.ts';
import type { ReplayRequest } from './request.ts';

/** Where a run has come to on the target, kept by the target itself. In the first schema of the search path. */
const TABLE = 'reprise_marker';

/**
 * Marks on the target, within each replayed transaction, that it is there (`markProgress`, docs/replay.md C7):
 * after a crash of the service the marks say exactly which transactions committed, so that a resumed run
 * repeats none of them and leaves none out.
 */
export class ProgressMarker {
  private readonly connector: Connector;
  private readonly request: ReplayRequest;
  private readonly replayId: string;
  /** By target database: ordinal of the last statement whose transaction is known to have committed there. */
  private readonly reached = new Map<string | null, number>();

  private constructor(connector: Connector, request: ReplayRequest, replayId: string) {
    this.connector = connector;
    this.request = request;
    this.replayId = replayId;
  }

  /**
   * Makes the table where it is missing, and reads where the run had come to.
   * @throws RepriseError TARGET_UNREACHABLE; TargetQueryError when the table cannot be made or written
   */
  static async open(connector: Connector, request: ReplayRequest, replayId: string): Promise<ProgressMarker> {
    const marker = new ProgressMarker(connector, request, replayId);
    const databases = request.databases === null ? [null] : [...new Set(request.databases.map((pair) => pair.target))];
    for (const database of databases) {
      await marker.connected(database, async (connection) => {
        await connection.query(
          `CREATE TABLE IF NOT EXISTS ${TABLE} (replay_id uuid PRIMARY KEY, ordinal bigint NOT NULL) WITH (fillfactor = 50)`,
        );
        for (const { user } of request.users) {
          await connection.query(`GRANT SELECT, UPDATE ON ${TABLE} TO "${user.replaceAll('"', '""')}"`);
        }
        await connection.query(`INSERT INTO ${TABLE} VALUES ('${replayId}', 0) ON CONFLICT (replay_id) DO NOTHING`);
        await marker.readOn(connection, database);
      });
    }
    return marker;
  }

  /** Reads again where the run has come to in a database. @throws RepriseError TARGET_UNREACHABLE, TARGET_LOST */
  read(database: string | null): Promise<void> {
    return this.connected(database, (connection) => this.readOn(connection, database));
  }

  private async readOn(connection: TargetConnection, database: string | null): Promise<void> {
    const { rows } = await connection.query(`SELECT ordinal FROM ${TABLE} WHERE replay_id = '${this.replayId}'`);
    this.reached.set(database, Number(rows[0]?.[0] ?? 0));
  }

  private async connected(
    database: string | null,
    work: (connection: TargetConnection) => Promise<void>,
  ): Promise<void> {
    const { request } = this;
    await this.connector.use(
      {
        connectTimeoutMs: request.connectTimeoutMs,
        applicationName: `reprise ${this.replayId.slice(0, 8)} marker`,
        statementTimeoutMs: request.statementTimeoutMs,
        readOnly: false,
        ...(database === null ? {} : { database }),
      },
      work,
    );
  }

  /** SQL that marks, within a transaction, that it is there up to this ordinal. */
  update(ordinal: number): string {
    return `UPDATE ${TABLE} SET ordinal = ${ordinal} WHERE replay_id = '${this.replayId}'`;
  }

  /** True when the transaction that ends with this ordinal had committed when the mark was last read. */
  had(ordinal: number, database: string | null): boolean {
    return ordinal <= (this.reached.get(database) ?? 0);
  }
}

/** First words of statements that the server refuses within a transaction, or that may end one themselves. */
const ALONE = new Set(['VACUUM', 'CLUSTER', 'REINDEX', 'CALL', 'DO']);
const ALONE_OBJECTS = new Set(['DATABASE', 'TABLESPACE', 'SUBSCRIPTION', 'SYSTEM', 'CONCURRENTLY']);

/** True when an autocommit statement can be put into a transaction together with its mark. */
export function isMarkable(entry: Entry): boolean {
  if (transactionEffect(entry.statement).some(({ kind }) => kind !== 'NONE')) return false;
  if (entry.statementType !== 'DDL' && entry.statementType !== 'OTHER') return true;
  const tokens = new Tokenizer(entry.statement);
  tokens.advance();
  if (ALONE.has(tokens.keyword())) return false;
  for (let words = 0; words < 4; words++) {
    if (tokens.advance() === TOKEN.END) break;
    if (ALONE_OBJECTS.has(tokens.keyword())) return false;
  }
  return true;
}
