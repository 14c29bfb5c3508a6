import { type DocumentNode, GraphQLError, getOperationAST, type ParseOptions, parse, type Source } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import { createRequestContext, type Role, type ServiceContext } from '../graphql/context.ts';
import { schema } from '../graphql/schema.ts';
import type { TraceContext, Tracer } from '../tracing/tracer.ts';
import { type Report, recast, toClientError, withoutSecrets } from './client-errors.ts';
import { DocumentCache } from './document-cache.ts';
import { graphiqlRenderer } from './graphiql.ts';
import {
  checkLength,
  checkRepeats,
  limitExceeded,
  nodesAskedFor,
  type ServerLimits,
  sizeRule,
  variablesRefusal,
} from './limits.ts';
import type { Metrics } from './metrics.ts';
import { traceOperations } from './trace-operations.ts';

/** Who sent an operation and how; the transports give it, the resolvers' context is made from it. */
export interface Caller {
  readonly role: Role;
  readonly requestId: string;
  readonly transport: 'http' | 'websocket';
  /** Called before a subscription is executed; returns what refuses one more stream, or null. */
  readonly beginStream: () => GraphQLError | null;
  /** Where its spans belong; null: at the root of a trace. */
  readonly trace: TraceContext | null;
  /** Aborted when the client has gone or the service stops. */
  readonly signal: AbortSignal;
}

/** What Yoga is called with. */
export interface CallerContext {
  readonly caller: Caller;
}

/** What operations are executed with. */
export interface OperationParts {
  readonly service: ServiceContext;
  readonly limits: ServerLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly tracer: Tracer | null;
  readonly report: Report;
  readonly allowedOrigins: readonly string[];
}

/** What a few clients send again and again: operations of our own have up to 5,000 characters. */
const CACHED_CHARACTERS = 100_000;
const NOTHING_CACHED = { get: () => undefined, set: () => {} };

/** Executes operations, over HTTP as Yoga does, and step by step for a WebSocket. */
export type Operations = ReturnType<typeof createOperations>;

/**
 * How operations are parsed, checked and executed. Both transports run these plugins: Yoga over HTTP, and the
 * WebSocket through `getEnveloped`; only what is about HTTP itself stands in `http.ts`.
 */
export function createOperations(parts: OperationParts) {
  const { service, limits, metrics, logger, tracer, report, allowedOrigins } = parts;
  return createYoga<CallerContext>({
    schema,
    graphqlEndpoint: '/graphql',
    context: ({ caller }) => createRequestContext(service, caller),
    graphiql: { title: 'Reprise', defaultQuery: '{ replays { nodes { id state summary { succeeded failed } } } }' },
    renderGraphiQL: graphiqlRenderer(),
    landingPage: false,
    batching: false,
    multipart: false,
    logging: false,
    maxRequestBodySize: limits.bodyBytes,
    // Yoga's own hold a thousand documents and a thousand refused texts, of whatever size.
    parserAndValidationCache: { documentCache: new DocumentCache(CACHED_CHARACTERS), errorCache: NOTHING_CACHED },
    cors:
      allowedOrigins.length === 0
        ? false
        : { origin: [...allowedOrigins], methods: ['GET', 'POST'], credentials: false },
    maskedErrors: { maskError: (error) => toClientError(error, report) },
    plugins: [
      documentLimits(limits),
      operationGuard(limits, metrics, logger),
      ...(tracer === null ? [] : [traceOperations(tracer)]),
      secretsOut(logger),
      eventStreamHeaders(),
    ],
  });
}

function documentLimits(limits: ServerLimits): Plugin {
  const rule = sizeRule(limits);
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions): DocumentNode => {
        checkLength(typeof source === 'string' ? source : source.body, limits);
        let document: DocumentNode;
        try {
          document = parse(source, { ...options, maxTokens: limits.tokens });
        } catch (error) {
          if (error instanceof RangeError) throw limitExceeded('the document is nested too deeply');
          if (error instanceof GraphQLError && /more tha[nt] \d+ tokens/.test(error.message)) {
            throw limitExceeded(`the document has more than ${limits.tokens} tokens: send values as variables`);
          }
          // Yoga says so itself, but over HTTP only.
          throw error instanceof GraphQLError
            ? recast(error, error.message, { ...error.extensions, code: 'GRAPHQL_PARSE_FAILED' })
            : error;
        }
        checkRepeats(document, limits);
        return document;
      });
    },
    onValidate({ addValidationRule }) {
      addValidationRule(rule);
    },
  };
}

interface GuardedArgs {
  readonly schema: typeof schema;
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variableValues?: unknown;
  readonly contextValue: unknown;
}

/** Refuses what the caller may not do, or what asks for too much, before anything of it is executed. */
function operationGuard(limits: ServerLimits, metrics: Metrics, logger: Logger): Plugin {
  const guard = (args: GuardedArgs): GraphQLError | null => {
    const operation = getOperationAST(args.document, args.operationName);
    // Execution itself says what is wrong then.
    if (!operation) return null;
    const { caller } = args.contextValue as CallerContext;
    const refusal =
      refuse(args, operation, caller, limits) ?? (operation.operation === 'subscription' ? caller.beginStream() : null);
    const { requestId, transport } = caller;
    const labels = { type: operation.operation, transport, outcome: refusal === null ? 'begun' : 'refused' };
    metrics.operations.inc(labels);
    logger.debug({ requestId, ...labels }, 'operation');
    return refusal;
  };
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const refusal = guard(args as GuardedArgs);
      if (refusal !== null) setResultAndStopExecution({ errors: [refusal] });
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const refusal = guard(args as GuardedArgs);
      if (refusal !== null) setResultAndStopExecution({ errors: [refusal] });
    },
  };
}

function refuse(
  args: GuardedArgs,
  operation: NonNullable<ReturnType<typeof getOperationAST>>,
  caller: Caller,
  limits: ServerLimits,
): GraphQLError | null {
  if (operation.operation === 'mutation' && caller.role !== 'operator') {
    return new GraphQLError('mutations need a token of the role operator; this one is a reader', {
      extensions: { code: 'FORBIDDEN', http: { status: 403 } },
    });
  }
  const variables = (args.variableValues ?? {}) as Readonly<Record<string, unknown>>;
  const refusal = variablesRefusal(variables, limits);
  if (refusal !== null) return refusal;
  if (nodesAskedFor({ schema: args.schema, document: args.document, operation, variables }) > limits.nodes) {
    return limitExceeded(`the operation asks for more than ${limits.nodes} objects: lower \`first\`, or page`);
  }
  return null;
}

/**
 * Errors of variables and literals repeat what was sent; secrets of it must not come back. The log gets the request
 * of an error that was masked: whoever masked it did not know it.
 */
function secretsOut(logger: Logger): Plugin {
  return {
    onExecutionResult({ result, setResult, context }) {
      if (result === undefined || !('errors' in result) || !result.errors?.length) return;
      const params =
        (context as { readonly params?: { readonly query?: unknown; readonly variables?: unknown } }).params ?? {};
      for (const { extensions } of result.errors as GraphQLError[]) {
        const { errorId } = extensions ?? {};
        if (errorId === undefined) continue;
        const { caller } = context as unknown as CallerContext;
        logger.error({ requestId: caller.requestId, errorId }, 'operation failed');
      }
      setResult({ ...result, errors: withoutSecrets(result.errors as GraphQLError[], params) });
    },
  };
}

function eventStreamHeaders(): Plugin {
  return {
    onResponse({ response }) {
      // nginx and others would hold events back until their buffer is full.
      if (response?.headers.get('content-type')?.startsWith('text/event-stream')) {
        response.headers.set('X-Accel-Buffering', 'no');
      }
    },
  };
}
