// The preference page as people meet it: on a phone, without JavaScript, by a link and nothing else.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { PHONE, launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser, link;

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
  link = await linkOfSomebody();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** As an administrator gets it: from the page of a person who may be mailed. */
async function linkOfSomebody() {
  const page = await open(browser, demo);
  await signIn(page, demo);
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  page.javaScript = true;
  await runEnds(page);
  await openGroup(page, 'Newsletter');
  await page.goto(`${new URL(page.url()).pathname}/subscribers?line=mailable`);
  await page.locator('main td a[href^="/subscribers/"]').first().click();
  const opened = page.context().waitForEvent('page');
  await page.getByRole('button', { name: 'Preference page' }).click();
  const shown = await opened;
  await shown.waitForURL(/\/u\//);
  const path = new URL(shown.url()).pathname;
  await page.context().close();
  return path;
}

/** What axe needs is a script: it runs beside a page whose own policy allows none, so the policy is put aside for that look only. */
async function axe(colorScheme, locale, name) {
  const page = await open(browser, demo, { viewport: PHONE, colorScheme, locale, bypassCSP: true });
  await page.goto(link);
  await accessible(page, name);
  await page.context().close();
}

test('somebody leaves and comes back on a phone without JavaScript', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(browser, demo, { viewport: PHONE, colorScheme, javaScriptEnabled: false });
    const answer = await page.goto(link);
    assert.equal(answer.status(), 200);
    assert.ok((await answer.body()).length < 15 * 1024, 'a light page');
    await page.getByRole('heading', { level: 1, name: 'You get our mail' }).waitFor();
    await axe(colorScheme, 'en-GB', `before, ${colorScheme}`);
    await page.getByLabel('Too many mails').check();
    await page.getByLabel('Anything to add?').fill('Five in one week');
    const button = page.getByRole('button', { name: 'Unsubscribe' });
    assert.ok((await button.boundingBox()).height >= 44, 'a button for a thumb');
    await button.click();
    await page.getByText('Done: you are unsubscribed.').waitFor();
    await page.getByRole('heading', { level: 1, name: 'You do not get our mail' }).waitFor();
    await axe(colorScheme, 'en-GB', `after, ${colorScheme}`);
    await page.goto(link);
    await page.getByRole('button', { name: 'Subscribe again' }).click();
    await page.getByRole('heading', { level: 1, name: 'You get our mail' }).waitFor();
    assert.deepEqual(await page.context().cookies(), [], 'no cookie');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});

test('the page is sound, in the language of the reader', async () => {
  const page = await open(browser, demo, { viewport: PHONE, locale: 'de-AT' });
  for (const [path, heading] of [[link, 'Sie bekommen unsere E-Mails'], ['/u/guessed', 'Dieser Link funktioniert nicht']]) {
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    await sound(page);
    const wide = await page.evaluate(() => getComputedStyle(document.querySelector('main')).maxWidth);
    assert.notEqual(wide, 'none', 'its style is there');
  }
  await page.context().close();
  await axe('light', 'de-AT', 'German');
});

test('a household is asked about, and its remote is told of the one chosen', async () => {
  const page = await open(browser, demo, { bypassCSP: true });
  await signIn(page, demo);
  await openGroup(page, 'All members');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  page.javaScript = true;
  await runEnds(page);
  await openGroup(page, 'All members');
  await page.goto(`${new URL(page.url()).pathname}/subscribers?line=same_address`);
  await page.locator('main td a[href^="/subscribers/"]').first().click();
  const opened = page.context().waitForEvent('page');
  await page.getByRole('button', { name: 'Preference page' }).click();
  const shown = await opened;
  await shown.locator('button.main').click();
  await shown.getByText('Done: you are unsubscribed.').waitFor();
  await page.setViewportSize(PHONE);
  await page.goto('/subscribers/households');
  await sound(page);
  await accessible(page, 'households');
  await page.getByRole('checkbox').first().check();
  await page.getByRole('button', { name: 'Tell about those chosen' }).first().click();
  await page.getByText('will be told of 1 record').first().waitFor();
  await page.context().close();
});
