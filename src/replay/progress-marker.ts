import { RepriseError } from '../errors.ts';
import type { Value } from '../journal/value.ts';
import { type TargetConnection, TargetQueryError } from '../target/connection.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import type { ConnectOptions } from '../target/statement.ts';
import { ownBlock } from './as-login.ts';
import type { Connector } from './connector.ts';
import { isMarked } from './marked-statements.ts';
import type { PlannedEntry } from './reporter.ts';
import { answerGraceMs, type ReplayRequest } from './request.ts';
import type { Mays } from './session-roles.ts';

/** What is on the target when a transaction is. */
export interface Mark {
  readonly ordinal: number;
  readonly database: string | null;
  /** A transaction that may be read-only leaves no mark then: that none is there says nothing. */
  readonly mays: Mays | null;
}

/** What the marks on the target say of a transaction; FORGOTTEN: too many behind it have failed. */
export type MarkSays = 'COMMITTED' | 'ROLLED_BACK' | 'BEHIND' | 'FORGOTTEN';

/** Where a run has come to on the target, kept by the target itself. */
const TABLE = 'reprise_marker';

/** Bounds of gaps that the row keeps, two for each: what is in doubt after a crash are some hundreds of transactions. */
const MOST_BOUNDS = 1_024;

/** Of several runs that make the table at once each has its turn. */
const ATTEMPTS = 5;

/** The run's row in a database. */
interface MarkRow {
  /** Of the last statement whose transaction is known to have committed there. */
  readonly ordinal: number;
  /** In pairs: between the two ordinals, neither of them included, no marked transaction has committed. */
  readonly gaps: readonly number[];
}

const NO_MARK: MarkRow = { ordinal: 0, gaps: [] };

/**
 * Marks on the target, within each replayed transaction, that it is there (`markProgress`, docs/replay.md C7):
 * after a crash of the service the marks say exactly which transactions committed, so that a resumed run
 * repeats none of them and leaves none out.
 */
export class ProgressMarker {
  private readonly connector: Connector;
  private readonly request: ReplayRequest;
  private readonly replayId: string;
  /** By target database. */
  private readonly reached = new Map<string | null, MarkRow>();
  /** By target database: ordinal of the mark that was sent last. */
  private readonly sent = new Map<string | null, number>();
  /** By target database: how often the run has been begun and taken on. The marks of an earlier process fail from then on. */
  private readonly epochs = new Map<string | null, number>();
  /** By target database: the table with its schema, because replayed sessions set search paths of their own. */
  private readonly tables = new Map<string | null, string>();

  private constructor(connector: Connector, request: ReplayRequest, replayId: string) {
    this.connector = connector;
    this.request = request;
    this.replayId = replayId;
  }

  /**
   * Makes the table where the search path of the target's user leads to none, and reads where the run had come to.
   * @throws RepriseError TARGET_UNREACHABLE; TARGET_REFUSED when the table cannot be made or written
   */
  static async open(connector: Connector, request: ReplayRequest, replayId: string): Promise<ProgressMarker> {
    const marker = new ProgressMarker(connector, request, replayId);
    const databases = request.databases === null ? [null] : [...new Set(request.databases.map((pair) => pair.target))];
    for (const database of databases) {
      const making = marker.connected(database, (connection) => marker.make(connection, database));
      await making.catch((error: unknown) => {
        throw error instanceof TargetQueryError ? cannotMark(connector.target, database, error) : error;
      });
    }
    return marker;
  }

  /** Another run that makes the table at the same moment fails this one's attempt, and leaves what the next one finds. */
  private async make(connection: TargetConnection, database: string | null): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.makeOnce(connection, database);
      } catch (error) {
        if (!isRace(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  private async makeOnce(connection: TargetConnection, database: string | null): Promise<void> {
    await connection.query(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (replay_id uuid PRIMARY KEY, ordinal bigint NOT NULL, ${GAPS}, ${EPOCH}) WITH (fillfactor = 50)`,
    );
    // Only its owner may add any, also where all are there.
    const { rows: columns } = await connection.query(HAS_COLUMNS);
    if (columns.length < 2)
      await connection.query(
        `ALTER TABLE ${TABLE} ADD COLUMN IF NOT EXISTS ${GAPS}, ADD COLUMN IF NOT EXISTS ${EPOCH}`,
      );
    const { rows } = await connection.query(
      `SELECT quote_ident(nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = '${TABLE}'::regclass`,
    );
    const schema = String(rows[0]?.[0]);
    const table = `${schema}.${TABLE}`;
    this.tables.set(database, table);
    for (const { user } of this.request.users) {
      for (const role of await rolesOf(connection, user)) await grant(connection, schema, table, role);
    }
    // Behind it whatever a process that was taken for dead still sends fails by its mark: what is read then stays so.
    const { rows: begun } = await connection.query(
      `INSERT INTO ${table} AS mine VALUES ('${this.replayId}', 0) ON CONFLICT (replay_id) DO UPDATE SET epoch = mine.epoch + 1 RETURNING epoch`,
    );
    this.epochs.set(database, Number(begun[0]?.[0]));
    await this.readOn(connection, database);
  }

  /** For looking again, as often as need be, where the run has come to. */
  reader(): MarkReader {
    return new MarkReader(
      (database) => this.connector.open(this.optionsFor(database)),
      (connection, database) => this.readOn(connection, database),
    );
  }

  private async readOn(connection: TargetConnection, database: string | null): Promise<void> {
    const { rows } = await connection.query(
      `SELECT ordinal, pg_catalog.array_to_string(gaps, ',') FROM ${this.tables.get(database)} WHERE replay_id = '${this.replayId}'`,
    );
    const [ordinal, gaps] = rows[0] ?? [];
    this.reached.set(database, { ordinal: Number(ordinal ?? 0), gaps: gaps ? gaps.split(',').map(Number) : [] });
  }

  private async connected(
    database: string | null,
    work: (connection: TargetConnection) => Promise<void>,
  ): Promise<void> {
    await this.connector.use(this.optionsFor(database), work);
  }

  private optionsFor(database: string | null): ConnectOptions {
    const { request } = this;
    return {
      connectTimeoutMs: request.connectTimeoutMs,
      applicationName: `reprise ${this.replayId.slice(0, 8)} marker`,
      statementTimeoutMs: request.statementTimeoutMs,
      answerGraceMs: answerGraceMs(request),
      readOnly: false,
      ...(database === null ? {} : { database }),
    };
  }

  /** The mark of a transaction; null for one that has none. */
  mark(planned: readonly PlannedEntry[], database: string | null, mays: Mays | null): Mark | null {
    const last = planned.at(-1);
    if (last === undefined || !isMarked(planned)) return null;
    return { ordinal: last.ordinal, database, mays };
  }

  /**
   * SQL that marks, within a transaction, that it is there; to be sent in the order of the marks. Where the mark sent before is
   * not there, its transaction has failed by itself: the row keeps that, as this mark would speak for it.
   */
  update({ ordinal, database, mays }: Mark): string {
    const before = this.sent.get(database) ?? this.reachedIn(database).ordinal;
    // Whether one that may be read-only leaves a mark is not known: a gap too many does no harm.
    if (mays?.beReadOnly !== true) this.sent.set(database, ordinal);
    const longer = `pg_catalog.array_cat(gaps, ARRAY[ordinal, ${ordinal}::pg_catalog.int8])`;
    const from = `greatest(1, pg_catalog.cardinality(gaps) + 3 - ${MOST_BOUNDS})`;
    // Not a row of its own epoch: division by zero.
    const fenced = `${ordinal} / (epoch = ${this.epochs.get(database)})::pg_catalog.int4`;
    const update = `UPDATE ${this.tables.get(database)} SET ordinal = ${fenced}, gaps = CASE ordinal WHEN ${before} THEN gaps ELSE (${longer})[${from}:] END WHERE replay_id = '${this.replayId}'`;
    return mays === null ? update : ownBlock(update, mays);
  }

  /**
   * What had become of the marked transaction that ends with this ordinal when the marks were last read. Of one without a mark
   * only BEHIND says something: nothing that was sent after it had committed.
   */
  says(ordinal: number, database: string | null): MarkSays {
    const { ordinal: reached, gaps } = this.reachedIn(database);
    if (ordinal > reached) return 'BEHIND';
    if (gaps.length >= MOST_BOUNDS && ordinal <= (gaps[0] as number)) return 'FORGOTTEN';
    for (let at = 0; at < gaps.length; at += 2) {
      if (ordinal > (gaps[at] as number) && ordinal < (gaps[at + 1] as number)) return 'ROLLED_BACK';
    }
    return 'COMMITTED';
  }

  private reachedIn(database: string | null): MarkRow {
    return this.reached.get(database) ?? NO_MARK;
  }
}

const GAPS = `gaps bigint[] NOT NULL DEFAULT '{}'`;
const EPOCH = 'epoch int NOT NULL DEFAULT 0';
const HAS_COLUMNS = `SELECT 1 FROM pg_attribute WHERE attrelid = '${TABLE}'::regclass AND attname IN ('gaps', 'epoch') AND NOT attisdropped`;

/** What an operator can do about a target that takes no marks. */
function cannotMark(target: ResolvedTarget, database: string | null, cause: TargetQueryError): RepriseError {
  const label = targetLabel(database === null ? target : { ...target, database });
  const needs = `the login has to be let make the table ${TABLE}, or read and write one that it finds there`;
  const why = `the run cannot mark its progress on ${label}: ${cause.message} (${cause.sqlstate}); ${needs}, or replay without marks`;
  return new RepriseError('TARGET_REFUSED', why, { cause });
}

/** True for what PostgreSQL says where two sessions make or grant the same thing at once: a row of its catalog is there, or has changed. */
function isRace(error: unknown): boolean {
  return error instanceof TargetQueryError && ['23505', '42P07', 'XX000'].includes(error.sqlstate);
}

/** Reads marks on connections that it keeps until it is closed, one for each database. */
export class MarkReader {
  private readonly connect: (database: string | null) => Promise<TargetConnection>;
  private readonly readOn: (connection: TargetConnection, database: string | null) => Promise<void>;
  private readonly connections = new Map<string | null, TargetConnection>();
  private closed = false;

  constructor(
    connect: (database: string | null) => Promise<TargetConnection>,
    readOn: (connection: TargetConnection, database: string | null) => Promise<void>,
  ) {
    this.connect = connect;
    this.readOn = readOn;
  }

  /** Reads again where the run has come to in a database. @throws RepriseError TARGET_UNREACHABLE, TARGET_LOST */
  async read(database: string | null): Promise<void> {
    let connection = this.connections.get(database);
    if (connection === undefined || connection.ended) {
      connection = await this.connect(database);
      // Nobody may have waited for it.
      if (this.closed) return connection.destroy();
      this.connections.set(database, connection);
    }
    await this.readOn(connection, database);
  }

  /** A question under way is cut off. Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    const connections = [...this.connections.values()];
    await Promise.all(connections.map((one) => (one.inFlight > 0 ? one.destroy() : one.close())));
  }
}

/** A user and, where ALTER ROLE or ALTER DATABASE has it so, the role that its sessions begin under. */
async function rolesOf(connection: TargetConnection, user: string): Promise<readonly string[]> {
  const { rows } = await connection.query(BEGINS_UNDER, [parameter(user)]);
  return [user, ...rows.map(([role]) => String(role))];
}

/** One row at most: the setting that goes before the others. */
const BEGINS_UNDER = `SELECT rolname FROM pg_roles WHERE rolname = (
  SELECT substr(setting, 6) FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
  WHERE setting LIKE 'role=%' AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = $1))
  ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1)`;

/** What a mapped user, or the role that it works under, needs to mark its own transactions. */
async function grant(connection: TargetConnection, schema: string, table: string, user: string): Promise<void> {
  const role = `"${user.replaceAll('"', '""')}"`;
  await connection.query(`GRANT SELECT, UPDATE ON ${table} TO ${role}`);
  // Of a schema that everybody may use, as public is, nothing is to be granted, nor perhaps may be.
  const { rows } = await connection.query('SELECT has_schema_privilege($1, $2::regnamespace, $3)', [
    parameter(user),
    parameter(schema),
    parameter('USAGE'),
  ]);
  if (rows[0]?.[0] !== 't') await connection.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
}

function parameter(value: string): Value {
  return { kind: 'text', value, oid: null };
}
