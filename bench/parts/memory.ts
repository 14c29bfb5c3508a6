import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { residentMemory } from '../lib/cpu.ts';
import type { Lab } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { DATABASE } from '../lib/servers.ts';
import { writeSelectLog } from '../lib/synthetic-log.ts';
import { fixed, whole } from '../lib/table.ts';

const SAMPLE_MS = 100;
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
    for (const statements of counts) sizes.push(await measure(lab, statements));
    return { sizes };
  },

  tables: ({ sizes }) => [
    {
      caption:
        'Resident memory of the service process (its PostgreSQL apart), MB: peak, and at a quarter, half, three quarters and the end of each phase. Goal: below 256 MB.',
      head: ['statements', 'phase', 'seconds', 'peak', '¼', '½', '¾', 'end'],
      rows: sizes.flatMap(({ statements, phases }) =>
        phases.map(({ name, seconds, curve, peak }) => [
          whole(statements),
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

async function measure(lab: Lab, statements: number): Promise<Size> {
  const log = join(lab.folder, `memory-${statements}.csv`);
  lab.say(`memory: write a log of ${whole(statements)} statements`);
  const window = await writeSelectLog(log, statements);
  const { host, port, user, password } = (await lab.target()).server;
  const target = { host, port, user, password, database: DATABASE, tls: 'DISABLE' } as const;
  // A process of its own for each size: memory that another one needed is not given back.
  const service = await lab.startService(`memory-${statements}`);
  const phases: Phase[] = [];
  const phase = async (name: Phase['name'], work: () => Promise<unknown>) => {
    const watch = watchMemory(service.pid);
    const started = performance.now();
    await work();
    const samples = watch();
    const measured = {
      name,
      seconds: (performance.now() - started) / 1000,
      curve: thinned(samples),
      peak: Math.max(...samples),
    };
    phases.push(measured);
    lab.say(
      `memory ${whole(statements)} ${name}: peak ${megabytes(measured.peak)} MB in ${fixed(measured.seconds, 1)} s`,
    );
  };
  try {
    await phase('start', async () => {});
    await phase('import', () => service.call('import', { files: [log] }));
    await service.call('settle');
    for (const ordering of ['COMMIT', 'SESSION'] as const) {
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
    await rm(join(lab.folder, `memory-${statements}`), { recursive: true, force: true });
  }
  return { statements, phases };
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
