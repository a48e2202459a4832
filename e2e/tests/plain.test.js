// Without JavaScript, on a phone, in the dark.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDemo } from '../support/demo.js';
import { PHONE, launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('the main job works without JavaScript', async () => {
  const page = await open(browser, demo, { javaScriptEnabled: false });
  await signIn(page, demo);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.getByRole('heading', { name: /^Books/ }).waitFor();
  await openGroup(page, 'Newsletter');
  await page.locator('table.waterfall').waitFor();
  await page.context().close();
});

test('no page is wider than a phone, light or dark', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(browser, demo, { viewport: PHONE, colorScheme });
    await page.goto('/sign-in');
    await sound(page);
    await signIn(page, demo);
    await openGroup(page, 'Newsletter');
    const group = new URL(page.url()).pathname;
    const run = await firstLink(page, '/sync-runs', '/sync-runs/');
    const subscriber = await firstLink(page, `${group}/subscribers`, '/subscribers/');
    const paths = [
      '/', '/target-groups', group, `${group}/subscribers`, `${group}/sync-runs`, `${group}/about`, '/subscribers', subscriber, '/sync-runs', run,
      '/admin/bridges', '/admin/bridges/new', '/admin/bridges/new/personify360',
    ];
    for (const path of paths) {
      const answer = await page.goto(path);
      assert.equal(answer.status(), 200, path);
      await sound(page);
    }
    await page.context().close();
  }
});

async function firstLink(page, on, begins) {
  await page.goto(on);
  const links = await page.locator('main a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  const found = links.find((href) => href?.startsWith(begins) && !href.includes('export'));
  assert.ok(found, `${on} links to nothing that begins with ${begins}`);
  return found.split('?')[0];
}

test('a page that is not there says so calmly', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  const answer = await page.goto('/no-such-page');
  assert.equal(answer.status(), 404);
  const words = await page.locator('body').innerText();
  assert.ok(words.trim(), 'there are words');
  assert.doesNotMatch(words, /panic|stack|\.rs:/);
  await page.context().close();
});
