import { once } from 'node:events';
import { RepriseError } from '../errors.ts';

/** What a command may touch of its process; tests and `main.ts` give their own. */
export interface Io {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT or SIGTERM: commands end cleanly. */
  readonly signal: AbortSignal;
}

/** A cell; numbers are aligned to the right. */
export type Cell = string | number | null;

/** Widest text of a column ahead of others: names of others may be of any length, and each row is filled up to the longest. */
const WIDEST = 200;

/** Rows under their headings, columns aligned, two spaces between; null shows as a dash, texts as `printable` does. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [headings, ...rows].map((row) =>
    row.map((cell, column) => {
      const text = typeof cell === 'number' ? count(cell) : printable(cell ?? '–');
      return column < row.length - 1 ? cutTo(text, WIDEST) : text;
    }),
  );
  // Not spread into Math.max: rows may be more than a call takes arguments.
  const widths = headings.map((_, column) =>
    texts.reduce((width, row) => Math.max(width, [...(row[column] ?? '')].length), 0),
  );
  const right = headings.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== 'string'));
  return texts
    .map((row) =>
      row
        .map((text, column) => {
          const gap = ' '.repeat((widths[column] ?? 0) - [...text].length);
          return right[column] ? gap + text : text + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names and values as two columns, texts as `printable` does; entries whose value is null are left out. */
export function fields(entries: readonly (readonly [string, Cell])[]): string {
  const shown = entries.filter(([, value]) => value !== null);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(
      ([name, value]) => `${name.padEnd(width)}  ${typeof value === 'number' ? count(value) : printable(value ?? '')}`,
    )
    .join('\n');
}

/** A whole number with thousands separators, others with up to three digits behind the point. */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}

/** `0.35 ms`, `12 ms`, `3.4 s`, `2 min 05 s`, `1 h 02 min`. */
export function duration(ms: number | null): string | null {
  if (ms === null) return null;
  if (ms < 10) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** True for a terminal that can redraw what it shows. */
export function isTerminal(stream: NodeJS.WriteStream, env: Io['env']): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Text of others for a terminal: control characters, which could move its cursor or worse, are made visible. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\u{fffd}');
}

/** One line of at most `width` characters: statements in tables. */
export function oneLine(text: string, width: number): string {
  const flat = printable(text.replace(/\s+/g, ' ').trim());
  return flat.length > width ? `${flat.slice(0, width - 1)}…` : flat;
}

/** One JSON document on one line: what `--json` prints. */
export function json(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item))}\n`);
}

/**
 * Resolves when a stream has room again for what a slow reader has yet to take: without this wait, all of it would be in
 * memory. Throws AbortError on an abort of `signal`.
 */
export async function untilRoom(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  if (stream.writableNeedDrain) await once(stream, 'drain', { signal });
}

/** A usage error, exit status 2. `flag` as the caller wrote it. */
export function usage(flag: string, why: string): RepriseError {
  return new RepriseError('BAD_INPUT', `${flag} ${why}`, { path: [flag] });
}

/** How often a terminal is redrawn at most. */
const REDRAW_MS = 66;

/**
 * A line that is rewritten in place on a terminal, and written at most once per `intervalMs` elsewhere, so that a
 * log of a long run stays readable.
 */
export class LiveLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #terminal: boolean;
  readonly #intervalMs: number;
  #lastAt = Number.NEGATIVE_INFINITY;
  #shown = '';
  /** What stands on the terminal now, and on how many lines. */
  #block: string | null = null;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream, options: { readonly terminal?: boolean; readonly intervalMs?: number } = {}) {
    this.#stream = stream;
    this.#terminal = options.terminal ?? stream.isTTY === true;
    this.#intervalMs = options.intervalMs ?? 5000;
  }

  /** Shows a state; several lines are one block. */
  show(text: string): void {
    const now = performance.now();
    const wait = this.#terminal ? REDRAW_MS : this.#intervalMs;
    if (now - this.#lastAt < wait) return;
    this.#lastAt = now;
    if (!this.#terminal) {
      if (text !== this.#shown) this.#stream.write(`${text.replace(/\n/g, '  ')}\n`);
      this.#shown = text;
      return;
    }
    const width = this.#stream.columns || 80;
    const lines = text.split('\n').map((line) => cutTo(line, width - 1));
    this.#stream.write(`${this.#eraser()}${lines.join('\n')}`);
    this.#drawn = lines.length;
    this.#block = text;
  }

  /** Writes a line that stays, above the live one, which is drawn again at once. */
  print(text: string): void {
    const [shown, lastAt] = [this.#block, this.#lastAt];
    this.clear();
    this.#stream.write(`${text}\n`);
    if (shown === null) return;
    this.show(shown);
    this.#lastAt = lastAt;
  }

  /** Takes the live line away. */
  clear(): void {
    if (this.#drawn === 0) return;
    this.#stream.write(this.#eraser());
    this.#drawn = 0;
    this.#block = null;
    this.#lastAt = Number.NEGATIVE_INFINITY;
  }

  #eraser(): string {
    return this.#drawn === 0 ? '' : `\r\u001b[2K${'\u001b[1A\u001b[2K'.repeat(this.#drawn - 1)}`;
  }
}

/**
 * Broken at spaces into lines of at most `width` characters (2 or more), those behind the first indented by `indent`, or
 * by half of what is narrower than twice that; of more than `most` lines the last one is cut.
 */
export function wrapTo(text: string, width: number, indent: number, most = Number.POSITIVE_INFINITY): string {
  const lines: string[] = [];
  const hanging = Math.min(indent, Math.floor(width / 2));
  let rest = [...text];
  while (rest.length > width && lines.length + 1 < most) {
    const before = lines.length === 0 ? 0 : hanging;
    // The space behind a line of just this width ends it, too.
    const space = rest.lastIndexOf(' ', width);
    const end = space > before ? space : width;
    lines.push(rest.slice(0, end).join('').trimEnd());
    rest = [...' '.repeat(hanging), ...rest.slice(end).join('').trimStart()];
  }
  return [...lines, cutTo(rest.join(''), width)].join('\n');
}

/** Cut to `width` characters. */
export function cutTo(line: string, width: number): string {
  const characters = [...line];
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : line;
}
