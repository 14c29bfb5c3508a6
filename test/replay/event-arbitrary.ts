import fc from 'fast-check';
import {
  DIVERGENCES,
  LAG_CAUSES,
  type NewReplayEvent,
  NOTICE_CODES,
  OUTCOME_STATUSES,
  SKIP_REASONS,
} from '../../src/replay/event.ts';
import { RUN_STATES } from '../../src/replay/run-state.ts';
import type { NewOutcome } from '../../src/replay/tally.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', 'a', '\u0000', 'x'.repeat(5_000)),
);
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const ms = fc.oneof(
  fc.nat(1e6).map((micros) => micros / 1000),
  fc.double({ noNaN: true }).map((value) => value + 0),
  fc.constantFrom(0, 0.001, 2 ** 31 / 1000),
);
const sqlstate = fc.constantFrom('40001', '25P02', '23503', '57014');
const transaction = fc.oneof(
  fc.uuid(),
  fc.constantFrom('00000000-0000-7000-8000-000000000001', 'not-a-uuid', '0A000000-0000-7000-8000-000000000001'),
  fc.string({ minLength: 36, maxLength: 36 }),
);
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });

/** Outcomes over the whole range of the type, sense or not. */
export const outcomeArbitrary: fc.Arbitrary<NewOutcome> = fc.record({
  kind: fc.constant('OUTCOME' as const),
  ordinal: count,
  key: fc.record({
    timestamp: count,
    position: fc.oneof(fc.bigInt({ min: 0n, max: 100_000n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    sequence: count,
  }),
  transactionId: transaction,
  sessionId: fc.oneof(fc.constantFrom('s1', 's2'), text),
  copy: fc.oneof(fc.constant(0), count),
  status: fc.constantFrom(...OUTCOME_STATUSES),
  cascade: fc.boolean(),
  skipReason: orNull(fc.constantFrom(...SKIP_REASONS)),
  sqlstate: orNull(sqlstate),
  message: orNull(text),
  errorPosition: orNull(count.map((place) => Math.min(place, Number.MAX_SAFE_INTEGER - 1))),
  rows: orNull(count),
  digest: orNull(fc.oneof(text, fc.stringMatching(/^([0-9a-f]{2}){1,32}$/))),
  durationMs: orNull(ms),
  durationApproximate: fc.boolean(),
  lagMs: orNull(ms),
  lagCause: fc.constantFrom(...LAG_CAUSES),
  verdict: fc.constantFrom('SAME' as const, 'DIVERGED' as const, 'UNVERIFIABLE' as const),
  divergences: fc.subarray([...DIVERGENCES]),
});

/** Events of every kind, before the feed has numbered them. */
export const eventArbitrary: fc.Arbitrary<NewReplayEvent> = fc.oneof(
  { weight: 4, arbitrary: outcomeArbitrary },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('STATE' as const),
      state: fc.constantFrom(...RUN_STATES),
      reason: orNull(text),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('NOTICE' as const),
      code: fc.constantFrom(...NOTICE_CODES),
      sessionId: orNull(text),
      message: text,
    }),
  },
);

/** An outcome with everything at its usual value, for tests that care about one field. */
export function outcome(fields: Partial<NewOutcome> = {}): NewOutcome {
  return {
    kind: 'OUTCOME',
    ordinal: 1,
    key: { timestamp: 1_700_000_000_000_000, position: 1n, sequence: 1 },
    transactionId: '01890000-0000-7000-8000-000000000001',
    sessionId: 's1',
    copy: 0,
    status: 'SUCCEEDED',
    cascade: false,
    skipReason: null,
    sqlstate: null,
    message: null,
    errorPosition: null,
    rows: 1,
    digest: null,
    durationMs: 0.25,
    durationApproximate: false,
    lagMs: null,
    lagCause: 'NONE',
    verdict: 'SAME',
    divergences: [],
    ...fields,
  };
}
