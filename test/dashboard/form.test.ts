import { describe, expect, test } from 'vitest';
import { ReplayDocument } from '../../src/client/index.ts';
import { CHROMIUM, labelOf, runIdOf, SHOP, useDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('the form of a new replay (skipped without Chromium)', () => {
  const at = useDashboard();

  test('the form changed since its check has to be checked again before it starts', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/new?target=staging`);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    await page.getByLabel('Read-only: let the target refuse every write').check();
    await page.locator('[data-preflight="stale"]').waitFor();
    expect(await page.getByRole('button', { name: 'Start replay' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Check again' }).click();
    await page.getByText('Nothing is written to').waitFor();
    await page.close();
  });

  test('the targets of the configuration are a list, an alias that is not in it can be typed, and so can a host', async () => {
    const page = await at.browser.page();
    // Not the alias that another test used last.
    await page.goto(`${at.dashboard.url}/#/new?target=`);
    const alias = page.getByRole('combobox', { name: 'Alias' });
    await alias.getByRole('option', { name: labelOf(at.dashboard, 'staging') }).waitFor({ state: 'attached' });
    expect(await alias.getByRole('option').allTextContents()).toEqual([
      'Choose a target',
      labelOf(at.dashboard, 'staging'),
      labelOf(at.dashboard, 'broken'),
      'Another alias…',
    ]);
    await alias.selectOption('staging');
    await page.getByText(`Default: ${at.dashboard.staging.name}`, { exact: true }).waitFor();
    await alias.selectOption('Another alias…');
    await page.getByRole('textbox', { name: 'Name of the alias' }).fill('staging');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    await page.getByRole('radio', { name: 'Host and port' }).check();
    await page.getByRole('textbox', { name: 'Host' }).waitFor();
    await page.close();
  });

  test('the check says what capped gaps take at most, and what the journal holds of the window', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/new?target=staging`);
    await page.getByRole('radio', { name: 'Recorded schedule' }).check();
    await page.getByRole('textbox', { name: 'Longest gap, ms' }).fill('10');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    const facts = page.locator('[data-preflight] dl');
    expect(await facts.textContent()).toMatch(
      /Takes at most.*In the journal[\d,]+ entries, (?:no losses|losses: \d+ × )/,
    );
    await page.close();
  });

  test('a target that lacks a table is told of first, and may be replayed against; one that is out of reach may not', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/new?target=broken`);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    const panel = page.locator('[data-preflight="ready"]');
    await panel.waitFor();
    const notices = panel.locator('.notice');
    expect(await notices.first().textContent()).toMatch(/^MISSING_RELATION.*relation "carts_archive" does not exist/);
    expect(await notices.nth(1).textContent()).toMatch(/^This run writes to/);
    expect(await panel.locator('dl').textContent()).toMatch(/Checked against the target's tables\d+ of \d+ different/);
    const start = page.getByRole('button', { name: 'Start replay' });
    await page.getByText('Those that meet the problems above will fail.').waitFor();
    expect(await start.isEnabled()).toBe(true);

    await page.getByRole('radio', { name: 'Host and port' }).check();
    await page.getByRole('textbox', { name: 'Port' }).fill('1');
    await page.getByRole('button', { name: 'Check again' }).click();
    await page.locator('[data-preflight="refused"]').waitFor();
    await page.getByText('It cannot be started: the run would fail at once.').waitFor();
    expect(await start.isEnabled()).toBe(false);
    await page.close();
  });

  test('a part that is folded says whether anything in it was changed', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/new?target=staging`);
    const summary = page.locator('summary', { hasText: 'Connections and limits' });
    await summary.getByText('defaults').waitFor();
    await summary.click();
    await page.getByRole('textbox', { name: 'Most connections' }).fill('20');
    await page.getByRole('textbox', { name: 'Connect timeout, s' }).fill('2');
    await summary.getByText('2 changed').waitFor();
    await page.close();
  });

  test('where the targets cannot be listed, the form says why and takes the name of one', async () => {
    const page = await at.browser.page();
    await page.route('**/graphql', (route) =>
      route.request().postData()?.includes('query Targets') ? route.abort() : route.continue(),
    );
    await page.goto(`${at.dashboard.url}/#/new`);
    await page.getByText('The targets cannot be listed').waitFor();
    await page.getByRole('textbox', { name: 'Alias' }).fill('staging');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    // The request that was refused here is no fault of the page.
    at.browser.errors.length = 0;
    await page.close();
  });

  test('whether commits are settled is left to the service, or asked for', async () => {
    const page = await at.browser.page();
    const settled = async (option: string) => {
      await page.goto(`${at.dashboard.url}/#/new?target=staging&from=${SHOP.from}&to=2026-11-23T16:28:37.500000Z`);
      await page.reload();
      await page.locator('summary', { hasText: 'Connections and limits' }).click();
      await page.getByRole('radio', { name: /^Commit/ }).check();
      await page.getByLabel('Settle commits whose answer is lost').selectOption(option);
      await page.getByRole('button', { name: 'Check', exact: true }).click();
      await page.locator('[data-preflight="ready"]').waitFor();
      await page.getByRole('button', { name: 'Start replay' }).click();
      await page.locator('[data-state="COMPLETED"]').waitFor();
      const { replay } = await at.dashboard.client.request(ReplayDocument, { id: runIdOf(page) });
      return replay?.request.settleCommits;
    };
    expect(await settled('')).toBe(false);
    expect(await settled('on')).toBe(true);
    await page.close();
  });

  test('entries are filtered by what the journal knows of them, and names mapped; a password is kept nowhere', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/new?target=staging`);
    await page.locator('summary', { hasText: 'Which entries' }).click();
    await page.getByLabel('Applications, by comma').fill('shop-0, nobody');
    await page.getByLabel('Outcome in the record').selectOption('SUCCEEDED');
    await page.getByLabel('Took at least, ms').fill('0.01');
    await page.locator('summary', { hasText: 'Databases and users' }).click();
    await page.getByRole('button', { name: 'Map a database' }).click();
    await page.getByLabel('Recorded database').fill('shop');
    await page.getByText('Each line needs a recorded name').waitFor();
    await page.getByLabel('Database on the target').fill(at.dashboard.staging.name);
    await page.getByRole('button', { name: 'Map a user' }).click();
    await page.getByRole('button', { name: 'Map a user' }).click();
    await page.getByLabel('Recorded user').first().fill('postgres');
    await page.getByLabel('Login on the target').first().fill(at.dashboard.staging.user);
    await page.getByLabel('Its password').first().fill(at.dashboard.staging.password);
    await page.getByRole('button', { name: 'Remove the user' }).nth(1).click();
    await page.locator('summary', { hasText: 'Connections and limits' }).click();
    await page.getByLabel('Connect timeout, s').fill('0.5');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    const sent = page.waitForRequest((request) => request.postData()?.includes('mutation StartReplay') ?? false);
    await page.getByRole('button', { name: 'Start replay' }).click();
    const { input } = JSON.parse((await sent).postData() ?? '').variables;
    await page.locator('[data-state="COMPLETED"]').waitFor();
    expect(input).toMatchObject({
      filter: { applications: ['shop-0', 'nobody'], outcome: 'SUCCEEDED', minDurationMs: 0.01 },
      databases: [{ recorded: 'shop', target: at.dashboard.staging.name }],
      users: [{ recorded: 'postgres', user: at.dashboard.staging.user, password: at.dashboard.staging.password }],
      connectTimeoutMs: 500,
    });
    const { replay } = await at.dashboard.client.request(ReplayDocument, { id: runIdOf(page) });
    expect(replay?.request.users).toEqual([{ recorded: 'postgres', target: at.dashboard.staging.user }]);
    const kept = await page.evaluate<string>(
      'JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, history.state])',
    );
    expect(kept).not.toContain(at.dashboard.staging.password);
    await page.close();
  });

  test('a target that policy or configuration refuses is said in the words of the service', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/new?target=nowhere`);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.getByRole('alert').getByText('nowhere').waitFor();
    const name = page.getByRole('textbox', { name: 'Name of the alias' });
    await name.fill('');
    await name.fill('staging');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    await page.close();
  });
});
