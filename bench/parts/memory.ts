import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { residentMemory } from '../lib/cpu.ts';
import type { Lab } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { DATABASE } from '../lib/servers.ts';
import { writeSelectLog } from '../lib/synthetic-log.ts';
import { fixed, whole } from '../lib/table.ts';

const SAMPLE_MS = 100;
const ORDERINGS = ['COMMIT', 'SESSION'] as const;
/** Points kept of a curve. */
const POINTS = 60;

interface Phase {
  readonly name: 'start' | 'import' | 'COMMIT' | 'SESSION';
  readonly seconds: number;
  /** Resident bytes at even distances of time. */
  readonly curve: readonly number[];
  readonly peak: number;
}

interface Size {
  readonly statements: number;
  readonly sessions: number;
  readonly phases: readonly Phase[];
}

export interface MemoryData {
  readonly sizes: readonly Size[];
}

export const memory: Part<MemoryData> = {
  name: 'memory',
  title: 'resident memory of the service while it imports and replays, by the number of statements',

  async run(lab) {
    const { quick, full } = lab.options;
    const counts = [10_000, 100_000, ...(quick ? [] : [1_000_000]), ...(full ? [10_000_000] : [])];
    const sizes: Size[] = [];
    for (const statements of counts) sizes.push(await measure(lab, { statements, sessions: 8 }, ORDERINGS));
    // In SESSION ordering a login for each: five minutes and more.
    const short = quick ? { statements: 3_000, sessions: 1_000 } : { statements: 300_000, sessions: 100_000 };
    sizes.push(await measure(lab, short, full ? ORDERINGS : ['COMMIT']));
    return { sizes };
  },

  tables: ({ sizes }) => [
    {
      caption:
        'Resident memory of the service process (its PostgreSQL apart), MB: peak, and at a quarter, half, three quarters and the end of each phase. Goal: below 256 MB.',
      head: ['statements', 'sessions', 'phase', 'seconds', 'peak', '¼', '½', '¾', 'end'],
      rows: sizes.flatMap(({ statements, sessions, phases }) =>
        phases.map(({ name, seconds, curve, peak }) => [
          whole(statements),
          whole(sessions),
          name,
          fixed(seconds, 1),
          megabytes(peak),
          ...[0.25, 0.5, 0.75, 1].map((share) => megabytes(curve[Math.ceil(share * curve.length) - 1] ?? Number.NaN)),
        ]),
      ),
    },
  ],
};

function megabytes(bytes: number): string {
  return fixed(bytes / 1e6, 0);
}

async function measure(
  lab: Lab,
  { statements, sessions }: Pick<Size, 'statements' | 'sessions'>,
  orderings: readonly (typeof ORDERINGS)[number][],
): Promise<Size> {
  const name = `memory-${statements}-${sessions}`;
  const log = join(lab.folder, `${name}.csv`);
  lab.say(`memory: write a log of ${whole(statements)} statements in ${whole(sessions)} sessions`);
  const window = await writeSelectLog(log, statements, statements / sessions);
  const { host, port, user, password } = (await lab.target()).server;
  const target = { host, port, user, password, database: DATABASE, tls: 'DISABLE' } as const;
  // A process of its own for each size: memory that another one needed is not given back.
  const service = await lab.startService(name);
  const phases: Phase[] = [];
  const phase = async (called: Phase['name'], work: () => Promise<unknown>) => {
    const watch = watchMemory(service.pid);
    const started = performance.now();
    await work();
    const samples = watch();
    const measured = {
      name: called,
      seconds: (performance.now() - started) / 1000,
      curve: thinned(samples),
      peak: Math.max(...samples),
    };
    phases.push(measured);
    lab.say(
      `memory ${whole(statements)} ${called}: peak ${megabytes(measured.peak)} MB in ${fixed(measured.seconds, 1)} s`,
    );
  };
  try {
    await phase('start', async () => {});
    await phase('import', () => service.call('import', { files: [log] }));
    await service.call('settle');
    for (const ordering of orderings) {
      await phase(ordering, async () => {
        const id = await service.call('start', { window, target, ordering }, 'DURABLE');
        const { replay } = await service.call('finish', id);
        if (replay.summary.succeeded !== statements)
          throw new Error(`${replay.state}: ${JSON.stringify(replay.summary)}`);
      });
    }
  } finally {
    await service.stop();
    await rm(log, { force: true });
    await rm(join(lab.folder, name), { recursive: true, force: true });
  }
  return { statements, sessions, phases };
}

/** Samples until the returned function is called, which gives them. */
function watchMemory(pid: number): () => number[] {
  const samples: number[] = [];
  const sample = () => samples.push(residentMemory(pid)?.now ?? Number.NaN);
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    sample();
    return samples;
  };
}

function thinned(samples: readonly number[]): number[] {
  if (samples.length <= POINTS) return [...samples];
  return Array.from({ length: POINTS }, (_, n) => samples[Math.floor((n * (samples.length - 1)) / (POINTS - 1))]!);
}
