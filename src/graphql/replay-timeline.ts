import type { TimelinePart } from '../replay/store.ts';
import type { Timeline } from '../replay/timeline.ts';
import { builder } from './builder.ts';
import { inRange } from './connection.ts';
import { orNull } from './errors.ts';

const TimelineIntervalRef = builder.objectRef<TimelinePart>('TimelineInterval').implement({
  description: 'Statements that were reported in one interval of the time of a run.',
  fields: (t) => ({
    succeeded: t.field({
      type: 'SafeInt',
      description: 'Those that succeeded.',
      resolve: ({ outcomes, failures, skipped, unknown }) => Math.max(0, outcomes - failures - skipped - unknown),
    }),
    failed: t.expose('failures', { type: 'SafeInt', description: 'Those that failed, cascades included.' }),
    skipped: t.expose('skipped', { type: 'SafeInt', description: 'Those that were not sent.' }),
    unknown: t.expose('unknown', { type: 'SafeInt', description: 'Those that may or may not have run.' }),
    diverged: t.expose('diverged', { type: 'SafeInt', description: 'Those that differ from the record.' }),
  }),
});

const TimelineRef = builder.objectRef<Timeline>('ReplayTimeline').implement({
  description:
    'What a run reported over its time, in equal intervals. Exact up to 5,000 events; of longer runs each part of the ' +
    'log counts where it ends, which shifts a statement by a fraction of a second.',
  fields: (t) => ({
    from: t.expose('from', { type: 'Timestamp', description: 'Begin of the first interval: when the run began.' }),
    intervalMs: t.exposeFloat('intervalMs', { description: 'Length of each interval.' }),
    intervals: t.field({
      type: [TimelineIntervalRef],
      description: 'In order, without a gap.',
      resolve: ({ parts }) => [...parts],
    }),
  }),
});

builder.queryField('replayTimeline', (t) =>
  t.field({
    type: TimelineRef,
    nullable: true,
    description: 'What a run reported over its time, so far; null before it began, and when there is no such run.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: 'UUID of the run.' }),
      intervals: t.arg.int({
        required: true,
        defaultValue: 120,
        description: 'Most intervals, 1 to 1,000; fewer of a short run.',
      }),
    },
    resolve: async (_root, { replayId, intervals }, { engine }) => {
      inRange('intervals', intervals, 1, 1000);
      return orNull(engine.timeline(replayId, intervals));
    },
  }),
);
