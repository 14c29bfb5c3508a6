import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { signedInAs, signIn, signOut, tokenWanted } from '../lib/api.ts';
import { href, section } from '../lib/router.ts';
import { isDark, toggleTheme } from '../lib/theme.ts';
import { isReader, READER_MAY_NOT } from '../lib/viewer.ts';
import { Badge } from './badge.tsx';
import { Drawer } from './drawer.tsx';
import { TextField } from './fields.tsx';
import { Icon, type IconName } from './icon.tsx';

const PLACES: readonly {
  readonly key: string;
  readonly title: string;
  readonly icon: IconName;
  readonly also?: string;
}[] = [
  { key: 'journal', title: 'Journal', icon: 'journal' },
  { key: 'new', title: 'New replay', icon: 'replay' },
  { key: 'runs', title: 'Runs', icon: 'runs', also: 'compare' },
];

/** What stands around every screen. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  useShortcuts();
  return (
    <>
      {/* A button: the hash of a link belongs to the router. */}
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href={href('/journal')}>
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <rect width="32" height="32" rx="8" class="brand-back" />
            <path d="M9 16a7 7 0 1 1 2.2 5.1M6.2 13.4 9 16.6l3.2-2.8" class="brand-line" />
            <path d="M14.4 12.6v6.8l5.4-3.4z" class="brand-play" />
          </svg>
          <span>Reprise</span>
        </a>
        <nav aria-label="Main">
          {PLACES.map((place) => (
            <a
              key={place.key}
              href={href(`/${place.key}`)}
              aria-current={section.value === place.key || section.value === place.also ? 'page' : undefined}
            >
              <Icon name={place.icon} />
              <span>{place.title}</span>
            </a>
          ))}
        </nav>
        <div class="top-end">
          {isReader() && (
            <span class="role" title={READER_MAY_NOT}>
              <Badge tone="neutral" icon="lock">
                Reader
              </Badge>
            </span>
          )}
          {signedInAs.value !== null && (
            <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={signOut}>
              <Icon name="key" />
            </button>
          )}
          <button
            type="button"
            class="icon-button"
            aria-label={isDark.value ? 'Switch to light' : 'Switch to dark'}
            title={isDark.value ? 'Switch to light' : 'Switch to dark'}
            onClick={toggleTheme}
          >
            <Icon name={isDark.value ? 'sun' : 'moon'} />
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {tokenWanted.value !== null && <TokenPrompt reason={tokenWanted.value} />}
    </>
  );
}

function TokenPrompt({ reason }: { readonly reason: string }) {
  const given = useSignal('');
  return (
    <Drawer title="Access token" place="centre" closable={false} onClose={() => {}}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (given.value.trim()) signIn(given.value.trim());
        }}
      >
        <p>{reason}</p>
        <TextField
          label="Token"
          type="password"
          mono
          required
          value={given.value}
          hint="Kept in this tab until it is closed, and sent to this service only"
          onInput={(value) => {
            given.value = value;
          }}
        />
        <div class="actions end">
          <button type="submit" class="primary">
            Continue
          </button>
        </div>
      </form>
    </Drawer>
  );
}

/** `/` goes to the search field of the screen, where it has one. */
function useShortcuts(): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
      if (/^(?:INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
      const field = document.querySelector<HTMLElement>('[data-shortcut="search"]');
      if (!field) return;
      event.preventDefault();
      field.focus();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}
