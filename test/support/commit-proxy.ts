import { createConnection, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { listen } from '../target/proxy.ts';

/** What happens to a COMMIT: it reaches the server and its answer is lost, or it is lost itself. */
export type LostPart = 'ANSWER' | 'REQUEST';

/**
 * A proxy to a local server that loses one COMMIT, the `nth` that a session sends, and with it that session's client
 * side. The server side stays open, as behind a firewall that dropped the path: nobody tells the backend. `silent`:
 * nothing passes any more from then on, on any connection.
 */
export async function startCommitProxy(port: number, nth: number, part: LostPart, silent = false): Promise<number> {
  const servers: Socket[] = [];
  onTestFinished(() => {
    for (const server of servers) server.destroy();
  });
  let commits = 0;
  let cuts = 0;
  return listen((client) => {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    servers.push(server);
    client.setNoDelay(true);
    /** Answers still to come; the start-up counts as a request. */
    let unanswered = 1;
    let requestLost = false;
    let over = false;
    const cut = () => {
      over = true;
      cuts += 1;
      client.end();
    };
    const fromClient = new Frames(true, (frame, type, text) => {
      if (requestLost || (silent && cuts > 0)) return;
      if (part === 'REQUEST' && type === 'Q' && text.startsWith('COMMIT') && ++commits === nth) {
        requestLost = true;
        if (unanswered === 0) cut();
        return;
      }
      if (type === 'Q' || type === 'F' || type === 'S') unanswered += 1;
      server.write(frame);
    });
    const fromServer = new Frames(false, (frame, type, text) => {
      if (over) return;
      if (part === 'ANSWER' && type === 'C' && text.startsWith('COMMIT') && ++commits === nth) return cut();
      client.write(frame);
      if (type !== 'Z') return;
      unanswered -= 1;
      if (requestLost && unanswered === 0) cut();
    });
    client.on('data', (chunk) => fromClient.push(chunk));
    server.on('data', (chunk) => fromServer.push(chunk)).on('error', () => {});
    server.on('close', () => client.destroy());
    client.on('close', () => {
      // In order, and not one that the proxy has cut itself.
      if (!over) server.destroy();
    });
  });
}

/** Cuts bytes into messages of the protocol. */
export class Frames {
  private rest: Buffer = Buffer.alloc(0);
  private startup: boolean;
  private readonly take: (frame: Buffer, type: string, text: string) => void;

  constructor(startup: boolean, take: (frame: Buffer, type: string, text: string) => void) {
    this.startup = startup;
    this.take = take;
  }

  push(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const head = this.startup ? 0 : 1;
      if (this.rest.length < head + 4) return;
      const length = head + this.rest.readInt32BE(head);
      if (this.rest.length < length) return;
      const frame = this.rest.subarray(0, length);
      this.rest = this.rest.subarray(length);
      const type = this.startup ? '' : String.fromCharCode(frame[0] as number);
      this.startup = false;
      this.take(frame, type, frame.toString('latin1', head + 4));
    }
  }
}
