import { createClient } from '../../src/client/index.ts';
import { answer, type WatcherCalls } from './calls.ts';

// Two full-detail subscribers as programs use them, one a transport: the client of this package, which goes on where a
// connection was lost, and fails unless every event comes once and in order.

let watching: Promise<number>[] = [];

const calls: WatcherCalls = {
  async watch(url, replayId) {
    const begun: Promise<void>[] = [];
    watching = (['ws', 'sse'] as const).map((transport) => {
      let first = () => {};
      begun.push(new Promise((resolve) => (first = resolve)));
      return count(url, replayId, transport, () => first());
    });
    await Promise.all(begun);
  },
  received: () => Promise.all(watching),
};

async function count(url: string, replayId: string, transport: 'ws' | 'sse', first: () => void) {
  const client = createClient({ url, transport });
  let events = 0;
  for await (const update of client.watchReplay(replayId, { batchSize: 1_000 })) {
    first();
    events += update.events.length;
  }
  return events;
}

answer({ ...calls, ready: async () => {} });
