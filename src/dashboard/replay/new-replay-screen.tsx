import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import {
  JournalCoverageDocument,
  PreflightViewDocument,
  StartReplayDocument,
  TargetsDocument,
  unwrap,
} from '../../client/index.ts';
import { WindowFault, windowOfQuery } from '../journal/address-window.tsx';
import { Density } from '../journal/density.tsx';
import { useJournalSpan } from '../journal/journal-screen.tsx';
import { WindowFields } from '../journal/window-fields.tsx';
import { ask } from '../lib/api.ts';
import { count, plural } from '../lib/format.ts';
import { lastAlias, rememberAlias } from '../lib/memory.ts';
import { useResource } from '../lib/resource.ts';
import { go, route, setQuery } from '../lib/router.ts';
import { formatMicros, type Span, windowOf } from '../lib/time.ts';
import { isReader, READER_MAY_NOT } from '../lib/viewer.ts';
import { RECORDED } from '../lib/words.ts';
import { Icon } from '../ui/icon.tsx';
import { Failure, Loading, Notice } from '../ui/notice.tsx';
import { errorsOf, type FormErrors, inputOf, NEW_FORM, type ReplayForm } from './form.ts';
import { FilterPart, HowPart, LimitsPart, PolicyPart, TargetPart } from './form-fields.tsx';
import { MappingPart } from './mapping-part.tsx';
import { PreflightPanel } from './preflight-panel.tsx';
import { type Preflight, prospectOf } from './writes.ts';

export function NewReplayScreen() {
  const journal = useJournalSpan();
  const whole = journal.data?.span ?? null;
  return (
    <>
      <header class="page-head">
        <div>
          <h1>New replay</h1>
          <p class="soft">A window of the journal, executed against a target. Nothing runs before you start it.</p>
        </div>
      </header>
      <Failure error={journal.error} retry={journal.reload} />
      {whole ? (
        <Form journal={whole} />
      ) : journal.loading ? (
        <Loading what="journal" />
      ) : journal.error === null ? (
        <Notice tone="warn" title="The journal is empty">
          There is nothing to replay yet. Import a server log first: <code>reprise import postgresql.csv</code>
        </Notice>
      ) : null}
    </>
  );
}

function Form({ journal }: { readonly journal: Span }) {
  const { query } = route.value;
  const form = useSignal<ReplayForm>({
    ...NEW_FORM,
    alias: query.get('target') ?? lastAlias() ?? '',
    databases: query.get('database') ?? '',
  });
  const { span: named, fault } = windowOfQuery(query);
  const window = named ?? journal;
  const checked = useSignal<{ readonly key: string; readonly preflight: Preflight } | null>(null);
  const checking = useSignal(false);
  const starting = useSignal(false);
  const error = useSignal<unknown>(null);

  const density = useResource(`${journal.from}-${journal.to}`, async (abort) => {
    const { journalCoverage } = await ask(JournalCoverageDocument, { window: windowOf(journal), buckets: 90 }, abort);
    return journalCoverage;
  });
  const targets = useResource('targets', async (abort) => (await ask(TargetsDocument, {}, abort)).targets);
  const inWindow = (density.data?.buckets ?? []).filter((bucket) => {
    const { from, to } = windowOf(window);
    return bucket.to >= from && bucket.from <= to;
  });

  const errors = errorsOf(form.value);
  const invalid = Object.keys(errors).length > 0;
  const input = inputOf(form.value, window);
  const key = JSON.stringify(input);
  const stale = checked.value !== null && checked.value.key !== key;
  const isFresh = checked.value !== null && !stale;
  const prospect = checked.value === null ? 'GOOD' : prospectOf(checked.value.preflight);
  const change = (part: Partial<ReplayForm>) => {
    form.value = { ...form.value, ...part };
  };
  const part = { form: form.value, errors, change };

  const check = async () => {
    checking.value = true;
    error.value = null;
    try {
      const { preflightReplay } = await ask(PreflightViewDocument, { input });
      checked.value = { key, preflight: unwrap(preflightReplay) as Preflight };
    } catch (thrown) {
      checked.value = null;
      error.value = thrown;
    }
    checking.value = false;
  };
  const start = async () => {
    starting.value = true;
    error.value = null;
    try {
      const { startReplay } = await ask(StartReplayDocument, { input });
      const run = unwrap(startReplay);
      if (form.value.targetKind === 'alias') rememberAlias(form.value.alias.trim());
      go(`/runs/${run.id}`);
    } catch (thrown) {
      error.value = thrown;
    }
    starting.value = false;
  };

  return (
    <form
      class="columns form-columns"
      onSubmit={(event) => {
        event.preventDefault();
        if (!invalid && !checking.value) void check();
      }}
    >
      <div class="stack">
        <Part
          title="Window"
          summary={`about ${plural(
            inWindow.reduce((sum, bucket) => sum + bucket.entries, 0),
            'entry',
            'entries',
          )}`}
        >
          <WindowFault fault={fault} />
          <Density
            view={journal}
            buckets={density.data?.buckets ?? []}
            selection={window}
            onSelect={(next) => setQuery({ from: formatMicros(next.from), to: formatMicros(next.to) })}
          />
          <WindowFields
            window={window}
            onChange={(next) => setQuery({ from: formatMicros(next.from), to: formatMicros(next.to) })}
          />
        </Part>
        <Part title="Target">
          <TargetPart {...part} targets={targets} />
        </Part>
        <Part title="Ordering and pace">
          <HowPart {...part} />
        </Part>
        <Part title="Which entries" folded summary={filterSummary(form.value)} open={form.value.databases !== ''}>
          <FilterPart {...part} />
        </Part>
        <Part title="Databases and users of the target" folded summary={mappingSummary(form.value)}>
          <MappingPart {...part} />
        </Part>
        <Part
          title="Failures and thresholds"
          folded
          summary={
            [form.value.stopAfter && `stop after ${form.value.stopAfter}`, form.value.thresholds]
              .filter(Boolean)
              .join(' · ') || changedSummary(form.value, POLICY)
          }
        >
          <PolicyPart {...part} />
        </Part>
        <Part title="Connections and limits" folded summary={changedSummary(form.value, LIMITS)}>
          <LimitsPart {...part} />
        </Part>
      </div>
      <aside class="card sticky" aria-labelledby="preflight-title">
        <h2 id="preflight-title">Preflight</h2>
        <Failure error={error.value} />
        <div aria-live="polite">
          {checked.value ? (
            <PreflightPanel preflight={checked.value.preflight} form={form.value} stale={stale} />
          ) : (
            <p class="soft">
              Connects to the target and finds out what the run would do and meet. It runs none of the statements and
              changes nothing.
            </p>
          )}
        </div>
        {stale && <p class="soft">The form has changed since: check again.</p>}
        {invalid && <p class="soft">Before it can be checked: {whatIsMissing(form.value, errors)}.</p>}
        <div class="actions">
          <button type="submit" class={isFresh ? '' : 'primary'} disabled={invalid || checking.value}>
            <Icon name="check" /> {checking.value ? 'Checking…' : checked.value ? 'Check again' : 'Check'}
          </button>
          <button
            type="button"
            class={isFresh ? 'primary' : ''}
            disabled={!isFresh || prospect === 'NO_RUN' || starting.value || isReader()}
            onClick={() => void start()}
          >
            <Icon name="play" /> {starting.value ? 'Starting…' : 'Start replay'}
          </button>
        </div>
        {isReader() && (
          <Notice tone="neutral" title="You may check, not start">
            {READER_MAY_NOT} An operator token may start replays.
          </Notice>
        )}
        {isFresh && prospect === 'NO_RUN' && <p class="soft">It cannot be started: the run would fail at once.</p>}
        {isFresh && prospect !== 'NO_RUN' && !isReader() && (
          <p class="soft">
            Starting sends {count(checked.value?.preflight.statements)} statements to{' '}
            <code>{checked.value?.preflight.target}</code>.
            {prospect === 'FAILURES' && ' Those that meet the problems above will fail.'}
          </p>
        )}
      </aside>
    </form>
  );
}

interface SectionProps {
  readonly title: string;
  readonly summary?: string;
  /** Closed until it is asked for. */
  readonly folded?: boolean;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}

function Part({ title, summary, folded, open, children }: SectionProps) {
  if (!folded) {
    return (
      <section class="card">
        <div class="row between">
          <h2>{title}</h2>
          {summary && <span class="soft num">{summary}</span>}
        </div>
        {children}
      </section>
    );
  }
  return (
    <details class="card fold" open={open}>
      <summary>
        <h2>{title}</h2>
        {summary && <span class="soft">{summary}</span>}
      </summary>
      {children}
    </details>
  );
}

/** In words, what keeps the form from being checked. */
function whatIsMissing(form: ReplayForm, errors: FormErrors): string {
  if (errors.alias !== undefined && form.alias.trim() === '') return 'choose a target';
  if (errors.host !== undefined) return 'name a host';
  return 'mend the fields that are marked';
}

const POLICY = ['statementTimeout', 'runTimeout', 'slowerRatio', 'slowerMin', 'digestRows'] as const;
const LIMITS = [
  'maxConnections',
  'connectTimeout',
  'inFlight',
  'scale',
  'settleCommits',
  'syncCommits',
  'restoreIds',
  'markProgress',
] as const;

/** Of a part that is folded: whether anything in it was changed. */
function changedSummary(form: ReplayForm, fields: readonly (keyof ReplayForm)[]): string {
  const changed = fields.filter((field) => form[field] !== NEW_FORM[field]).length;
  return changed === 0 ? 'defaults' : `${count(changed)} changed`;
}

function filterSummary(form: ReplayForm): string {
  const parts = [
    form.types.join(', '),
    form.text && `holds “${form.text}”`,
    form.textExcludes && `without “${form.textExcludes}”`,
    form.databases,
    form.users,
    form.applications,
    form.sessions,
    form.transactions,
    form.outcome && RECORDED[form.outcome].label.toLowerCase(),
    form.minDuration && `≥ ${form.minDuration} ms`,
  ].filter(Boolean);
  return parts.length === 0 ? 'all of the window' : parts.join(' · ');
}

function mappingSummary(form: ReplayForm): string {
  const pairs = [...form.databaseMap, ...form.userMap].filter(({ recorded, target }) => recorded && target);
  return pairs.length === 0
    ? 'as of the target'
    : pairs.map(({ recorded, target }) => `${recorded} → ${target}`).join(', ');
}
