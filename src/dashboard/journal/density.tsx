import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { count } from '../lib/format.ts';
import { clock, dateTime, formatMicros, micros, type Span, ticks } from '../lib/time.ts';

export interface Bucket {
  readonly from: string;
  readonly to: string;
  readonly entries: number;
  readonly failures: number;
}

interface Props {
  /** The span that is drawn. */
  readonly view: Span;
  readonly buckets: readonly Bucket[];
  /** The window that is chosen, null for none. */
  readonly selection: Span | null;
  readonly onSelect: (window: Span) => void;
  /** Spans that the journal cannot vouch for. */
  readonly losses?: readonly Span[];
}

/** Room for failures below the line, as a share of the height. */
const BELOW = 26;
const ABOVE = 100;

/**
 * Entries over time, failures below the line, with a brush: drag to choose a window, drag an end to change it; with the
 * keyboard each end is a slider.
 */
export function Density({ view, buckets, selection, onSelect, losses = [] }: Props) {
  const plot = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ at: number; x: number; moved: boolean } | null>(null);
  const hovered = useSignal<number | null>(null);
  const length = Math.max(1, view.to - view.from);
  const share = (at: number) => Math.max(0, Math.min(1, (at - view.from) / length));
  const most = Math.max(1, ...buckets.map((bucket) => bucket.entries));
  const mostFailures = Math.max(1, ...buckets.map((bucket) => bucket.failures));

  const timeAt = (event: PointerEvent) => {
    const box = plot.current?.getBoundingClientRect();
    if (!box) return view.from;
    const part = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    return Math.round(view.from + part * length);
  };
  const bucketAt = (at: number) => buckets.findIndex((bucket) => at <= micros(bucket.to));

  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    plot.current?.setPointerCapture(event.pointerId);
    const at = timeAt(event);
    // Near an end of the window the drag moves that end.
    const box = plot.current?.getBoundingClientRect();
    const near = box ? (8 / box.width) * length : 0;
    let from = at;
    if (selection && Math.abs(at - selection.from) < near) from = selection.to;
    else if (selection && Math.abs(at - selection.to) < near) from = selection.from;
    anchor.current = { at: from, x: event.clientX, moved: from !== at };
  };
  const onPointerMove = (event: PointerEvent) => {
    const at = timeAt(event);
    hovered.value = bucketAt(at);
    const start = anchor.current;
    if (!start) return;
    if (Math.abs(event.clientX - start.x) > 3) start.moved = true;
    if (start.moved) onSelect({ from: Math.min(start.at, at), to: Math.max(start.at, at) });
  };
  const onPointerUp = () => {
    const start = anchor.current;
    anchor.current = null;
    if (!start || start.moved) return;
    // A click takes the bar that it hits.
    const bucket = buckets[bucketAt(start.at)];
    if (bucket) onSelect({ from: micros(bucket.from), to: micros(bucket.to) });
  };

  const step = buckets[0] ? micros(buckets[0].to) - micros(buckets[0].from) + 1 : length / 100;
  const onKey = (end: 'from' | 'to') => (event: KeyboardEvent) => {
    if (!selection) return;
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    let at: number;
    if (event.key === 'Home') at = end === 'from' ? view.from : selection.from;
    else if (event.key === 'End') at = end === 'to' ? view.to : selection.to;
    else if (sign !== undefined) at = selection[end] + sign * (event.shiftKey ? 10 : 1) * step;
    else return;
    event.preventDefault();
    const low = end === 'to' ? selection.from : view.from;
    const high = end === 'from' ? selection.to : view.to;
    onSelect({ ...selection, [end]: Math.round(Math.max(low, Math.min(high, at))) });
  };

  const inner = ticks(view, 6).filter((tick) => share(tick.at) > 0.05 && share(tick.at) < 0.95);
  const shown = hovered.value === null ? null : buckets[hovered.value];
  const width = 1000 / Math.max(1, buckets.length);
  return (
    <div class="density">
      <div
        ref={plot}
        class="density-plot"
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={() => {
          anchor.current = null;
        }}
        onPointerLeave={() => {
          hovered.value = null;
        }}
      >
        <svg viewBox={`0 0 1000 ${ABOVE + BELOW}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
          {buckets.map((bucket, index) => {
            const high = bucket.entries === 0 ? 0 : Math.max(1.5, (bucket.entries / most) * (ABOVE - 6));
            const low = bucket.failures === 0 ? 0 : Math.max(3, (bucket.failures / mostFailures) * (BELOW - 4));
            const inside = !selection || (micros(bucket.to) >= selection.from && micros(bucket.from) <= selection.to);
            const x = index * width + width * 0.1;
            return (
              <g key={bucket.from} class={`${inside ? 'in' : 'out'}${hovered.value === index ? ' hover' : ''}`}>
                <rect class="bar" x={x} y={ABOVE - high} width={width * 0.8} height={high} />
                <rect class="bar failure" x={x} y={ABOVE + 2} width={width * 0.8} height={low} />
              </g>
            );
          })}
          <line class="base" x1={0} x2={1000} y1={ABOVE + 0.5} y2={ABOVE + 0.5} />
        </svg>
        {losses.map((loss) => (
          <div
            key={`${loss.from}-${loss.to}`}
            class="density-loss"
            style={{ left: `${share(loss.from) * 100}%`, width: `${(share(loss.to) - share(loss.from)) * 100}%` }}
          />
        ))}
        {selection && (
          <>
            <div
              class="density-window"
              style={{ left: `${share(selection.from) * 100}%`, right: `${(1 - share(selection.to)) * 100}%` }}
            />
            {(['from', 'to'] as const).map((end) => (
              <div
                key={end}
                class="density-thumb"
                role="slider"
                tabIndex={0}
                aria-label={end === 'from' ? 'Begin of the window' : 'End of the window'}
                aria-valuemin={0}
                aria-valuemax={100}
                aria-valuenow={Math.round(share(selection[end]) * 100)}
                aria-valuetext={dateTime(formatMicros(selection[end]))}
                style={{ left: `${share(selection[end]) * 100}%` }}
                onKeyDown={onKey(end)}
              />
            ))}
          </>
        )}
      </div>
      <div class="density-axis" aria-hidden="true">
        {/* At the very ends there is no room for a label. */}
        {inner.map((tick) => (
          <span key={tick.at} style={{ left: `${share(tick.at) * 100}%` }}>
            {tick.label}
          </span>
        ))}
      </div>
      <p class="density-note">
        {shown ? (
          <>
            <span class="num">
              {clock(shown.from)} – {clock(shown.to)}
            </span>
            <span class="num">{count(shown.entries)} entries</span>
            <span class="num">{count(shown.failures)} failed</span>
          </>
        ) : (
          <>
            <span class="key entries">entries</span>
            <span class="key failures">failed on the source, below the line</span>
            {losses.length > 0 && <span class="key losses-key">something is missing here: see the losses</span>}
            <span>Drag to choose a window.</span>
          </>
        )}
      </p>
    </div>
  );
}
