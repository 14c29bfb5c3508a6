import type { ReplaySummary } from '../../src/replay/summary.ts';
import type { Lab, RecordedLog } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { replay } from '../lib/replays.ts';
import { median } from '../lib/stats.ts';
import { fixed, type Table, whole } from '../lib/table.ts';
import { shortSessions } from '../lib/workload.ts';

const RATE = 2_000;
const ORDERINGS = ['SESSION', 'TIMESTAMP', 'COMMIT'] as const;

export interface LagData {
  readonly statements: number;
  readonly seconds: number;
  readonly samples: Samples;
  readonly short: { readonly sessions: number; readonly seconds: number; readonly samples: Samples };
}

type LagSample = Pick<ReplaySummary, 'lag' | 'lagByCause'>;
type Samples = Readonly<Record<(typeof ORDERINGS)[number], readonly LagSample[]>>;

export const lag: Part<LagData> = {
  name: 'lag',
  title: `how late statements are sent at the recorded pace of ${RATE} a second`,

  async run(lab) {
    const seconds = lab.options.quick ? 3 : 20;
    const log = await lab.log('select-paced-8', [
      ...['-c', '8', '-M', 'prepared', '-S', '-R', String(RATE), '-T', String(seconds)],
    ]);
    const short = await shortSessions(lab);
    return {
      statements: log.entries,
      seconds,
      samples: await measure(lab, log),
      short: { sessions: short.report.sessions, seconds: secondsOf(short), samples: await measure(lab, short) },
    };
  },

  tables: ({ statements, seconds, samples, short }) => [
    tableOf(
      `Lag behind the recorded schedule, ${whole(statements)} selects of eight sessions in ${seconds} s, prepared, on an idle target. Goal: p99 ≤ 5 ms.`,
      samples,
    ),
    tableOf(
      `The same of ${whole(short.sessions)} sessions in ${fixed(short.seconds, 1)} s, eight at a time, each of one select: their logins are most of what the target does.`,
      short.samples,
    ),
  ],
};

async function measure(lab: Lab, log: RecordedLog): Promise<Samples> {
  const samples = { SESSION: [] as LagSample[], TIMESTAMP: [] as LagSample[], COMMIT: [] as LagSample[] };
  for (let round = 0; round < Math.min(3, lab.options.rounds); round++) {
    for (const ordering of ORDERINGS) {
      const { finished } = await replay(lab, log, { ordering, pace: { mode: 'RECORDED', speed: 1, maxIdleMs: null } });
      const { summary } = finished.replay;
      samples[ordering].push({ lag: summary.lag, lagByCause: summary.lagByCause });
      lab.say(`lag of ${log.name}, ${ordering}: p50 ${summary.lag.p50} ms, p99 ${summary.lag.p99} ms`);
    }
  }
  return samples;
}

function secondsOf({ window }: RecordedLog): number {
  return (window.to - window.from) / 1_000_000;
}

function tableOf(caption: string, samples: Samples): Table {
  return {
    caption,
    head: ['ordering', 'p50, ms', 'p95, ms', 'p99, ms', 'lag by cause, % (dispatcher, session, lock, target)'],
    rows: ORDERINGS.map((ordering) => {
      const of = (name: 'p50' | 'p95' | 'p99') =>
        fixed(median(samples[ordering].map(({ lag }) => lag[name] ?? Number.NaN)), 2);
      return [ordering, of('p50'), of('p95'), of('p99'), shares(samples[ordering])];
    }),
  };
}

/** Lag within a timer's grain has no cause and is left out. */
function shares(samples: readonly LagSample[]): string {
  const sum = (cause: keyof ReplaySummary['lagByCause']) =>
    samples.reduce((total, { lagByCause }) => total + lagByCause[cause], 0);
  const causes = (['DISPATCHER', 'SESSION_BUSY', 'LOCK', 'TARGET'] as const).map(sum);
  const all = causes.reduce((total, one) => total + one, 0);
  return all === 0 ? '–' : causes.map((one) => ((one / all) * 100).toFixed(0)).join(' / ');
}
