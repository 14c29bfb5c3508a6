/** Line icons on a 16 px grid; decoration only, the word stands beside them. */
const PATHS = {
  check: 'M3.5 8.5 6.5 11.5 12.5 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  dash: 'M4 8h8',
  question: 'M5.8 6.2a2.2 2.2 0 1 1 3.3 1.9c-.8.5-1.1.9-1.1 1.7M8 12v.2',
  cascade: 'M4 3v6h8M9 6l3 3-3 3',
  play: 'M5 3.5v9l7-4.5z',
  pause: 'M5.5 4v8M10.5 4v8',
  stop: 'M4.5 4.5h7v7h-7z',
  ring: 'M8 3a5 5 0 1 0 5 5',
  clock: 'M8 4.5V8l2.2 1.6M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11',
  warn: 'M8 2.8 14 13H2zM8 6.5v3M8 11.3v.2',
  info: 'M8 7.2v3.8M8 5v.2M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11',
  search: 'M7 3a4 4 0 1 0 0 8a4 4 0 1 0 0-8M10 10l3.3 3.3',
  sun: 'M8 5.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z',
  journal: 'M4 2.5h8v11H4zM6.5 5.5h3M6.5 8h3M6.5 10.5h1.5',
  replay: 'M3.5 8a4.5 4.5 0 1 1 1.4 3.3M2 6.6 3.5 8.4l1.9-1.5M7 6.2v3.6L9.8 8z',
  runs: 'M3 4.5h2M7 4.5h6M3 8h2M7 8h6M3 11.5h2M7 11.5h6',
  download: 'M8 3v7M5 7.5l3 3 3-3M3 13h10',
  right: 'M6 3.5 10.5 8 6 12.5',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  zoomIn: 'M7 3a4 4 0 1 0 0 8a4 4 0 1 0 0-8M10 10l3.3 3.3M5.2 7h3.6M7 5.2v3.6',
  zoomOut: 'M7 3a4 4 0 1 0 0 8a4 4 0 1 0 0-8M10 10l3.3 3.3M5.2 7h3.6',
  live: 'M8 7a1 1 0 1 0 0 2a1 1 0 1 0 0-2M5 11a4.2 4.2 0 0 1 0-6M11 5a4.2 4.2 0 0 1 0 6M3 13a7 7 0 0 1 0-10M13 3a7 7 0 0 1 0 10',
  up: 'M8 12.5v-9M4.5 7 8 3.5 11.5 7',
  down: 'M8 3.5v9M4.5 9 8 12.5 11.5 9',
  compare: 'M5.5 3v10M10.5 3v10M5.5 5.5h-3M5.5 9h-2M10.5 5.5h3M10.5 9h2',
  bin: 'M3 4.5h10M6.3 4.5V2.8h3.4v1.7M4.3 4.5l.6 8.7h6.2l.6-8.7M6.8 7v3.8M9.2 7v3.8',
  lock: 'M4.5 7.5h7v5.5h-7zM6 7.5V5.2a2 2 0 0 1 4 0v2.3',
  key: 'M5.5 7.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5M7.3 8.2 12.5 3M10.5 5l1.8 1.8',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
