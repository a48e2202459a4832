// Segments: built with nested groups while the count follows, saved as a target group, explained, with and without JavaScript.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(400, 'personify360'), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const HERE = '/subscribers/segments';

/** Reads one group, so that there are people. */
async function read(page) {
  await page.goto('/target-groups');
  const hrefs = await page.locator('main tbody td a[href^="/target-groups/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href').split('?')[0]));
  await page.goto(hrefs.find((href) => /^\/target-groups\/[0-9a-f-]{36}$/.test(href)));
  await page.getByRole('button', { name: /^Resync/ }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
}

const figure = async (page) => Number((await page.locator('#count .answer').innerText()).replaceAll(',', ''));

/** Nothing of the page is being changed: a field that has just come takes part once it has settled. */
const calm = (page) => page.waitForFunction(() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-added, .htmx-settling'));

async function found(page) {
  for (let n = 0; n < 60; n += 1) {
    await page.reload();
    if (await page.getByText('Being found').count() === 0) return;
    await page.waitForTimeout(500);
  }
  throw new Error('the people were not found');
}

test('a nested segment is built while the count follows, saved, explained and deleted', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto(HERE);
  // The demo's own.
  await page.getByRole('link', { name: 'Gold and above, over 1,000 points' }).waitFor();
  await accessible(page, 'segments');
  await read(page);
  await page.goto(`${HERE}/new`);
  await page.getByLabel('Name').fill('Those at example');
  await page.getByLabel('Condition to add', { exact: true }).selectOption('address');
  await page.getByRole('button', { name: 'Add condition', exact: true }).click();
  await page.locator('#n1-op').waitFor();
  await calm(page);
  await page.getByLabel('Address: what is asked').selectOption('text.contains');
  // Another question brings another field.
  await page.locator('input#n1-value').waitFor();
  await calm(page);
  await page.locator('input#n1-value').fill('.example');
  await page.locator('#count .answer').waitFor();
  const all = await figure(page);
  assert.ok(all > 0, 'somebody is found');
  await page.getByRole('button', { name: 'Add group', exact: true }).click();
  await page.locator('#n2-mode').waitFor();
  await calm(page);
  await page.getByLabel('Group: for whom').selectOption('none');
  await page.getByLabel('Condition to add to this group').selectOption('address');
  await page.getByRole('button', { name: 'Add condition to this group' }).click();
  await page.locator('#n3-op').waitFor();
  await calm(page);
  await page.locator('#n3-op').selectOption('text.starts_with');
  await page.locator('input#n3-value').waitFor();
  await calm(page);
  await page.locator('input#n3-value').fill('a');
  await page.waitForFunction((before) => Number(document.querySelector('#count .answer')?.textContent.replaceAll(',', '')) < before, all);
  const fewer = await figure(page);
  await accessible(page, 'the builder');
  await page.getByRole('button', { name: 'Make the segment' }).click();
  await page.getByRole('status').filter({ hasText: 'Those at example is made' }).waitFor();
  await found(page);
  const shown = await page.locator('dl.figures dd').first().innerText();
  assert.equal(Number(shown.replaceAll(',', '')), fewer, 'the people are those that were counted');
  await accessible(page, 'a segment');
  await page.getByRole('link', { name: /^Why is/ }).first().click();
  await page.getByRole('heading', { name: /^Why is .* in\?$/ }).waitFor();
  assert.equal(await page.locator('.why .d1.yes').count(), 2, 'both conditions hold');
  await accessible(page, 'why somebody is in');
  await page.goto('/target-groups');
  await page.getByRole('link', { name: 'Those at example' }).first().waitFor();
  await page.goto(HERE);
  await page.getByRole('link', { name: 'Those at example' }).click();
  await page.getByRole('link', { name: 'Delete …' }).click();
  await page.getByRole('button', { name: 'Delete Those at example' }).click();
  await page.getByRole('link', { name: 'Those at example' }).waitFor({ state: 'detached' });
  await sound(page);
});

test('a phone shows the builder whole', async () => {
  const page = await open(browser, demo, { viewport: PHONE });
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto(`${HERE}/new`);
  await page.getByLabel('Condition to add', { exact: true }).selectOption('added');
  await page.getByRole('button', { name: 'Add condition', exact: true }).click();
  await page.getByLabel('Added to Rialto: value').waitFor();
  await calm(page);
  await page.getByLabel('Added to Rialto: value').fill('30');
  await page.locator('#count .answer').waitFor();
  await accessible(page, 'the builder on a phone');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${wide} px too wide`);
  await sound(page);
});
