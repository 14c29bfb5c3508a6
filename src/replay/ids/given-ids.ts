import type { Entry } from '../../journal/entry.ts';
import { transactionEffect } from '../../journal/transaction-effect.ts';
import type { Sequence } from './catalog.ts';
import type { Draw, GivenId } from './draw.ts';
import { SAVEPOINT } from './undone.ts';

/** Ids that are remembered of each sequence. */
const MOST_GIVEN = 10_000;
/** Open transactions whose savepoints and ids are remembered, and ids of one. */
const MOST_OPEN = 10_000;
const MOST_UNDONE = 10_000;

/** A transaction that may yet go back. */
interface Open {
  /** How many ids it had given by then. */
  readonly savepoints: { readonly name: string; readonly given: number }[];
  /** What was known of each id before. */
  readonly given: {
    readonly sequence: Sequence;
    readonly value: bigint;
    readonly id: GivenId;
    readonly before: GivenId | undefined;
  }[];
  /** A statement failed behind its last savepoint: it cannot commit. */
  failed: boolean;
}

/**
 * Remembers ids that clients gave to rows although their column draws: that such a row is there, whoever names it later, says
 * nothing of the sequence. Those of rows that were undone are ids of no row any more.
 */
export class GivenIds {
  private readonly bySequence = new WeakMap<Sequence, Map<bigint, GivenId>>();
  private readonly open = new Map<string, Open>();

  of(sequence: Sequence, value: bigint): GivenId | null {
    return this.bySequence.get(sequence)?.get(value) ?? null;
  }

  /** @param transactionId of a transaction that may yet be undone; null: none */
  add(sequence: Sequence, value: bigint, id: GivenId, transactionId: string | null): void {
    let values = this.bySequence.get(sequence);
    if (values === undefined) {
      values = new Map();
      this.bySequence.set(sequence, values);
    }
    const before = values.get(value);
    // ON CONFLICT may have met the row that is known.
    if (before !== undefined && id.column === null) return;
    values.delete(value);
    values.set(value, id);
    const [oldest] = values.keys();
    if (values.size > MOST_GIVEN && oldest !== undefined) values.delete(oldest);
    if (transactionId === null) return;
    const { given } = this.opened(transactionId);
    if (given.length < MOST_UNDONE) given.push({ sequence, value, id, before });
  }

  /** A statement of the record, of any kind, is next: it may end its transaction, or go back in it. */
  follow({ transactionId, statement, statementType, outcome }: Entry): void {
    const open = this.open.get(transactionId);
    const isControl = statementType === 'TRANSACTION';
    if (open === undefined && !(isControl && SAVEPOINT.test(statement))) return;
    const fails = outcome.status === 'FAILED';
    if (open !== undefined && fails) open.failed = true;
    if (!isControl) return;
    for (const effect of transactionEffect(statement)) {
      const current = effect.kind === 'SAVEPOINT' ? this.opened(transactionId) : this.open.get(transactionId);
      if (current === undefined) continue;
      const at = 'name' in effect ? current.savepoints.findLastIndex(({ name }) => name === effect.name) : -1;
      if (effect.kind === 'COMMIT' || effect.kind === 'ROLLBACK' || effect.kind === 'PREPARE_TRANSACTION') {
        if (effect.kind === 'ROLLBACK' || current.failed) this.undo(current, 0);
        this.open.delete(transactionId);
      } else if (fails) continue;
      else if (effect.kind === 'SAVEPOINT') current.savepoints.push({ name: effect.name, given: current.given.length });
      else if (effect.kind === 'RELEASE' && at >= 0) current.savepoints.length = at;
      else if (effect.kind === 'ROLLBACK_TO' && at >= 0) {
        this.undo(current, current.savepoints[at]!.given);
        current.savepoints.length = at + 1;
        current.failed = false;
      }
    }
  }

  private opened(transactionId: string): Open {
    let open = this.open.get(transactionId);
    if (open === undefined) {
      open = { savepoints: [], given: [], failed: false };
      this.open.set(transactionId, open);
      const [oldest] = this.open.keys();
      if (this.open.size > MOST_OPEN && oldest !== undefined) this.open.delete(oldest);
    }
    return open;
  }

  private undo({ given }: Open, from: number): void {
    for (const { sequence, value, id, before } of given.splice(from).reverse()) {
      const values = this.bySequence.get(sequence);
      if (values?.get(value) !== id) continue;
      if (before === undefined) values.delete(value);
      else values.set(value, before);
    }
  }
}

/**
 * Whether a draw cannot have given a value that a client gave to a row itself: it went into the same column, whose keys would
 * have refused one of the two. A draw behind it may, where that row is gone again.
 */
export function isTakenFrom(
  { into, order }: Pick<Draw, 'into' | 'order'>,
  given: GivenId | null,
): 'SURELY' | 'PERHAPS' | null {
  if (given === null || given.column === null || into !== given.column) return null;
  return order <= given.order ? 'SURELY' : 'PERHAPS';
}
