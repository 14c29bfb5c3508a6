import type { TraceContext } from '../tracing/tracer.ts';

/** The trace that a request says it belongs to: of its headers, or of the `extensions` of an operation. */
export function traceOf(fields: unknown): TraceContext | null {
  const { traceparent, tracestate } = (fields ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof traceparent !== 'string') return null;
  return { traceparent, tracestate: typeof tracestate === 'string' ? tracestate : undefined };
}
