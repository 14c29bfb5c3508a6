import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One client of a proxy, and its connection to the server behind. */
export interface ProxyPair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Listens on a free loopback port; closed, with its connections, when the test ends. */
export async function listen(onClient: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onClient(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** A TCP proxy to a local port; `wire` decides how bytes pass. */
export async function startProxy(port: number, wire: (pair: ProxyPair) => void): Promise<number> {
  return listen((client) => {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    client.setNoDelay(true);
    server.on('error', () => {}).on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    wire({ client, server });
  });
}

/** Passes on one byte at a time, each in a turn of the event loop of its own. */
export function byteByByte(from: Socket, to: Socket): void {
  const bytes: number[] = [];
  let busy = false;
  const step = (): void => {
    const byte = bytes.shift();
    busy = byte !== undefined;
    if (byte === undefined) return;
    to.write(Buffer.of(byte));
    setImmediate(step);
  };
  from.on('data', (chunk) => {
    for (const byte of chunk) bytes.push(byte);
    if (!busy) step();
  });
}
