import { computed, signal } from '@preact/signals';

/** Where the page stands: `#/runs/1?tab=failures` is the path `['runs', '1']` and its query. */
export interface Route {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

function read(): Route {
  const hash = location.hash.replace(/^#\/?/, '');
  const [path = '', query = ''] = hash.split('?', 2);
  return {
    path: path.split('/').filter(Boolean).map(decoded),
    query: new URLSearchParams(query),
  };
}

/** A part as it is where it is no encoding of anything: an address may have been cut, or made up. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Where the page stands now. */
export const route = signal<Route>(read());
window.addEventListener('hashchange', () => {
  route.value = read();
});

/** The first part of the path; the root is the journal. */
export const section = computed(() => route.value.path[0] ?? 'journal');

type Query = Readonly<Record<string, string | number | null | undefined>>;

/** The address of a place: empty values of the query are left out. */
export function href(path: string, query: Query = {}): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parts.set(name, String(value));
  }
  const text = parts.toString();
  return `#${path}${text ? `?${text}` : ''}`;
}

/** Goes to a place, as a link would. */
export function go(path: string, query: Query = {}): void {
  location.hash = href(path, query);
}

/** Goes to a place that stands for the present one: Back does not lead here again. */
export function replaceWith(path: string): void {
  location.replace(href(path));
}

/** Changes the query of the present place without a step in the history. */
export function setQuery(changes: Query): void {
  const { path, query } = route.value;
  const next: Record<string, string | number | null | undefined> = { ...Object.fromEntries(query), ...changes };
  const target = href(`/${path.map(encodeURIComponent).join('/')}`, next);
  if (target === location.hash) return;
  history.replaceState(null, '', target);
  route.value = read();
}
