#!/usr/bin/env node
import { EXIT } from './cli/exit-codes.ts';
import { keepHeapSmall } from './cli/heap.ts';
import type { Io } from './cli/io.ts';
import { reportStuck, reportUnwritable, runCli } from './cli/program.ts';

keepHeapSmall();
const stop = new AbortController();
/** Under npm and npx Ctrl-C comes twice, from the terminal and from npm: within this time it is one. */
const ONE_SIGNAL_MS = process.env['npm_lifecycle_event'] === undefined ? 0 : 1000;
let firstAt = 0;
/** True from when the process is meant to end. */
let ended = false;

/** The first signal ends the command cleanly, its embedded PostgreSQL included; the second one ends it at once. */
function onSignal(): void {
  if (!stop.signal.aborted) {
    firstAt = performance.now();
    stop.abort();
  } else if (performance.now() - firstAt >= ONE_SIGNAL_MS) {
    ended = true;
    // The embedded PostgreSQL watches this process and ends when it is gone.
    process.exit(EXIT.INTERRUPTED);
  }
}
const argv = process.argv.slice(2);
const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  signal: stop.signal,
};

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
// A reader that went away (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  ended = true;
  process.exit(error.code === 'EPIPE' ? EXIT.OK : reportUnwritable(argv, io, error));
});
// Nor is one of messages (`2>&1 | head`), nor a disk that is full of them: the command goes on, and its exit status stays its own.
process.stderr.on('error', () => {});

// A promise that nothing will settle: the process would end with nothing said, and Node's own exit status 13.
process.on('exit', () => {
  if (!ended) process.exitCode = reportStuck(argv, io);
});

process.on('uncaughtExceptionMonitor', () => {
  ended = true;
});

process.exitCode = await runCli(argv, io);
ended = true;
