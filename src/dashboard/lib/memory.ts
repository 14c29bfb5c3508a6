/** Small things that a browser keeps. What cannot be kept is forgotten without a word. */

const ALIAS = 'reprise.alias';

/** The alias that this browser last started a replay with. */
export function lastAlias(): string | null {
  const kept = recall<unknown>(localStorage, ALIAS);
  return typeof kept === 'string' ? kept : null;
}

/** Keeps the target that was chosen last, for the next form. */
export function rememberAlias(alias: string): void {
  keep(localStorage, ALIAS, alias);
}

/** What `keep` has kept; null where there is nothing, or nothing that can be read. */
export function recall<T>(storage: Storage, key: string): T | null {
  try {
    const text = storage.getItem(key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** Keeps a value as JSON; does nothing where the browser refuses. */
export function keep(storage: Storage, key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works without.
  }
}
