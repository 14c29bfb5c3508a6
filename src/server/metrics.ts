import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { openPullStreams } from '../replay/pull-stream.ts';

/** What `/metrics` shows; a registry for each server, so that tests may run several in one process. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests: Counter<'route' | 'status'>;
  readonly requestSeconds: Histogram<'route'>;
  readonly operations: Counter<'type' | 'transport' | 'outcome'>;
  readonly unexpectedErrors: Counter;

  constructor(gauges: { readonly sockets: () => number; readonly eventStreams: () => number }) {
    const registers = [this.registry];
    this.requests = new Counter({
      name: 'reprise_http_requests_total',
      help: 'HTTP requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers,
    });
    this.requestSeconds = new Histogram({
      name: 'reprise_http_request_seconds',
      help: 'Time to the end of a response, event streams left out.',
      labelNames: ['route'],
      buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10],
      registers,
    });
    this.operations = new Counter({
      name: 'reprise_graphql_operations_total',
      help: 'GraphQL operations begun, by type, transport and whether they were refused.',
      labelNames: ['type', 'transport', 'outcome'],
      registers,
    });
    this.unexpectedErrors = new Counter({
      name: 'reprise_unexpected_errors_total',
      help: 'Errors that were masked from clients: each is a bug.',
      registers,
    });
    gauge('reprise_open_streams', 'Subscriptions that are open, over any transport.', openPullStreams, registers);
    gauge('reprise_open_sockets', 'WebSockets that are open.', gauges.sockets, registers);
    gauge('reprise_open_event_streams', 'Responses over SSE that are open.', gauges.eventStreams, registers);
    gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss(), registers);
    gauge('process_heap_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed, registers);
    gauge('process_uptime_seconds', 'Seconds since the process began.', () => process.uptime(), registers);
  }
}

function gauge(name: string, help: string, read: () => number, registers: Registry[]): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}
