import * as fs from 'node:fs/promises';
import * as path from 'node:path';

/**
 * Makes a folder for its owner alone (0700), and those above it that are not there; leaves one that is there as it is.
 * Level by level: Node's recursive `mkdir` never ends where a folder that is there takes none, as `/proc` on Linux.
 * Rejects with the system's error, which names the level that cannot be made.
 */
export async function makeFolder(folder: string): Promise<void> {
  const absolute = path.resolve(folder);
  if (await isFolder(absolute)) return;
  const above = path.dirname(absolute);
  if (above !== absolute) await makeFolder(above);
  try {
    await fs.mkdir(absolute, { mode: 0o700 });
  } catch (error) {
    // Another process may have been faster.
    if (!(await isFolder(absolute))) throw error;
  }
}

/** False also where nothing can be told of it: making it will say why. */
function isFolder(place: string): Promise<boolean> {
  return fs.stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
