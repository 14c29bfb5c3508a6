#!/usr/bin/env node
import { EXIT } from './cli/exit-codes.ts';
import { keepHeapSmall } from './cli/heap.ts';
import { runCli } from './cli/program.ts';

keepHeapSmall();
const stop = new AbortController();
/** Ctrl-C under `npm start` comes twice: from the terminal and from npm. Within this time it is one. */
const ONE_SIGNAL_MS = 1000;
let firstAt = 0;

/** The first signal ends the command cleanly, its embedded PostgreSQL included; the second one ends it at once. */
function onSignal(): void {
  if (!stop.signal.aborted) {
    firstAt = performance.now();
    stop.abort();
  } else if (performance.now() - firstAt > ONE_SIGNAL_MS) {
    // The embedded PostgreSQL watches this process and ends when it is gone.
    process.exit(EXIT.INTERRUPTED);
  }
}
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
// A reader that went away (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.OK);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  signal: stop.signal,
});
