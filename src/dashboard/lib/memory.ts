/** Small things that a browser keeps. What cannot be kept is forgotten without a word. */

const ALIASES = 'reprise.aliases';

/** Aliases that replays were started with from this browser, newest first: the API does not list them. */
export function knownAliases(): readonly string[] {
  const kept = recall<unknown>(localStorage, ALIASES);
  return Array.isArray(kept) ? kept.filter((item): item is string => typeof item === 'string') : [];
}

export function rememberAlias(alias: string): void {
  keep(localStorage, ALIASES, [alias, ...knownAliases().filter((other) => other !== alias)].slice(0, 10));
}

export function recall<T>(storage: Storage, key: string): T | null {
  try {
    const text = storage.getItem(key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

export function keep(storage: Storage, key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works without.
  }
}
