/** Cumulative counts of a run at a moment of it. */
export interface SeriesPoint {
  /** Milliseconds of the run. */
  readonly at: number;
  readonly succeeded: number;
  /** Cascades included. */
  readonly failed: number;
}

/** Points that are kept; beyond, every second one goes, so that a day of a run costs what a minute does. */
const MOST = 400;

/** The points with one more. One that is no later than the last replaces it. */
export function withPoint(points: readonly SeriesPoint[], point: SeriesPoint): readonly SeriesPoint[] {
  const last = points.at(-1);
  if (last && point.at <= last.at) {
    // A figure that went back belongs to a run that was resumed: begin again behind it.
    return point.succeeded < last.succeeded ? [point] : points;
  }
  const next = [...points, point];
  return next.length <= MOST ? next : next.filter((_, index) => index % 2 === 0 || index === next.length - 1);
}

export interface Rates {
  /** Seconds of the run. */
  readonly x: readonly number[];
  readonly succeeded: readonly number[];
  readonly failed: readonly number[];
}

/** Statements a second between the points. Where points are missing (a reload, a lost network) it is the mean. */
export function ratesOf(points: readonly SeriesPoint[]): Rates {
  const x: number[] = [];
  const succeeded: number[] = [];
  const failed: number[] = [];
  for (let index = 1; index < points.length; index++) {
    const before = points[index - 1];
    const point = points[index];
    if (!before || !point) continue;
    const seconds = (point.at - before.at) / 1000;
    x.push(point.at / 1000);
    succeeded.push(Math.max(0, point.succeeded - before.succeeded) / seconds);
    failed.push(Math.max(0, point.failed - before.failed) / seconds);
  }
  return { x, succeeded, failed };
}

/** Points from single outcomes, for a run that nobody watched here. `at` in milliseconds, in order. */
export function pointsOf(
  outcomes: readonly { readonly at: number; readonly failed: boolean; readonly succeeded: boolean }[],
  startedAt: number,
  parts: number,
): readonly SeriesPoint[] {
  const end = outcomes.at(-1)?.at ?? startedAt;
  const step = Math.max(50, (end - startedAt) / parts);
  const points: SeriesPoint[] = [{ at: 0, succeeded: 0, failed: 0 }];
  let succeeded = 0;
  let failed = 0;
  let index = 0;
  for (let at = step; index < outcomes.length; at += step) {
    for (; index < outcomes.length && (outcomes[index]?.at ?? 0) - startedAt <= at; index++) {
      if (outcomes[index]?.succeeded) succeeded += 1;
      if (outcomes[index]?.failed) failed += 1;
    }
    points.push({ at, succeeded, failed });
  }
  return points;
}
