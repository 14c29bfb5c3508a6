import type { Draw } from './draw.ts';

/**
 * Bounds from above: the lowest first value of the pinned draws that started after a draw had ended, for it drew
 * below that.
 */
export function ceilings(
  draws: readonly Draw[],
  pinned: ReadonlyMap<Draw, number>,
  to: number | null,
): (draw: Draw) => number {
  const lowest = new Array<number>(draws.length + 1).fill(to ?? Number.POSITIVE_INFINITY);
  for (let index = draws.length - 1; index >= 0; index--) {
    lowest[index] = Math.min(lowest[index + 1]!, pinned.get(draws[index]!) ?? Number.POSITIVE_INFINITY);
  }
  return (draw) => lowest[firstWhere(draws.length, (at) => draws[at]!.start > draw.end)]!;
}

/** The first of so many indexes from which on something holds; `length`: it never does. */
export function firstWhere(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
