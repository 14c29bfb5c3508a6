import { signal, useSignal } from '@preact/signals';
import { DeleteReplayDocument, unwrap } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { plural } from '../lib/format.ts';
import { replaceWith } from '../lib/router.ts';
import { Confirm } from '../ui/confirm.tsx';
import { Icon } from '../ui/icon.tsx';
import { Failure } from '../ui/notice.tsx';
import { done, isActive, type Run, type RunFeed } from './run-feed.ts';

/** Id of the run that was deleted in this tab just now: the list of runs says so. */
export const justDeleted = signal<string | null>(null);

interface Props {
  readonly feed: RunFeed;
  readonly run: Run;
  readonly locked: boolean;
}

/** Deletes an ended run, once it was said what is lost with it, and goes to the list of runs. */
export function DeleteRun({ feed, run, locked }: Props) {
  const asking = useSignal(false);
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);

  const remove = async () => {
    busy.value = true;
    error.value = null;
    try {
      unwrap((await ask(DeleteReplayDocument, { replayId: run.id })).deleteReplay);
      feed.forget();
      justDeleted.value = run.id;
      replaceWith('/runs');
    } catch (thrown) {
      error.value = thrown;
      // Somebody else has deleted or resumed it.
      await feed.lookAgain();
    }
    busy.value = false;
  };

  return (
    <>
      {!isActive(run.state) && (
        <button
          type="button"
          class="danger"
          disabled={locked}
          onClick={() => {
            error.value = null;
            asking.value = true;
          }}
        >
          <Icon name="bin" /> Delete
        </button>
      )}
      {asking.value && (
        <Confirm
          title="Delete this run?"
          no="Keep it"
          yes={busy.value ? 'Deleting…' : 'Delete the run'}
          busy={busy.value}
          onNo={() => {
            asking.value = false;
          }}
          onYes={() => void remove()}
        >
          <p>
            <strong>Lost for good:</strong> its outcomes ({plural(done(run.summary), 'statement')}), its report and its
            events.
            {run.state === 'INTERRUPTED' && ' It cannot be resumed any more.'}
          </p>
          <p>
            <strong>Stays:</strong> the entries of the journal, which can be replayed again, and what the run did on{' '}
            <code>{run.target}</code>.
          </p>
          <Failure error={error.value} />
        </Confirm>
      )}
    </>
  );
}
