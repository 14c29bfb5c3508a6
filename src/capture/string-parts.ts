import type { TransactionEffect } from '../journal/statement-type.ts';

/** What a statement, or a string of several, does in one transaction of the server's, all of that or the rest of it. */
export interface Part {
  /** Whether it holds a statement besides transaction control. */
  readonly works: boolean;
  /** Whether it ran in a block; else in the transaction that the server makes of its own. */
  readonly block: boolean;
  /** How it ended; null where the block stays open behind the string. */
  readonly end: 'COMMITTED' | 'ROLLED_BACK' | 'PREPARED' | null;
  /** The name under which it was prepared. */
  readonly gid: string | null;
  /** Whether a statement of it had failed. */
  readonly failed: boolean;
}

/**
 * Takes apart a string that succeeded: `block`, whether it began in one, and `failed`, in one that had failed. Without BEGIN the server
 * runs its statements in one transaction, which COMMIT, ROLLBACK and PREPARE TRANSACTION end as they end a block, with a warning.
 */
export function partsOf(effects: readonly TransactionEffect[], block: boolean, failed: boolean): readonly Part[] {
  const parts: Part[] = [];
  let works = false;
  let open = block;
  let broken = failed;
  for (const effect of effects) {
    switch (effect.kind) {
      case 'NONE':
        works = true;
        continue;
      case 'BEGIN':
        open = true;
        continue;
      case 'ROLLBACK_TO':
        broken = false;
        continue;
      case 'COMMIT':
        parts.push({ works, block: open, end: broken ? 'ROLLED_BACK' : 'COMMITTED', gid: null, failed: broken });
        open &&= effect.chain;
        break;
      case 'ROLLBACK':
        parts.push({ works, block: open, end: 'ROLLED_BACK', gid: null, failed: broken });
        open &&= effect.chain;
        break;
      case 'PREPARE_TRANSACTION':
        if (broken) parts.push({ works, block: open, end: 'ROLLED_BACK', gid: null, failed: true });
        else parts.push({ works, block: open, end: 'PREPARED', gid: effect.name, failed: false });
        open = false;
        break;
      default:
        continue;
    }
    works = false;
    broken = false;
  }
  if (open) parts.push({ works, block: true, end: null, gid: null, failed: broken });
  else if (works) parts.push({ works, block: false, end: 'COMMITTED', gid: null, failed: false });
  return parts;
}

/**
 * The part whose end is that of the journal's transaction which the string is in; null where it ended none. One that was open before
 * ends where its block does. What begins with the string is all of it: where its parts ended in different ways, as committed as
 * any of them, for then a replay sends it.
 */
export function decidingPart(parts: readonly Part[], block: boolean): Part | null {
  const [first = null] = parts;
  if (block || (parts.length === 1 && first?.block)) return first;
  const working = parts.filter(({ works }) => works);
  for (const end of ['COMMITTED', 'PREPARED', null] as const) {
    const found = working.find((part) => part.end === end);
    if (found) return found;
  }
  return working[0] ?? parts.find((part) => part.block) ?? null;
}
