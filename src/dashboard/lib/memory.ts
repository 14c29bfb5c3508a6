/** Small things that a browser keeps. What cannot be kept is forgotten without a word. */

const ALIAS = 'reprise.alias';

/** The alias that this browser last started a replay with. */
export function lastAlias(): string | null {
  const kept = recall<unknown>(localStorage, ALIAS);
  return typeof kept === 'string' ? kept : null;
}

export function rememberAlias(alias: string): void {
  keep(localStorage, ALIAS, alias);
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
