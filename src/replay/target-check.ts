import { RepriseError } from '../errors.ts';
import { TargetConnection } from '../target/connection.ts';
import type { DatabaseFacts } from '../target/identity.ts';
import type { PublicAlias, TargetPolicy } from '../target/policy.ts';
import { type ResolvedTarget, type TargetSpec, targetLabel } from '../target/spec.ts';
import { isJournalMessage, readTargetFacts } from './preflight-target.ts';
import type { ReplayRequest } from './request.ts';

/** What a target says of itself and of the login, found out by connecting once and changing nothing. */
export interface TargetCheck {
  /** `host:port/database`. */
  readonly targetLabel: string;
  /** The address that policy has passed and that was connected to; null for a Unix socket. */
  readonly address: string | null;
  readonly serverVersion: string;
  readonly encrypted: boolean;
  /** Milliseconds: to connect and log in, and of one statement there and back. */
  readonly connectMs: number;
  readonly roundTripMs: number;
  /** A standby: it refuses writes. */
  readonly inRecovery: boolean;
  /** Sessions of this login are read-only unless they say otherwise. */
  readonly readOnlyByDefault: boolean;
  readonly otherSessions: number;
  readonly freeConnections: number;
  readonly role: TargetRole;
}

/** What the login may do, as far as a replay depends on it. */
export interface TargetRole {
  readonly name: string;
  readonly superuser: boolean;
  /** Row-level security does not hold for it. */
  readonly bypassesRowSecurity: boolean;
  /** Connections that the role may have at once; null: no limit of its own. */
  readonly connectionLimit: number | null;
}

/** Superusers pass row security without the attribute. */
const ROLE_SQL = `
  SELECT rolname, rolsuper::text, (rolsuper OR rolbypassrls)::text, rolconnlimit::text,
         (current_setting('default_transaction_read_only') = 'on')::text
  FROM pg_roles WHERE rolname = current_user`;

/** Not read-only: that would hide whether the login is. */
const CHECK = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 5_000,
  applicationName: 'reprise check',
  readOnly: false,
} as const;

/** Databases of the target that a request sends recorded ones to, besides the target's own. */
export function mappedDatabases({ databases }: Pick<ReplayRequest, 'databases'>): readonly string[] {
  return [...new Set(databases?.map(({ target }) => target))];
}

/**
 * The target that a request names, checked.
 * @throws RepriseError as `TargetPolicy.resolve`, with the path of the target in the request
 */
export async function requestedTarget(
  policy: TargetPolicy,
  request: Pick<ReplayRequest, 'target' | 'databases'>,
): Promise<ResolvedTarget> {
  try {
    return await policy.resolve(request.target, mappedDatabases(request));
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    throw new RepriseError(error.code, error.message, { cause: error.cause, path: ['input', ...error.path] });
  }
}

/**
 * Connects to a target under policy and asks it what it is.
 * @throws RepriseError as `TargetPolicy.resolve`, TARGET_UNREACHABLE; TARGET_REFUSED for the journal's own database
 */
export async function checkTarget(
  policy: TargetPolicy,
  spec: TargetSpec,
  journalFacts: DatabaseFacts | null,
): Promise<TargetCheck> {
  const target = await policy.resolve(spec);
  const begun = performance.now();
  const connection = await TargetConnection.connect(target, CHECK);
  const connectMs = performance.now() - begun;
  try {
    const facts = await readTargetFacts(connection, journalFacts);
    if (facts.isJournal) throw new RepriseError('TARGET_REFUSED', isJournalMessage(target), { path: ['target'] });
    const sent = performance.now();
    const { rows } = await connection.query(ROLE_SQL);
    const roundTripMs = performance.now() - sent;
    const [name, superuser, bypasses, limit, readOnly] = rows[0] ?? [];
    return {
      targetLabel: targetLabel(target),
      address: target.address.startsWith('/') ? null : target.address,
      serverVersion: facts.version,
      encrypted: connection.tls,
      connectMs,
      roundTripMs,
      inRecovery: facts.inRecovery,
      readOnlyByDefault: readOnly === 'true',
      otherSessions: facts.otherSessions,
      freeConnections: facts.freeConnections,
      role: {
        name: name ?? target.user,
        superuser: superuser === 'true',
        bypassesRowSecurity: bypasses === 'true',
        connectionLimit: Number(limit) < 0 ? null : Number(limit),
      },
    };
  } finally {
    await connection.close();
  }
}

/** Why policy refuses an alias now (it leads to the journal, its name does not resolve); null when it does not. */
export async function refusalOf(policy: TargetPolicy, { alias }: PublicAlias): Promise<RepriseError | null> {
  try {
    await policy.resolve({ alias });
    return null;
  } catch (error) {
    if (error instanceof RepriseError) return error;
    throw error;
  }
}
