import { TextField } from '../ui/fields.tsx';
import { Icon } from '../ui/icon.tsx';
import type { NameMapping } from './form.ts';
import type { PartProps } from './form-fields.tsx';

/** Databases and users of the record that are others on the target. */
export function MappingPart({ form, errors, change }: PartProps) {
  return (
    <>
      <Mappings
        what="database"
        rows={form.databaseMap}
        error={errors.databaseMap}
        hint="None: the one database of the window goes to the target's. With any, databases without a line are left out."
        onChange={(databaseMap) => change({ databaseMap })}
      />
      <Mappings
        what="user"
        login
        rows={form.userMap}
        error={errors.userMap}
        hint="Statements of a user without a line run as the target's user. Passwords are kept only while the run lasts."
        onChange={(userMap) => change({ userMap })}
      />
    </>
  );
}

interface Props {
  readonly what: 'database' | 'user';
  /** Each line takes a password. */
  readonly login?: boolean;
  readonly rows: readonly NameMapping[];
  readonly hint: string;
  readonly error: string | undefined;
  readonly onChange: (rows: readonly NameMapping[]) => void;
}

function Mappings({ what, login, rows, hint, error, onChange }: Props) {
  const put = (at: number, part: Partial<NameMapping>) =>
    onChange(rows.map((row, n) => (n === at ? { ...row, ...part } : row)));
  return (
    <fieldset class="mappings">
      <legend>{what === 'database' ? 'Databases' : 'Users'}</legend>
      <p class="hint">{hint}</p>
      {rows.map((row, n) => (
        <div class={login ? 'mapping login' : 'mapping'} key={n}>
          <TextField label={`Recorded ${what}`} value={row.recorded} onInput={(recorded) => put(n, { recorded })} />
          <TextField
            label={what === 'database' ? 'Database on the target' : 'Login on the target'}
            value={row.target}
            onInput={(target) => put(n, { target })}
          />
          {login && (
            <TextField
              label="Its password"
              type="password"
              value={row.password}
              onInput={(password) => put(n, { password })}
            />
          )}
          <button type="button" class="small" onClick={() => onChange(rows.filter((_, other) => other !== n))}>
            <Icon name="cross" size={12} /> <span class="hidden">Remove the {what}</span>
          </button>
        </div>
      ))}
      {error && <p class="hint error">{error}</p>}
      <button
        type="button"
        class="small"
        onClick={() => onChange([...rows, { recorded: '', target: '', password: '' }])}
      >
        Map a {what}
      </button>
    </fieldset>
  );
}
