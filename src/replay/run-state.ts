import { RepriseError } from '../errors.ts';

/** Life of a run: PENDING → CONNECTING → RUNNING ⇄ PAUSED → one of the four ends. */
export const RUN_STATES = [
  'PENDING',
  'CONNECTING',
  'RUNNING',
  'PAUSED',
  'COMPLETED',
  'CANCELLED',
  'FAILED',
  'INTERRUPTED',
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What can happen to a run. */
export const RUN_ACTIONS = ['CONNECT', 'RUN', 'PAUSE', 'RESUME', 'COMPLETE', 'CANCEL', 'FAIL', 'INTERRUPT'] as const;
export type RunAction = (typeof RUN_ACTIONS)[number];

/**
 * Every (state, action) pair: the next state, or null where the action is refused. RESUME takes a paused
 * run on, and an interrupted one back to CONNECTING. INTERRUPT is what a later process does to a run whose
 * own process died.
 */
export const RUN_TRANSITIONS: Readonly<Record<RunState, Readonly<Record<RunAction, RunState | null>>>> = {
  PENDING: row({ CONNECT: 'CONNECTING', CANCEL: 'CANCELLED', FAIL: 'FAILED', INTERRUPT: 'INTERRUPTED' }),
  CONNECTING: row({ RUN: 'RUNNING', CANCEL: 'CANCELLED', FAIL: 'FAILED', INTERRUPT: 'INTERRUPTED' }),
  RUNNING: row({
    PAUSE: 'PAUSED',
    COMPLETE: 'COMPLETED',
    CANCEL: 'CANCELLED',
    FAIL: 'FAILED',
    INTERRUPT: 'INTERRUPTED',
  }),
  PAUSED: row({ RESUME: 'RUNNING', CANCEL: 'CANCELLED', FAIL: 'FAILED', INTERRUPT: 'INTERRUPTED' }),
  COMPLETED: row({}),
  CANCELLED: row({}),
  FAILED: row({}),
  INTERRUPTED: row({ RESUME: 'CONNECTING', CANCEL: 'CANCELLED' }),
};

function row(next: Partial<Record<RunAction, RunState>>): Record<RunAction, RunState | null> {
  return Object.fromEntries(RUN_ACTIONS.map((action) => [action, next[action] ?? null])) as Record<
    RunAction,
    RunState | null
  >;
}

/** True when nothing more will happen to the run by itself. */
export function hasEnded(state: RunState): boolean {
  return state === 'COMPLETED' || state === 'CANCELLED' || state === 'FAILED' || state === 'INTERRUPTED';
}

/**
 * The state after an action.
 * @throws RepriseError REPLAY_STATE when the action is not possible in this state.
 */
export function nextState(state: RunState, action: RunAction): RunState {
  const next = RUN_TRANSITIONS[state][action];
  if (next === null) {
    const begins = action === 'PAUSE' && (state === 'PENDING' || state === 'CONNECTING');
    const advice = begins ? ': it has sent nothing yet; pause it when it is RUNNING, or cancel it' : '';
    throw new RepriseError('REPLAY_STATE', `cannot ${action.toLowerCase()} a replay that is ${state}${advice}`);
  }
  return next;
}
