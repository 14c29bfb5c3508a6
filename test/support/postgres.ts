import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';

/** A server of one test's own. After `kill()`, `startEmbedded({ dataDir })` brings it back; `stop()` removes the folder. */
export interface TestServer extends EmbeddedPostgres {
  readonly dataDir: string;
}

/** Killing the server loses nothing without fsync; only a crash of the machine would. */
export const FAST_SETTINGS = { fsync: 'off', full_page_writes: 'off' };

/** Starts a server in a fresh temporary folder, with `settings` over the fast ones (`fsync: 'on'` for the real thing). */
export async function startTestServer(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'reprise-test-'));
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await startEmbedded({ dataDir, settings: { ...FAST_SETTINGS, ...settings } });
    return { ...server, dataDir, stop: () => server.stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
