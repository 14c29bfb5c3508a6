import { delta, duration } from '../lib/format.ts';

export const PERCENTILES = ['p50', 'p95', 'p99'] as const;
export type Percentile = (typeof PERCENTILES)[number];

interface Side {
  readonly title: string;
  /** Milliseconds; null where they are not known. */
  readonly values: Readonly<Record<Percentile, number | null>>;
}

/** Durations of two sides, and how the second stands to the first. */
export function PercentileTable({ before, after }: { readonly before: Side; readonly after: Side }) {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">Duration</th>
          {[before.title, after.title, 'Change'].map((title) => (
            <th key={title} scope="col" class="end">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {PERCENTILES.map((key) => (
          <tr key={key}>
            <th scope="row">{key}</th>
            <td class="end num">{duration(before.values[key])}</td>
            <td class="end num">{duration(after.values[key])}</td>
            <td class="end num">{delta(before.values[key], after.values[key])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
