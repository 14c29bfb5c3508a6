import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

/** A network to a server that can be cut: connections break, and none can be made until it is mended. */
export interface Network {
  /** Where its end of the way is, for HTTP. */
  readonly url: string;
  readonly port: number;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Opens a way to a port of this machine, over a port of its own. */
export async function openNetwork(port: number): Promise<Network> {
  const sockets = new Set<Socket>();
  let up = true;
  const server: Server = createServer((client) => {
    if (!up) {
      client.destroy();
      return;
    }
    const behind = createConnection({ host: '127.0.0.1', port });
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('close', () => behind.destroy());
    behind.on('close', () => client.destroy());
    client.pipe(behind).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const { port: near } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${near}`,
    port: near,
    cut() {
      up = false;
      drop();
    },
    mend() {
      up = true;
    },
    async close() {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
