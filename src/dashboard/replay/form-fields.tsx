import type { Edges, Ordering, PaceMode, TlsMode } from '../../client/index.ts';
import { STATEMENT_TYPES } from '../../client/words.ts';
import type { Resource } from '../lib/resource.ts';
import { EDGES, ORDERINGS, RECORDED } from '../lib/words.ts';
import { CheckField, ChoiceField, SelectField, TextField } from '../ui/fields.tsx';
import { AliasField, type ConfiguredTarget } from './alias-field.tsx';
import { type FormErrors, isShown, type ReplayForm } from './form.ts';

export interface PartProps {
  readonly form: ReplayForm;
  readonly errors: FormErrors;
  readonly change: (part: Partial<ReplayForm>) => void;
}

const TLS: readonly { readonly value: TlsMode; readonly label: string }[] = [
  { value: 'DISABLE', label: 'never' },
  { value: 'PREFER', label: 'where offered' },
  { value: 'REQUIRE', label: 'required' },
  { value: 'VERIFY_FULL', label: 'required and verified' },
];

interface TargetPartProps extends PartProps {
  readonly targets: Resource<readonly ConfiguredTarget[]>;
}

export function TargetPart({ form, errors, change, targets }: TargetPartProps) {
  const named =
    form.targetKind === 'alias' ? targets.data?.find((target) => target.alias === form.alias.trim()) : undefined;
  const ofAlias = (value: string | undefined) => `Default: ${value ?? "the alias's"}`;
  return (
    <>
      <ChoiceField<ReplayForm['targetKind']>
        label="Named by"
        look="segments"
        value={form.targetKind}
        options={[
          { value: 'alias', title: 'Alias' },
          { value: 'address', title: 'Host and port' },
        ]}
        onChange={(targetKind) => change({ targetKind })}
      />
      {form.targetKind === 'alias' && (
        <AliasField alias={form.alias} error={errors.alias} targets={targets} onChange={(alias) => change({ alias })} />
      )}
      <div class="grid">
        {form.targetKind === 'address' && (
          <>
            <TextField label="Host" value={form.host} error={errors.host} onInput={(host) => change({ host })} />
            <TextField
              label="Port"
              inputMode="numeric"
              value={form.port}
              error={errors.port}
              onInput={(port) => change({ port })}
            />
            <SelectField label="TLS" value={form.tls} options={TLS} onChange={(tls) => change({ tls })} />
          </>
        )}
        <TextField
          label="Database"
          value={form.database}
          hint={form.targetKind === 'alias' ? ofAlias(named?.database) : 'Default: the name of the user'}
          onInput={(database) => change({ database })}
        />
        <TextField
          label="User"
          value={form.user}
          hint={form.targetKind === 'alias' ? ofAlias(named?.user) : 'Default: the service decides'}
          onInput={(user) => change({ user })}
        />
        {isShown(form, 'password') && (
          <TextField
            label="Password"
            type="password"
            value={form.password}
            hint="Kept by the service only while the run lasts"
            onInput={(password) => change({ password })}
          />
        )}
      </div>
      <CheckField
        label="Read-only: let the target refuse every write"
        checked={form.readOnly}
        onChange={(readOnly) => change({ readOnly })}
      />
    </>
  );
}

export function HowPart({ form, errors, change }: PartProps) {
  return (
    <>
      <ChoiceField<Ordering>
        label="Ordering"
        look="cards"
        value={form.ordering}
        options={(['TIMESTAMP', 'COMMIT', 'SESSION'] as const).map((value) => ({ value, ...ORDERINGS[value] }))}
        onChange={(ordering) => change({ ordering })}
      />
      <ChoiceField<PaceMode>
        label="Pace"
        look="segments"
        value={form.pace}
        options={[
          { value: 'AS_FAST_AS_POSSIBLE', title: 'As fast as possible' },
          { value: 'RECORDED', title: 'Recorded schedule' },
        ]}
        onChange={(pace) => change({ pace })}
      />
      {form.pace === 'RECORDED' && (
        <div class="grid">
          <TextField
            label="Speed"
            inputMode="decimal"
            value={form.speed}
            error={errors.speed}
            hint="2 replays an hour in half an hour; can be changed while the run lasts"
            onInput={(speed) => change({ speed })}
          />
          <TextField
            label="Longest gap, ms"
            inputMode="decimal"
            value={form.maxIdle}
            error={errors.maxIdle}
            hint="Default: gaps as they were recorded"
            onInput={(maxIdle) => change({ maxIdle })}
          />
        </div>
      )}
      <SelectField<Edges | ''>
        label="Transactions that straddle an edge of the window"
        value={form.edges}
        options={[
          { value: '', label: `default: ${form.ordering === 'COMMIT' ? EDGES.INCLUDE : EDGES.CUT}` },
          ...(['INCLUDE', 'CUT', 'EXCLUDE'] as const).map((value) => ({ value, label: EDGES[value] })),
        ]}
        onChange={(edges) => change({ edges })}
      />
    </>
  );
}

export function FilterPart({ form, errors, change }: PartProps) {
  return (
    <>
      <fieldset class="choice segments">
        <legend>Statement types</legend>
        <div class="options">
          {STATEMENT_TYPES.filter((type) => type !== 'TRANSACTION').map((type) => (
            <label key={type}>
              <input
                type="checkbox"
                checked={form.types.includes(type)}
                onChange={(event) =>
                  change({
                    types: event.currentTarget.checked
                      ? [...form.types, type]
                      : form.types.filter((other) => other !== type),
                  })
                }
              />
              <span>
                <strong>{type}</strong>
              </span>
            </label>
          ))}
        </div>
        <p class="hint">None chosen: all. Transaction control and session settings are always kept.</p>
      </fieldset>
      <div class="grid">
        <TextField label="Statement holds" value={form.text} onInput={(text) => change({ text })} />
        <TextField
          label="Statement does not hold"
          value={form.textExcludes}
          onInput={(textExcludes) => change({ textExcludes })}
        />
        <TextField label="Databases, by comma" value={form.databases} onInput={(databases) => change({ databases })} />
        <TextField label="Users, by comma" value={form.users} onInput={(users) => change({ users })} />
        <TextField
          label="Applications, by comma"
          value={form.applications}
          onInput={(applications) => change({ applications })}
        />
        <TextField label="Sessions, by comma" value={form.sessions} onInput={(sessions) => change({ sessions })} />
        <SelectField<ReplayForm['outcome']>
          label="Outcome in the record"
          value={form.outcome}
          options={[
            { value: '', label: 'any' },
            ...(['SUCCEEDED', 'FAILED', 'UNKNOWN'] as const).map((value) => ({ value, label: RECORDED[value].label })),
          ]}
          onChange={(outcome) => change({ outcome })}
        />
        <TextField
          label="Took at least, ms"
          inputMode="decimal"
          value={form.minDuration}
          error={errors.minDuration}
          onInput={(minDuration) => change({ minDuration })}
        />
      </div>
      <TextField
        label="Transactions, by comma"
        mono
        value={form.transactions}
        error={errors.transactions}
        hint="Their ids, as the journal shows them"
        onInput={(transactions) => change({ transactions })}
      />
    </>
  );
}

export function PolicyPart({ form, errors, change }: PartProps) {
  return (
    <>
      <div class="grid">
        <TextField
          label="Stop after failures"
          inputMode="numeric"
          value={form.stopAfter}
          error={errors.stopAfter}
          hint="Default: failures never end the run"
          onInput={(stopAfter) => change({ stopAfter })}
        />
        <TextField
          label="Statement timeout, s"
          inputMode="decimal"
          value={form.statementTimeout}
          error={errors.statementTimeout}
          hint="Default: 60"
          onInput={(statementTimeout) => change({ statementTimeout })}
        />
        <TextField
          label="Run timeout, s"
          inputMode="decimal"
          value={form.runTimeout}
          error={errors.runTimeout}
          hint="Default: none"
          onInput={(runTimeout) => change({ runTimeout })}
        />
        <TextField
          label="Slower: times the recorded duration"
          inputMode="decimal"
          value={form.slowerRatio}
          error={errors.slowerRatio}
          hint="Default: 2"
          onInput={(slowerRatio) => change({ slowerRatio })}
        />
        <TextField
          label="Slower: and at least ms more"
          inputMode="decimal"
          value={form.slowerMin}
          error={errors.slowerMin}
          hint="Default: 10"
          onInput={(slowerMin) => change({ slowerMin })}
        />
      </div>
      <TextField
        label="Thresholds, by comma"
        mono
        value={form.thresholds}
        placeholder="failures<1%, p95<50ms, regressions=0"
        hint="Conditions that the ended run is held against"
        onInput={(thresholds) => change({ thresholds })}
      />
      <CheckField
        label="Digest result rows"
        hint="To compare them with the record's checksums, where it holds any"
        checked={form.digestRows}
        onChange={(digestRows) => change({ digestRows })}
      />
    </>
  );
}

export function LimitsPart({ form, errors, change }: PartProps) {
  return (
    <>
      <div class="grid">
        <TextField
          label="Most connections"
          inputMode="numeric"
          value={form.maxConnections}
          error={errors.maxConnections}
          hint="Default: 100"
          onInput={(maxConnections) => change({ maxConnections })}
        />
        <TextField
          label="Connect timeout, s"
          inputMode="decimal"
          value={form.connectTimeout}
          error={errors.connectTimeout}
          hint="Of each connection attempt; default: 10"
          onInput={(connectTimeout) => change({ connectTimeout })}
        />
        {isShown(form, 'inFlight') && (
          <TextField
            label="In flight on a connection"
            inputMode="numeric"
            value={form.inFlight}
            error={errors.inFlight}
            hint={`Default: ${form.ordering === 'COMMIT' ? 1024 : 256}; 1 gives faithful durations`}
            onInput={(inFlight) => change({ inFlight })}
          />
        )}
        {form.ordering === 'SESSION' && (
          <TextField
            label="Scale"
            inputMode="numeric"
            value={form.scale}
            error={errors.scale}
            hint="Run every session this many times at once"
            onInput={(scale) => change({ scale })}
          />
        )}
      </div>
      <SelectField<ReplayForm['settleCommits']>
        label="Settle commits whose answer is lost"
        value={form.settleCommits}
        options={[
          { value: '', label: 'default: where one statement at a time is under way on a connection' },
          { value: 'on', label: 'on' },
          { value: 'off', label: 'off' },
        ]}
        hint="Asks the target ahead of each COMMIT which transaction it ends"
        onChange={(settleCommits) => change({ settleCommits })}
      />
      {form.ordering === 'SESSION' && (
        <CheckField
          label="Keep commits in order"
          hint="A statement waits for the transactions that had committed before it"
          checked={form.syncCommits}
          onChange={(syncCommits) => change({ syncCommits })}
        />
      )}
      {form.ordering === 'COMMIT' && (
        <>
          <CheckField
            label="Let sequences draw the recorded values"
            checked={form.restoreIds}
            onChange={(restoreIds) => change({ restoreIds })}
          />
          <CheckField
            label="Mark the progress on the target"
            hint="A row in reprise_marker, so that a resumed run repeats no transaction"
            checked={form.markProgress}
            onChange={(markProgress) => change({ markProgress })}
          />
        </>
      )}
    </>
  );
}
