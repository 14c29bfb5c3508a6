import type { Command } from 'commander';
import { type Client, createClient, JournalCoverageDocument, type WindowInput } from '../client/index.ts';
import { loadClientConfig } from '../config/client.ts';
import { RepriseError } from '../errors.ts';
import { addJsonFlag } from './context.ts';
import type { Io } from './io.ts';
import { type WindowFlags, windowOf } from './options.ts';

/** Where the service is, and how to talk to it. */
export interface ServiceFlags {
  readonly server?: string;
  readonly sse?: boolean;
  readonly json?: boolean;
}

/** Flags of every command that talks to a running service. */
export function addServiceFlags(command: Command): Command {
  return addJsonFlag(command).option(
    '--server <url>',
    'where the service is (REPRISE_SERVER_URL, default http://127.0.0.1:4000)',
  );
}

/** The same for commands that subscribe. */
export function addStreamFlags(command: Command): Command {
  return addServiceFlags(command).option('--sse', 'subscribe by server-sent events instead of WebSocket');
}

/** A client of the service that flags and environment name. */
export function serviceOf(io: Io, flags: ServiceFlags): Client {
  const { serverUrl, token } = loadClientConfig(io.env, { REPRISE_SERVER_URL: flags.server });
  return createClient({ url: serverUrl, token, transport: flags.sse ? 'sse' : 'ws' });
}

/** Wider than any record, which ends ahead of 2255: the last year that microseconds in a number hold. */
const ALWAYS: WindowInput = { from: '1970-01-01T00:00:00Z', to: '2255-01-01T00:00:00Z' };

/**
 * The window of the flags, where `all` becomes the span that the journal holds.
 * @throws RepriseError BAD_INPUT when the journal is empty
 */
export async function settleWindow(client: Client, flags: WindowFlags, io: Io): Promise<WindowInput> {
  const window = windowOf(flags);
  if (window) return window;
  const { journalCoverage } = await client.request(JournalCoverageDocument, { window: ALWAYS, buckets: 1 }, io.signal);
  const { first, last } = journalCoverage;
  if (!first || !last) {
    throw new RepriseError('BAD_INPUT', '--window all names nothing: the journal is empty; import a log first', {
      path: ['--window'],
    });
  }
  return { from: first, to: last };
}
