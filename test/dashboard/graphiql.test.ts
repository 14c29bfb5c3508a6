import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, CHROMIUM, type Dashboard, openBrowser, startDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('GraphiQL (skipped without Chromium)', () => {
  let dashboard: Dashboard;
  let browser: Browser;

  beforeAll(async () => {
    dashboard = await startDashboard({ journal: false });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await dashboard?.close();
  });

  test('runs its query with nothing from anywhere but the service', async () => {
    const page = await browser.page();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('websocket', (socket) => asked.push(socket.url()));
    await page.goto(`${dashboard.url}/graphql`);
    await page.getByRole('button', { name: /execute/i }).click();
    await page.locator('.graphiql-response', { hasText: '"nodes"' }).waitFor();
    const own = [dashboard.url, dashboard.url.replace('http', 'ws'), 'data:', `blob:${dashboard.url}`];
    expect(asked.filter((url) => !own.some((prefix) => url.startsWith(prefix)))).toEqual([]);
    expect(asked.length).toBeGreaterThan(1);
  });
});
