import { describe, expect, test } from 'vitest';
import { CHROMIUM, useDashboard } from './support.ts';

const NO_RUN = '00000000-0000-4000-8000-000000000000';

describe.skipIf(CHROMIUM === undefined)('addresses of the dashboard (skipped without Chromium)', () => {
  const at = useDashboard();

  test.each([
    ['/runs/nonsense', 'There is no run with this id'],
    ['/runs/100%', 'There is no run with this id'],
    [`/runs/${NO_RUN}`, 'There is no run with this id'],
    [`/compare?a=nonsense&b=${NO_RUN}`, 'There is no such run'],
    [`/compare?a=${NO_RUN}&b=${NO_RUN}`, 'There is no such run'],
  ])('%s says that there is no such run, and leads to those that there are', async (address, said) => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#${address}`);
    await page.getByText(said).waitFor();
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
    await page.getByRole('link', { name: 'All runs' }).click();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await page.close();
  });

  test.each([
    ['from=2026-11-23T17:00:00Z&to=2026-11-23T16:00:00Z', 'it ends before it begins'],
    ['from=yesterday&to=2026-11-23T16:00:00Z', 'it needs from and to'],
    ['from=2026-11-23T16:00:00Z', 'it needs from and to'],
  ])('a window of %s is said to be none, in the journal and for a new replay', async (query, why) => {
    const page = await at.browser.page();
    for (const screen of ['/journal', '/new']) {
      await page.goto(`${at.dashboard.url}/#${screen}?${query}`);
      await page.getByRole('alert').getByText(`The window in the address cannot be used: ${why}`).waitFor();
    }
    await page.goto(`${at.dashboard.url}/#/journal`);
    await page.getByRole('heading', { name: 'Entries' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.close();
  });
});
