import type { ComponentChildren } from 'preact';
import { count } from '../lib/format.ts';
import type { PagedList } from '../lib/paged.ts';
import { Failure } from './notice.tsx';
import { type TableProps, VirtualTable } from './virtual-table.tsx';

interface Props<T> extends Omit<TableProps<T>, 'rows' | 'onEnd' | 'footer'> {
  readonly list: PagedList<T>;
  /** What stands there when nothing is found. */
  readonly empty: ComponentChildren;
  /** What stands behind the rows while more are fetched. */
  readonly loading?: string;
}

/** A list that is read by pages as it is scrolled. */
export function PagedTable<T>({ list, empty, loading = 'Loading…', ...table }: Props<T>) {
  const nothing = list.rows.length === 0;
  return (
    <>
      <Failure error={list.error} retry={list.reload} />
      {nothing && list.complete
        ? empty
        : (!nothing || list.error === null) && (
            <VirtualTable
              {...table}
              rows={list.rows}
              onEnd={list.more}
              footer={list.loading && !list.complete ? loading : null}
            />
          )}
    </>
  );
}

/** How many rows of the list are there by now, read out as they come. */
export function LoadedCount<T>({ list: { rows, complete } }: { readonly list: PagedList<T> }) {
  return (
    <span class="soft num" role="status">
      {(complete || rows.length > 0) && count(rows.length)}
      {!complete && rows.length > 0 && ' loaded, more as you scroll'}
    </span>
  );
}
