import { Gauge } from 'prom-client';

/** Labels of a sample, by name. */
export type Labels = Readonly<Record<string, string | number>>;

/** One line of a metric. */
export interface Sample {
  /** Where it is not the metric's own: `…_bucket`, `…_sum`, `…_count` of a histogram. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

interface ScrapedOptions {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** None: the metric is absent for now. */
  readonly read: () => readonly Sample[];
}

/**
 * A metric of values that are kept elsewhere and read at the scrape. prom-client's own are written when something
 * happens, which counters on the path of every statement must not be.
 */
export class ScrapedMetric extends Gauge {
  private readonly options: ScrapedOptions;

  constructor(options: ScrapedOptions) {
    super({ name: options.name, help: options.help, registers: [] });
    this.options = options;
  }

  // biome-ignore lint/suspicious/noExplicitAny: prom-client types the values of each kind apart
  override async get(): Promise<any> {
    const { name, help, type, read } = this.options;
    return { name, help, type, aggregator: 'sum', values: read() };
  }
}
