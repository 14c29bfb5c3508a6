import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { faultsOf } from './axe.ts';
import { startRun } from './runs.ts';
import { buildDashboard, CHROMIUM, type Dashboard, openBrowser, startDashboard } from './support.ts';

const OPERATOR = 'operator-token-of-the-test';
const READER = 'reader-token-of-the-test';

describe.skipIf(CHROMIUM === undefined)('access to the dashboard (skipped without Chromium)', () => {
  let dashboard: Dashboard;

  beforeAll(async () => {
    await buildDashboard();
    dashboard = await startDashboard({ tokens: `${OPERATOR}:operator,${READER}:reader` });
  });
  afterAll(() => dashboard?.close());

  test('a service with tokens asks for one, says when it is unknown, and is used with it over both transports', async () => {
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.page();
    const id = await startRun(dashboard.client, { speed: 0.1, to: '2026-11-23T16:28:38.100000Z' });
    await page.goto(`${dashboard.url}/#/runs/${id}`);
    const token = page.getByRole('textbox', { name: 'Token' });
    await token.waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await token.fill('not-a-token-of-the-service');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('The service does not know this token.').waitFor();
    await token.fill(OPERATOR);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.locator('[data-connection="LIVE"]').waitFor();
    await page.reload();
    await page.locator('[data-state="COMPLETED"]').waitFor();
    expect(await page.evaluate<string[]>('Object.values(localStorage)')).not.toContain(OPERATOR);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await token.waitFor();
  });

  test('a reader may look, and is told beforehand that it may change nothing', async () => {
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.page();
    await page.goto(`${dashboard.url}/#/new?target=staging`);
    await page.getByRole('textbox', { name: 'Token' }).fill(READER);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    await page.getByText('This token is a reader').waitFor();
    expect(await page.getByRole('button', { name: 'Start replay' }).isDisabled()).toBe(true);
    const id = await startRun(dashboard.client, { speed: 0.1 });
    await page.goto(`${dashboard.url}/#/runs/${id}`);
    await page.getByText('A reader may only look').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    for (const name of ['Pause', 'Cancel']) {
      expect(await page.getByRole('button', { name }).isDisabled()).toBe(true);
    }
    const ended = await startRun(dashboard.client, { to: '2026-11-23T16:28:37.500000Z', wait: true });
    await page.goto(`${dashboard.url}/#/runs/${ended}`);
    const remove = page.getByRole('button', { name: 'Delete' });
    await remove.waitFor();
    await page.getByText('A reader may only look').waitFor();
    expect(await remove.isDisabled()).toBe(true);
    await page.goto(`${dashboard.url}/#/runs/${id}`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('textbox', { name: 'Token' }).fill(OPERATOR);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('[data-state="CANCELLED"]').waitFor();
  });
});
