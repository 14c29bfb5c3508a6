import {
  type CallDifference,
  type ComparedCallFieldsFragment,
  type ComparedCallFilterInput,
  CompareReplayCallsDocument,
  RepriseError,
  unwrap,
} from '../../client/index.ts';
import { CALL_DIFFERENCES } from '../../client/words.ts';
import { ask } from '../lib/api.ts';
import { nextFilled, type Page } from '../lib/paged.ts';

/** A call that differs, with its place in the list. */
export interface ComparedCall extends ComparedCallFieldsFragment {
  /** Cursor that it comes behind: what leads to it again. */
  readonly behind: string;
}

/** Stands for the cursor of the first call of a list. */
const BEGINNING = 'first';

const PAGE = 100;

/** A kind of calls to list: one difference, or all. */
export type CallKind = CallDifference | 'ALL';

/** Single calls differ in time on every machine: they are listed when they are asked for. */
const USUAL = CALL_DIFFERENCES.filter((kind) => kind !== 'SLOWER' && kind !== 'FASTER');

/** Which calls the address asks for. */
export interface WantedCalls {
  /** Empty: all differences but those in time alone. */
  readonly kind: CallKind | '';
  /** Fingerprint of their normalised statement; null: of all. */
  readonly statement: string | null;
  readonly cascades: boolean;
}

/** What the address says of the calls to list. */
export function wantedCalls(query: URLSearchParams): WantedCalls {
  const named = query.get('kind') ?? '';
  const kind = (['ALL', ...CALL_DIFFERENCES] as const).find((one) => one === named) ?? '';
  return { kind, statement: query.get('statement'), cascades: query.get('cascades') !== 'no' };
}

function filterOf({ kind, statement, cascades }: WantedCalls): ComparedCallFilterInput {
  return {
    ...(kind === 'ALL' ? {} : { differences: kind === '' ? USUAL : [kind] }),
    ...(statement === null ? {} : { fingerprint: statement }),
    ...(cascades ? {} : { cascade: false }),
  };
}

interface CallPage extends Page<ComparedCall> {
  readonly remarks: readonly string[];
}

/** The next calls that differ as wanted: at least one, or none any more. */
export async function nextCalls(
  [a, b]: readonly [string, string],
  wanted: WantedCalls,
  { after, most = PAGE }: { readonly after: string | null; readonly most?: number },
  abort: AbortSignal,
): Promise<CallPage> {
  let remarks: readonly string[] = [];
  const page = await nextFilled(after, async (place) => {
    const variables = { a, b, filter: filterOf(wanted), slower: null, first: most, after: place };
    const { compareReplayCalls } = await ask(CompareReplayCallsDocument, variables, abort);
    const found = unwrap(compareReplayCalls);
    remarks = found.remarks;
    const { edges, pageInfo } = found.calls;
    const nodes = edges.map(({ node }, n) => ({ ...node, behind: edges[n - 1]?.cursor ?? place ?? BEGINNING }));
    return { nodes, pageInfo };
  });
  return { ...page, remarks };
}

/** The call of a list that comes behind a cursor; null where none does. */
export async function callBehind(
  runs: readonly [string, string],
  wanted: WantedCalls,
  behind: string,
  abort: AbortSignal,
): Promise<ComparedCall | null> {
  const after = behind === BEGINNING ? null : behind;
  try {
    return (await nextCalls(runs, wanted, { after, most: 1 }, abort)).nodes[0] ?? null;
  } catch (error) {
    // Of an address that was cut or made up.
    if (error instanceof RepriseError && error.code === 'CURSOR_INVALID') return null;
    throw error;
  }
}
