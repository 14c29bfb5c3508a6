import type { Draw } from './draw.ts';
import { firstWhere } from './first-where.ts';

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
