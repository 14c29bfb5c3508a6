import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { Drawer } from './drawer.tsx';

interface Props {
  readonly title: string;
  /** What follows from a yes: read out with the title. */
  readonly children: ComponentChildren;
  readonly no: string;
  readonly yes: string;
  readonly onNo: () => void;
  readonly onYes: () => void;
  /** True while a yes is carried out: neither answer is taken. Default: false. */
  readonly busy?: boolean;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, children, no, yes, onNo, onYes, busy = false }: Props) {
  const consequences = useId();
  // Not `disabled`, which would take the focus out of the dialog.
  const unlessBusy = (answer: () => void) => () => {
    if (!busy) answer();
  };
  return (
    <Drawer title={title} describedBy={consequences} place="centre" onClose={unlessBusy(onNo)}>
      <div id={consequences} class="consequences">
        {children}
      </div>
      <div class="actions end">
        <button type="button" aria-disabled={busy} onClick={unlessBusy(onNo)}>
          {no}
        </button>
        <button type="button" class="danger" aria-disabled={busy} onClick={unlessBusy(onYes)}>
          {yes}
        </button>
      </div>
    </Drawer>
  );
}
