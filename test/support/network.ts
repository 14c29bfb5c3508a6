import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

/** A network to a server that can be cut: connections break, and none can be made until it is mended. */
export interface Network {
  /** Where its end of the way is, for HTTP. */
  readonly url: string;
  readonly port: number;
  cut(): void;
  /** As `cut`, but for WebSockets that are open: they go on. */
  cutRequests(): void;
  mend(): void;
  /** Leads to another port of this machine from now on; what is open breaks. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

/** Opens a way to a port of this machine, over a port of its own. */
export async function openNetwork(port: number): Promise<Network> {
  const sockets = new Set<Socket>();
  const webSockets = new Set<Socket>();
  let far = port;
  let up = true;
  const server: Server = createServer((client) => {
    if (!up) {
      client.destroy();
      return;
    }
    const behind = createConnection({ host: '127.0.0.1', port: far });
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.once('data', (head) => {
      if (!/^upgrade: websocket/im.test(String(head))) return;
      webSockets.add(client).add(behind);
      client.on('close', () => webSockets.delete(client) && webSockets.delete(behind));
    });
    client.on('close', () => behind.destroy());
    behind.on('close', () => client.destroy());
    client.pipe(behind).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = (spared: ReadonlySet<Socket> = new Set()) => {
    for (const socket of sockets) if (!spared.has(socket)) socket.destroy();
  };
  const { port: near } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${near}`,
    port: near,
    cut() {
      up = false;
      drop();
    },
    cutRequests() {
      up = false;
      drop(webSockets);
    },
    mend() {
      up = true;
    },
    leadTo(other) {
      far = other;
      drop();
    },
    async close() {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
