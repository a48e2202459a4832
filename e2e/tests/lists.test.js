// Lists and what hangs on them: order, columns, export, menus, dialogs, undo, search, colours, keys.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDemo } from '../support/demo.js';
import { launch, number, open, openGroup, quiet, signIn, sound } from '../support/browser.js';
import { furnish } from '../support/pages.js';

let demo, browser, page;

before(async () => {
  demo = await startDemo(1000);
  browser = await launch();
  page = await open(browser, demo);
  await signIn(page, demo);
  await furnish(page, demo);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const column = async (n) => (await page.locator(`main tbody td:nth-child(${n})`).allInnerTexts()).map((t) => t.trim());

test('a press on a head sorts, a second turns it round, and the back button goes back', async () => {
  await page.goto('/target-groups');
  await page.getByRole('link', { name: 'Members', exact: true }).click();
  await page.waitForURL(/sort=members/);
  assert.equal(await page.locator('th', { hasText: 'Members' }).getAttribute('aria-sort'), 'descending');
  const down = (await column(2)).map(number);
  assert.deepEqual(down, [...down].sort((a, b) => b - a));
  await page.getByRole('link', { name: 'Members', exact: true }).click();
  await page.waitForURL(/dir=up/);
  const up = (await column(2)).map(number);
  assert.deepEqual(up, [...up].sort((a, b) => a - b));
  await page.goBack();
  assert.equal(await page.locator('th', { hasText: 'Members' }).getAttribute('aria-sort'), 'descending');
  quiet(page);
});

test('pages of people follow each other without a gap, and back again', async () => {
  await openGroup(page, 'Newsletter');
  await page.getByRole('navigation', { name: 'Newsletter' }).getByRole('link', { name: 'Subscribers' }).click();
  await page.waitForURL(/subscribers/);
  const first = await column(2);
  assert.equal(first.length, 50);
  await page.getByRole('link', { name: 'Next', exact: true }).click();
  await page.waitForURL(/after=/);
  const second = await column(2);
  assert.ok(second.every((id) => !first.includes(id)), 'nobody stands on both pages');
  await page.goBack();
  assert.deepEqual(await column(2), first);
});

test('chosen columns stay, with or without JavaScript, and the usual ones come back', async () => {
  for (const javaScriptEnabled of [true, false]) {
    const own = await open(browser, demo, { javaScriptEnabled });
    await signIn(own, demo);
    await openGroup(own, 'Newsletter');
    await own.goto(`${new URL(own.url()).pathname}/subscribers`);
    const before = await own.locator('main thead th').allInnerTexts();
    await own.locator('summary', { hasText: 'Columns' }).click();
    await own.getByLabel('Came', { exact: true }).check();
    await own.getByLabel('May be mailed').uncheck();
    // A personalization field of the bridge can be a column too.
    await own.locator('input[name=column][value^=f]').first().check();
    await own.getByRole('button', { name: 'Show these' }).click();
    await own.waitForLoadState();
    const heads = await own.locator('main thead th').allInnerTexts();
    assert.ok(heads.some((h) => h.startsWith('Came')) && !heads.includes('May be mailed'), heads.join());
    assert.equal(heads.length, before.length + 1);
    await own.goto('/');
    await own.goBack();
    await own.reload();
    assert.deepEqual(await own.locator('main thead th').allInnerTexts(), heads);
    await own.locator('summary', { hasText: 'Columns' }).click();
    await own.getByRole('button', { name: 'The usual ones' }).click();
    await own.waitForLoadState();
    assert.deepEqual(await own.locator('main thead th').allInnerTexts(), before);
    await own.context().close();
  }
});

test('a list with every column fits its page, and its menus open', async () => {
  const own = await open(browser, demo);
  await signIn(own, demo);
  await openGroup(own, 'Newsletter');
  for (const path of [`${new URL(own.url()).pathname}/subscribers`, '/target-groups', '/sync-runs']) {
    await own.goto(path);
    await own.locator('summary', { hasText: 'Columns' }).click();
    for (const box of await own.locator('input[name=column]').all()) await box.check();
    await own.getByRole('button', { name: 'Show these' }).click();
    await own.waitForLoadState();
    assert.ok(await own.locator('main thead th').count() > 8, path);
    await sound(own);
  }
  await own.goto('/target-groups');
  await own.locator('summary', { hasText: 'Actions for' }).last().click();
  await own.getByRole('button', { name: 'Plan only' }).filter({ visible: true }).click({ trial: true });
  await sound(own);
  await own.context().close();
});

test('an export holds every row of the list as it is filtered', async () => {
  await openGroup(page, 'Newsletter');
  const members = number(/([\d,]+) members/.exec(await page.locator('.facts').innerText())[1]);
  const group = new URL(page.url()).pathname;
  const csv = async (path) => {
    await page.goto(path);
    const href = await page.getByRole('link', { name: 'Download CSV' }).getAttribute('href');
    const answer = await page.request.get(href);
    assert.equal(answer.status(), 200);
    assert.match(answer.headers()['content-disposition'], /attachment; filename="[\w-]+\.csv"/);
    const text = await answer.text();
    assert.ok(text.startsWith('\uFEFF') && text.endsWith('\r\n'));
    return text.slice(1).trimEnd().split('\r\n');
  };
  const all = await csv(`${group}/subscribers`);
  assert.equal(all[0], 'Rialto ID,Address,Remote ID,Consent,Reason,Member of');
  assert.equal(all.length - 1, members);
  assert.equal(new Set(all).size, all.length, 'no row twice');
  const silent = await csv(`${group}/subscribers?line=remote_flag`);
  assert.ok(silent.length > 1 && silent.slice(1).every((row) => row.includes('Unsubscribed from remote system')));
  const held = await csv('/sync-runs?state=held');
  assert.equal(held.length, 2);
  assert.match((await csv('/target-groups?sort=members'))[1], /^All members,1000,/);
});

test('a row menu acts without JavaScript and closes with Escape and a click elsewhere with it', async () => {
  await page.goto('/target-groups');
  const menu = page.locator('summary', { hasText: 'Actions for Board' });
  const entry = page.getByRole('link', { name: 'Subscribers', exact: true }).filter({ visible: true }).last();
  await menu.click();
  await entry.waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('details.menu[open]').count(), 0);
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Board/, 'the focus is where it was');
  await menu.click();
  await page.locator('h1').click();
  assert.equal(await page.locator('details.menu[open]').count(), 0);
  const plain = await open(browser, demo, { javaScriptEnabled: false });
  await signIn(plain, demo);
  await plain.goto('/target-groups');
  await plain.locator('summary', { hasText: 'Actions for Board' }).click();
  await plain.getByRole('button', { name: 'Plan only' }).click();
  await plain.waitForURL(/\/sync-runs\//);
  await plain.context().close();
});

test('a switched-off bridge can be switched on again from the toast, which is said once', async () => {
  for (const javaScriptEnabled of [true, false]) {
    const own = await open(browser, demo, { javaScriptEnabled });
    await signIn(own, demo);
    await own.goto('/admin/bridges');
    await own.locator('summary', { hasText: 'Actions for' }).click();
    await own.getByRole('button', { name: 'Switch off' }).click();
    const toast = own.getByRole('status').filter({ hasText: 'is switched off' });
    await toast.waitFor();
    await sound.call(null, own);
    await own.locator('.chip', { hasText: 'Switched off' }).waitFor();
    await toast.getByRole('button', { name: 'Undo' }).click();
    await own.getByRole('status').filter({ hasText: 'is switched on' }).waitFor();
    await own.locator('.chip', { hasText: 'Connected' }).waitFor();
    await own.reload();
    assert.equal(await own.locator('.toast').count(), 0);
    await own.context().close();
  }
});

test('a question opens as a dialog, and as a page without JavaScript', async () => {
  await page.goto('/admin/bridges');
  await page.locator('summary', { hasText: 'Actions for' }).click();
  await page.getByRole('link', { name: 'Delete …' }).click();
  const dialog = page.getByRole('dialog', { name: /^Delete / });
  await dialog.getByRole('button', { name: /^Delete / }).waitFor();
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Keep it/, 'the harmless answer has the focus');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.locator('summary', { hasText: 'Actions for' }).click();
  await page.getByRole('link', { name: 'Delete …' }).click();
  await dialog.getByRole('link', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).pathname, '/admin/bridges');
  quiet(page);
  const plain = await open(browser, demo, { javaScriptEnabled: false });
  await signIn(plain, demo);
  await plain.goto('/admin/bridges');
  await plain.locator('summary', { hasText: 'Actions for' }).click();
  await plain.getByRole('link', { name: 'Delete …' }).click();
  await plain.getByRole('heading', { level: 1, name: /^Delete / }).waitFor();
  await plain.getByRole('link', { name: 'Keep it' }).click();
  await plain.getByRole('heading', { level: 1, name: 'Bridge Configuration' }).waitFor();
  await plain.context().close();
});

test('the search box finds a person by address and by Remote ID, and a group by name', async () => {
  await page.goto('/subscribers?q=a');
  const address = (await column(1))[0];
  const id = (await column(2))[0];
  for (const what of [address, id]) {
    await page.getByRole('searchbox', { name: 'Find people and groups' }).fill(what);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/search/);
    await page.getByRole('region', { name: 'People' }).getByRole('cell').getByText(id, { exact: true }).waitFor();
  }
  await page.getByRole('searchbox', { name: 'Find people and groups' }).fill('CONFER');
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Target Groups' }).getByRole('link', { name: 'Annual conference' }).click();
  await page.getByRole('heading', { level: 1, name: /Annual conference/ }).waitFor();
});

test('colours are the reader’s choice, made by the server, and stay', async () => {
  const plain = await open(browser, demo, { javaScriptEnabled: false, colorScheme: 'light' });
  await signIn(plain, demo);
  const ground = () => plain.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
  const light = await ground();
  await plain.locator('summary', { hasText: 'You' }).click();
  await plain.getByRole('button', { name: 'Dark', exact: true }).click();
  await plain.waitForLoadState();
  const dark = await ground();
  assert.notEqual(dark, light);
  await plain.goto('/no-such-page');
  assert.equal(await ground(), dark, 'faults have the same colours');
  assert.match(await (await plain.request.get('/target-groups')).text(), /<html lang="en" data-theme="dark">/, 'nothing is left to a script');
  await plain.goto('/');
  await plain.locator('summary', { hasText: 'You' }).click();
  await plain.getByRole('button', { name: 'Colours of the system' }).click();
  await plain.waitForLoadState();
  assert.equal(await ground(), light);
  await plain.context().close();
});

test('keys go to pages, through rows and to the search box, but never while somebody types', async () => {
  await page.goto('/keyboard');
  for (const [key, path] of [['t', '/target-groups'], ['s', '/subscribers'], ['r', '/sync-runs'], ['o', '/']]) {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.waitForURL((url) => url.pathname === path);
  }
  await page.goto('/target-groups');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  // The folder stands below the name.
  const names = (await column(1)).map((text) => text.split('\n')[0]);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), names[1]);
  await page.keyboard.press('k');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), names[0]);
  await page.keyboard.press('/');
  await page.keyboard.type('gt?jk/');
  assert.equal(await page.getByRole('searchbox', { name: 'Find people and groups' }).inputValue(), 'gt?jk/');
  assert.equal(new URL(page.url()).pathname, '/target-groups');
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Go to Target Groups').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  quiet(page);
});

test('the Overview updates in place and leaves the focus where it is', async () => {
  await page.goto('/');
  const link = page.getByRole('link', { name: 'Audience', exact: true });
  await link.focus();
  await page.evaluate(() => { document.querySelector('#live').dataset.old = 'yes'; });
  await page.waitForFunction(() => !document.querySelector('#live').dataset.old, undefined, { timeout: 15_000 });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Audience');
  quiet(page);
});
