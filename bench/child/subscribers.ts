import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { ReplayProgressDocument } from '../../src/client/generated/graphql.ts';
import { answer, type SubscriberCalls } from './calls.ts';

// Clients of the service in a process of their own: each has a socket, reads everything and parses it.

let clients: Client[] = [];
let streams: Promise<void>[] = [];
let payloads = 0;
let events = 0;

const calls: SubscriberCalls = {
  async connect(url, count) {
    for (const client of clients) await client.dispose();
    clients = [];
    for (let n = 0; n < count; n++) {
      await new Promise<void>((resolve) => {
        clients.push(
          createClient({
            url: `${url.replace(/^http/, 'ws')}/graphql`,
            webSocketImpl: WebSocket,
            lazy: false,
            retryAttempts: 0,
            on: { connected: () => resolve() },
          }),
        );
      });
    }
  },
  async subscribe(replayId, detail, batchSize) {
    payloads = 0;
    events = 0;
    const query = ReplayProgressDocument.toString();
    const variables = { replayId, after: null, batchSize, maxWaitMs: 50, detail };
    streams = clients.map(
      (client) =>
        new Promise<void>((resolve, reject) => {
          client.subscribe<{ replayProgress: { events: unknown[] } }>(
            { query, variables },
            {
              next: ({ data, errors }) => {
                if (errors !== undefined) reject(new Error(JSON.stringify(errors)));
                payloads += 1;
                events += data?.replayProgress.events.length ?? 0;
              },
              error: reject,
              complete: resolve,
            },
          );
        }),
    );
  },
  async finish() {
    await Promise.all(streams);
    const { user, system } = process.cpuUsage();
    return { payloads, events, cpuMs: (user + system) / 1000 };
  },
};

answer({ ...calls, ready: async () => {}, stop: async () => process.exit(0) });
