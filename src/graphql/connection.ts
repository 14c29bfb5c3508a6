import { RepriseError } from '../errors.ts';
import { builder, type NamedRef } from './builder.ts';

interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

/** A node with its place in a list. */
export interface Edge<Node> {
  readonly cursor: string;
  readonly node: Node;
}

/** A page of a list. */
export interface Connection<Node> {
  readonly edges: readonly Edge<Node>[];
  readonly pageInfo: PageInfo;
}

const PageInfoRef = builder.objectRef<PageInfo>('PageInfo').implement({
  description: 'Where a page stands in its list.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'More follows after `endCursor`.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description:
        'True when the page was asked for with `after`; of a page read backwards: more precedes `startCursor`.',
    }),
    startCursor: t.expose('startCursor', {
      type: 'Cursor',
      nullable: true,
      description: 'Of the first edge: give it as `before` for the page before, where a list is read backwards.',
    }),
    endCursor: t.expose('endCursor', {
      type: 'Cursor',
      nullable: true,
      description: 'Of the last edge: give it as `after` for the next page.',
    }),
  }),
});

/** The connection type of a list. There is no total: counting a window costs as much as reading it. */
export function connectionOf<Node extends object>(node: NamedRef<Node>, what: string) {
  const edge = builder.objectRef<Edge<Node>>(`${node.name}Edge`).implement({
    description: `One of ${what}, with its place.`,
    fields: (t) => ({
      cursor: t.expose('cursor', { type: 'Cursor', description: 'Its place in this list.' }),
      node: t.field({ type: node, description: 'What stands there.', resolve: (value) => value.node as never }),
    }),
  });
  return builder.objectRef<Connection<Node>>(`${node.name}Connection`).implement({
    description: `A page of ${what}.`,
    fields: (t) => ({
      edges: t.field({ type: [edge], description: 'In the order of the list.', resolve: (value) => [...value.edges] }),
      nodes: t.field({
        type: [node],
        description: 'The same without cursors.',
        resolve: (value) => value.edges.map((item) => item.node) as never,
      }),
      pageInfo: t.field({
        type: PageInfoRef,
        description: 'Where this page stands.',
        resolve: (value) => value.pageInfo,
      }),
    }),
  });
}

/** A page from its items; `after` is the cursor that it was asked for with. */
export function connection<Node>(
  nodes: readonly Node[],
  cursorOf: (node: Node) => string,
  hasNextPage: boolean,
  after: string | null | undefined,
): Connection<Node> {
  const edges = nodes.map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage,
      hasPreviousPage: after !== null && after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** @throws RepriseError BAD_INPUT when the number lies outside of the range */
export function inRange(name: string, value: number, low: number, high: number): number {
  if (value >= low && value <= high) return value;
  throw new RepriseError('BAD_INPUT', `${name} must be ${low} to ${high}, not ${value}`, { path: [name] });
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], null | undefined> };

/** The fields that were given: GraphQL's null and absence both mean "not given" in optional inputs. */
export function present<T extends object>(input: T): Present<T> {
  return Object.fromEntries(
    Object.entries(input).filter(([, value]) => value !== null && value !== undefined),
  ) as Present<T>;
}
