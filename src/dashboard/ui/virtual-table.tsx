// biome-ignore-all lint/a11y/useSemanticElements: an ARIA grid of which only the rows in sight exist: tables cannot be drawn so
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid takes the keyboard, rows are its active descendants
// biome-ignore-all lint/a11y/useKeyWithClickEvents: Enter on the grid does what a click on a row does
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

export interface Column<T> {
  readonly key: string;
  readonly title: string;
  /** A track of the grid: `6rem`, `1fr`. */
  readonly width: string;
  readonly align?: 'end';
  /** The title is read aloud only. */
  readonly hideTitle?: boolean;
  /** Left out on narrow screens. */
  readonly wide?: boolean;
  /** Can be sorted by. */
  readonly sortable?: boolean;
  render(row: T): ComponentChildren;
}

export interface Sort {
  readonly key: string;
  readonly descending: boolean;
}

export interface TableProps<T> {
  /** What the list holds, read aloud. */
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string | number;
  /** Enter or click on a row. */
  readonly onOpen?: (row: T) => void;
  /** The row that is shown elsewhere. */
  readonly selected?: string | number | null;
  /** Called when the end comes near. */
  readonly onEnd?: () => void;
  readonly sort?: Sort | undefined;
  readonly onSort?: (key: string) => void;
  /** Scrolls to the newest row as rows come, until the user scrolls away. */
  readonly follow?: boolean;
  readonly onScrolledAway?: () => void;
  /** Longest height; the list is as high as its rows up to it. */
  readonly height?: string;
  readonly footer?: ComponentChildren;
}

const ROW = 32;
const OVERSCAN = 8;

/**
 * A table that draws the rows in sight only. The whole is one stop of the keyboard: arrows, page keys, Home and End move,
 * Enter opens.
 */
export function VirtualTable<T>(props: TableProps<T>) {
  const { columns, rows, rowKey, onOpen } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const view = useSignal(600);
  const active = useSignal(0);
  const focused = useSignal(false);
  const own = useRef(-1);
  const id = useId();

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      view.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Follows the end.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!props.follow || !element) return;
    own.current = Math.max(0, element.scrollHeight - element.clientHeight);
    element.scrollTop = own.current;
  }, [props.follow, rows.length, rows.at(-1)]);

  const first = Math.max(0, Math.floor(top.value / ROW) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((top.value + view.value) / ROW) + OVERSCAN);
  useEffect(() => {
    if (last >= rows.length - 20) props.onEnd?.();
  }, [last, rows.length]);

  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const away = props.follow && element.scrollTop < own.current - ROW;
    top.value = element.scrollTop;
    if (away) props.onScrolledAway?.();
  };

  const current = Math.min(active.value, rows.length - 1);
  const move = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    active.value = next;
    const element = scroller.current;
    if (!element) return;
    const head = ROW;
    const start = next * ROW;
    if (start < element.scrollTop) element.scrollTop = start;
    else if (start + ROW + head > element.scrollTop + element.clientHeight) {
      element.scrollTop = start + ROW + head - element.clientHeight;
    }
    if (props.follow && next < rows.length - 1) props.onScrolledAway?.();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(view.value / ROW) - 2);
    const steps: Record<string, number> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + page,
      PageUp: current - page,
      Home: 0,
      End: rows.length - 1,
    };
    const target = steps[event.key];
    if (target !== undefined) {
      event.preventDefault();
      move(target);
    } else if (event.key === 'Enter') {
      const row = rows[current];
      if (row !== undefined && onOpen) {
        event.preventDefault();
        onOpen(row);
      }
    }
  };

  const cell = (column: Column<T>) => `cell${column.align ? ' end' : ''}${column.wide ? ' wide' : ''}`;
  const tracks = columns.map((column) => column.width).join(' ');
  const narrow = columns
    .filter((column) => !column.wide)
    .map((column) => column.width)
    .join(' ');
  return (
    // The grid itself takes the keyboard: one stop, whatever the number of rows.
    <div
      ref={scroller}
      class="vtable"
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-activedescendant={focused.value && rows.length > 0 ? `${id}-${current}` : undefined}
      tabIndex={0}
      style={{ '--tracks': tracks, '--tracks-narrow': narrow, maxHeight: props.height ?? '60vh' }}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
      onFocus={(event) => {
        focused.value = event.target === scroller.current;
      }}
      onBlur={() => {
        focused.value = false;
      }}
    >
      <div role="rowgroup" class="vhead">
        <div role="row" class="vrow" aria-rowindex={1}>
          {columns.map((column) => (
            <div
              key={column.key}
              role="columnheader"
              class={cell(column)}
              aria-sort={
                props.sort?.key === column.key ? (props.sort.descending ? 'descending' : 'ascending') : undefined
              }
            >
              {column.sortable && props.onSort ? (
                <button type="button" class="sort" onClick={() => props.onSort?.(column.key)}>
                  {column.title}
                  {props.sort?.key === column.key && <Icon name={props.sort.descending ? 'down' : 'up'} size={12} />}
                </button>
              ) : column.hideTitle ? (
                <span class="hidden">{column.title}</span>
              ) : (
                column.title
              )}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="vbody" style={{ height: `${rows.length * ROW}px` }}>
        {rows.slice(first, last).map((row, offset) => {
          const index = first + offset;
          const key = rowKey(row);
          const state = `${index === current && focused.value ? ' active' : ''}${props.selected === key ? ' selected' : ''}`;
          return (
            <div
              key={key}
              id={`${id}-${index}`}
              role="row"
              class={`vrow${onOpen ? ' opens' : ''}${state}`}
              aria-rowindex={index + 2}
              aria-selected={props.selected === undefined ? undefined : props.selected === key}
              style={{ transform: `translateY(${index * ROW}px)` }}
              onClick={() => {
                active.value = index;
                onOpen?.(row);
              }}
            >
              {columns.map((column) => (
                <div key={column.key} role="gridcell" class={cell(column)}>
                  {column.render(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
      {props.footer && <div class="vfoot">{props.footer}</div>}
    </div>
  );
}
