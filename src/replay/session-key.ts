import type { Origin } from '../journal/entry.ts';

/** One name for a session: session ids are unique within a node only. */
export function sessionKey(origin: Pick<Origin, 'nodeId' | 'sessionId'>): string {
  let key = sessionKeys.get(origin);
  if (key === undefined) {
    key = keyOf(origin);
    sessionKeys.set(origin, key);
  }
  return key;
}

/** The same, of what is asked about once. */
export function keyOf({ nodeId, sessionId }: Pick<Origin, 'nodeId' | 'sessionId'>): string {
  // One piece, where a template would leave its parts in memory too.
  return [nodeId, sessionId].join('\u0000');
}

/** Entries of one origin share it, and a walk asks for its key several times an entry. */
const sessionKeys = new WeakMap<object, string>();
