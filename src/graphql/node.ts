import { builder } from './builder.ts';

export interface Identified {
  readonly id?: string;
}

/**
 * Ids are unique over all types as they are (a UUID, or an entry's place), so that the same id serves in
 * `node`, in arguments and in the CLI.
 */
export const NodeInterface = builder.interfaceRef<object>('Node').implement({
  description: 'Something with an id by which `node` finds it again.',
  fields: (t) => ({
    id: t.id({
      description: 'Unique over all types; also what the arguments of the other fields take.',
      resolve: (value) => (value as Identified).id ?? '',
    }),
  }),
});

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

builder.queryField('node', (t) =>
  t.field({
    type: NodeInterface,
    nullable: true,
    description: 'A replay, a recorded transaction or a journal entry by its id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: 'The id.' }) },
    resolve: async (_root, { id }, { engine, journal, loaders }) => {
      const [uuid = '', sequence, ...rest] = id.toLowerCase().split('/');
      if (!UUID.test(uuid) || rest.length > 0) return null;
      if (sequence === undefined) return (await engine.get(uuid)) ?? (await journal.transaction(uuid));
      if (!/^[1-9]\d{0,8}$/.test(sequence)) return null;
      return loaders.entry.load({ transactionId: uuid, sequence: Number(sequence) });
    },
  }),
);
