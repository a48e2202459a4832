// Three remote systems side by side: each is connected, read and shown, and the simulated ones can be used by hand.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, runEnds, signIn, sound } from '../support/browser.js';

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(400, 'personify360,membersuite,imis'), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('three bridges stand side by side, each with its lists', async () => {
  for (const viewport of [DESKTOP, PHONE]) {
    const page = await open(browser, demo, { viewport });
    await signIn(page, demo);
    await page.goto('/admin/bridges');
    for (const name of ['Personify360 (sandbox)', 'MemberSuite (sandbox)', 'iMIS (sandbox)']) {
      await page.getByRole('link', { name, exact: true }).waitFor();
    }
    await sound(page);
    await accessible(page, 'three bridges');
    await page.goto('/target-groups');
    await sound(page);
    await accessible(page, 'the groups of three bridges');
    await page.context().close();
  }
});

test('a search and an IQA query are read, and whoever is left out is counted so', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  for (const [bridge, leftOut] of [['MemberSuite (sandbox)', true], ['iMIS (sandbox)', false]]) {
    await page.goto('/target-groups');
    await page.locator('select[name="bridge"]').selectOption({ label: bridge });
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForLoadState();
    await page.locator('main tbody td a[href^="/target-groups/"]').first().click();
    await page.waitForLoadState();
    const group = new URL(page.url()).pathname;
    await page.getByRole('button', { name: /^Resync/ }).click();
    await page.waitForURL(/\/sync-runs\//);
    await runEnds(page);
    await page.goto(group);
    const line = page.locator('table.waterfall tr').filter({ hasText: /left out/i });
    const told = (await line.count()) === 0 ? '' : await line.innerText();
    const figure = Number((/\d[\d,]*/.exec(told)?.[0] ?? '0').replaceAll(',', ''));
    assert.equal(figure !== 0, leftOut, `${bridge}: ${figure} left out`);
    await page.goto(`${group}/subscribers`);
    assert.ok(await page.locator('main tbody tr').count() > 0, bridge);
    await accessible(page, `the people of ${bridge}`);
    await sound(page);
  }
  await page.context().close();
});

test('the simulated MemberSuite and iMIS are sound at both widths', async () => {
  for (const viewport of [DESKTOP, PHONE]) {
    const context = await browser.newContext({ viewport, baseURL: demo.sandbox, bypassCSP: true });
    const page = await context.newPage();
    page.complaints = [];
    for (const path of ['/membersuite', '/membersuite/people', '/membersuite/searches', '/membersuite/types', '/membersuite/faults',
      '/imis', '/imis/contacts', '/imis/queries', '/imis/tables', '/imis/faults']) {
      const answer = await page.goto(path);
      assert.equal(answer.status(), 200, path);
      await sound(page);
      await accessible(page, path);
    }
    await context.close();
  }
});
