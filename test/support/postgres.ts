import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';

/** A server of one test's own. After `kill()`, `startEmbedded({ dataDir })` brings it back; `stop()` removes the folder. */
export interface TestServer extends EmbeddedPostgres {
  readonly dataDir: string;
}

/** Killing the server loses nothing without fsync; only a crash of the machine would. */
export const FAST_SETTINGS = { fsync: 'off', full_page_writes: 'off' };

/**
 * Makes a data folder of a server that was initialised and stopped. To initialise one takes seconds: what is started on this folder,
 * be it a service, does not.
 */
export async function initialisedFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `reprise-${name}-`));
  // As root, the files belong to the server's account: fs.cp would not keep that.
  execFileSync('cp', ['-a', `${inject('initialised')}/.`, folder]);
  return folder;
}

/** Starts a server in a fresh temporary folder, with `settings` over the fast ones (`fsync: 'on'` for the real thing). */
export async function startTestServer(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const dataDir = await initialisedFolder('test');
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await startEmbedded({ dataDir, settings: { ...FAST_SETTINGS, ...settings } });
    return { ...server, dataDir, stop: () => server.stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
