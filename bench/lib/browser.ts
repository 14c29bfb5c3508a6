import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CDPSession, chromium, type Page } from 'playwright-core';
import { percentile } from './stats.ts';

export const VIEWPORT = { width: 1360, height: 860 } as const;

/** Where Chromium is; undefined where there is none. */
export const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

/** Tasks of the page's thread longer than 50 ms: while one lasts, nothing answers to the user. */
export interface LongTasks {
  readonly count: number;
  /** Milliseconds; 0 of none. */
  readonly longest: number;
  readonly p99: number;
}

/** What the page did between two looks. */
export interface Work {
  readonly seconds: number;
  /** Shares of the time: in scripts, in tasks of any kind, on a processor. */
  readonly scripting: number;
  readonly busy: number;
  readonly onCpu: number;
  readonly longTasks: LongTasks;
}

export interface Sample {
  /** Bytes of the heap after a collection. */
  readonly heap: number;
  readonly elements: number;
}

interface Metrics {
  readonly Timestamp: number;
  readonly ScriptDuration: number;
  readonly TaskDuration: number;
  readonly ThreadTime: number;
}

/** A page of headless Chromium that is looked at as the developer tools do. */
export class WatchedPage {
  readonly page: Page;
  readonly #tools: CDPSession;
  readonly #close: () => Promise<void>;

  static async open(): Promise<WatchedPage> {
    const profile = await mkdtemp(join(tmpdir(), 'reprise-bench-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM!,
      headless: true,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
      viewport: VIEWPORT,
    });
    context.setDefaultTimeout(120_000);
    await context.addInitScript(() => {
      const durations: number[] = [];
      Object.assign(globalThis, { longTasks: durations });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) durations.push(duration);
      }).observe({ type: 'longtask' });
    });
    const page = await context.newPage();
    const tools = await context.newCDPSession(page);
    await tools.send('Performance.enable');
    return new WatchedPage(page, tools, async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    });
  }

  private constructor(page: Page, tools: CDPSession, close: () => Promise<void>) {
    this.page = page;
    this.#tools = tools;
    this.#close = close;
  }

  /** What the page does while `work` lasts. The page must not be loaded anew within it. */
  async during(work: () => Promise<unknown>): Promise<Work> {
    await this.#takeLongTasks();
    const before = await this.#metrics();
    await work();
    const after = await this.#metrics();
    const seconds = after.Timestamp - before.Timestamp;
    return {
      seconds,
      scripting: (after.ScriptDuration - before.ScriptDuration) / seconds,
      busy: (after.TaskDuration - before.TaskDuration) / seconds,
      onCpu: (after.ThreadTime - before.ThreadTime) / seconds,
      longTasks: tasksOf(await this.#takeLongTasks()),
    };
  }

  /** Milliseconds until the page is loaded and `shown`, and its long tasks. */
  async loading(
    url: string,
    shown: () => Promise<unknown>,
  ): Promise<{ readonly ms: number; readonly longTasks: LongTasks }> {
    const started = performance.now();
    await this.page.goto(url, { waitUntil: 'commit' });
    await shown();
    const ms = performance.now() - started;
    return { ms, longTasks: tasksOf(await this.#takeLongTasks()) };
  }

  async sample(): Promise<Sample> {
    // Once more for what a first collection lets go of.
    for (let n = 0; n < 2; n++) await this.#tools.send('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#tools.send('Runtime.getHeapUsage');
    return { heap: usedSize, elements: await this.page.evaluate('document.getElementsByTagName("*").length') };
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #metrics(): Promise<Metrics> {
    const { metrics } = await this.#tools.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value])) as unknown as Metrics;
  }

  #takeLongTasks(): Promise<number[]> {
    return this.page.evaluate<number[]>('globalThis.longTasks?.splice(0) ?? []');
  }
}

function tasksOf(durations: readonly number[]): LongTasks {
  if (durations.length === 0) return { count: 0, longest: 0, p99: 0 };
  return { count: durations.length, longest: Math.max(...durations), p99: percentile(durations, 0.99) };
}
