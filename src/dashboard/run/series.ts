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

/** Points at the ends of equal intervals, from the beginning of the run. */
export function pointsOf(timeline: {
  readonly intervalMs: number;
  readonly intervals: readonly { readonly succeeded: number; readonly failed: number }[];
}): readonly SeriesPoint[] {
  let last: SeriesPoint = { at: 0, succeeded: 0, failed: 0 };
  return [
    last,
    ...timeline.intervals.map((interval, index) => {
      last = {
        at: (index + 1) * timeline.intervalMs,
        succeeded: last.succeeded + interval.succeeded,
        failed: last.failed + interval.failed,
      };
      return last;
    }),
  ];
}
