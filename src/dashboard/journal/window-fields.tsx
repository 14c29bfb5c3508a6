// biome-ignore-all lint/a11y/noStaticElementInteractions: Enter in either field takes both over
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { span } from '../lib/format.ts';
import { dateTime, formatMicros, parseMicros, type Span } from '../lib/time.ts';
import { TextField } from '../ui/fields.tsx';

interface Props {
  readonly window: Span;
  readonly onChange: (window: Span) => void;
}

/** Both ends of a window as text; taken over when they make one. Without a zone they are UTC. */
export function WindowFields({ window, onChange }: Props) {
  const from = useSignal('');
  const to = useSignal('');
  const shown = { from: dateTime(formatMicros(window.from)), to: dateTime(formatMicros(window.to)) };
  useEffect(() => {
    from.value = shown.from;
    to.value = shown.to;
  }, [shown.from, shown.to]);
  const begin = parseMicros(from.value);
  const end = parseMicros(to.value);
  const inverted = begin !== null && end !== null && begin > end;
  const take = () => {
    if (begin === null || end === null || inverted) return;
    if (from.value !== shown.from || to.value !== shown.to) onChange({ from: begin, to: end });
  };
  const wrong = (value: number | null) => (value === null ? 'Write it like 2026-11-23 10:00:00.000' : null);
  return (
    <div
      class="window-fields"
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return;
        event.preventDefault();
        take();
      }}
    >
      <TextField
        label="From (UTC)"
        mono
        value={from.value}
        error={from.value === '' ? null : wrong(begin)}
        onInput={(value) => {
          from.value = value;
        }}
        onBlur={take}
      />
      <TextField
        label="To (UTC), inclusive"
        mono
        value={to.value}
        error={to.value === '' ? null : (wrong(end) ?? (inverted ? 'It lies before the begin' : null))}
        onInput={(value) => {
          to.value = value;
        }}
        onBlur={take}
      />
      <p class="soft num span">{span(window.to - window.from)}</p>
    </div>
  );
}
