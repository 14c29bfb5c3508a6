import { type DocumentNode, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { TraceContext, TracedSpan, Tracer } from '../tracing/tracer.ts';

interface TracedContext {
  readonly caller: { readonly trace: TraceContext | null; readonly transport: string; readonly requestId: string };
  /** What the resolvers hand on. */
  trace: TraceContext | null;
}

interface TracedArgs {
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly contextValue: unknown;
}

/** A span for each GraphQL operation, to its result; of a subscription, to its stream. Without document and variables. */
export function traceOperations(tracer: Tracer): Plugin {
  const begin = (args: TracedArgs): TracedSpan | null => {
    const operation = getOperationAST(args.document, args.operationName);
    if (!operation) return null;
    const context = args.contextValue as TracedContext;
    const { trace, transport, requestId } = context.caller;
    const span = tracer.begin(`graphql ${operation.operation}`, trace, {
      'graphql.operation.type': operation.operation,
      ...(operation.name ? { 'graphql.operation.name': operation.name.value.slice(0, 100) } : {}),
      'reprise.transport': transport,
      'reprise.request.id': requestId,
    });
    // What the operation starts stands below it.
    context.trace = span.context;
    return span;
  };
  return {
    onExecute({ args }) {
      const span = begin(args as TracedArgs);
      return { onExecuteDone: ({ result }) => span?.end({}, failureOf(result)) };
    },
    onSubscribe({ args }) {
      const span = begin(args as TracedArgs);
      return {
        onSubscribeResult: ({ result }) => span?.end({}, failureOf(result)),
        onSubscribeError: () => span?.end({}, 'INTERNAL_SERVER_ERROR'),
      };
    },
  };
}

/** The code of the first error; undefined when there is none. */
function failureOf(result: unknown): string | undefined {
  const [first] = (result as { readonly errors?: readonly { extensions?: Record<string, unknown> }[] })?.errors ?? [];
  return first === undefined ? undefined : String(first.extensions?.['code'] ?? 'GRAPHQL_ERROR');
}
