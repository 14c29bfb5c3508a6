import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const page = await readFile('docs/architecture.md', 'utf8');
/** Folders whose files are all named; of the others the page names what is hard to find. */
const NAMED_WHOLE = ['capture', 'journal', 'replay', 'target', 'store', 'graphql', 'server'];

/** Paths that a part of the page may mean by a name: those under `src`, and those of the folder that it is about. */
function meant(name: string, folder: string): string[] {
  return [name, `src/${name}`, `${folder}${name}`].filter((path) => existsSync(path));
}

/** What the page names, each with the folder of the part that names it. */
function named(): { name: string; folder: string }[] {
  let folder = '';
  return page.split('\n').flatMap((line) => {
    if (line.startsWith('#')) folder = /^### `([^`]+)`:/.exec(line)?.[1] ?? '';
    if (line.startsWith('`ids/` follows')) folder = 'src/replay/ids/';
    const names = line.startsWith('|') ? [...line.matchAll(/`([\w./-]+(?:\.tsx?|\/))`/g)] : [];
    return names.map((match) => ({ name: match[1] as string, folder }));
  });
}

test('every file and folder that docs/architecture.md names is there', () => {
  expect(named().length).toBeGreaterThan(200);
  expect(named().filter(({ name, folder }) => meant(name, folder).length === 0)).toEqual([]);
});

test('docs/architecture.md names every file of the engine, the journal, their storage and their API', async () => {
  const paths = new Set(named().flatMap(({ name, folder }) => meant(name, folder)));
  const missing: string[] = [];
  for (const folder of NAMED_WHOLE) {
    const files = await readdir(`src/${folder}`, { recursive: true });
    for (const file of files) {
      const path = `src/${folder}/${file}`;
      if (/\.ts$/.test(file) && !file.startsWith('migrations') && !paths.has(path)) missing.push(path);
    }
  }
  expect(missing).toEqual([]);
});
