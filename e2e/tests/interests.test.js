// Interests from both sides: a marketer takes one into use, a person ticks it on a phone without JavaScript, the remote is told.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function person(page) {
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  page.javaScript = true;
  await runEnds(page);
  await openGroup(page, 'Newsletter');
  await page.goto(`${new URL(page.url()).pathname}/subscribers?line=mailable`);
  await page.locator('main td a[href^="/subscribers/"]').first().click();
  const path = new URL(page.url()).pathname;
  const opened = page.context().waitForEvent('page');
  await page.getByRole('button', { name: 'Preference page' }).click();
  const shown = await opened;
  await shown.waitForURL(/\/u\//);
  const link = new URL(shown.url()).pathname;
  await shown.close();
  return { path, link };
}

async function read(page, name) {
  for (let n = 0; n < 60; n += 1) {
    await page.goto('/subscribers/interests');
    const row = page.getByRole('row').filter({ hasText: name });
    if (!(await row.innerText()).includes('not yet')) return row;
    await page.waitForTimeout(500);
  }
  throw new Error(`${name} was not read`);
}

test('an interest is used, chosen by a person, and stopped after a look at what that means', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  const { path, link } = await person(page);
  await page.goto('/subscribers/interests');
  await page.getByRole('heading', { level: 1, name: 'Interests' }).waitFor();
  await accessible(page, 'interests');
  await page.getByRole('button', { name: 'Use Events and meetings' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'Events and meetings is used' }).waitFor();
  const row = await read(page, 'Events and meetings');
  await row.getByRole('link', { name: 'Events and meetings', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: /Events and meetings/ }).waitFor();
  await accessible(page, 'the target group of an interest');

  const phone = await open(browser, demo, { viewport: PHONE, javaScriptEnabled: false });
  assert.ok((await (await phone.goto(link)).body()).length < 15 * 1024, 'a light page');
  const box = phone.getByLabel('Events and meetings');
  const had = await box.isChecked();
  await box.setChecked(!had);
  await phone.getByRole('button', { name: 'Save my interests' }).click();
  await phone.getByRole('status').filter({ hasText: 'your interests are saved' }).waitFor();
  assert.equal(await phone.getByLabel('Events and meetings').isChecked(), !had);
  await phone.getByRole('heading', { level: 1, name: 'You get our mail' }).waitFor();
  await sound(phone);
  await phone.context().close();
  const look = await open(browser, demo, { viewport: PHONE, bypassCSP: true });
  await look.goto(link);
  await accessible(look, 'a preference page with interests');
  await look.context().close();

  await page.goto(path);
  const chosen = page.getByRole('region', { name: /Interests chosen/ });
  await chosen.getByText('Events and meetings').waitFor();
  await page.goto('/writebacks?kind=interests');
  await page.getByRole('row').filter({ hasText: 'Interests' }).first().waitFor();

  await read(page, 'Events and meetings');
  await page.getByRole('link', { name: 'Stop using Events and meetings' }).click();
  await page.getByRole('heading', { level: 1, name: 'Stop using Events and meetings?' }).waitFor();
  await accessible(page, 'before an interest is stopped');
  await page.getByRole('link', { name: 'Keep it' }).click();
  await page.getByRole('link', { name: 'Stop using Events and meetings' }).click();
  await page.getByRole('button', { name: 'Stop using Events and meetings' }).click();
  await page.getByRole('status').filter({ hasText: 'is not used any more' }).waitFor();
  await page.getByRole('button', { name: 'Use Events and meetings' }).waitFor();
  await sound(page);
  await page.context().close();
});
