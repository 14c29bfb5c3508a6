/** What stands where nothing is known. */
export const NOTHING = '–';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text has the form of the ids of runs and transactions. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A whole number with thousands separators; a dash for none. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NOTHING : WHOLE.format(value);
}

/** `1 entry`, `2 entries`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `0.35 ms`, `12 ms`, `3.4 s`, `2 min 05 s`, `1 h 02 min`, as the CLI writes them; a dash for none. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NOTHING;
  if (ms > 0 && ms < 0.005) return '<0.01 ms';
  if (ms < 9.995) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A moment of a run, short enough for an axis: `25 ms`, `2.5 s`, `25 s`, `1:40`, `2:00:05`. */
export function moment(seconds: number): string {
  if (seconds > 0 && seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Number(seconds.toFixed(2))} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const text = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return text.replace(/^(?:00:)?0?/, '');
}

/** A span of microseconds, as `duration`. */
export function span(micros: number): string {
  return micros < 1000 ? `${micros} µs` : duration(micros / 1000);
}

/** A share as percentage: `0 %` and `100 %` only when it is exactly that. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return NOTHING;
  if (part >= whole) return '100 %';
  if (part <= 0) return '0 %';
  const value = (part / whole) * 100;
  if (value < 0.1) return '<0.1 %';
  return value < 10 ? `${value.toFixed(1)} %` : `${Math.min(99, Math.floor(value))} %`;
}

/** Statements a second. */
export function rate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : WHOLE.format(value);
}

/** How the replayed percentile stands to the recorded one: `+35 %`, `2.4×`, `−12 %`; a dash where one is unknown. */
export function delta(recorded: number | null, replayed: number | null): string {
  if (recorded === null || replayed === null) return NOTHING;
  if (recorded === 0) return replayed === 0 ? '0 %' : NOTHING;
  const ratio = replayed / recorded;
  if (ratio >= 2) return `${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio)}×`;
  // Only nothing at all is less by 100 %.
  const change = Math.max(replayed === 0 ? -100 : -99, Math.round((ratio - 1) * 100));
  return change === 0 ? '0 %' : `${change > 0 ? '+' : '−'}${Math.abs(change)} %`;
}

/** One line of a statement, for tables. */
export function oneLine(text: string, most = 400): string {
  const flat = text
    .slice(0, most * 2)
    .replace(/\s+/g, ' ')
    .trim();
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
}

/** The first part of a UUID, which tells runs and transactions apart for people. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
