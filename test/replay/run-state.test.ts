import { describe, expect, it } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import { hasEnded, nextState, RUN_ACTIONS, RUN_STATES, type RunState } from '../../src/replay/run-state.ts';

// Columns in the order of RUN_ACTIONS; '-' is refused.
const TABLE: Record<RunState, string> = {
  //            CONNECT    RUN     PAUSE  RESUME     COMPLETE  CANCEL    FAIL   INTERRUPT
  PENDING: '    CONNECTING -       -      -          -         CANCELLED FAILED INTERRUPTED',
  CONNECTING: ' -          RUNNING -      -          -         CANCELLED FAILED INTERRUPTED',
  RUNNING: '    -          -       PAUSED -          COMPLETED CANCELLED FAILED INTERRUPTED',
  PAUSED: '     -          -       -      RUNNING    -         CANCELLED FAILED INTERRUPTED',
  COMPLETED: '  -          -       -      -          -         -         -      -',
  CANCELLED: '  -          -       -      -          -         -         -      -',
  FAILED: '     -          -       -      -          -         -         -      -',
  INTERRUPTED: '-          -       -      CONNECTING -         CANCELLED -      -',
};

describe('life of a run', () => {
  for (const state of RUN_STATES) {
    const cells = TABLE[state].trim().split(/\s+/);
    RUN_ACTIONS.forEach((action, column) => {
      const next = cells[column];
      if (next === '-') {
        it(`${state} refuses ${action}`, () => {
          expect(() => nextState(state, action)).toThrow(RepriseError);
          expect(() => nextState(state, action)).toThrow(
            expect.objectContaining({
              code: 'REPLAY_STATE',
              message: expect.stringContaining(`cannot ${action.toLowerCase()} a replay that is ${state}`),
            }),
          );
        });
      } else {
        it(`${state} goes to ${next} on ${action}`, () => expect(nextState(state, action)).toBe(next));
      }
    });
  }

  it('has ended in exactly the four last states', () => {
    expect(RUN_STATES.filter(hasEnded)).toEqual(['COMPLETED', 'CANCELLED', 'FAILED', 'INTERRUPTED']);
  });

  it('can be left from every state that has not ended by CANCEL, FAIL and INTERRUPT', () => {
    for (const state of RUN_STATES.filter((each) => !hasEnded(each))) {
      for (const action of ['CANCEL', 'FAIL', 'INTERRUPT'] as const) {
        expect(hasEnded(nextState(state, action))).toBe(true);
      }
    }
  });
});
