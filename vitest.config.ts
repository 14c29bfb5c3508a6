import { defineConfig } from 'vitest/config';
import { memoryFolder } from './test/support/memory-folder.ts';

// Before the first worker is forked, which inherits it. A folder that was asked for is left as it is.
const memory = memoryFolder();
if (memory !== undefined) process.env.TMPDIR ??= memory;

export default defineConfig({
  // One copy of graphql: packages that require() it and ours that import it must share its classes.
  resolve: { alias: { graphql: 'graphql/index.js' } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // A third one took the run on two processors as long, for a tenth more of their time.
    maxWorkers: 2,
    // Files share the modules of their worker: to load all of them anew took a fifth of the run. What a file changes of its
    // process (variables, clocks, spies) it puts back.
    isolate: false,
    // On a shared CI machine a browser or a race of two sessions can meet the one schedule in a hundred that a test
    // does not foresee; such a test is repeated there and reported as retried. A developer sees it fail at once.
    retry: process.env.CI ? 2 : 0,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
