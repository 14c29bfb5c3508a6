import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent, TraceState } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { OpenTracer, TraceContext, TracedSpan } from './tracer.ts';

/** A collector that does not answer holds up the end of the process at most this long. */
const CLOSE_MS = 3_000;

/**
 * A tracer over OTLP/HTTP with JSON. Parents are handed on by hand: a context that follows every promise costs each
 * statement of a replay something, and is used by none of them.
 */
export function openOtlpTracer(warn: (message: string) => void): OpenTracer {
  let warned = false;
  const once = (message: string) => {
    if (warned) return;
    warned = true;
    warn(`traces: ${message.slice(0, 500)}`);
  };
  const ignore = () => {};
  diag.setLogger(
    { error: once, warn: once, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'reprise' }).merge(
      detectResources({ detectors: [envDetector] }),
    ),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('reprise');
  return {
    begin(name, parent, attributes, kind = 'internal') {
      const options = { kind: kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL, attributes };
      return traced(tracer.startSpan(name, options, contextOf(parent)));
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS);
      });
      await Promise.race([provider.shutdown().catch(ignore), late]);
      clearTimeout(timer);
    },
  };
}

function contextOf(parent: TraceContext | null): Context {
  const spanContext = parent === null ? null : parseTraceParent(parent.traceparent);
  if (parent === null || spanContext === null) return ROOT_CONTEXT;
  const { tracestate } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, {
    ...spanContext,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: new TraceState(tracestate) }),
  });
}

function traced(span: Span): TracedSpan {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const flags = traceFlags.toString(16).padStart(2, '0');
  return {
    context: { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: traceState?.serialize() },
    end(attributes = {}, failure) {
      if (!span.isRecording()) return;
      span.setAttributes(attributes);
      if (failure !== undefined) {
        span.setAttribute('error.type', failure);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}
