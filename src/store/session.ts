import { Client, type ClientConfig } from 'pg';

/**
 * The one connection that LISTENs and holds advisory locks. It is opened when first needed and opened
 * again when it is lost; what was listened to and locked is then listened to and locked again.
 */
export interface StoreSession {
  /**
   * Calls back on each NOTIFY of the channel, and with null after a reconnection, when some may have been
   * missed. Resolves when the server listens. Returns the unsubscribe.
   */
  listen(
    channel: string,
    listener: (payload: string | null) => void,
  ): { readonly ready: Promise<void>; readonly stop: () => void };
  /**
   * Takes a session advisory lock and holds it until `close`, across reconnections; `onHeldAgain` is called behind each of these
   * that it was lost by.
   */
  hold(key: bigint, onHeldAgain?: () => void): Promise<void>;
  close(): Promise<void>;
}

const FIRST_RETRY_MS = 100;
/** As long as a lock is lost, another process may take its holder for dead. */
const LAST_RETRY_MS = 1_000;
const LOCK_RETRY_MS = 1_000;

/** See `StoreSession`. Connects nothing yet. */
export function createStoreSession(config: ClientConfig): StoreSession {
  const listeners = new Map<string, Set<(payload: string | null) => void>>();
  const locks = new Map<bigint, (() => void) | undefined>();
  const timers = new Set<NodeJS.Timeout>();
  let client: Client | null = null;
  let opening: Promise<Client> | null = null;
  let wasOpen = false;
  let closed = false;

  const later = (ms: number, work: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  };

  async function open(): Promise<Client> {
    const fresh = new Client(config);
    fresh.on('notification', ({ channel, payload }) => {
      for (const listener of [...(listeners.get(channel) ?? [])]) listener(payload ?? '');
    });
    fresh.on('error', () => {});
    await fresh.connect();
    fresh.on('end', () => {
      if (client !== fresh) return;
      client = null;
      opening = null;
      if (!closed) retry(FIRST_RETRY_MS);
    });
    client = fresh;
    for (const channel of listeners.keys()) await fresh.query(`listen ${channel}`);
    for (const [key, onHeldAgain] of locks) await lock(fresh, key, wasOpen ? onHeldAgain : undefined);
    if (wasOpen) for (const set of listeners.values()) for (const listener of [...set]) listener(null);
    wasOpen = true;
    return fresh;
  }

  function connected(): Promise<Client> {
    if (closed) return Promise.reject(new Error('Connection terminated: the store is closed'));
    if (opening === null) {
      const attempt = open().catch(async (error: unknown) => {
        if (opening === attempt) opening = null;
        const broken = client;
        client = null;
        await broken?.end().catch(() => {});
        throw error;
      });
      opening = attempt;
    }
    return opening;
  }

  function retry(delayMs: number): void {
    later(delayMs, () => {
      if (closed || (listeners.size === 0 && locks.size === 0)) return;
      connected().catch(() => retry(Math.min(delayMs * 2, LAST_RETRY_MS)));
    });
  }

  /** False: someone else holds it, for example this session's dead predecessor; it is tried again. */
  async function lock(on: Client, key: bigint, onHeldAgain?: () => void): Promise<boolean> {
    const { rows } = await on.query('select pg_try_advisory_lock($1) as held', [String(key)]);
    if (rows[0].held) {
      onHeldAgain?.();
      return true;
    }
    later(LOCK_RETRY_MS, () => {
      if (client === on && !closed) lock(on, key, onHeldAgain).catch(() => {});
    });
    return false;
  }

  return {
    listen(channel, listener) {
      const set = listeners.get(channel) ?? new Set();
      const first = !listeners.has(channel);
      set.add(listener);
      listeners.set(channel, set);
      const ready = (async () => {
        const isOpen = opening !== null;
        const on = await connected();
        // A connection that was opened after the channel was added listens to it already.
        if (first && isOpen) await on.query(`listen ${channel}`);
      })();
      // The listener is served by polling and by the retry meanwhile; nobody has to wait for `ready`.
      ready.catch(() => {
        if (!closed) retry(FIRST_RETRY_MS);
      });
      return {
        ready,
        stop: () => {
          set.delete(listener);
        },
      };
    },
    async hold(key, onHeldAgain) {
      if (locks.has(key)) return;
      locks.set(key, onHeldAgain);
      const isOpen = opening !== null;
      const on = await connected();
      if (isOpen) await lock(on, key);
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      listeners.clear();
      const last = opening;
      opening = null;
      const on = await last?.catch(() => null);
      await on?.end().catch(() => {});
    },
  };
}
