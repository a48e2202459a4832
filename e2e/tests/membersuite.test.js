// MemberSuite by hand: Info of a search's target group, the token for fetching, and a no that MemberSuite fetches itself.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser, group, name;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(400, 'membersuite'), launch()]);
  const page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto('/target-groups');
  const links = page.locator('main tbody td a[href^="/target-groups/"]');
  const hrefs = await links.evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.textContent.trim()]));
  for (const [href, text] of hrefs.filter(([href]) => /^\/target-groups\/[0-9a-f-]{36}$/.test(href))) {
    await page.goto(href);
    await page.getByRole('button', { name: /^Resync/ }).click();
    await page.waitForURL(/\/sync-runs\//);
    await runEnds(page);
    await page.goto(href);
    if (await page.locator('table.waterfall tr').filter({ hasText: /left out/i }).count() > 0) {
      [group, name] = [href, text];
      break;
    }
  }
  await page.context().close();
  assert.ok(group, 'a search with somebody of Do Not Email');
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** How many runs of the group there are; a segment that follows has runs of its own. */
const runs = async (page) => (await (await page.request.get('/sync-runs/export.csv')).text()).split('\n').filter((line) => line.includes(name)).length;

for (const [viewport, colorScheme] of [[DESKTOP, 'light'], [PHONE, 'dark']]) {
  test(`Info is a pop-up that starts a sync, and so does Resync Now, at ${viewport.width} px`, async () => {
    const page = await open(browser, demo, { viewport, colorScheme });
    page.javaScript = true;
    await signIn(page, demo);
    await page.goto('/target-groups');
    const before = await runs(page);
    await page.locator('summary').filter({ hasText: new RegExp(`^⋯Actions for ${name}$`) }).click();
    await page.locator('details.menu[open] .pop').getByRole('button', { name: 'Info', exact: true }).click();
    const dialog = page.getByRole('dialog', { name });
    await dialog.getByRole('button', { name: 'Resync Now' }).waitFor();
    assert.match(await dialog.innerText(), /\d/, 'the last counts are there at once');
    assert.equal(await runs(page), before + 1, 'it starts a sync');
    await accessible(page, 'Info');
    await sound(page);
    await dialog.getByRole('link', { name: 'Counts', exact: true }).click();
    await dialog.locator('table.waterfall tr').filter({ hasText: 'Do Not Email' }).first().waitFor();
    await accessible(page, 'Info, Counts');
    await sound(page);
    await dialog.getByRole('link', { name: 'Subscribers', exact: true }).click();
    await dialog.getByRole('columnheader', { name: 'Remote ID' }).waitFor();
    await accessible(page, 'Info, Subscribers');
    await sound(page);
    await dialog.getByRole('link', { name: 'Active Mailings' }).click();
    await dialog.getByText('No mailing uses this group.').waitFor();
    await accessible(page, 'Info, Active Mailings');
    await dialog.getByRole('link', { name: 'Overview', exact: true }).click();
    await dialog.getByRole('button', { name: 'Resync Now' }).click();
    await page.waitForURL(/\/sync-runs\//);
    await runEnds(page);
    assert.equal(await runs(page), before + 2, 'Resync Now starts another');
    await page.context().close();
  });
}

test('Info works without JavaScript', async () => {
  const page = await open(browser, demo, { viewport: PHONE, javaScriptEnabled: false });
  await signIn(page, demo);
  await page.goto(`${group}/info`);
  await page.getByRole('heading', { level: 1, name }).waitFor();
  for (const tab of ['Counts', 'Subscribers', 'Active Mailings']) {
    await page.getByRole('link', { name: tab, exact: true }).click();
    await page.locator('.tabs a[aria-current]', { hasText: tab }).waitFor();
  }
  await page.getByRole('link', { name: 'Overview', exact: true }).last().click();
  await page.getByRole('button', { name: 'Resync Now' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.context().close();
});

/** The job's page in the simulated MemberSuite. */
async function job(address, token) {
  const context = await browser.newContext({ viewport: PHONE, baseURL: demo.sandbox, bypassCSP: true });
  const page = await context.newPage();
  page.complaints = [];
  await page.goto('/membersuite/poller');
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Token').fill(token);
  const mode = async (fault) => {
    await page.getByLabel('The job', { exact: true }).selectOption(fault);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Poll now' }).waitFor();
  };
  await mode('');
  await sound(page);
  await accessible(page, 'the fetching job');
  return { mode, poll: async () => { await page.getByRole('button', { name: 'Poll now' }).click(); return page.locator('ul.plain li').first().innerText(); } };
}

test('a token is shown once, and what MemberSuite fetches is Sent when it says so', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto('/admin/bridges');
  const bridge = await page.locator('main a[href^="/admin/bridges/"]').filter({ hasText: 'MemberSuite' }).first().getAttribute('href');
  const settings = `${bridge.split('?')[0]}/writebacks`;
  await page.goto(settings);
  await page.getByLabel('MemberSuite fetches them').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').filter({ hasText: 'Writeback Settings are saved.' }).waitFor();
  assert.ok(await page.getByLabel('MemberSuite fetches them').isChecked());
  const make = async (link, button) => {
    await page.goto(settings);
    await page.getByRole('link', { name: link }).click();
    await page.getByRole('button', { name: button }).click();
    await page.getByRole('heading', { level: 1, name: 'Copy the token now' }).waitFor();
    const made = { token: await page.getByLabel(/^Token for/).inputValue(), address: await page.getByLabel('Address').inputValue() };
    await accessible(page, 'a token that was made');
    await sound(page);
    await page.getByRole('link', { name: 'I have copied it' }).click();
    await page.getByRole('link', { name: 'Replace …' }).waitFor();
    assert.ok(!(await page.content()).includes(made.token), 'shown once');
    return made;
  };
  const first = await make('Make a token …', 'Make the token');
  await accessible(page, 'Writeback Settings with a token');
  await sound(page);
  const second = await make('Replace …', 'Replace the token');
  assert.notEqual(second.token, first.token);
  const old = await job(first.address, first.token);
  assert.match(await old.poll(), /Rialto answered 401/);

  await page.goto(`${group}/subscribers?line=mailable`);
  const person = await page.locator('main td a[href^="/subscribers/"]').first().getAttribute('href');
  await page.goto(`${person}/unsubscribe`);
  await page.getByLabel(/^Reason/).fill('Asked by letter');
  if (await page.getByLabel(/^Evidence/).count() > 0) await page.getByLabel(/^Evidence/).fill('Letter of today');
  await page.getByRole('button', { name: /^Unsubscribe / }).click();
  await page.locator('.toast').getByText('Unsubscribed').first().waitFor();
  await page.goto('/writebacks?state=new');
  await page.locator('main tbody tr a').first().click();
  await page.getByText('It waits for MemberSuite to fetch it').waitFor();
  const writeback = page.url();
  const fetching = await job(second.address, second.token);
  await fetching.mode('ack_late');
  const late = fetching.poll();
  for (let n = 0; n < 15 && await page.getByText('MemberSuite fetched it').count() === 0; n += 1) {
    await page.waitForTimeout(250);
    await page.goto(writeback);
  }
  await page.getByText('What became of it is awaited').waitFor();
  await accessible(page, 'a writeback that was fetched');
  await late;
  await page.goto(writeback);
  assert.equal(await page.getByText('The remote system has acknowledged it').count(), 0, 'a late word does not count');
  await fetching.mode('');
  for (let n = 0; n < 60 && await page.getByText('The remote system has acknowledged it').count() === 0; n += 1) {
    await fetching.poll();
    await page.waitForTimeout(500);
    await page.goto(writeback);
  }
  await page.getByText('The remote system has acknowledged it').waitFor();

  await page.goto(settings);
  await page.getByRole('link', { name: 'Revoke …' }).click();
  await page.getByRole('button', { name: 'Revoke the token' }).click();
  await page.getByRole('status').filter({ hasText: 'The token for fetching was revoked.' }).waitFor();
  await page.getByRole('link', { name: 'Make a token …' }).waitFor();
  assert.match(await fetching.poll(), /Rialto answered 401/);
  await page.context().close();
});
