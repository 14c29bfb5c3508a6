import {
  type ASTVisitor,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLArgument,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValueNode,
} from 'graphql';

/** What the service takes. */
export interface ServerLimits {
  /** Bytes of a request body; a bulk of 5,000 statements fits. */
  readonly bodyBytes: number;
  /** Bytes of a WebSocket message. */
  readonly messageBytes: number;
  /** Characters of a document; values belong into variables. */
  readonly documentLength: number;
  /** Tokens of a document, and its lines: each error counts the lines before its place. */
  readonly tokens: number;
  /** Levels of nested fields, introspection left out. */
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  /** Fields that stand once more in their selection; and fragments. Whether they can be merged is looked at pair by pair. */
  readonly repeats: number;
  /** Objects that the `first` arguments of one operation may ask for in all. */
  readonly nodes: number;
  /** Nesting of variables. */
  readonly variableDepth: number;
  /** Values in variables, lists and objects included: each is looked at before any limit of its field is. */
  readonly variableValues: number;
  readonly sockets: number;
  readonly subscriptionsPerSocket: number;
  /** Streams over SSE at once. */
  readonly eventStreams: number;
  /** TCP connections at once. */
  readonly connections: number;
  /** Requests and WebSocket operations a second from one address, and how many may come at once. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** A stream whose client takes nothing for this long is closed. */
  readonly writeDeadlineMs: number;
  /** Between two pings of a WebSocket; a peer that does not answer one before the next is dropped. */
  readonly pingMs: number;
}

/** Those of a server whose configuration sets no others. */
export const DEFAULT_LIMITS: ServerLimits = {
  bodyBytes: 8 * 1024 * 1024,
  messageBytes: 4 * 1024 * 1024,
  documentLength: 256 * 1024,
  tokens: 5000,
  depth: 15,
  aliases: 50,
  directives: 50,
  repeats: 100,
  nodes: 20_000,
  variableDepth: 32,
  variableValues: 1_000_000,
  sockets: 500,
  subscriptionsPerSocket: 50,
  eventStreams: 500,
  connections: 2000,
  requestsPerSecond: 2000,
  requestBurst: 5000,
  writeDeadlineMs: 60_000,
  pingMs: 12_000,
};

/** A refusal that both transports show alike. */
export function limitExceeded(message: string, status = 400): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'LIMIT_EXCEEDED', http: { status, spec: status === 400 } } });
}

/** Refuses a document that is too long to be parsed; what it may ask for is another question. @throws GraphQLError LIMIT_EXCEEDED */
export function checkLength(source: string, limits: Pick<ServerLimits, 'documentLength' | 'tokens'>): void {
  if (source.length > limits.documentLength) {
    throw limitExceeded(`the document has more than ${limits.documentLength} characters: send values as variables`);
  }
  if ((source.match(/\r\n|[\n\r]/g)?.length ?? 0) > limits.tokens) {
    throw limitExceeded(`the document has more than ${limits.tokens} lines: send values as variables`);
  }
}

/**
 * Refuses a parsed document before it is validated, where that would take quadratic time.
 * @throws GraphQLError LIMIT_EXCEEDED
 */
export function checkRepeats(document: DocumentNode, { repeats: most }: Pick<ServerLimits, 'repeats'>): void {
  const over = (what: string) => limitExceeded(`the document has more than ${most} ${what}`);
  if (fragmentsOf(document).size > most) throw over('fragments');
  let repeats = 0;
  const count = (set: SelectionSetNode, names: Set<string>): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        count(selection.selectionSet, names);
        continue;
      }
      const name = (selection.alias ?? selection.name).value;
      if (names.has(name)) repeats += 1;
      names.add(name);
      if (selection.selectionSet !== undefined) count(selection.selectionSet, new Set());
    }
  };
  for (const definition of document.definitions) {
    if ('selectionSet' in definition) count(definition.selectionSet, new Set());
  }
  if (repeats > most) throw over('fields that stand once more in their selection: name each once');
}

interface Size {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
}

/** Validation rule: depth, aliases and directives, each fragment measured once and counted where it is spread. */
export function sizeRule(limits: Pick<ServerLimits, 'depth' | 'aliases' | 'directives'>) {
  return (context: ValidationContext): ASTVisitor => ({
    OperationDefinition(operation) {
      const size = measure(operation, context.getDocument());
      const over = (what: string, is: number, limit: number) => {
        if (is > limit) context.reportError(limitExceeded(`the operation has ${what} ${is}, the limit is ${limit}`));
      };
      over('a depth of', size.depth, limits.depth);
      over('a number of aliases of', size.aliases, limits.aliases);
      over('a number of directives of', size.directives, limits.directives);
    },
  });
}

function measure(operation: OperationDefinitionNode, document: DocumentNode): Size {
  const fragments = fragmentsOf(document);
  const known = new Map<string, Size>();
  const fragmentSize = (name: string): Size => {
    const measured = known.get(name);
    if (measured !== undefined) return measured;
    // Stands for the fragment while it is measured: a cycle, which another rule refuses, must not go on for ever.
    known.set(name, { depth: 0, aliases: 0, directives: 0 });
    const fragment = fragments.get(name);
    const size =
      fragment === undefined ? known.get(name)! : sizeOf(fragment.selectionSet, fragment.directives?.length ?? 0);
    known.set(name, size);
    return size;
  };
  const sizeOf = (set: SelectionSetNode | undefined, ownDirectives: number): Size => {
    let depth = 0;
    let aliases = 0;
    let directives = ownDirectives;
    for (const selection of set?.selections ?? []) {
      let inner: Size;
      if (selection.kind === Kind.FRAGMENT_SPREAD) inner = fragmentSize(selection.name.value);
      else inner = sizeOf(selection.selectionSet, 0);
      directives += inner.directives + (selection.directives?.length ?? 0);
      aliases += inner.aliases;
      if (selection.kind === Kind.FIELD) {
        if (selection.alias !== undefined) aliases += 1;
        if (!selection.name.value.startsWith('__')) depth = Math.max(depth, inner.depth + 1);
      } else depth = Math.max(depth, inner.depth);
    }
    return { depth, aliases, directives };
  };
  return sizeOf(operation.selectionSet, operation.directives?.length ?? 0);
}

function fragmentsOf(document: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return fragments;
}

/** An operation that was parsed and found valid. */
export interface OperationToMeasure {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Arguments that say how long a list may be: by number, or by what it is to hold. */
const LIST_ARGUMENTS: ReadonlySet<string> = new Set(['first', 'last', 'ids']);
/** Of a list whose length neither the operation nor the schema says: what its resolver takes. */
const UNSAID_SIZE = 100;

/**
 * How many objects a valid operation asks for in all by `first`, `last` and `ids`: nested lists multiply. Takes the
 * variables as they were sent. Each fragment is counted once: spread after spread, they may double without end.
 */
export function nodesAskedFor(asked: OperationToMeasure): number {
  const fragments = fragmentsOf(asked.document);
  const known = new Map<string, number>();
  const ofFragment = (name: string): number => {
    const counted = known.get(name);
    if (counted !== undefined) return counted;
    const fragment = fragments.get(name);
    const nodes = nodesIn(fragment?.selectionSet, fragment?.typeCondition.name.value);
    known.set(name, nodes);
    return nodes;
  };
  const nodesIn = (set: SelectionSetNode | undefined, typeName: string | undefined): number => {
    const type = typeName === undefined ? undefined : asked.schema.getType(typeName);
    let total = 0;
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        total += ofFragment(selection.name.value);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        total += nodesIn(selection.selectionSet, selection.typeCondition?.name.value ?? typeName);
      } else {
        const fields = isObjectType(type) || isInterfaceType(type) ? type.getFields() : {};
        const field = isUnionType(type) ? undefined : fields[selection.name.value];
        const inner = nodesIn(selection.selectionSet, field === undefined ? undefined : getNamedType(field.type).name);
        const lists = field?.args.filter(({ name }) => LIST_ARGUMENTS.has(name)) ?? [];
        if (lists.length === 0) {
          total += inner;
          continue;
        }
        const sizes = lists.flatMap((argument) => sizeOf(asked, selection, argument) ?? []);
        // Where both may be given, only one is.
        total += Math.max(1, ...(sizes.length > 0 ? sizes : [UNSAID_SIZE])) * (1 + inner);
      }
    }
    return total;
  };
  return nodesIn(asked.operation.selectionSet, asked.schema.getRootType(asked.operation.operation)?.name);
}

/** The length that an argument asks for; null where it is not given and the schema has no default. */
function sizeOf(asked: OperationToMeasure, field: FieldNode, argument: GraphQLArgument): number | null {
  const given = field.arguments?.find(({ name }) => name.value === argument.name)?.value;
  const written = given?.kind === Kind.VARIABLE ? variableDefault(asked.operation, given.name.value) : given;
  const value: unknown =
    (given?.kind === Kind.VARIABLE ? asked.variables[given.name.value] : undefined) ??
    (written === undefined ? argument.defaultValue : literalSize(written));
  if (Array.isArray(value)) return value.length;
  return typeof value === 'number' ? value : null;
}

function literalSize(value: ValueNode): number | null {
  if (value.kind === Kind.LIST) return value.values.length;
  return value.kind === Kind.INT ? Number(value.value) : null;
}

function variableDefault(operation: OperationDefinitionNode, name: string): ValueNode | undefined {
  return operation.variableDefinitions?.find((definition) => definition.variable.name.value === name)?.defaultValue;
}

/** What refuses variables, or null; walks without recursion, so that depth cannot hurt it. */
export function variablesRefusal(
  variables: Readonly<Record<string, unknown>>,
  limits: Pick<ServerLimits, 'variableDepth' | 'variableValues'>,
): GraphQLError | null {
  let level: object[] = [variables];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.variableDepth)
      return limitExceeded(`the variables are nested deeper than ${limits.variableDepth} levels`);
    const next: object[] = [];
    for (const item of level) {
      const inside = Array.isArray(item) ? item : Object.values(item);
      values += inside.length;
      if (values > limits.variableValues)
        return limitExceeded(`the variables hold more than ${limits.variableValues} values: send fewer at once`);
      for (const inner of inside) if (typeof inner === 'object' && inner !== null) next.push(inner);
    }
    level = next;
  }
  return null;
}

/** A bucket of requests for each address, filled again with time. */
export class RateLimiter {
  private readonly perSecond: number;
  private readonly burst: number;
  private readonly buckets = new Map<string, { left: number; at: number }>();

  constructor(limits: Pick<ServerLimits, 'requestsPerSecond' | 'requestBurst'>) {
    this.perSecond = limits.requestsPerSecond;
    this.burst = limits.requestBurst;
  }

  /** Takes one request of the address; false when it has none left. `now` in milliseconds. */
  take(address: string, now: number = performance.now()): boolean {
    const bucket = this.buckets.get(address) ?? { left: this.burst, at: now };
    bucket.left = Math.min(this.burst, bucket.left + ((now - bucket.at) / 1000) * this.perSecond);
    bucket.at = now;
    // Oldest first: what has not asked for longest is forgotten, and by then its bucket is full again.
    this.buckets.delete(address);
    this.buckets.set(address, bucket);
    if (this.buckets.size > 10_000) this.buckets.delete(this.buckets.keys().next().value as string);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
}
