import type { ServerResponse } from 'node:http';

interface Watched {
  /** Bytes that the socket had taken at the last look, and since when it has taken no more. */
  written: number;
  since: number;
}

/**
 * The responses over SSE that are open. A client that takes nothing while data waits for it is closed after the
 * deadline: Node alone would keep it for ever.
 */
export class EventStreams {
  private readonly deadlineMs: number;
  private readonly open = new Map<ServerResponse, Watched>();
  private timer: NodeJS.Timeout | null = null;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  get size(): number {
    return this.open.size;
  }

  has(response: ServerResponse): boolean {
    return this.open.has(response);
  }

  /** Watches a response until it closes. */
  add(response: ServerResponse): void {
    this.open.set(response, { written: 0, since: performance.now() });
    response.once('close', () => {
      this.open.delete(response);
      if (this.open.size === 0 && this.timer !== null) {
        clearInterval(this.timer);
        this.timer = null;
      }
    });
    this.timer ??= setInterval(() => this.look(performance.now()), Math.max(10, this.deadlineMs / 10));
  }

  /** Breaks every stream off. Not ended: a stream that ends tells its client that the run is over. */
  destroy(): void {
    for (const response of [...this.open.keys()]) response.destroy();
  }

  private look(now: number): void {
    for (const [response, watched] of this.open) {
      const written = taken(response);
      if (written !== watched.written || !response.writableNeedDrain) {
        watched.written = written;
        watched.since = now;
      } else if (now - watched.since >= this.deadlineMs) response.destroy();
    }
  }
}

/** Bytes that the kernel has taken: written to the socket, less what still waits in it. */
function taken(response: ServerResponse): number {
  const { socket } = response;
  return socket === null ? 0 : socket.bytesWritten - socket.writableLength;
}
