import { residentMemory } from '../lib/cpu.ts';
import type { Lab, RecordedLog } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { replay } from '../lib/replays.ts';
import { median } from '../lib/stats.ts';
import { change, fixed, whole } from '../lib/table.ts';

const VARIANTS = [
  { name: 'alone', label: 'no subscriber', subscribed: false },
  { name: 'stalled', label: 'two full-detail subscribers, frozen', subscribed: true },
] as const;
type Variant = (typeof VARIANTS)[number];

const SAMPLE_MS = 100;

interface StalledSample {
  readonly statementsPerSecond: number;
  /** Most resident bytes of the service from the start of the run to the end of the stall. */
  readonly peak: number;
}

export interface StalledData {
  readonly statements: number;
  readonly stallSeconds: number;
  readonly samples: Readonly<Record<Variant['name'], readonly StalledSample[]>>;
  /** Events that each subscriber had at its end, every one once and in order, and those of the run. */
  readonly events: readonly { readonly run: number; readonly received: readonly number[] }[];
}

export const stalled: Part<StalledData> = {
  name: 'stalled',
  title: 'what subscribers that stall for a minute cost a replay',

  async run(lab) {
    const { quick, rounds } = lab.options;
    const stallSeconds = quick ? 10 : 60;
    const transactions = quick ? 60 : 482;
    // Seven statements a transaction, eight sessions: 26,992 of them.
    const log = await lab.log(`tpcb-stalled-${transactions}`, ['-c', '8', '-M', 'simple', '-t', String(transactions)]);
    const samples = { alone: [] as StalledSample[], stalled: [] as StalledSample[] };
    const events: { run: number; received: readonly number[] }[] = [];
    for (let round = 0; round < Math.min(3, rounds); round++) {
      for (let n = 0; n < VARIANTS.length; n++) {
        const variant = VARIANTS[(n + round) % VARIANTS.length]!;
        await (await lab.target()).reset(false);
        const measured = await measure(lab, log, variant.subscribed ? stallSeconds : 0);
        samples[variant.name].push(measured.sample);
        if (measured.received !== null) events.push({ run: measured.run, received: measured.received });
        lab.say(
          `stalled ${variant.label}: ${whole(measured.sample.statementsPerSecond)}/s, ${fixed(measured.sample.peak / 1e6, 0)} MB`,
        );
      }
    }
    return { statements: log.entries, stallSeconds, samples, events };
  },

  tables({ statements, stallSeconds, samples, events }) {
    const rate = (name: Variant['name']) => median(samples[name].map((sample) => sample.statementsPerSecond));
    const peak = (name: Variant['name']) => median(samples[name].map((sample) => sample.peak)) / 1e6;
    const whole_ = events.every(({ run, received }) => received.every((count) => count === run));
    return [
      {
        caption: `A TIMESTAMP replay of ${whole(statements)} TPC-B statements; the process of the subscribers, one over WebSocket and one over SSE, is frozen (SIGSTOP) for ${stallSeconds} s from the start. Afterwards each had every event once: ${whole_ ? 'yes' : 'NO'}.`,
        head: ['', 'statements/s', 'takes longer by', 'peak of the service, MB'],
        rows: VARIANTS.map(({ name, label }) => [
          label,
          whole(rate(name)),
          name === 'alone' ? '' : change(rate('alone') / rate(name) - 1),
          fixed(peak(name), 0),
        ]),
      },
    ];
  },
};

async function measure(
  lab: Lab,
  log: RecordedLog,
  stallSeconds: number,
): Promise<{ readonly sample: StalledSample; readonly run: number; readonly received: readonly number[] | null }> {
  const service = await lab.service();
  const frozen = stallSeconds > 0 ? await lab.watchers() : null;
  let peak = 0;
  const sample = () => {
    peak = Math.max(peak, residentMemory(service.pid)?.now ?? 0);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  let thawed: Promise<void> = Promise.resolve();
  try {
    const done = await replay(lab, log, { ordering: 'TIMESTAMP' }, 'DURABLE', async (id) => {
      if (frozen === null) return;
      await frozen.watch(service.ready.url, id);
      process.kill(frozen.pid, 'SIGSTOP');
      thawed = new Promise((resolve) =>
        setTimeout(() => {
          process.kill(frozen.pid, 'SIGCONT');
          resolve();
        }, stallSeconds * 1000),
      );
    });
    await thawed;
    sample();
    const received = frozen === null ? null : await frozen.received();
    return {
      sample: { statementsPerSecond: done.statementsPerSecond, peak },
      run: done.finished.replay.lastSeq,
      received,
    };
  } finally {
    clearInterval(timer);
    await frozen?.stop();
  }
}
