import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Config } from './config.ts';
import { ReplayEngine } from './replay/engine.ts';
import type { RunObserver } from './replay/run-observer.ts';
import type { Storage } from './storage.ts';
import { guarded } from './store/failures.ts';
import { DATABASE_FACTS_SQL, type DatabaseFacts } from './target/identity.ts';
import { createTargetPolicy } from './target/policy.ts';

/**
 * The engine over a storage, with runs of dead processes marked INTERRUPTED. The journal's own database is refused
 * as a target, by its address and by what the target itself says about who it is.
 * @throws RepriseError CONFIG_INVALID, STORE_UNAVAILABLE
 */
export async function openEngine(
  config: Config,
  storage: Storage,
  onStoreFailure: (replayId: string, error: unknown) => void,
  observer?: RunObserver,
): Promise<ReplayEngine> {
  const { host, port, database } = storage.database.options;
  const policy = createTargetPolicy({
    aliases: config.targets,
    allow: config.allowTargets,
    forbidden: [{ host, port, database, what: "the journal's own database" }],
  });
  const engine = new ReplayEngine({
    journal: storage.journal,
    store: storage.replays,
    policy,
    ownerId: randomUUID(),
    maxReplays: config.maxReplays,
    // Asked anew for each target: a restart of the journal's server changes them.
    journalFacts: () => guarded('look at the server of the journal', () => factsOf(storage)),
    onStoreFailure,
    ...(observer ? { observer } : {}),
  });
  await engine.recover();
  return engine;
}

async function factsOf(storage: Storage): Promise<DatabaseFacts | null> {
  const { rows } = await sql
    .raw<{ started_at: string; database: string; oid: string }>(DATABASE_FACTS_SQL)
    .execute(storage.database.query);
  const [row] = rows;
  return row ? { startedAt: row.started_at, database: row.database, oid: row.oid } : null;
}
