import type { Signal } from '@preact/signals';
import type { EntryFilterInput, EntryOutcomeStatus, StatementType } from '../../client/index.ts';
import { STATEMENT_TYPES } from '../../client/words.ts';
import { RECORDED } from '../lib/words.ts';
import { FilterSelect, SearchBox } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';

/** What the filter bar holds. */
export interface FilterState {
  readonly text: string;
  readonly outcome: EntryOutcomeStatus | '';
  readonly types: readonly StatementType[];
  readonly session: string;
  readonly user: string;
  readonly database: string;
  readonly application: string;
  readonly minDuration: string;
}

export const NO_FILTER: FilterState = {
  text: '',
  outcome: '',
  types: [],
  session: '',
  user: '',
  database: '',
  application: '',
  minDuration: '',
};

const OUTCOMES = ['SUCCEEDED', 'FAILED', 'UNKNOWN'] as const satisfies readonly EntryOutcomeStatus[];

const ORIGINS = [
  { key: 'user', label: 'User', placeholder: 'user' },
  { key: 'database', label: 'Database', placeholder: 'database' },
  { key: 'application', label: 'Application', placeholder: 'application' },
] as const;

/** Null when everything passes. */
export function filterOf(state: FilterState): EntryFilterInput | null {
  const minDuration = Number(state.minDuration);
  const filter: EntryFilterInput = {
    ...(state.text ? { text: state.text } : {}),
    ...(state.outcome ? { outcome: state.outcome } : {}),
    ...(state.types.length > 0 ? { statementTypes: [...state.types] } : {}),
    ...(state.session ? { sessionIds: [state.session] } : {}),
    ...(state.user.trim() ? { users: [state.user.trim()] } : {}),
    ...(state.database.trim() ? { databases: [state.database.trim()] } : {}),
    ...(state.application.trim() ? { applications: [state.application.trim()] } : {}),
    ...(state.minDuration && minDuration > 0 ? { minDurationMs: minDuration } : {}),
  };
  return Object.keys(filter).length === 0 ? null : filter;
}

/** Search and filters of the entries. */
export function EntryFilter({ state }: { readonly state: Signal<FilterState> }) {
  const change = (part: Partial<FilterState>) => {
    state.value = { ...state.value, ...part };
  };
  const { text, outcome, types, session, minDuration } = state.value;
  return (
    <search class="filter-bar">
      <SearchBox
        label="Search in statements"
        placeholder="Search in statements"
        shortcut
        value={text}
        onInput={(value) => change({ text: value })}
      />
      <FilterSelect
        label="Outcome on the source"
        any="Any outcome"
        value={outcome}
        options={OUTCOMES.map((value) => [value, RECORDED[value].label])}
        onChange={(value) => change({ outcome: value })}
      />
      <FilterSelect
        label="Statement type"
        any="Any type"
        value={types[0] ?? ''}
        options={STATEMENT_TYPES.map((type) => [type, type])}
        onChange={(type) => change({ types: type === '' ? [] : [type] })}
      />
      <input
        class="short"
        inputMode="decimal"
        aria-label="Shortest duration in milliseconds"
        placeholder="≥ ms"
        value={minDuration}
        onInput={(event) => change({ minDuration: event.currentTarget.value })}
      />
      {ORIGINS.map(({ key, label, placeholder }) => (
        <input
          key={key}
          class="origin"
          type="text"
          aria-label={label}
          placeholder={placeholder}
          value={state.value[key]}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => change({ [key]: event.currentTarget.value })}
        />
      ))}
      {session && (
        <button type="button" class="chip" onClick={() => change({ session: '' })}>
          session <code>{session}</code>
          <Icon name="cross" size={12} />
          <span class="hidden">remove</span>
        </button>
      )}
      {filterOf(state.value) && (
        <button
          type="button"
          class="link"
          onClick={() => {
            state.value = NO_FILTER;
          }}
        >
          Clear
        </button>
      )}
    </search>
  );
}
