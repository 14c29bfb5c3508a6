import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

test('the dashboard imports nothing of src but itself and the client', async () => {
  // dependency-cruiser cannot read JSX with its swc parser, so these files are read here.
  const files = await readdir('src/dashboard', { recursive: true }).catch(() => []);
  const foreign: string[] = [];
  for (const name of files.filter((file) => file.endsWith('.tsx'))) {
    const file = join('src/dashboard', name);
    const text = await readFile(file, 'utf8');
    for (const [, path = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const target = relative('.', resolve(dirname(file), path));
      if (!/^src\/(dashboard|client)\//.test(target.replaceAll('\\', '/'))) foreign.push(`${file}: ${path}`);
    }
  }
  expect(foreign).toEqual([]);
});
