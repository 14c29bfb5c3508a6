import { pause } from '../pause.ts';
import type { WalkContext } from './walk.ts';

/** Later than this against its schedule is late. Milliseconds; a timer's own grain. */
const LATE_MS = 1;
/** Waits are cut into slices, so that a change of speed or a pause takes effect within a long gap. */
const SLICE_MS = 50;

/** True when a statement that is sent so many milliseconds after its due time counts as on time. */
export function sendIsTimely(lateMs: number): boolean {
  return lateMs <= LATE_MS;
}

/**
 * Waits until a place of the schedule is due, or the run is being ended. Pauses move the schedule. False: `broken` came
 * before, and the place may not be due yet.
 */
export async function waitUntilDue(
  context: WalkContext,
  place: number,
  broken: Promise<void> | null = null,
): Promise<boolean> {
  const { control, pacer } = context;
  let isBroken = false;
  broken?.then(() => {
    isBroken = true;
  });
  while (control.endReason === null) {
    const gate = control.gate();
    if (gate !== null) await gate;
    pacer.shift(control.takePausedMs());
    if (isBroken) return false;
    const left = pacer.dueAt(place) - performance.now();
    if (left <= 0) return true;
    const slice = pause(Math.min(left, SLICE_MS), control.signal);
    await (broken === null ? slice : Promise.race([slice, broken]));
  }
  return true;
}
