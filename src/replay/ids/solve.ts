import { type Draw, isShown, type Stretch } from './draw.ts';
import { pinShown } from './pins.ts';
import { placeDraws } from './places.ts';

/**
 * Gives every draw of a stretch its place. Draws come in the order in which their statements started; a
 * sequence gives each value once, in order, so places follow from counting, except that
 *
 * - draws whose statements ran at the same time may have changed places;
 * - some draws are miscounted (failed in the middle, rows unknown) and some are not in the record at all.
 *
 * Values that later statements showed pin draws down (`pins.ts`). The others go between them, as their times
 * allow (`places.ts`).
 *
 * Returns what the sequence gives next behind the last draw; null: unknown.
 */
export function solve(draws: readonly Draw[], stretch: Stretch): number | null {
  for (const draw of draws) {
    // An earlier solving, which knew less, may have bent counts.
    draw.count = draw.guess;
    draw.weighed = draw.group.shown.size;
    draw.isUnproven = false;
  }
  // What is shown behind a statement that gave nothing is of another one.
  const giving = draws.filter(({ max }) => max > 0);
  const next = placeDraws(draws, stretch, pinShown(giving, stretch));
  let { isOpen } = stretch;
  for (const draw of draws) {
    if (isShown(draw)) isOpen = draw.isUnproven;
    else if (isOpen && draw.certainty === 'COUNTED') draw.isUnproven = true;
  }
  return next;
}
