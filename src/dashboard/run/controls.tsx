import { useSignal } from '@preact/signals';
import {
  CancelReplayDocument,
  type CredentialsInput,
  PauseReplayDocument,
  ResumeReplayDocument,
  SetReplaySpeedDocument,
  unwrap,
} from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { href } from '../lib/router.ts';
import { isReader, READER_MAY_NOT } from '../lib/viewer.ts';
import { Confirm } from '../ui/confirm.tsx';
import { Icon } from '../ui/icon.tsx';
import { Failure } from '../ui/notice.tsx';
import { DeleteRun } from './delete-run.tsx';
import { ResumeDrawer } from './resume-drawer.tsx';
import { isActive, type Run, type RunFeed } from './run-feed.ts';

const SPEEDS = ['0.1', '0.25', '0.5', '1', '2', '5', '10', '25', '50', '100'];

/** Pause, resume, speed, cancel, delete: what the state of the run allows. */
export function Controls({ feed, run }: { readonly feed: RunFeed; readonly run: Run }) {
  const busy = useSignal<string | null>(null);
  const error = useSignal<unknown>(null);
  const asking = useSignal(false);
  const askingPasswords = useSignal(false);
  const replayId = run.id;

  const act = async (what: string, work: () => Promise<Run>) => {
    busy.value = what;
    error.value = null;
    try {
      feed.changed(await work());
    } catch (thrown) {
      error.value = thrown;
    }
    busy.value = null;
  };
  const pause = () => act('pause', async () => unwrap((await ask(PauseReplayDocument, { replayId })).pauseReplay));
  const resume = (credentials: CredentialsInput | null) =>
    act('resume', async () => unwrap((await ask(ResumeReplayDocument, { replayId, credentials })).resumeReplay));
  const cancel = () => act('cancel', async () => unwrap((await ask(CancelReplayDocument, { replayId })).cancelReplay));
  const setSpeed = (speed: number) =>
    act('speed', async () => unwrap((await ask(SetReplaySpeedDocument, { replayId, speed })).setReplaySpeed));

  const { state, request } = run;
  const needsPasswords = state === 'INTERRUPTED' && (request.needsCredentials || request.needsCredentialsOf.length > 0);
  const reader = isReader();
  const locked = busy.value !== null || reader;
  const current = String(request.speed ?? 1);
  return (
    <div class="controls">
      <div class="row">
        {state === 'RUNNING' && (
          <button type="button" disabled={locked} onClick={() => void pause()}>
            <Icon name="pause" /> Pause
          </button>
        )}
        {(state === 'PAUSED' || state === 'INTERRUPTED') && (
          <button
            type="button"
            class="primary"
            disabled={locked}
            onClick={() => {
              if (needsPasswords) askingPasswords.value = true;
              else void resume(null);
            }}
          >
            <Icon name="play" /> Resume
          </button>
        )}
        {isActive(state) && request.paceMode === 'RECORDED' && (
          <label class="inline">
            Speed
            <select
              value={current}
              disabled={locked}
              onChange={(event) => void setSpeed(Number(event.currentTarget.value))}
            >
              {[...new Set([...SPEEDS, current])]
                .sort((a, b) => Number(a) - Number(b))
                .map((value) => (
                  <option key={value} value={value}>
                    {value}×
                  </option>
                ))}
            </select>
          </label>
        )}
        {isActive(state) && (
          <button
            type="button"
            class="danger"
            disabled={locked}
            onClick={() => {
              asking.value = true;
            }}
          >
            <Icon name="stop" /> {busy.value === 'cancel' ? 'Cancelling…' : 'Cancel'}
          </button>
        )}
        {reader && (
          <span class="soft" title={READER_MAY_NOT}>
            A reader may only look
          </span>
        )}
        {!isActive(state) && (
          <a class="button" href={href('/new', { from: run.window.from, to: run.window.to })}>
            <Icon name="replay" /> Replay this window again
          </a>
        )}
        <DeleteRun feed={feed} run={run} locked={locked} />
      </div>
      <Failure error={error.value} />
      {askingPasswords.value && (
        <ResumeDrawer
          run={run}
          onClose={() => {
            askingPasswords.value = false;
          }}
          onResume={(credentials) => {
            askingPasswords.value = false;
            void resume(credentials);
          }}
        />
      )}
      {asking.value && (
        <Confirm
          title="Cancel this run?"
          no="Let it run"
          yes="Cancel the run"
          onNo={() => {
            asking.value = false;
          }}
          onYes={() => {
            asking.value = false;
            void cancel();
          }}
        >
          <p>
            Statements under way are ended and open transactions rolled back. What was committed on the target stays. A
            cancelled run cannot be resumed.
          </p>
        </Confirm>
      )}
    </div>
  );
}
