import type { EntryKey } from '../../src/journal/entry.ts';
import { messageFor } from '../../src/replay/recorded-message.ts';
import { refillMark } from '../../src/replay/request.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { TargetConnection } from '../../src/target/connection.ts';
import type { ResolvedTarget } from '../../src/target/spec.ts';
import type { StatementMessage } from '../../src/target/statement.ts';
import type { Lab, RecordedLog } from './lab.ts';
import { DATABASE } from './servers.ts';

/** A log's statements by session, held in memory. */
export type Frames = readonly (readonly StatementMessage[])[];

/** Reads the statements of a log, each session's in order. */
export async function readFrames(lab: Lab, log: RecordedLog): Promise<Frames> {
  const service = await lab.service();
  const database = await openDatabase(service.ready.databaseUrl);
  try {
    const limits = { entriesPerTransaction: 1e6, bytesPerTransaction: 1e9, retentionMs: null, retentionBytes: null };
    const journal = createJournalStore(database, limits);
    const sessions = new Map<string, StatementMessage[]>();
    for (let after: EntryKey | null = null; ; ) {
      const page = await journal.page(log.window, {}, after, 5_000);
      for (const entry of page.entries) {
        // Other logs lie in the same hours.
        if (entry.origin.nodeId !== log.name) continue;
        const { sessionId } = entry.origin;
        const messages = sessions.get(sessionId) ?? [];
        messages.push(messageFor(entry, false));
        sessions.set(sessionId, messages);
      }
      after = page.entries.at(-1) ?? null;
      if (!page.hasMore || after === null) return [...sessions.values()];
    }
  } finally {
    await database.close();
  }
}

/**
 * Sends the statements as Reprise's connections do, and does nothing else: nothing is read meanwhile, compared or
 * recorded. What any replay from Node.js can reach at most.
 * @returns milliseconds
 * @throws Error when a statement fails
 */
export async function sendFrames(lab: Lab, sessions: Frames, inFlight: number): Promise<number> {
  const { host, port, user, password } = (await lab.target()).server;
  const target: ResolvedTarget = {
    alias: null,
    host,
    address: host,
    port,
    user,
    password,
    database: DATABASE,
    tls: 'DISABLE',
    ca: null,
  };
  const options = { connectTimeoutMs: 5_000, applicationName: 'frames', statementTimeoutMs: 0, readOnly: false };
  const connections = await Promise.all(sessions.map(() => TargetConnection.connect(target, options)));
  for (const connection of connections) connection.gatherAbove(refillMark(inFlight));
  const started = performance.now();
  await Promise.all(connections.map((connection, n) => sendAll(connection, sessions[n]!, inFlight)));
  const ms = performance.now() - started;
  await Promise.all(connections.map((connection) => connection.close()));
  return ms;
}

function sendAll(connection: TargetConnection, messages: readonly StatementMessage[], inFlight: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const fill = () => {
      while (sent < messages.length && connection.inFlight < inFlight) {
        connection.send(messages[sent++]!, (outcome) => {
          if (!outcome.ok) reject(new Error(outcome.message ?? 'lost'));
          answered += 1;
          if (answered === messages.length) resolve();
          // Half a window a write, as the walks do.
          else if (connection.inFlight <= refillMark(inFlight)) fill();
        });
      }
    };
    fill();
  });
}
