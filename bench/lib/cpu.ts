import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const TICKS = 100;

interface Stat {
  readonly parent: number;
  /** Seconds, its own and those of children that it has waited for. */
  readonly own: number;
  readonly reaped: number;
}

function statOf(pid: number | string): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return {
      parent: fields[1]!,
      own: (fields[11]! + fields[12]!) / TICKS,
      reaped: (fields[13]! + fields[14]!) / TICKS,
    };
  } catch {
    return null;
  }
}

/** CPU seconds of one process, without its children; NaN where /proc does not tell. */
export function processCpu(pid: number): number {
  return statOf(pid)?.own ?? Number.NaN;
}

/** CPU seconds of a process and everything it has started, the dead included; NaN where /proc does not tell. */
export function treeCpu(pid: number): number {
  for (;;) {
    const root = statOf(pid);
    if (root === null) return Number.NaN;
    const sum = sumOfTree(pid, root);
    // A child that was waited for meanwhile is neither in the list nor in what was read before it.
    if (statOf(pid)?.reaped === root.reaped) return sum;
  }
}

function sumOfTree(pid: number, root: Stat): number {
  const children = new Map<number, [number, Stat][]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    if (stat === null) continue;
    const list = children.get(stat.parent) ?? [];
    list.push([Number(name), stat]);
    children.set(stat.parent, list);
  }
  const sum = (id: number, stat: Stat): number =>
    (children.get(id) ?? []).reduce((total, [child, its]) => total + sum(child, its), stat.own + stat.reaped);
  return sum(pid, root);
}

/** Resident memory of a process in bytes, now and at its peak; null where /proc does not tell. */
export function residentMemory(pid: number): { readonly now: number; readonly peak: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
    return { now: read('VmRSS'), peak: read('VmHWM') };
  } catch {
    return null;
  }
}
