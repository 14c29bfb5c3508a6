/** Where a span belongs, as the header `traceparent` of W3C Trace Context says it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** Numbers, short words and ids. Never the text of a statement, a parameter or a credential. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is under way. */
export interface TracedSpan {
  /** For the spans below it. */
  readonly context: TraceContext;
  /** Ends it; `failure` names what went wrong, in a word. A second call does nothing. */
  end(attributes?: SpanAttributes, failure?: string): void;
}

/** Makes spans. What uses it knows nothing of OpenTelemetry, which is loaded only where traces are asked for. */
export interface Tracer {
  /** `parent` null: a trace of its own. `server`: it answers a request from elsewhere. */
  begin(
    name: string,
    parent: TraceContext | null,
    attributes: SpanAttributes,
    kind?: 'server' | 'internal',
  ): TracedSpan;
}

/** A tracer that sends what it makes somewhere. */
export interface OpenTracer extends Tracer {
  /** Sends what is left, for some seconds at most. Never rejects. */
  close(): Promise<void>;
}
