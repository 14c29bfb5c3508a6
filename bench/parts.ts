import type { AnyPart } from './lib/part.ts';
import { cancel } from './parts/cancel.ts';
import { dashboard } from './parts/dashboard.ts';
import { importing } from './parts/import.ts';
import { lag } from './parts/lag.ts';
import { memory } from './parts/memory.ts';
import { pages } from './parts/pages.ts';
import { recording } from './parts/recording.ts';
import { sessions } from './parts/sessions.ts';
import { speed } from './parts/speed.ts';
import { stalled } from './parts/stalled.ts';

/** Every part, in the order in which they are measured and shown. */
export const PARTS: readonly AnyPart[] = [
  speed,
  sessions,
  recording,
  stalled,
  lag,
  cancel,
  importing,
  pages,
  memory,
  dashboard,
];
