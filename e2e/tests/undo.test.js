// A run is undone: planned first, confirmed with its numbers, then syncs only plan until Resume.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { sandbox, startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

const GROUP = 'Annual conference';

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(600), launch()]);
});

after(async () => {
  await browser?.close();
  assert.equal(await demo?.stop(), 0, 'the demo stops cleanly');
});

async function resync(page) {
  await openGroup(page, GROUP);
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
}

/** "1,234 members" of the group. */
async function members(page) {
  await openGroup(page, GROUP);
  return page.locator('.facts b').first().innerText();
}

test('a removal is taken back, and stays so until Resume', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  await resync(page);
  const whole = await members(page);
  await sandbox(demo, '/lists/CONFERENCE/remove', { count: 5 });
  await resync(page);
  const run = page.url();
  assert.notEqual(await members(page), whole);

  await page.goto(run);
  await page.getByRole('heading', { name: 'Undo', exact: true }).waitFor();
  await accessible(page, 'a run that can be undone');
  await page.getByRole('button', { name: /^Undo this run/ }).click();
  await page.waitForURL((url) => url.href !== run && /\/sync-runs\//.test(url.pathname));
  await runEnds(page);
  await page.getByText('Nothing has changed yet').waitFor();
  assert.equal(await page.locator('#changes tbody tr').count(), 5, 'the plan names everybody');
  await accessible(page, 'the plan of an undo');
  await sound(page);
  const plan = page.url();
  assert.notEqual(await members(page), whole, 'a plan changes nothing');

  await page.goto(plan);
  await page.getByRole('button', { name: 'Undo: put 5 people back' }).click();
  await page.waitForURL((url) => url.href !== plan && /\/sync-runs\//.test(url.pathname));
  await runEnds(page);
  await page.getByText('People: 5 put back').waitFor();
  await accessible(page, 'an undo');
  assert.equal(await members(page), whole);
  await page.getByText('Syncs of this group only plan.').waitFor();
  await page.goto(run);
  await page.getByRole('link', { name: 'an undo' }).waitFor();

  await resync(page);
  await page.getByText('A sync now would').waitFor();
  assert.equal(await members(page), whole, 'a sync only plans');
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText(/Syncs of .* change it again/).first().waitFor();
  await resync(page);
  assert.notEqual(await members(page), whole, 'the remote list counts again');
  await page.context().close();
});

test('on a phone, dark, without JavaScript: the whole way', async () => {
  const page = await open(browser, demo, { viewport: PHONE, colorScheme: 'dark', javaScriptEnabled: false });
  page.javaScript = false;
  await signIn(page, demo);
  await sandbox(demo, '/lists/CONFERENCE/remove', { count: 2 });
  await openGroup(page, GROUP);
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await page.getByRole('button', { name: /^Undo this run/ }).waitFor({ timeout: 20_000 });
  await sound(page);
  await page.getByRole('button', { name: /^Undo this run/ }).click();
  const sure = page.getByRole('button', { name: 'Undo: put 2 people back' });
  await sure.waitFor({ timeout: 20_000 });
  await sound(page);
  await sure.click();
  await page.getByText('People: 2 put back').waitFor({ timeout: 20_000 });
  await sound(page);
  await page.context().close();
});
