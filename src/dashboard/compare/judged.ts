/** One normalised statement in two runs, as far as durations are compared. */
export interface JudgedPair {
  readonly a: Judged | null;
  readonly b: Judged | null;
}

interface Judged {
  /** Calls that succeeded or failed. */
  readonly sent: number;
  readonly replayed: { readonly p50: number | null; readonly p95: number | null };
}

/** Below so many calls a statement is judged by its median: the 95th percentile is then its slowest call. */
const CALLS_FOR_P95 = 20;

/** The percentile that the verdict of a pair looks at. */
export function judgedBy({ a, b }: JudgedPair): 'p50' | 'p95' {
  const sent = Math.min(a?.sent ?? Number.POSITIVE_INFINITY, b?.sent ?? Number.POSITIVE_INFINITY);
  return sent < CALLS_FOR_P95 ? 'p50' : 'p95';
}

/** That percentile in one of the runs; null where it is not known. */
export function judged(pair: JudgedPair, side: 'a' | 'b'): number | null {
  return pair[side]?.replayed[judgedBy(pair)] ?? null;
}
