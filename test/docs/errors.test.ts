import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import { ERROR_CODES } from '../../src/errors.ts';

test('docs/errors.md explains every error code, no other, with the exit status of the CLI', async () => {
  const rows = (await readFile('docs/errors.md', 'utf8')).matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| (\d+) \|$/gm);
  const documented = [...rows].map((row) => [row[1], Number(row[4])]);
  expect(documented).toEqual(ERROR_CODES.map((code) => [code, exitCodeOf(code)]));
});
