import { useSignal } from '@preact/signals';
import type { TargetsQuery } from '../../client/index.ts';
import { messageOf } from '../lib/api.ts';
import type { Resource } from '../lib/resource.ts';
import { SelectField, TextField } from '../ui/fields.tsx';
import { Notice } from '../ui/notice.tsx';

export type ConfiguredTarget = TargetsQuery['targets'][number];

interface Props {
  readonly alias: string;
  readonly error?: string | undefined;
  readonly targets: Resource<readonly ConfiguredTarget[]>;
  readonly onChange: (alias: string) => void;
}

/** No alias is spelled so: it would not pass as one. */
const ANOTHER = '\u0000';

/** The targets of the configuration as a list; one that is not in it, or a list that cannot be read, can be typed. */
export function AliasField({ alias, error, targets, onChange }: Props) {
  const typing = useSignal(false);
  const list = targets.data ?? [];
  const chosen = list.find((target) => target.alias === alias);
  const isTyped = typing.value || (targets.data !== null && alias !== '' && chosen === undefined);
  const isListed = targets.loading || list.length > 0;
  return (
    <>
      {isListed && (
        <SelectField
          label="Alias"
          value={isTyped ? ANOTHER : alias}
          options={[
            ...(alias === '' && !isTyped ? [{ value: '', label: 'Choose a target' }] : []),
            ...(targets.data === null && alias !== '' ? [{ value: alias, label: alias }] : []),
            ...list.map((target) => ({
              value: target.alias,
              label: `${target.alias} · ${addressOf(target)}${target.refusal ? ' · refused' : ''}`,
            })),
            { value: ANOTHER, label: 'Another alias…' },
          ]}
          hint="Targets of the service's configuration"
          onChange={(value) => {
            typing.value = value === ANOTHER;
            onChange(value === ANOTHER ? '' : value);
          }}
        />
      )}
      {(isTyped || !isListed) && (
        <TextField
          label={isListed ? 'Name of the alias' : 'Alias'}
          value={alias}
          error={alias === '' ? null : error}
          hint={
            targets.error === null
              ? isListed
                ? 'As the configuration names it'
                : 'The configuration names no target: give a host and port instead'
              : `The targets cannot be listed (${messageOf(targets.error)}): type the name of one`
          }
          onInput={(value) => {
            // The field must not go when it is emptied.
            typing.value = true;
            onChange(value);
          }}
        />
      )}
      {chosen?.refusal && (
        <Notice tone="warn" title={`${chosen.alias} would be refused`}>
          {chosen.refusal.message}
        </Notice>
      )}
    </>
  );
}

function addressOf({ host, port, database }: ConfiguredTarget): string {
  return `${host.startsWith('/') ? host : `${host}:${port}`}/${database}`;
}
