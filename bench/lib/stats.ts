/** The middle of the samples; of an even number, the mean of the two in the middle. NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half]!;
  return (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The p-th percentile (0 to 1) by nearest rank. NaN of none. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

/** Half of the distance between the quartiles, as a share of the median: how far apart the rounds were. */
export function spread(samples: readonly number[]): number {
  return (percentile(samples, 0.75) - percentile(samples, 0.25)) / 2 / median(samples);
}
