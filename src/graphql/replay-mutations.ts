import { builder } from './builder.ts';
import { asData, resultOf } from './errors.ts';
import { ReplayRef } from './replay.ts';
import { CredentialsInput, ReplayInputType, replayInputOf } from './replay-input.ts';

const StartReplayResult = resultOf('StartReplayResult', ReplayRef);
const ReplayResult = resultOf('ReplayResult', ReplayRef);

const DeletedReplayRef = builder.objectRef<{ readonly id: string }>('DeletedReplay').implement({
  description: 'A run that is not there any more.',
  fields: (t) => ({ id: t.expose('id', { type: 'UUID', description: 'UUID that it had.' }) }),
});
const DeleteReplayResult = resultOf('DeleteReplayResult', DeletedReplayRef);

builder.mutationField('startReplay', (t) =>
  t.field({
    type: StartReplayResult,
    description: 'Checks the request and the target policy, and returns the PENDING run at once; it goes on by itself.',
    args: { input: t.arg({ type: ReplayInputType, required: true, description: 'What, where, how.' }) },
    resolve: (_root, { input }, { engine, requestId, trace }) =>
      asData(async () => engine.start(replayInputOf(input), { requestId, trace })),
  }),
);

const id = 'UUID of the run.';

builder.mutationField('pauseReplay', (t) =>
  t.field({
    type: ReplayResult,
    description: 'Stops sending; statements under way end.',
    args: { replayId: t.arg({ type: 'UUID', required: true, description: id }) },
    resolve: (_root, { replayId }, { engine }) => asData(() => engine.pause(replayId)),
  }),
);

builder.mutationField('resumeReplay', (t) =>
  t.field({
    type: ReplayResult,
    description:
      'Takes a PAUSED run on, or an INTERRUPTED one behind the last statement whose outcome is known. While its target ' +
      'cannot be logged in to, an INTERRUPTED run stays as it is.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: id }),
      credentials: t.arg({
        type: CredentialsInput,
        description: 'Of an INTERRUPTED run: the passwords that `startReplay` was given, where it was given any.',
      }),
    },
    resolve: (_root, { replayId, credentials }, { engine, requestId, trace }) =>
      asData(() =>
        engine.resume(
          replayId,
          { password: credentials?.password ?? null, users: credentials?.users ?? [] },
          { requestId, trace },
        ),
      ),
  }),
);

builder.mutationField('cancelReplay', (t) =>
  t.field({
    type: ReplayResult,
    description: 'Ends a run: cancels statements under way, rolls open transactions back; returns when it has ended.',
    args: { replayId: t.arg({ type: 'UUID', required: true, description: id }) },
    resolve: (_root, { replayId }, { engine }) => asData(() => engine.cancel(replayId)),
  }),
);

builder.mutationField('deleteReplay', (t) =>
  t.field({
    type: DeleteReplayResult,
    description:
      'Deletes a run that has ended, with its events, results and report, for good. Who is just reading its events is told ' +
      'REPLAY_NOT_FOUND.',
    args: { replayId: t.arg({ type: 'UUID', required: true, description: id }) },
    resolve: (_root, { replayId }, { engine }) =>
      asData(async () => {
        await engine.delete(replayId);
        return { id: replayId };
      }),
  }),
);

builder.mutationField('setReplaySpeed', (t) =>
  t.field({
    type: ReplayResult,
    description:
      'Changes the speed of a run on the recorded schedule, from its next statement on, also when it is resumed.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: id }),
      speed: t.arg.float({ required: true, description: '0.1 to 100.' }),
    },
    resolve: (_root, { replayId, speed }, { engine }) => asData(() => engine.setSpeed(replayId, speed)),
  }),
);
