import { Client as PostgresClient } from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CompareReplayCallsDocument, CompareReplaysDocument, unwrap } from '../../src/client/index.ts';
import { startRun } from './runs.ts';
import { CHROMIUM, tabTo, useDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('two runs call by call (skipped without Chromium)', () => {
  const at = useDashboard();
  let a: string;
  let b: string;
  beforeAll(async () => {
    const window = { to: '2026-11-23T16:28:38.600000Z', ordering: 'COMMIT', wait: true } as const;
    a = await startRun(at.dashboard.client, window);
    const broken = new PostgresClient({ connectionString: at.dashboard.broken.url });
    await broken.connect();
    await broken.query('DELETE FROM products WHERE id = 39');
    await broken.end();
    b = await startRun(at.dashboard.client, { ...window, target: 'broken' });
  });

  async function openPage(address: string) {
    const page = await at.browser.page();
    onTestFinished(() => page.close());
    await page.goto(`${at.dashboard.url}/#${address}`);
    return page;
  }

  test('by the keyboard from a statement to its calls, to one of them and to its outcome in a run', async () => {
    const { client } = at.dashboard;
    const { compareReplays } = await client.request(CompareReplaysDocument, { a, b, slower: null });
    const failing = unwrap(compareReplays).statements.filter(({ verdict }) => verdict === 'NEW_FAILURES');
    const callsOf = async (fingerprint: string) => {
      const filter = { differences: ['NEW_FAILURE'], fingerprint } as const;
      const variables = { a, b, filter, slower: null, first: 100, after: null };
      const { compareReplayCalls } = await client.request(CompareReplayCallsDocument, variables);
      return unwrap(compareReplayCalls).calls.edges.map(({ node }) => node);
    };
    const callsOfEach = await Promise.all(failing.map(({ fingerprint }) => callsOf(fingerprint)));
    // Statements come worst first.
    const place = callsOfEach.findIndex(([first, second]) => first?.b?.cascade === false && second !== undefined);
    const calls = callsOfEach[place]!;
    const { b: inB } = calls[1]!;
    const page = await openPage(`/compare?a=${a}&b=${b}`);
    await tabTo(page, page.getByRole('grid', { name: 'Normalised statements of both runs' }));
    for (let n = 0; n < place; n++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const statement = page.getByRole('dialog', { name: 'Normalised statement in both runs' });
    await tabTo(page, statement.getByRole('link', { name: 'Its calls that differ, one by one' }));
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Calls that differ', selected: true }).waitFor();
    await page.getByLabel('Kind of difference').selectOption('New failure');
    await page.getByRole('status').getByText(String(calls.length), { exact: true }).waitFor();
    const grid = page.getByRole('grid', { name: 'Calls that differ between the runs' });
    await tabTo(page, grid);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const call = page.getByRole('dialog', { name: 'One call in both runs' });
    await call.getByText('succeeded in A, failed in B').waitFor();
    const outcome = call.getByRole('row', { name: /^Outcome/ });
    const word = inB!.cascade ? 'Cascade' : 'Failed';
    expect(await outcome.getByRole('cell').allTextContents()).toEqual(['Succeeded', `${word}${inB!.sqlstate}`]);
    await call.getByText(inB!.message!).waitFor();

    // What the address names is there again after a reload, and when one comes back from the run.
    await page.reload();
    await call.getByText(inB!.message!).waitFor();
    await tabTo(page, call.getByRole('link', { name: 'Its outcome in run B' }));
    await page.keyboard.press('Enter');
    const inRun = page.getByRole('dialog', { name: /^Statement [\d,]+ of the run/ });
    await inRun.getByText(inB!.message!).waitFor();
    expect(page.url()).toContain(`/runs/${b}`);
    await page.goBack();
    await call.getByText(inB!.message!).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'All statements' }).click();
    await grid.getByText('COMMIT').first().waitFor();
    expect(at.browser.errors).toEqual([]);
  });

  test('lists the calls of all statements by kind, with and without cascades, and further ones as one scrolls', async () => {
    const { client } = at.dashboard;
    const countOf = async (filter: object) => {
      const { compareReplayCalls } = await client.request(CompareReplayCallsDocument, {
        ...{ a, b, filter, slower: null, first: 1000, after: null },
      });
      return unwrap(compareReplayCalls).calls.edges.length;
    };
    const page = await openPage(`/compare?a=${a}&b=${b}&tab=calls&kind=NEW_FAILURE`);
    const shows = (many: number) => page.getByRole('status').getByText(String(many), { exact: true }).waitFor();
    const all = await countOf({ differences: ['NEW_FAILURE'] });
    const own = await countOf({ differences: ['NEW_FAILURE'], cascade: false });
    expect(own).toBeLessThan(all);
    await shows(all);
    await page.getByLabel('With cascades').uncheck();
    await shows(own);
    await page.getByLabel('Kind of difference').selectOption('Only in A');
    await page.getByText('No call differs like this.').waitFor();

    // Against a run of less of the record: hundreds of calls are only in the one.
    const short = await startRun(client, { to: '2026-11-23T16:28:37.500000Z', wait: true });
    await page.goto(`${at.dashboard.url}/#/compare?a=${a}&b=${short}&tab=calls&kind=ONLY_IN_A`);
    await page.getByText('100 loaded, more as you scroll').waitFor();
    const grid = page.getByRole('grid', { name: 'Calls that differ between the runs' });
    const variables = {
      a,
      b: short,
      filter: { differences: ['ONLY_IN_A'] } as const,
      slower: null,
      first: 20,
      after: null,
    };
    const { compareReplayCalls } = await client.request(CompareReplayCallsDocument, variables);
    const nodes = unwrap(compareReplayCalls).calls.edges.map(({ node }) => node);
    const place = nodes.findIndex(({ entry }) => (entry?.parameters.length ?? 0) > 0);
    await grid.locator('.vbody .vrow').nth(place).click();
    const parameters = page.getByRole('dialog').getByRole('region', { name: 'Parameters' }).getByRole('row');
    await parameters.first().waitFor();
    expect(await parameters.locator('td:last-child').allTextContents()).toEqual(
      nodes[place]!.entry!.parameters.map(({ text }) => text),
    );
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await tabTo(page, grid);
    await page.keyboard.press('End');
    await page.getByText('200 loaded, more as you scroll').waitFor();
    expect(at.browser.errors).toEqual([]);
  });

  test('says that it cannot ask, and asks again', async () => {
    const page = await at.browser.page();
    onTestFinished(() => page.close());
    let refuse = true;
    await page.route('**/graphql', (route) =>
      refuse && route.request().postData()?.includes('CompareReplayCalls') ? route.abort() : route.continue(),
    );
    await page.goto(`${at.dashboard.url}/#/compare?a=${a}&b=${b}&tab=calls`);
    const alert = page.getByRole('alert');
    await alert.getByText('The service does not answer').waitFor();
    refuse = false;
    await alert.getByRole('button', { name: 'Try again' }).click();
    await page
      .getByRole('grid', { name: 'Calls that differ between the runs' })
      .getByText('New failure')
      .first()
      .waitFor();
    await alert.waitFor({ state: 'detached' });
    at.browser.errors.length = 0;
  });
});
