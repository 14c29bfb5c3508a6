import type { JournalStore } from '../../src/journal/store.ts';
import type { Database } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTargetPolicy, type TargetPolicy, type TargetPolicyConfig } from '../../src/target/policy.ts';
import type { SharedServer } from './global-setup.ts';

/** Alias of the tests' server: its password is known after a restart of the service too. */
export const ALIAS = 'staging';

/** Limits of a journal that has none. */
export const NO_LIMITS = {
  entriesPerTransaction: 1_000_000,
  bytesPerTransaction: 1_000_000_000,
  retentionMs: null,
  retentionBytes: null,
} as const;

/** A journal without limits. */
export function openJournal(database: Database): JournalStore {
  return createJournalStore(database, NO_LIMITS);
}

/** What `testPolicy` is made of. */
export function testPolicyConfig({ host, port, user, password }: SharedServer): TargetPolicyConfig {
  const alias = { alias: ALIAS, host, port, user, password, database: 'postgres', tls: 'DISABLE', ca: null } as const;
  return { aliases: [alias], allow: ['loopback'], forbidden: [] };
}

/** Knows a server by `ALIAS`, and lets everything on this machine pass. */
export function testPolicy(server: SharedServer): TargetPolicy {
  return createTargetPolicy(testPolicyConfig(server));
}
