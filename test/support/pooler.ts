import { createConnection, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { listen } from '../target/proxy.ts';
import { Frames } from './commit-proxy.ts';

/** A stand-in for a connection pooler in front of a local server. */
export interface Pooler {
  readonly port: number;
  /** How often a connection was made for each application name. */
  readonly connections: ReadonlyMap<string, number>;
  /** Resolves when this many queries that begin with a text have passed since a COMMIT was held back. */
  reads(text: string, times: number): Promise<void>;
  /** Lets the COMMIT that is held back go on to the server. */
  deliver(): void;
}

/**
 * Clients are told a process id of the pooler's own, `pid`, instead of the backend's. The `nth` COMMIT that a client
 * sends is held back on its way, and that client's connection lost.
 */
export async function startPooler(port: number, pid: number, nth: number): Promise<Pooler> {
  const servers: Socket[] = [];
  onTestFinished(() => {
    for (const server of servers) server.destroy();
  });
  const connections = new Map<string, number>();
  const queries: string[] = [];
  let look = () => {};
  let commits = 0;
  let held: (() => void) | null = null;
  const own = await listen((client) => {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    servers.push(server);
    let holds = false;
    const fromClient = new Frames(true, (frame, type, text) => {
      if (type === '') count(connections, /application_name\0([^\0]*)/.exec(text)?.[1] ?? '');
      if (type === 'Q' && text.startsWith('COMMIT') && ++commits === nth) {
        holds = true;
        held = () => server.write(frame);
        client.destroy();
        return;
      }
      if (type === 'Q' && held !== null) {
        queries.push(text);
        look();
      }
      server.write(frame);
    });
    const fromServer = new Frames(false, (frame, type) => {
      if (type === 'K') frame.writeInt32BE(pid, 5);
      if (!client.destroyed) client.write(frame);
    });
    client.on('data', (chunk) => fromClient.push(chunk));
    server.on('data', (chunk) => fromServer.push(chunk)).on('error', () => {});
    server.on('close', () => client.destroy());
    client.on('close', () => {
      if (!holds) server.destroy();
    });
  });
  return {
    port: own,
    connections,
    reads: (text, times) =>
      new Promise((resolve) => {
        look = () => {
          if (queries.filter((query) => query.startsWith(text)).length >= times) resolve();
        };
        look();
      }),
    deliver: () => held?.(),
  };
}

/** A stand-in for a pooler of transactions: all clients, one at a time, use the backend that the first has logged in to. */
export async function startSharingPooler(port: number): Promise<number> {
  const greeting: Buffer[] = [];
  let server: Socket | null = null;
  let greeted = false;
  let current: Socket;
  onTestFinished(() => {
    server?.destroy();
  });
  return listen((client) => {
    const fromClient = new Frames(true, (frame, type) => {
      current = client;
      if (type === 'X') client.end();
      else if (type === '' && greeted) client.write(Buffer.concat(greeting));
      else server?.write(frame);
    });
    client.on('data', (chunk) => fromClient.push(chunk));
    if (server !== null) return;
    const fromServer = new Frames(false, (frame, type, text) => {
      if (type === 'K') frame.writeInt32BE(0x3fffffff, 5);
      const question = type === 'R' && text !== '\0\0\0\0';
      if (!greeted && !question) greeting.push(frame);
      greeted ||= type === 'Z';
      current.write(frame);
    });
    server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    server.on('data', (chunk) => fromServer.push(chunk)).on('error', () => {});
  });
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
