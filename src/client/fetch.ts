/** Of requests under way: what makes each of them fail. */
const waiting = new Set<(error: TypeError) => void>();
let listening = false;

/**
 * `fetch`, but for one case. On Node.js it never settles when the other side closes before the request was written;
 * then a process that waits for nothing else would end without a word. Here it fails like any other lost connection.
 */
export function fetchOrFail(url: string, init: RequestInit): Promise<Response> {
  listen();
  return new Promise((resolve, reject) => {
    waiting.add(reject);
    fetch(url, init)
      .then(resolve, reject)
      .finally(() => waiting.delete(reject));
  });
}

/** A browser has no such moment, and needs none. */
function listen(): void {
  if (listening) return;
  listening = true;
  const { process } = globalThis as { process?: { on?(event: 'beforeExit', heard: () => void): unknown } };
  process?.on?.('beforeExit', () => {
    for (const reject of waiting) {
      reject(new TypeError('fetch failed', { cause: new Error('the connection was closed at once') }));
    }
    waiting.clear();
  });
}
