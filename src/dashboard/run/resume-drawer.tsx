import { useSignal } from '@preact/signals';
import type { CredentialsInput } from '../../client/index.ts';
import { Drawer } from '../ui/drawer.tsx';
import { TextField } from '../ui/fields.tsx';
import type { Run } from './run-feed.ts';

interface Props {
  readonly run: Run;
  readonly onResume: (credentials: CredentialsInput) => void;
  readonly onClose: () => void;
}

/** Asks for the passwords that an interrupted run was started with: the service does not keep them. */
export function ResumeDrawer({ run, onResume, onClose }: Props) {
  const password = useSignal('');
  const mapped = useSignal<Readonly<Record<string, string>>>({});
  const { needsCredentials, needsCredentialsOf, users } = run.request;
  return (
    <Drawer title="Resume this run" place="centre" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onResume({
            password: needsCredentials ? password.value : null,
            users: needsCredentialsOf.map((recorded) => ({ recorded, password: mapped.value[recorded] ?? '' })),
          });
        }}
      >
        <p>Passwords are not kept: {run.target} needs those again that the run was started with.</p>
        {needsCredentials && (
          <TextField
            label="Password"
            type="password"
            required
            value={password.value}
            hint="Kept by the service only while the run lasts"
            onInput={(value) => {
              password.value = value;
            }}
          />
        )}
        {needsCredentialsOf.map((recorded) => (
          <TextField
            key={recorded}
            label={`Password of ${users.find((user) => user.recorded === recorded)?.target ?? recorded}`}
            type="password"
            required
            value={mapped.value[recorded] ?? ''}
            hint={`Stands for the recorded user ${recorded}`}
            onInput={(value) => {
              mapped.value = { ...mapped.value, [recorded]: value };
            }}
          />
        ))}
        <div class="actions end">
          <button type="button" onClick={onClose}>
            Not now
          </button>
          <button type="submit" class="primary">
            Resume the run
          </button>
        </div>
      </form>
    </Drawer>
  );
}
