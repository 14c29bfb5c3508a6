import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  /** `side`: a detail beside its list; `centre`: a question. */
  readonly place?: 'side' | 'centre';
  /** False: it has to be answered. */
  readonly closable?: boolean;
  /** Id of the element that is read out with the title. */
  readonly describedBy?: string;
}

/** A dialog of the browser: the focus stays in it, Escape closes it, and goes back to where it was. */
export function Drawer({ title, onClose, children, place = 'side', closable = true, describedBy }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    // Escape is the keyboard's way to do what the click beside it does.
    <dialog
      ref={dialog}
      class={`drawer ${place}`}
      aria-label={title}
      aria-describedby={describedBy}
      onCancel={(event) => {
        event.preventDefault();
        if (closable) onClose();
      }}
      onClick={(event) => {
        if (closable && event.target === dialog.current) onClose();
      }}
      onKeyDown={() => {}}
    >
      <div class="drawer-body">
        <header class="drawer-head">
          <h2>{title}</h2>
          {closable && (
            <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
              <Icon name="cross" />
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}
