import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli } from './process.ts';

/** Packages of which a command loads anything. */
async function packagesOf(command: readonly string[]): Promise<ReadonlySet<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'reprise-loaded-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  // Node.js writes which scripts ran, and so which were loaded.
  await cli(command, { REPRISE_SERVER_URL: 'http://127.0.0.1:1', NODE_V8_COVERAGE: folder });
  const [file] = await readdir(folder);
  const { result } = JSON.parse(await readFile(join(folder, file!), 'utf8')) as { result: { url: string }[] };
  return new Set(result.flatMap(({ url }) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []));
}

test.each([[['--version']], [['replay', 'ls']]])(
  'a command that only asks a service loads nothing of the service, which would take longer than the command: %j',
  async (command) => {
    const packages = await packagesOf(command);
    expect(packages).toContain('commander');
    for (const name of ['graphql', 'zod', 'pg', 'graphql-yoga', '@pothos/core']) expect(packages).not.toContain(name);
  },
);
