import type { ComponentChildren } from 'preact';
import { messageOf } from '../lib/api.ts';
import type { Tone } from '../lib/words.ts';
import { Icon, type IconName } from './icon.tsx';

const ICONS: Readonly<Record<Tone, IconName>> = {
  good: 'check',
  bad: 'cross',
  warn: 'warn',
  info: 'info',
  neutral: 'info',
};

/** A sentence that matters, with its sign. */
export function Notice(props: { readonly tone: Tone; readonly title?: string; readonly children?: ComponentChildren }) {
  return (
    <div class={`notice ${props.tone}`}>
      <Icon name={ICONS[props.tone]} />
      <div>
        {props.title && <strong>{props.title}</strong>}
        {props.children && <div>{props.children}</div>}
      </div>
    </div>
  );
}

/** What went wrong, and a way to try again. Nothing when nothing did. */
export function Failure({ error, retry }: { readonly error: unknown; readonly retry?: (() => void) | undefined }) {
  if (error === null || error === undefined) return null;
  return (
    <div role="alert">
      <Notice tone="bad">
        {messageOf(error)}{' '}
        {retry && (
          <button type="button" class="link" onClick={retry}>
            Try again
          </button>
        )}
      </Notice>
    </div>
  );
}

/** What stands where a list is empty. */
export function Empty(props: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{props.title}</strong>
      {props.children && <p>{props.children}</p>}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <div class="empty" role="status">
      <span class="spinner" aria-hidden="true" />
      Loading {what}…
    </div>
  );
}
