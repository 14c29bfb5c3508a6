import { builder, enumOf } from './builder.ts';
import type { Role } from './context.ts';

const RoleEnum = enumOf<Uppercase<Role>>('Role', 'What a caller may do.', {
  READER: 'Queries and subscriptions.',
  OPERATOR: 'Everything.',
});

interface Viewer {
  readonly role: Uppercase<Role>;
}

const ViewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Whoever asks.',
  fields: (t) => ({
    role: t.expose('role', {
      type: RoleEnum,
      description: 'Of the access token; without configured tokens everybody is an operator.',
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    description: 'Who asks, so that a program can tell beforehand what it may do.',
    resolve: (_root, _args, { role }) => ({ role: role === 'operator' ? 'OPERATOR' : 'READER' }) as const,
  }),
);
