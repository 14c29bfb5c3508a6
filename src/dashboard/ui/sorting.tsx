import type { ComponentChildren } from 'preact';
import type { Column, Sort } from './virtual-table.tsx';

/** A column with what its rows are sorted by. */
export interface SortedColumn<T> extends Column<T> {
  readonly value: (row: T) => number | string;
}

interface NumberColumn<T> {
  readonly key: string;
  readonly title: string;
  readonly width: string;
  /** Left out on narrow screens. */
  readonly wide?: boolean;
  readonly value: (row: T) => number;
  render(row: T): ComponentChildren;
}

/** A column of figures, to sort by. */
export function numberColumn<T>({ render, ...column }: NumberColumn<T>): SortedColumn<T> {
  return { ...column, align: 'end', sortable: true, render: (row) => <span class="num">{render(row)}</span> };
}

/** The rows by the column that is sorted by. */
export function sortRows<T>(rows: readonly T[], columns: readonly SortedColumn<T>[], sort: Sort): readonly T[] {
  const value = columns.find(({ key }) => key === sort.key)?.value;
  if (value === undefined) return rows;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const left = value(a);
    const right = value(b);
    return sign * (typeof left === 'string' ? left.localeCompare(String(right)) : left - Number(right));
  });
}

/** The sort once the title of a column was pressed: of figures the largest first, and the other way round when pressed again. */
export function pressed<T>(columns: readonly SortedColumn<T>[], sort: Sort, key: string): Sort {
  if (sort.key === key) return { key, descending: !sort.descending };
  return { key, descending: columns.find((column) => column.key === key)?.align === 'end' };
}
