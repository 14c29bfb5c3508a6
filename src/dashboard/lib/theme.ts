import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'reprise.theme';
const stored = localStorage.getItem(KEY);

/** What the user chose; `system` follows the browser. */
const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');

const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', () => {
  systemDark.value = system.matches;
});

/** Charts draw on canvas and read their colours again when this changes. */
export const isDark = signal(false);

effect(() => {
  if (theme.value === 'system') {
    localStorage.removeItem(KEY);
    document.documentElement.removeAttribute('data-theme');
  } else {
    localStorage.setItem(KEY, theme.value);
    document.documentElement.dataset.theme = theme.value;
  }
  isDark.value = theme.value === 'dark' || (theme.value === 'system' && systemDark.value);
});

/** The one that is not shown now; back to the system's when that is the same. */
export function toggleTheme(): void {
  const next = isDark.value ? 'light' : 'dark';
  theme.value = (next === 'dark') === systemDark.value ? 'system' : next;
}
