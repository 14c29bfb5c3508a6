import type { SubscriberCalls } from '../child/calls.ts';
import type { Lab, RecordedLog } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { replay, type Sample } from '../lib/replays.ts';
import { median } from '../lib/stats.ts';
import { change, fixed, whole } from '../lib/table.ts';

const VARIANTS = [
  { name: 'nothing', label: 'results thrown away', results: 'DISCARD', subscribers: 0, detail: null },
  { name: 'recorded', label: 'results recorded', results: 'DURABLE', subscribers: 0, detail: null },
  { name: 'full', label: '1 subscriber, full detail', results: 'DURABLE', subscribers: 1, detail: 'STATEMENTS' },
  { name: 'summaries', label: '50 subscribers, SUMMARY', results: 'DURABLE', subscribers: 50, detail: 'SUMMARY' },
] as const;
type Variant = (typeof VARIANTS)[number];

/** Events in a payload of the full-detail subscriber: what the client of this package asks for, and the most. */
const BATCHES = { full: 1_000 } as const;

interface Subscribed {
  /** Payloads and events that reached the subscribers, of one round. */
  readonly payloads: number;
  readonly events: number;
  /** How long after the run's end the last one had everything, milliseconds. */
  readonly behindMs: readonly number[];
}

export interface RecordingData {
  readonly statements: number;
  readonly samples: Readonly<Record<Variant['name'], readonly Sample[]>>;
  readonly subscribed: Readonly<Partial<Record<Variant['name'], Subscribed>>>;
}

export const recording: Part<RecordingData> = {
  name: 'recording',
  title: 'what recording results and what subscribers cost a replay',

  async run(lab) {
    const log = await longLog(lab);
    const subscribers = await lab.subscribers();
    const { url } = (await lab.service()).ready;
    const samples = {
      nothing: [] as Sample[],
      recorded: [] as Sample[],
      full: [] as Sample[],
      summaries: [] as Sample[],
    };
    const subscribed: Partial<Record<Variant['name'], Subscribed>> = {};
    for (let round = 0; round < lab.options.rounds; round++) {
      for (let n = 0; n < VARIANTS.length; n++) {
        const variant = VARIANTS[(n + round) % VARIANTS.length]!;
        // Their sockets are open before the run: the cost of a stream is asked for, not of a handshake.
        await subscribers.connect(url, variant.subscribers);
        const { sample, told } = await measure(lab, log, variant, subscribers);
        samples[variant.name].push(sample);
        if (told !== null) {
          const before = subscribed[variant.name]?.behindMs ?? [];
          subscribed[variant.name] = { ...told, behindMs: [...before, ...told.behindMs] };
        }
        lab.say(`recording ${round + 1}/${lab.options.rounds} ${variant.label}: ${whole(sample.statementsPerSecond)}`);
      }
    }
    return { statements: log.entries, samples, subscribed };
  },

  tables({ statements, samples, subscribed }) {
    const rate = (name: Variant['name']) => median(samples[name].map((sample) => sample.statementsPerSecond));
    const cpu = (name: Variant['name']) =>
      median(samples[name].map((sample) => sample.cpuMicros.service ?? Number.NaN));
    const against = { nothing: 'nothing', recorded: 'nothing', full: 'recorded', summaries: 'recorded' } as const;
    return [
      {
        caption: `A COMMIT replay of ${whole(statements)} selects, simple protocol. Recording is compared with throwing away, subscribers with recording.`,
        head: [
          '',
          'statements/s',
          'takes longer by',
          'service CPU, µs a statement',
          'payloads',
          'events',
          'behind at the end',
        ],
        rows: VARIANTS.map(({ name, label }) => [
          label,
          whole(rate(name)),
          name === 'nothing' ? '' : change(rate(against[name]) / rate(name) - 1),
          fixed(cpu(name), 1),
          whole(subscribed[name]?.payloads ?? Number.NaN),
          whole(subscribed[name]?.events ?? Number.NaN),
          subscribed[name] === undefined ? '–' : `${fixed(median(subscribed[name].behindMs), 0)} ms`,
        ]),
      },
    ];
  },
};

/** Long enough for the beginning and the end of a run not to count. */
function longLog(lab: Lab): Promise<RecordedLog> {
  const count = lab.options.quick ? 20_000 : 200_000;
  return lab.log('select-long-1', ['-c', '1', '-M', 'simple', '-S', '-t', String(count)]);
}

async function measure(
  lab: Lab,
  log: RecordedLog,
  { results, detail }: Variant,
  subscribers: SubscriberCalls,
): Promise<{ readonly sample: Sample; readonly told: Subscribed | null }> {
  const { ms, statementsPerSecond, cpuMicros } = await replay(lab, log, { ordering: 'COMMIT' }, results, async (id) => {
    if (detail !== null) await subscribers.subscribe(id, detail, BATCHES.full);
  });
  const ended = performance.now();
  const sample = { ms, statementsPerSecond, cpuMicros };
  if (detail === null) return { sample, told: null };
  const { payloads, events } = await subscribers.finish();
  return { sample, told: { payloads, events, behindMs: [performance.now() - ended] } };
}
