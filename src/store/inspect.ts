import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Client } from 'pg';
import { clientConfig, parseDatabaseUrl, settleTls, storeLabel } from './connection.ts';
import { locateBinaries } from './embedded-binaries.ts';
import { holderOf } from './embedded-lock.ts';
import { guarded } from './failures.ts';
import { MIGRATION_NAMES } from './migrations/migrate.ts';

/** What the journal's database is, found out without changing it. */
export interface StoreInspection {
  /** `host:port/database`, without credentials. */
  readonly label: string;
  readonly serverVersion: string;
  /** False before PostgreSQL 13. */
  readonly supported: boolean;
  /** Migrations that it has, that it lacks, and that it has of a later release. */
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  readonly unknown: readonly string[];
  /** Whether the login may make the schema; it must where there is none yet. */
  readonly mayCreate: boolean;
}

const PURPOSE = { applicationName: 'reprise doctor', connectTimeoutMs: 5_000, statementTimeoutMs: 5_000 };

const SERVER_SQL = `
  select current_setting('server_version') as version, current_setting('server_version_num')::int as num,
         to_regclass('reprise.migrations') is not null as migrated,
         has_database_privilege(current_database(), 'create') as may_create`;

/** Looks at the journal's database. @throws RepriseError CONFIG_INVALID, STORE_UNAVAILABLE */
export async function inspectStore(url: string): Promise<StoreInspection> {
  const asked = parseDatabaseUrl(url);
  const label = storeLabel(asked);
  return guarded(`connect to the journal's database ${label}`, async () => {
    const client = new Client(clientConfig(await settleTls(asked, PURPOSE), PURPOSE));
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ version: string; num: number; migrated: boolean; may_create: boolean }>(
        SERVER_SQL,
      );
      const server = rows[0]!;
      const names = server.migrated
        ? (await client.query<{ name: string }>('select name from reprise.migrations order by name')).rows
        : [];
      const applied = names.map(({ name }) => name);
      return {
        label,
        serverVersion: server.version.split(' ')[0] ?? '',
        supported: server.num >= 130000,
        applied,
        pending: MIGRATION_NAMES.filter((name) => !applied.includes(name)),
        unknown: applied.filter((name) => !MIGRATION_NAMES.includes(name)),
        mayCreate: server.may_create,
      };
    } finally {
      await client.end().catch(() => {});
    }
  });
}

/** What a data folder holds, found out without starting anything in it. */
export interface FolderInspection {
  /** Major version of the PostgreSQL that wrote it, `18`; null where there is none yet. */
  readonly writtenBy: string | null;
  /** Process that uses it now. */
  readonly holder: number | null;
  readonly writable: boolean;
  /** Bytes free on its file system; null when that cannot be told. */
  readonly freeBytes: number | null;
}

/** Looks at a data folder, which need not be there; changes nothing. */
export async function inspectFolder(dataDir: string): Promise<FolderInspection> {
  const place = await nearest(dataDir);
  const version = await fs.readFile(path.join(dataDir, 'pgdata', 'PG_VERSION'), 'utf8').catch(() => null);
  return {
    writtenBy: version?.trim() ?? null,
    holder: await holderOf(dataDir),
    writable: await fs.access(place, fs.constants.W_OK).then(
      () => true,
      () => false,
    ),
    freeBytes: await fs.statfs(place).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => null,
    ),
  };
}

/** The folder, or the nearest one above it that exists: what making it needs. */
async function nearest(folder: string): Promise<string> {
  for (let place = path.resolve(folder); ; place = path.dirname(place)) {
    const found = await fs.stat(place).catch(() => null);
    if (found !== null || place === path.dirname(place)) return place;
  }
}

/** Version of the embedded PostgreSQL, as its package has it. @throws RepriseError EMBEDDED_UNSUPPORTED */
export async function embeddedVersion(): Promise<string> {
  const text = await fs.readFile(path.join(locateBinaries(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
