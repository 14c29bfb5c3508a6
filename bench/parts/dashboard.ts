import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { createClient, hasEnded, ReplayDocument } from '../../src/client/index.ts';
import { CHROMIUM, type LongTasks, type Sample, VIEWPORT, WatchedPage, type Work } from '../lib/browser.ts';
import type { Lab } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { DATABASE } from '../lib/servers.ts';
import type { Service } from '../lib/service.ts';
import { writeSelectLog } from '../lib/synthetic-log.ts';
import { fixed, whole } from '../lib/table.ts';

const POLL_MS = 250;
const QUARTERS = [0.25, 0.5, 0.75, 1] as const;

/** A run from its begin to its end, with one part of its page in sight. */
interface Watched {
  readonly name: string;
  readonly work: Work;
  /** At a quarter, half, three quarters and the end of the run. */
  readonly samples: readonly Sample[];
}

/** Something that is opened when the run has ended. */
interface Opened {
  readonly name: string;
  /** Until it is shown. */
  readonly ms: number;
  readonly longTasks: LongTasks;
  readonly sample: Sample;
}

export interface DashboardData {
  readonly statements: number;
  readonly watched: readonly Watched[];
  readonly opened: readonly Opened[];
}

export const dashboard: Part<DashboardData> = {
  name: 'dashboard',
  title: "what a long run costs the dashboard's page: heap, elements, long tasks, scripting",

  async run(lab) {
    if (CHROMIUM === undefined) {
      lab.say('dashboard: skipped, there is no Chromium: install `chromium`, or set CHROMIUM to its path');
      return null;
    }
    const statements = lab.options.quick ? 30_000 : 1_000_000;
    await buildPage();
    const log = join(lab.folder, 'dashboard.csv');
    lab.say(`dashboard: write and import a log of ${whole(statements)} statements`);
    const window = await writeSelectLog(log, statements);
    const service = await lab.startService('dashboard');
    try {
      await service.call('import', { files: [log] });
      await service.call('settle');
      return { statements, ...(await measure(lab, { service, window, statements })) };
    } finally {
      await service.stop();
      await rm(log, { force: true });
      await rm(join(lab.folder, 'dashboard'), { recursive: true, force: true });
    }
  },

  tables: ({ statements, watched, opened }) => [
    {
      caption: `COMMIT replays of ${whole(statements)} selects, watched in headless Chromium (${VIEWPORT.width} × ${VIEWPORT.height}, software rendering) on the machine that also replays. Heap after a collection, MB, at a quarter, half, three quarters and the end; a long task takes more than 50 ms.`,
      head: [
        'in sight',
        ...['seconds', 'heap ¼', '½', '¾', 'end', 'elements', 'long tasks a minute', 'longest, ms', 'p99, ms'],
        ...['scripting', 'all tasks', 'on a CPU'],
      ],
      rows: watched.map(({ name, work, samples }) => [
        name,
        fixed(work.seconds, 0),
        ...samples.map(({ heap }) => megabytes(heap)),
        whole(Math.max(...samples.map(({ elements }) => elements))),
        fixed((work.longTasks.count / work.seconds) * 60, 1),
        whole(work.longTasks.longest),
        whole(work.longTasks.p99),
        ...[work.scripting, work.busy, work.onCpu].map((share) => `${fixed(share * 100, 1)} %`),
      ]),
    },
    {
      caption: 'When the runs have ended, in a browser that has not seen them: until what is opened is shown.',
      head: ['opened', 'ms', 'long tasks', 'longest, ms', 'heap, MB', 'elements'],
      rows: opened.map(({ name, ms, longTasks, sample }) => [
        name,
        whole(ms),
        whole(longTasks.count),
        whole(longTasks.longest),
        megabytes(sample.heap),
        whole(sample.elements),
      ]),
    },
  ],
};

function megabytes(bytes: number): string {
  return fixed(bytes / 1e6, 1);
}

/** Builds the page to where the compiled service looks for it. */
async function buildPage(): Promise<void> {
  await build({
    configFile: fileURLToPath(new URL('../../vite.config.ts', import.meta.url)),
    root: fileURLToPath(new URL('../../src/dashboard', import.meta.url)),
    logLevel: 'error',
    build: { outDir: fileURLToPath(new URL('../dist/src/dashboard', import.meta.url)) },
  });
}

interface Setting {
  readonly service: Service;
  readonly window: { readonly from: number; readonly to: number };
  readonly statements: number;
}

async function measure(lab: Lab, setting: Setting): Promise<Omit<DashboardData, 'statements'>> {
  const selects = await watch(lab, setting, { name: 'overview, its tail following', database: DATABASE, query: '' });
  // A database without the tables: every statement fails, and differs from the record.
  const failures = await watch(lab, setting, {
    name: 'failures, every statement one',
    database: 'postgres',
    query: '?tab=failures',
  });
  const watcher = await WatchedPage.open();
  try {
    const opened = await openAll(lab, setting, watcher, selects.url, failures.url);
    return { watched: [selects.watched, failures.watched], opened };
  } finally {
    await watcher.close();
  }
}

/** Opens what a person would look at after the run of selects and the run of failures. */
async function openAll(
  lab: Lab,
  setting: Setting,
  watcher: WatchedPage,
  selects: string,
  failures: string,
): Promise<readonly Opened[]> {
  const { page } = watcher;
  const rows = page.locator('.vbody .vrow').first();
  const opened: Opened[] = [];
  const note = async (name: string, ms: number, longTasks: LongTasks) => {
    opened.push({ name, ms, longTasks, sample: await watcher.sample() });
    lab.say(`dashboard ${name}: ${whole(ms)} ms, longest task ${whole(longTasks.longest)} ms`);
  };
  const opening = async (name: string, work: () => Promise<unknown>) => {
    const { seconds, longTasks } = await watcher.during(work);
    await note(name, seconds * 1000, longTasks);
  };
  const loading = async (name: string, url: string, shown: () => Promise<unknown>) => {
    const { ms, longTasks } = await watcher.loading(url, shown);
    await note(name, ms, longTasks);
  };
  const tab = (name: string) => page.getByRole('tab', { name }).click();

  await loading('the page, with chart and last statements', selects, async () => {
    await page.locator('.line-chart canvas').waitFor();
    await rows.waitFor();
  });
  await opening('its states and notices, read meanwhile', () =>
    page.locator('.events li', { hasText: 'Connecting' }).waitFor(),
  );
  await opening('statements', async () => {
    await tab('Statements');
    await rows.waitFor();
  });
  await opening('the calls of a statement', async () => {
    await rows.click();
    await page.getByRole('link', { name: /one by one/ }).click();
    await page.getByText('Calls of one normalised statement').waitFor();
    await rows.waitFor();
  });
  await opening('outcomes, newest first', async () => {
    await page.getByRole('button', { name: 'All statements' }).click();
    await page.getByLabel('Newest first').check();
    await rows.getByText(whole(setting.statements), { exact: true }).waitFor();
  });
  await opening('outcomes, scrolled by 50 times their end', async () => {
    const grid = page.getByRole('grid', { name: 'Outcomes of the run' });
    await grid.focus();
    for (let n = 0; n < 50; n++) {
      const count = Number(await grid.getAttribute('aria-rowcount'));
      await page.keyboard.press('End');
      await page.locator(`xpath=//*[@role="grid"][number(@aria-rowcount) > ${count}]`).waitFor();
    }
  });

  await page.goto('about:blank');
  await loading('failures', failures, () => page.locator('.group summary').nth(1).waitFor());
  await opening('failures: a group of all statements', async () => {
    await page.locator('.group summary').first().click();
    await page.locator('.group .vbody .vrow').first().waitFor();
  });
  await opening('a failed statement, side by side', async () => {
    await page.locator('.group .vbody .vrow').first().click();
    await page.locator('.side-by-side').waitFor();
  });
  return opened;
}

interface Sight {
  readonly name: string;
  readonly database: string;
  /** Names the part of the page. */
  readonly query: string;
}

/** Replays the log to a database, with a part of the run's page in sight. */
async function watch(
  lab: Lab,
  { service, window, statements }: Setting,
  { name, database, query }: Sight,
): Promise<{ readonly watched: Watched; readonly url: string }> {
  const { host, port, user, password } = (await lab.target()).server;
  const target = { host, port, user, password, database, tls: 'DISABLE' } as const;
  const client = createClient({ url: service.ready.url });
  const page = await WatchedPage.open();
  try {
    const id = await service.call('start', { window, target, ordering: 'COMMIT' }, 'DURABLE');
    const url = `${service.ready.url}/#/runs/${id}${query}`;
    await page.page.goto(url);
    await page.page.locator('[role="tab"]').first().waitFor();
    const samples: Sample[] = [];
    const work = await page.during(async () => {
      for (;;) {
        const { replay } = await client.request(ReplayDocument, { id });
        if (replay === null || replay === undefined) throw new Error('the run is gone');
        const { planned, succeeded, failed, cascades } = replay.summary;
        const share = planned === null ? 0 : (succeeded + failed + cascades) / planned;
        if (hasEnded(replay.state)) {
          if (share < 1) throw new Error(`${replay.state}: ${JSON.stringify(replay.summary)}`);
          break;
        }
        if (samples.length < 3 && share >= QUARTERS[samples.length]!) samples.push(await page.sample());
        await delay(POLL_MS);
      }
      await page.page.locator('[data-state="COMPLETED"]').waitFor();
    });
    const last = await page.sample();
    // A small run is over before each quarter was looked at.
    while (samples.length < QUARTERS.length) samples.push(last);
    lab.say(
      `dashboard ${name}: ${whole(statements / work.seconds)}/s, heap ${megabytes(last.heap)} MB, ` +
        `${work.longTasks.count} long tasks, the longest ${whole(work.longTasks.longest)} ms`,
    );
    return { watched: { name, work, samples }, url };
  } finally {
    await page.close();
  }
}
