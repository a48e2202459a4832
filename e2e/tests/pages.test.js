// Every page: wide and narrow, light and dark, open to everybody; light to carry; and there without JavaScript.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, quiet, signIn, sound } from '../support/browser.js';
import { everyPage, furnish, trouble } from '../support/pages.js';

let demo, browser, pages;

before(async () => {
  demo = await startDemo(1000);
  browser = await launch();
  const page = await open(browser, demo);
  await signIn(page, demo);
  await furnish(page, demo);
  await trouble(page, demo);
  pages = [...await everyPage(page), { name: 'style', path: '/style' }];
  await page.context().close();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

for (const [width, viewport] of [[1280, DESKTOP], [390, PHONE]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`every page is sound and accessible at ${width} px, ${colorScheme}`, async () => {
      const page = await open(browser, demo, { viewport, colorScheme });
      await page.goto('/sign-in');
      await sound(page);
      await accessible(page, 'sign-in');
      await signIn(page, demo);
      for (const { name, path, act } of pages) {
        const answer = await page.goto(path);
        assert.equal(answer.status(), name === 'not-there' ? 404 : 200, name);
        await act?.(page);
        await sound(page);
        await accessible(page, `${name} at ${width} px, ${colorScheme}`);
      }
      await page.context().close();
    });
  }
}

test('every page is there without JavaScript, and so is every menu', async () => {
  const page = await open(browser, demo, { javaScriptEnabled: false, viewport: PHONE });
  await signIn(page, demo);
  for (const { name, path } of pages) {
    const answer = await page.goto(path);
    assert.equal(answer.status(), name === 'not-there' ? 404 : 200, name);
    await page.getByRole('heading', { level: 1 }).waitFor();
    quiet(page);
  }
  await page.goto('/');
  await page.locator('summary', { hasText: 'Menu' }).click();
  await page.getByRole('link', { name: 'Sync runs', exact: true }).first().click();
  await page.getByRole('heading', { level: 1, name: 'Sync runs' }).waitFor();
  await page.context().close();
});

test('no link leads nowhere', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  const seen = new Set();
  for (const { name, path } of pages) {
    if (name === 'style') continue;
    await page.goto(path);
    const links = await page.locator('a[href^="/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href').split('#')[0]));
    for (const href of links) {
      if (seen.has(href)) continue;
      seen.add(href);
      const answer = await page.request.get(href, { maxRedirects: 0 });
      assert.equal(answer.status(), 200, `${name} links to ${href}`);
    }
  }
  assert.ok(seen.size > 40, `${seen.size} links`);
  await page.context().close();
});

/** Bytes over the wire while a page loads, headers included. */
async function weigh(page, path) {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  const count = (event) => { bytes += event.encodedDataLength; };
  session.on('Network.loadingFinished', count);
  await page.goto(path, { waitUntil: 'networkidle' });
  session.off('Network.loadingFinished', count);
  await session.detach();
  return bytes;
}

test('a first page weighs at most 60 KiB, and every later one at most 15 KiB', async () => {
  const page = await open(browser, demo);
  const first = await weigh(page, '/sign-in');
  await signIn(page, demo);
  const weights = [];
  for (const { name, path } of pages) weights.push([name, await weigh(page, path)]);
  const late = weights.filter(([, bytes]) => bytes > 15 * 1024);
  assert.deepEqual(late, [], 'later pages');
  assert.ok(first > 1000 && weights.every(([, bytes]) => bytes > 500), 'something was weighed');
  // A browser that has seen nothing yet opens the heaviest page.
  const cookies = await page.context().cookies();
  await page.context().close();
  const [heaviest] = weights.sort((a, b) => b[1] - a[1])[0];
  const fresh = await open(browser, demo);
  await fresh.context().addCookies(cookies);
  const all = await weigh(fresh, pages.find((p) => p.name === heaviest).path);
  assert.ok(all > 20 * 1024 && all <= 60 * 1024, `${heaviest} weighs ${all} bytes the first time`);
  await fresh.context().close();
});
