// When writebacks go out: iMIS once a day; shown, changed, taken back, and taken along by Run now.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(400, 'imis'), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** The bridge's page of Writeback Settings. */
async function settings(page) {
  await page.goto('/admin/bridges');
  const bridge = await page.locator('main a[href^="/admin/bridges/"]').filter({ hasText: 'iMIS' }).first().getAttribute('href');
  return `${bridge.split('?')[0]}/writebacks`;
}

/** Somebody who may be mailed, from a list that was read. */
async function somebody(page) {
  await page.goto('/target-groups');
  const groups = await page.locator('main tbody td a[href^="/target-groups/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  const group = groups.find((href) => /^\/target-groups\/[0-9a-f-]{36}$/.test(href));
  await page.goto(group);
  await page.getByRole('button', { name: /^Resync/ }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.goto(`${group}/subscribers?line=mailable`);
  return page.locator('main td a[href^="/subscribers/"]').first().getAttribute('href');
}

test('a no waits for one in the morning, Run now takes it along, and a bridge has its own times', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  const href = await settings(page);
  await page.goto(href);
  await page.getByRole('heading', { name: 'When they go out' }).waitFor();
  await page.getByText('As usual: once a day').first().waitFor({ state: 'attached' });
  await page.getByText('Nothing grows too old to go').waitFor();
  await accessible(page, 'Writeback Settings with times');
  await sound(page);

  const person = await somebody(page);
  await page.goto(`${person}/unsubscribe`);
  await page.getByLabel(/^Reason/).fill('Asked by letter');
  if (await page.getByLabel(/^Evidence/).count() > 0) await page.getByLabel(/^Evidence/).fill('Letter of today');
  await page.getByRole('button', { name: /^Unsubscribe / }).click();
  await page.locator('.toast').getByText('Unsubscribed').first().waitFor();
  await page.goto('/writebacks?state=scheduled');
  await page.locator('main tbody tr a').first().click();
  await page.getByText('It waits for its date').waitFor();
  await accessible(page, 'a Scheduled writeback');
  const writeback = page.url();
  await page.goto('/writebacks');
  await page.getByRole('button', { name: /^Run now/ }).first().click();
  for (let n = 0; n < 60; n += 1) {
    await page.goto(writeback);
    if (await page.getByText('The remote system has acknowledged it').count() > 0) break;
    await page.waitForTimeout(500);
  }
  await page.getByText('The remote system has acknowledged it').waitFor();

  await page.goto(href);
  await page.getByLabel('Unsubscribe', { exact: true }).selectOption('cycle');
  await page.getByLabel(/^Time of day/).fill('soon');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Enter a time of day such as 01:00.').waitFor();
  await accessible(page, 'a time of day that is none');
  await page.getByLabel(/^Time of day/).fill('22:15');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').filter({ hasText: 'Writeback Settings are saved.' }).waitFor();
  assert.equal(await page.getByLabel('Unsubscribe', { exact: true }).inputValue(), 'cycle');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.waitForLoadState();
  await page.goto(href);
  assert.equal(await page.getByLabel('Unsubscribe', { exact: true }).inputValue(), '');
  assert.equal(await page.getByLabel(/^Time of day/).inputValue(), '');

  const phone = await open(browser, demo, { viewport: PHONE, colorScheme: 'dark' });
  await signIn(phone, demo);
  await phone.goto(href);
  await accessible(phone, 'Writeback Settings with times, on a phone, dark');
  await sound(phone);
  await phone.context().close();
  await page.context().close();
});
