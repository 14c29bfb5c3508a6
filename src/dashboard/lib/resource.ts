import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { signedInAs } from './api.ts';

/** Something that is asked for: what came last stays while the next is under way. */
export interface Resource<T> {
  readonly data: T | null;
  readonly error: unknown;
  readonly loading: boolean;
  /** Asks again. */
  reload(): void;
}

/**
 * Asks when the component appears and whenever `key` changes; null asks for nothing. An answer that was overtaken
 * is dropped.
 */
export function useResource<T>(key: string | null, load: (abort: AbortSignal) => Promise<T>): Resource<T> {
  const data: Signal<T | null> = useSignal<T | null>(null);
  const error = useSignal<unknown>(null);
  const loading = useSignal(key !== null);
  const turn = useSignal(0);
  const session = signedInAs.value;
  useEffect(() => {
    if (key === null) {
      data.value = null;
      loading.value = false;
      return;
    }
    const abort = new AbortController();
    loading.value = true;
    load(abort.signal).then(
      (value) => {
        if (abort.signal.aborted) return;
        data.value = value;
        error.value = null;
        loading.value = false;
      },
      (thrown) => {
        if (abort.signal.aborted) return;
        error.value = thrown;
        loading.value = false;
      },
    );
    return () => abort.abort();
  }, [key, turn.value, session]);
  return {
    data: data.value,
    error: error.value,
    loading: loading.value,
    reload: () => {
      turn.value += 1;
    },
  };
}

/** A value that follows another one after it has been still for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const settled = useSignal(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      settled.value = value;
    }, ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled.value;
}
