import './scalars.ts';
import './errors.ts';
import './node.ts';
import './parameter.ts';
import './journal-input.ts';
import './journal-entry.ts';
import './journal-coverage.ts';
import './journal-mutations.ts';
import './journal-tail.ts';
import './replay.ts';
import './replay-input.ts';
import './replay-mutations.ts';
import './replay-events.ts';
import './replay-results.ts';
import './replay-timeline.ts';
import './replay-comparison.ts';
import './replay-call-comparison.ts';
import './preflight.ts';
import './targets.ts';
import './viewer.ts';
import { builder } from './builder.ts';

builder.queryType({ description: 'What can be asked.' });
builder.mutationType({ description: 'What can be changed. Needs the role `operator`.' });
builder.subscriptionType({ description: 'What can be followed, over WebSocket (graphql-ws) or SSE.' });

/** The executable schema, sorted. */
export const schema = builder.toSchema();
