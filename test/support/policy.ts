import type { JournalStore } from '../../src/journal/store.ts';
import type { Database } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTargetPolicy, type TargetPolicy } from '../../src/target/policy.ts';
import type { SharedServer } from './global-setup.ts';

/** Alias of the tests' server: its password is known after a restart of the service too. */
export const ALIAS = 'staging';

/** A journal without limits. */
export function openJournal(database: Database): JournalStore {
  return createJournalStore(database, {
    entriesPerTransaction: 1_000_000,
    bytesPerTransaction: 1_000_000_000,
    retentionMs: null,
    retentionBytes: null,
  });
}

/** Knows a server by `ALIAS`, and lets everything on this machine pass. */
export function testPolicy({ host, port, user, password }: SharedServer): TargetPolicy {
  const alias = { alias: ALIAS, host, port, user, password, database: 'postgres', tls: 'DISABLE', ca: null } as const;
  return createTargetPolicy({ aliases: [alias], allow: ['loopback'], forbidden: [] });
}
