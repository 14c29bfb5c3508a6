import type { ReplayFieldsFragment, RestOfRequestFragment } from '../generated/graphql.ts';
import { rounded } from './data.ts';

/** A name, as it begins a line, and what is there. */
export type Fact = readonly [name: string, text: string];

type Request = ReplayFieldsFragment['request'] & Partial<RestOfRequestFragment>;

/** Values of one list that are told; the rest is counted: there may be ten thousand. */
const SHOWN = 8;

function listed(values: readonly string[] | null | undefined): string | null {
  if (values === null || values === undefined) return null;
  const more = values.length - SHOWN;
  const shown = values.slice(0, SHOWN).map((value) => (value === '' ? "''" : value));
  return shown.join(', ') + (more > 0 ? ` and ${more.toLocaleString('en-US')} more` : '');
}

/** What was given of a filter; none where all entries of the window pass. */
export function filterFacts(filter: RestOfRequestFragment['filter']): readonly Fact[] {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Statement types', listed(filter.statementTypes)],
    ['Statement holds', filter.text],
    ['Statement does not hold', filter.textExcludes],
    ['Databases', listed(filter.databases)],
    ['Users', listed(filter.users)],
    ['Applications', listed(filter.applications)],
    ['Sessions', listed(filter.sessionIds)],
    ['Outcome in the record', filter.outcome?.toLowerCase() ?? null],
    ['Took at least', filter.minDurationMs === null ? null : `${rounded(filter.minDurationMs)} ms`],
    ['Transactions', listed(filter.transactionIds)],
  ];
  return facts.filter((fact): fact is Fact => fact[1] !== null);
}

/** What a run was asked to take, where it sent that, and whether it might write there; for lines of a report. */
export function requestFacts({ filter, databases, users, readOnly }: Request): readonly Fact[] {
  const mapped = (name: string, pairs: Request['databases']): readonly Fact[] => {
    const text = listed(pairs?.map(({ recorded, target }) => `${recorded} → ${target}`));
    return text ? [[name, text]] : [];
  };
  return [
    ...(filter === undefined ? [] : [['Filter', filterText(filter)] as const]),
    ...mapped('Databases', databases),
    ...mapped('Users', users),
    ['Read-only', readOnly ? 'yes' : 'no'],
  ];
}

function filterText(filter: RestOfRequestFragment['filter']): string {
  const facts = filterFacts(filter).map(([name, text]) => `${name.toLowerCase()}: ${text}`);
  return facts.length === 0 ? 'none: all entries of the window' : facts.join('; ');
}
