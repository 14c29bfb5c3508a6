/** Histories of each property; of five with `REPRISE_PROPERTY_RUNS=2000`, ten thousand in half an hour. */
export const PROPERTY_RUNS = Number(process.env['REPRISE_PROPERTY_RUNS'] ?? 20);

/** What they are drawn from; `REPRISE_PROPERTY_SEED` repeats a night. */
export const PROPERTY_SEED = Number(process.env['REPRISE_PROPERTY_SEED'] ?? Date.now() & 0x7fffffff);

console.info(`${PROPERTY_RUNS} histories of each property, seed ${PROPERTY_SEED}`);
