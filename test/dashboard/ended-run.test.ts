import { describe, expect, test } from 'vitest';
import { startFailingRun, startRun } from './runs.ts';
import { CHROMIUM, useDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('a run that is opened after its end (skipped without Chromium)', () => {
  const at = useDashboard();

  test('shows its states and notices as one that was watched, and again after a reload', async () => {
    const id = await startRun(at.dashboard.client, { to: '2026-11-23T16:28:37.900000Z', wait: true });
    const reported: string[] = [];
    let notices = 0;
    for await (const { events } of at.dashboard.client.watchReplay(id, { detail: 'SUMMARY', batchSize: 1000 })) {
      for (const event of events) {
        if (event.__typename === 'StateEvent') reported.push(event.state);
        if (event.__typename === 'NoticeEvent') notices += 1;
      }
    }
    expect(reported).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
    expect(notices).toBeGreaterThan(0);
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    const events = page.getByRole('list', { name: 'States and notices, newest first' }).getByRole('listitem');
    const look = async () => {
      await events.last().getByText('Connecting').waitFor();
      await events.first().getByText('Completed').waitFor();
      expect(await events.count()).toBe(reported.length + notices);
    };
    await look();
    await page.reload();
    await look();
    await page.getByLabel('Kind of event').selectOption('STATE');
    expect(await events.count()).toBe(reported.length);
    expect(at.browser.errors).toEqual([]);
    await page.close();
  });

  test('says why it failed: on its page, in its events and in the list of runs', async () => {
    const id = await startFailingRun(at.dashboard.client);
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.locator('[data-verdict="bad"]', { hasText: /connect to target .*\(TARGET_UNREACHABLE\)/ }).waitFor();
    const events = page.getByRole('list', { name: 'States and notices, newest first' }).getByRole('listitem');
    await events
      .first()
      .getByText(/connect to target/)
      .waitFor();
    await page.goto(`${at.dashboard.url}/#/runs`);
    await page
      .getByRole('row', { name: new RegExp(id.slice(0, 8)) })
      .getByText(/connect to target/)
      .waitFor();
    expect(at.browser.errors).toEqual([]);
    await page.close();
  });

  test('says that it was cancelled and what of its plan did not run', async () => {
    const id = await startRun(at.dashboard.client, { speed: 0.1 });
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('[data-state="CANCELLED"]').waitFor();
    // Another tab, which knows nothing of it.
    const other = await at.browser.page();
    await other.goto(`${at.dashboard.url}/#/runs/${id}`);
    await other.locator('[data-verdict="neutral"]', { hasText: 'did not run' }).waitFor();
    const events = other.getByRole('list', { name: 'States and notices, newest first' }).getByRole('listitem');
    await events.first().getByText('cancelled on request').waitFor();
    await page.close();
    await other.close();
  });
});
