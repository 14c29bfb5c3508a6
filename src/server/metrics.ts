import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AppendStatistics, JournalSize } from '../journal/append-statistics.ts';
import { LOSS_REASONS } from '../journal/store.ts';
import { openPullStreams } from '../replay/pull-stream.ts';
import { BOUNDS_MS, type BucketCounts, type ReplayStatistics } from '../replay/statistics.ts';
import { type Labels, type Sample, ScrapedMetric } from './scraped-metric.ts';

/** What is counted elsewhere and read when `/metrics` is asked for. */
export interface ServiceStatistics {
  replays(): ReplayStatistics;
  readonly appends: AppendStatistics;
  /** Rejects while the journal's database cannot be used. */
  journalSize(): Promise<JournalSize>;
}

/** Sizes are measured again when they are older than this. */
const SIZE_AGE_MS = 10_000;
/** A scrape waits for the database at most this long, and shows the sizes of before. */
const SIZE_WAIT_MS = 2_000;

/** What `/metrics` shows; a registry for each server, so that tests may run several in one process. */
export class Metrics {
  readonly requests: Counter<'route' | 'status'>;
  readonly requestSeconds: Histogram<'route'>;
  readonly operations: Counter<'type' | 'transport' | 'outcome'>;
  readonly unexpectedErrors: Counter;
  private readonly registry = new Registry();
  private readonly statistics: ServiceStatistics | null;
  private size: { readonly measured: JournalSize | null; readonly reachable: boolean } | null = null;
  private sizeAt = Number.NEGATIVE_INFINITY;
  private measuring: Promise<void> | null = null;

  constructor(
    gauges: { readonly sockets: () => number; readonly eventStreams: () => number },
    statistics: ServiceStatistics | null,
  ) {
    const registers = [this.registry];
    this.statistics = statistics;
    this.requests = new Counter({
      name: 'reprise_http_requests_total',
      help: 'HTTP requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers,
    });
    this.requestSeconds = new Histogram({
      name: 'reprise_http_request_duration_seconds',
      help: 'Time to the end of a response, event streams left out.',
      labelNames: ['route'],
      buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10],
      registers,
    });
    this.operations = new Counter({
      name: 'reprise_graphql_operations_total',
      help: 'GraphQL operations, by type, transport and whether they were begun or refused.',
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
    if (statistics !== null) {
      this.addReplays(statistics);
      this.addJournal(statistics);
    }
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** All of them in the text format of Prometheus. */
  async text(): Promise<string> {
    await this.refreshSize();
    const texts = await Promise.all([this.registry.metrics(), processMetrics().metrics()]);
    return texts.join('\n');
  }

  private addReplays({ replays }: ServiceStatistics): void {
    const add = (name: string, type: 'counter' | 'gauge', help: string, samples: (now: ReplayStatistics) => Sample[]) =>
      this.registry.registerMetric(new ScrapedMetric({ name, type, help, read: () => samples(replays()) }));
    add('reprise_replay_statements_total', 'counter', 'Statements with an outcome, by status.', ({ counts }) => [
      { labels: { status: 'succeeded' }, value: counts.succeeded },
      { labels: { status: 'failed' }, value: counts.failed },
      { labels: { status: 'cascade' }, value: counts.cascades },
      { labels: { status: 'skipped' }, value: counts.skipped },
      { labels: { status: 'unknown' }, value: counts.unknown },
    ]);
    add('reprise_replay_verdicts_total', 'counter', 'Outcomes compared with the record, by verdict.', ({ counts }) => [
      { labels: { verdict: 'same' }, value: counts.same },
      { labels: { verdict: 'diverged' }, value: counts.diverged },
      { labels: { verdict: 'unverifiable' }, value: counts.unverifiable },
    ]);
    add('reprise_replay_rows_total', 'counter', 'Rows that targets returned or changed.', ({ counts }) =>
      one(counts.rows),
    );
    add('reprise_replay_connections_total', 'counter', 'Connections opened to targets.', ({ counts }) =>
      one(counts.connections),
    );
    add('reprise_replay_stalls_total', 'counter', 'Sessions taken out of the order because they held it up.', (now) =>
      one(now.counts.stalls),
    );
    add('reprise_replays_ended_total', 'counter', 'Replays that ended in this process, by state.', ({ ended }) =>
      (['COMPLETED', 'FAILED', 'CANCELLED', 'INTERRUPTED'] as const).map((state) => ({
        labels: { state: state.toLowerCase() },
        value: ended[state] ?? 0,
      })),
    );
    add('reprise_replays_active', 'gauge', 'Replays under way in this process, by state.', ({ active }) =>
      Object.entries(active).map(([state, value]) => ({ labels: { state: state.toLowerCase() }, value })),
    );
    add('reprise_feed_depth_events', 'gauge', 'Events of replays that are not durable yet.', (now) => one(now.backlog));
    const histogram = (name: string, help: string, buckets: (now: ReplayStatistics) => BucketCounts) =>
      this.registry.registerMetric(
        new ScrapedMetric({ name, type: 'histogram', help, read: () => bucketSamples(name, buckets(replays())) }),
      );
    histogram('reprise_replay_lag_seconds', 'How late statements were sent at recorded pace.', ({ lag }) => lag);
    histogram(
      'reprise_replay_statement_duration_seconds',
      'How long targets took for a statement.',
      ({ duration }) => duration,
    );
  }

  private addJournal({ appends }: ServiceStatistics): void {
    const add = (name: string, type: 'counter' | 'gauge', help: string, read: () => readonly Sample[]) =>
      this.registry.registerMetric(new ScrapedMetric({ name, type, help, read }));
    add('reprise_journal_entries_appended_total', 'counter', 'Entries that this process appended.', () =>
      one(appends.entries),
    );
    add('reprise_journal_entries_evicted_total', 'counter', 'Entries that retention took away here.', () =>
      one(appends.evicted),
    );
    add(
      'reprise_journal_losses_total',
      'counter',
      'What this process appended and the journal cannot vouch for, by reason.',
      () =>
        LOSS_REASONS.filter((reason) => !reason.startsWith('EVICTED_')).map((reason) => ({
          labels: { reason: reason.toLowerCase() },
          value: appends.losses.get(reason) ?? 0,
        })),
    );
    add('reprise_journal_up', 'gauge', "1 while the journal's database answers, else 0.", () =>
      one(this.size?.reachable ? 1 : 0),
    );
    const sized = (name: string, help: string, read: (size: JournalSize) => Sample[]) =>
      add(name, 'gauge', help, () => (this.size?.measured ? read(this.size.measured) : []));
    sized('reprise_journal_entries', 'Entries in the journal, whichever process appended them.', (size) =>
      one(size.entries),
    );
    sized('reprise_journal_size_bytes', "What the journal's database takes on disk, by what it keeps.", (size) => [
      { labels: { part: 'journal' }, value: size.journalBytes },
      { labels: { part: 'replays' }, value: size.replayBytes },
    ]);
  }

  /** Never rejects. */
  private async refreshSize(): Promise<void> {
    if (this.statistics === null || performance.now() - this.sizeAt < SIZE_AGE_MS) return;
    this.measuring ??= this.statistics
      .journalSize()
      .then(
        (measured) => {
          this.size = { measured, reachable: true };
          this.sizeAt = performance.now();
        },
        () => this.sizeUnknown(),
      )
      .finally(() => {
        this.measuring = null;
      });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.sizeUnknown();
        resolve();
      }, SIZE_WAIT_MS);
    });
    await Promise.race([this.measuring, late]);
    clearTimeout(timer);
  }

  /** The next scrape asks again. */
  private sizeUnknown(): void {
    this.size = { measured: this.size?.measured ?? null, reachable: false };
  }
}

let ofProcess: Registry | null = null;

/** CPU, memory, event loop and garbage collection: of the process, so collected once however many servers it has. */
function processMetrics(): Registry {
  if (ofProcess === null) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

function bucketSamples(name: string, { upTo, count, sum }: BucketCounts): Sample[] {
  const bucket = (labels: Labels, value: number): Sample => ({ metricName: `${name}_bucket`, labels, value });
  return [
    ...BOUNDS_MS.map((bound, at) => bucket({ le: bound / 1000 }, upTo[at] ?? 0)),
    bucket({ le: '+Inf' }, count),
    { metricName: `${name}_sum`, labels: {}, value: sum / 1000 },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
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
