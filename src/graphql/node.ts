import { RepriseError } from '../errors.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';

/** What has an id for `node`. */
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

async function find(id: string, { engine, journal, loaders }: RequestContext): Promise<object | null> {
  const [uuid = '', sequence, ...rest] = id.toLowerCase().split('/');
  if (!UUID.test(uuid) || rest.length > 0) return null;
  if (sequence === undefined) return (await engine.get(uuid)) ?? (await journal.transaction(uuid));
  if (!/^[1-9]\d{0,8}$/.test(sequence)) return null;
  return loaders.entry.load({ transactionId: uuid, sequence: Number(sequence) });
}

builder.queryField('node', (t) =>
  t.field({
    type: NodeInterface,
    nullable: true,
    description: 'A replay, a recorded transaction or a journal entry by its id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: 'The id.' }) },
    resolve: (_root, { id }, context) => find(id, context),
  }),
);

/** More would be a list, which has pages. */
const MOST_NODES = 100;

builder.queryField('nodes', (t) =>
  t.field({
    type: [NodeInterface],
    nullable: { list: false, items: true },
    description: 'Several at once, in the order of their ids, such as the entries around one of a transaction.',
    args: { ids: t.arg.idList({ required: true, description: `The ids, at most ${MOST_NODES}.` }) },
    resolve: (_root, { ids }, context) => {
      if (ids.length > MOST_NODES) {
        throw new RepriseError('LIMIT_EXCEEDED', `ids are ${ids.length}: ask for at most ${MOST_NODES} at once`, {
          path: ['ids'],
        });
      }
      return Promise.all(ids.map((id) => find(id, context)));
    },
  }),
);
