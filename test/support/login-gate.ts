import { startProxy } from '../target/proxy.ts';

/** A way to a local server that lets a run's second session in only when it is told to. */
export interface LoginGate {
  readonly port: number;
  /** Resolves when that session has knocked. */
  readonly held: Promise<void>;
  open(): void;
}

export async function startLoginGate(port: number): Promise<LoginGate> {
  let sessions = 0;
  let knock = () => {};
  let open = () => {};
  const held = new Promise<void>((resolve) => {
    knock = resolve;
  });
  const own = await startProxy(port, ({ client, server }) => {
    server.pipe(client);
    client.once('data', (startup: Buffer) => {
      const pass = () => {
        server.write(startup);
        client.pipe(server);
      };
      const isSession = /application_name\0reprise \w{8}\0/.test(startup.toString('latin1'));
      if (!isSession || ++sessions !== 2) return pass();
      client.pause();
      open = pass;
      knock();
    });
  });
  return { port: own, held, open: () => open() };
}
