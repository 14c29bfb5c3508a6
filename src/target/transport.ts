import { createConnection, type IpcNetConnectOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls';
import type { ResolvedTarget } from './spec.ts';
import { SSL_REQUEST } from './wire-writer.ts';

/**
 * Idle time before the kernel probes a silent peer; Node then probes each second, ten times. A host that is
 * gone is noticed in 40 s while a statement waits for its answer.
 */
const KEEPALIVE_DELAY_MS = 30_000;

/** The other side, or somebody on the way, has closed the connection before it was a session. */
export class ClosedEarly extends Error {
  constructor() {
    super('it closed the connection');
  }
}

/** TLS could not be had: the server has none, or the handshake failed. PREFER then goes on without. */
export class TlsRefused extends Error {}

/** What one read takes in at most. Bytes. */
const READ_BYTES = 64 * 1024;

/** A socket whose bytes go to one receiver. They may be left with the kernel for a while. */
export class Transport {
  readonly socket: Socket;
  private readonly holds: boolean;
  private receiver: (bytes: Buffer) => void = () => {};

  private constructor(socket: Socket, holds: boolean) {
    this.socket = socket;
    this.holds = holds;
  }

  /** A plain socket, with memory of its own to read into. `options`: where to. */
  static plain(options: TcpNetConnectOpts | IpcNetConnectOpts): Transport {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (length: number): boolean => {
      transport.receiver(buffer.subarray(0, length));
      return true;
    };
    const transport: Transport = new Transport(createConnection({ ...options, onread: { buffer, callback } }), true);
    return transport;
  }

  /** A socket that keeps its own memory, as TLS does. */
  static streaming(socket: Socket): Transport {
    const transport = new Transport(socket, false);
    socket.on('data', (bytes: Buffer) => transport.receiver(bytes));
    return transport;
  }

  /** From now on bytes go to this receiver, who must be done with them when it returns. */
  receive(receiver: (bytes: Buffer) => void): void {
    this.receiver = receiver;
  }

  /** Reads nothing more until `release`. False, and nothing has changed, where that cannot be had. */
  hold(): boolean {
    // A stream of bytes that is paused goes on reading into its own memory.
    if (this.holds) this.socket.pause();
    return this.holds;
  }

  release(): void {
    this.socket.resume();
  }
}

/**
 * Opens the byte stream to the target's checked address, with TLS when asked. The caller owns the socket, also
 * while it is being opened: `track` gets every socket at once, so that a timeout can destroy it.
 * @throws Error of the system, TlsRefused
 */
export async function openTransport(
  target: ResolvedTarget,
  tls: boolean,
  track: (socket: Socket) => void,
): Promise<Transport> {
  const local = target.address.startsWith('/');
  const options = local
    ? { path: `${target.address}/.s.PGSQL.${target.port}` }
    : { host: target.address, port: target.port, noDelay: true };
  const plain = local || !tls ? Transport.plain(options) : null;
  const socket = plain?.socket ?? createConnection(options);
  take(socket, track);
  await event(socket, 'connect');
  if (!local) socket.setKeepAlive(true, KEEPALIVE_DELAY_MS);
  if (plain !== null) return plain;

  socket.write(SSL_REQUEST);
  const answer = await firstBytes(socket);
  // Anything behind the S was not sent by who holds the key: a man in the middle would smuggle it in.
  if (answer.length !== 1) throw new Error('it answered the request for TLS with more than one byte');
  if (answer[0] !== 0x53) throw new TlsRefused('the server does not offer TLS');
  const secure = connectTls({ ...tlsOptions(target), socket });
  take(secure, track);
  try {
    await event(secure, 'secureConnect');
  } catch (error) {
    throw new TlsRefused(`TLS failed: ${(error as Error).message}`, { cause: error });
  }
  return Transport.streaming(secure);
}

function take(socket: Socket, track: (socket: Socket) => void): void {
  // An error that comes while nobody waits must not end the process; 'close' follows and tells.
  socket.on('error', () => {});
  track(socket);
}

/** As libpq: REQUIRE encrypts, and verifies the chain when a CA is given; VERIFY_FULL verifies chain and name. */
function tlsOptions(target: ResolvedTarget): ConnectionOptions {
  const full = target.tls === 'VERIFY_FULL';
  const options: ConnectionOptions = {
    rejectUnauthorized: full || (target.tls === 'REQUIRE' && target.ca !== null),
    // The name that the caller meant, never the address: the certificate is made out to it.
    checkServerIdentity: (_, certificate) => (full ? checkServerIdentity(target.host, certificate) : undefined),
  };
  if (target.ca !== null) options.ca = target.ca;
  if (!/^[\d.]+$|:/.test(target.host)) options.servername = target.host;
  return options;
}

/** Resolves at the event, rejects when the socket fails or closes before it. */
function event(socket: Socket, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => {
      socket.off(name, onEvent).off('error', settle).off('close', onClose);
      if (error === null) resolve();
      else reject(error);
    };
    const onEvent = () => settle(null);
    const onClose = () => settle(new ClosedEarly());
    socket.on(name, onEvent).on('error', settle).on('close', onClose);
  });
}

function firstBytes(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, bytes: Buffer) => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      // Without a listener, bytes would be dropped while flowing.
      socket.pause();
      if (error === null) resolve(bytes);
      else reject(error);
    };
    const onData = (bytes: Buffer) => settle(null, bytes);
    const onError = (error: Error) => settle(error, Buffer.alloc(0));
    const onClose = () => settle(new ClosedEarly(), Buffer.alloc(0));
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}
