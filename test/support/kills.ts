import { expect } from 'vitest';
import { hasEnded } from '../../src/replay/run-state.ts';
import type { Bench } from './replay.ts';

/** Kills of one run each; `REPRISE_KILLS=100` for a long night. */
export const KILLS = Number(process.env['REPRISE_KILLS'] ?? 2);
const FIRST_SEED = Number(process.env['REPRISE_KILL_SEED'] ?? Date.now() & 0x7fffffff);

/** One kill, wholly drawn from its seed: `REPRISE_KILL_SEED=<seed> REPRISE_KILLS=1` repeats it alone. */
export interface Kill {
  readonly seed: number;
  /** As many outcomes are durable when the process is killed; 1 to those of the whole run. */
  readonly moment: number;
  /** True for every other seed. */
  readonly odd: boolean;
}

/** As many kills as `REPRISE_KILLS` asks for, anywhere in a run that tells `outcomes`; each is logged when its turn comes. */
export function* drawKills(outcomes: number): Generator<Kill> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + KILLS; seed++) {
    const kill = { seed, moment: 1 + Math.floor(drawFrom(seed) * outcomes), odd: seed % 2 === 1 };
    console.info(
      `${expect.getState().currentTestName}: killed behind outcome ${kill.moment} of ${outcomes}, seed ${seed}`,
    );
    yield kill;
  }
}

/** Kills the run behind the outcome and resumes it, unless it has completed before it died. */
export async function killAndResume(
  bench: Bench,
  child: { readonly id: string; kill(): Promise<void> },
  { moment }: Kill,
): Promise<void> {
  let outcomes = 0;
  for await (const event of bench.engine.stream(child.id, 0))
    if (event.kind === 'OUTCOME' && ++outcomes >= moment) break;
  await child.kill();
  while (!(await bench.engine.recover()).includes(child.id)) {
    const replay = await bench.store.get(child.id);
    if (replay !== null && hasEnded(replay.state)) return;
    await new Promise(setImmediate);
  }
  await bench.engine.resume(child.id);
}

/** The first number of mulberry32: neighbouring seeds give unrelated ones; from 0, below 1. */
function drawFrom(seed: number): number {
  let a = (seed + 0x6d2b79f5) | 0;
  a = Math.imul(a ^ (a >>> 15), a | 1);
  a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
  return ((a ^ (a >>> 14)) >>> 0) / 2 ** 32;
}
