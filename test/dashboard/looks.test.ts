import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { faultsOf, OF_COLOURS } from './axe.ts';
import { startFailingRun, startRun } from './runs.ts';
import { type Browser, buildDashboard, CHROMIUM, type Dashboard, openBrowser, startDashboard } from './support.ts';

/** No run has this id. */
const NO_RUN = '00000000-0000-4000-8000-000000000000';

/** Of the page's background: 0 is black, 1 is white. */
function lightnessOf(page: Page): Promise<number> {
  return page.evaluate<number>(
    `getComputedStyle(document.documentElement).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 765`,
  );
}

describe.skipIf(CHROMIUM === undefined)('the looks of the dashboard (skipped without Chromium)', () => {
  let dashboard: Dashboard;
  let before: string;
  let after: string;
  let paused: string;
  let failed: string;
  let browser: Browser;

  beforeAll(async () => {
    await buildDashboard();
    dashboard = await startDashboard();
    before = await startRun(dashboard.client, { to: '2026-11-23T16:28:38.100000Z', wait: true });
    after = await startRun(dashboard.client, { to: '2026-11-23T16:28:38.100000Z', target: 'broken', wait: true });
    paused = await startRun(dashboard.client, { speed: 0.1 });
    failed = await startFailingRun(dashboard.client);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await dashboard?.close();
  });

  /** Every screen with something on it: its address and what to wait for, and do, before it is looked at. */
  const screens: readonly (readonly [string, () => string, (page: Page) => Promise<unknown>])[] = [
    ['journal', () => '#/journal', (page) => page.locator('.coverage').waitFor()],
    [
      'entry',
      () => '#/journal?to=2026-11-23T16:28:39Z&from=2026-11-23T16:28:37Z',
      async (page) => {
        await page.locator('.vbody .vrow').nth(3).click();
        await page.getByRole('grid', { name: 'Entries of the transaction' }).locator('.vbody .vrow').first().waitFor();
      },
    ],
    [
      'live tail',
      () => '#/journal',
      async (page) => {
        await page.getByRole('button', { name: 'Live tail' }).click();
        await page.locator('[data-connection="LIVE"]').waitFor();
      },
    ],
    [
      'new replay',
      () => '#/new?target=staging',
      async (page) => {
        for (const title of [
          'Which entries',
          'Databases and users of the target',
          'Failures and thresholds',
          'Connections and limits',
        ]) {
          await page.locator('summary', { hasText: title }).click();
        }
        for (const [what, target] of [
          ['database', 'Database on the target'],
          ['user', 'Login on the target'],
        ] as const) {
          await page.getByRole('button', { name: `Map a ${what}` }).click();
          await page.getByLabel(`Recorded ${what}`).fill(what === 'database' ? 'shop' : 'app');
          await page.getByLabel(target).fill(what === 'database' ? dashboard.staging.name : 'postgres');
        }
        await page.getByRole('radio', { name: 'Recorded schedule' }).check();
        await page.getByRole('button', { name: 'Check', exact: true }).click();
        await page.locator('[data-preflight="ready"]').waitFor();
      },
    ],
    [
      'live run',
      () => `#/runs/${paused}`,
      async (page) => {
        await page.locator('[data-connection="LIVE"]').waitFor();
        await page.locator('.vbody .vrow').first().waitFor();
        const pause = page.getByRole('button', { name: 'Pause' });
        await pause.or(page.getByRole('button', { name: 'Resume' })).waitFor();
        if (await pause.isVisible()) await pause.click();
        await page.locator('[data-state="PAUSED"]').waitFor();
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('dialog').waitFor();
      },
    ],
    [
      'new replay by host',
      () => '#/new?target=',
      async (page) => {
        await page.getByText('Before it can be checked: choose a target.').waitFor();
        await page.getByRole('combobox', { name: 'Alias' }).selectOption('Another alias…');
        await page.getByRole('textbox', { name: 'Name of the alias' }).waitFor();
        await page.getByRole('radio', { name: 'Host and port' }).check();
        await page.getByRole('textbox', { name: 'Port' }).fill('0');
        await page.getByText('A whole number from 1').waitFor();
      },
    ],
    ['run', () => `#/runs/${after}`, (page) => page.locator('.line-chart canvas').waitFor()],
    [
      'failures',
      () => `#/runs/${after}?tab=failures`,
      async (page) => {
        await page.locator('.group summary').first().click();
        await page.locator('.group .vbody .vrow').first().waitFor();
      },
    ],
    [
      'statement',
      () => `#/runs/${after}?tab=outcomes`,
      async (page) => {
        await page.getByLabel('Status').selectOption('FAILED');
        await page.locator('.sign.bad').first().click();
        await page.locator('.side-by-side').waitFor();
      },
    ],
    ['statements', () => `#/runs/${after}?tab=statements`, (page) => page.locator('.vbody .vrow').first().waitFor()],
    [
      'normalised statement',
      () => `#/runs/${after}?tab=statements`,
      async (page) => {
        await page.locator('.vbody .vrow').first().click();
        await page.getByRole('link', { name: /one by one/ }).waitFor();
      },
    ],
    [
      'calls of a statement',
      () => `#/runs/${after}?tab=statements`,
      async (page) => {
        await page.locator('.vbody .vrow').first().click();
        await page.getByRole('link', { name: /one by one/ }).click();
        await page.getByText('Calls of one normalised statement').waitFor();
        await page.locator('.vbody .vrow').first().waitFor();
      },
    ],
    ['request', () => `#/runs/${after}?tab=request`, (page) => page.locator('.facts').first().waitFor()],
    ['failed run', () => `#/runs/${failed}`, (page) => page.locator('[data-verdict="bad"]').waitFor()],
    ['no run', () => `#/runs/${NO_RUN}`, (page) => page.getByText('There is no run with this id').waitFor()],
    ['no screen', () => '#/nothing', (page) => page.getByText('There is nothing here').waitFor()],
    ['runs', () => '#/runs', (page) => page.locator('.runs tbody tr').first().waitFor()],
    ['compare', () => `#/compare?a=${before}&b=${after}`, (page) => page.locator('.vbody .vrow').first().waitFor()],
    [
      'compared statement',
      () => `#/compare?a=${before}&b=${after}`,
      async (page) => {
        await page.locator('.vbody .vrow').first().click();
        await page.getByRole('link', { name: /one by one/ }).waitFor();
      },
    ],
    [
      'compared calls',
      () => `#/compare?a=${before}&b=${after}&tab=calls`,
      (page) => page.locator('.vbody .vrow').first().waitFor(),
    ],
    [
      'compared call',
      () => `#/compare?a=${before}&b=${after}&tab=calls&call=first`,
      (page) => page.locator('.side-by-side').waitFor(),
    ],
  ];

  async function visit(browser: Browser, address: string, ready: (page: Page) => Promise<unknown>): Promise<Page> {
    const page = await browser.page();
    await page.goto(`${dashboard.url}/${address}`);
    await ready(page);
    return page;
  }

  describe.each(screens)('%s', (_name, address, ready) => {
    test('has no serious fault in axe, light or dark, and is not wider than a tablet or a telephone', async () => {
      const page = await visit(browser, address(), ready);
      onTestFinished(() => page.close());
      expect(await faultsOf(page), 'light').toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await lightnessOf(page)).toBeLessThan(0.2);
      expect(await faultsOf(page, OF_COLOURS), 'dark').toEqual([]);
      const over = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      for (const width of [800, 390]) {
        await page.setViewportSize({ width, height: 844 });
        // The chart follows the width when the page has been laid out anew.
        await expect.poll(() => page.evaluate<number>(over), { message: `${width} wide` }).toBeLessThanOrEqual(0);
      }
      expect(browser.errors).toEqual([]);
    });
  });

  test('the tab that was chosen is in sight on a telephone', async () => {
    const browser = await openBrowser({ width: 390 });
    onTestFinished(() => browser.close());
    const page = await visit(browser, `#/runs/${after}?tab=request`, (shown) => shown.locator('.facts').waitFor());
    const box = (await page.getByRole('tab', { name: 'Request' }).boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(390);
  });

  test('the list of runs shows on a tablet, without being scrolled, what failed and what diverged', async () => {
    const browser = await openBrowser({ width: 800 });
    onTestFinished(() => browser.close());
    const page = await visit(browser, '#/runs', (shown) => shown.locator('.runs tbody tr').first().waitFor());
    for (const name of ['Failed', 'Diverged']) {
      const box = (await page.getByRole('columnheader', { name, exact: true }).boundingBox())!;
      expect(box.x + box.width).toBeLessThanOrEqual(800);
    }
  });

  test('axe finds no serious fault where there is nothing yet', async () => {
    const empty = await startDashboard({ journal: false });
    onTestFinished(() => empty.close());
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.page();
    for (const [place, words] of [
      ['journal', 'The journal is empty'],
      ['new', 'The journal is empty'],
      ['runs', 'Nothing was replayed yet'],
      ['compare', 'Two runs are needed'],
    ] as const) {
      await page.goto(`${empty.url}/#/${place}`);
      await page.getByText(words).waitFor();
      expect(await faultsOf(page)).toEqual([]);
    }
  });

  test('the page is dark where the system is, and what the button chose stays after a reload', async () => {
    const browser = await openBrowser({ colorScheme: 'dark' });
    onTestFinished(() => browser.close());
    const page = await visit(browser, '#/runs', (shown) => shown.locator('.runs').waitFor());
    expect(await lightnessOf(page)).toBeLessThan(0.2);
    await page.getByRole('button', { name: 'Switch to light' }).click();
    expect(await lightnessOf(page)).toBeGreaterThan(0.8);
    await page.reload();
    await page.getByRole('button', { name: 'Switch to dark' }).waitFor();
    expect(await lightnessOf(page)).toBeGreaterThan(0.8);
  });
});
