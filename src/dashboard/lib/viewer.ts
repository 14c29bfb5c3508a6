import { effect, signal } from '@preact/signals';
import { type Role, ViewerDocument } from '../../client/index.ts';
import { ask, signedInAs } from './api.ts';

/** What the token of this tab allows; null while it is not known. */
export const role = signal<Role | null>(null);

/** Said wherever a reader meets something that only an operator may do. */
export const READER_MAY_NOT = 'This token is a reader: it may look at everything, and change nothing.';

effect(() => {
  const token = signedInAs.value;
  role.value = null;
  const abort = new AbortController();
  ask(ViewerDocument, {}, abort.signal).then(
    ({ viewer }) => {
      if (signedInAs.peek() === token) role.value = viewer.role;
    },
    // Unknown is treated as allowed: the service decides in the end.
    () => {},
  );
  return () => abort.abort();
});

/** True where it is known that nothing may be changed. */
export function isReader(): boolean {
  return role.value === 'READER';
}
