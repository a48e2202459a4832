// The Writeback List: what was told to the remote system, what failed and why, and trying again; and the settings of a bridge.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { sandbox, startDemo } from '../support/demo.js';
import { PHONE, launch, number, open, signIn, sound } from '../support/browser.js';
import { cycle, resync, unsubscribe } from '../support/pages.js';

let demo, browser, page, settings, told, refused;

const LOCKED = 'The record is locked.';
const fault = () => sandbox(demo, '/faults', { fault: 'validation', status: 400, message: LOCKED, procedure: 'Save CusActivity' });
const mended = () => fetch(`${demo.sandbox}/admin/faults`, { method: 'DELETE' });
const filter = (on, name) => on.locator('.filters').getByLabel(name);
const rows = (on) => on.locator('#live tbody tr');
const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** Who has just been unsubscribed: the address of their page. */
async function tell(n) {
  await unsubscribe(page, n);
  return new URL(page.url()).pathname;
}

/** The figure of a state above the list. */
async function figure(on, state) {
  return number(await on.locator('.figures li', { hasText: state }).locator('b').innerText());
}

/** So many more stand in Error for the locked record. */
async function fail(times) {
  await fault();
  const people = [];
  for (let n = 0; n < times; n += 1) people.push(await tell(0));
  await page.goto('/writebacks');
  await cycle(page, 'Error', await figure(page, 'Error') + times);
  await mended();
  return people;
}

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
  page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  await resync(page, 'Newsletter');
  told = await tell(0);
  await cycle(page, 'Sent', 1);
  refused = await fail(3);
  // Waits for the next cycle, which comes every ten minutes.
  await page.goto(`${told}/resubscribe`);
  await page.getByLabel('Reason').fill('Wrote that they want it again');
  await page.getByLabel('Evidence').fill('Letter of 3 March');
  await page.getByRole('button', { name: /^Resubscribe / }).click();
  await page.waitForURL((url) => url.pathname === told);
  await page.goto('/admin/bridges');
  settings = `${new URL(await page.locator('h2 a').first().getAttribute('href'), demo.url).pathname}/writebacks`;
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('the list is narrowed by state, kind and days, and keeps all of them', async () => {
  await page.goto('/writebacks');
  assert.equal(await rows(page).count(), 5);
  await sound(page);
  await accessible(page, 'writeback list');
  await filter(page, 'State').selectOption('error');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.waitForURL(/state=error/);
  assert.equal(await rows(page).count(), 3);
  await page.getByText(LOCKED).first().waitFor();
  await filter(page, 'Kind').selectOption('resubscribe');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.getByText('No writeback fits these filters.').waitFor();
  await page.getByRole('link', { name: 'Look in every state' }).click();
  await page.waitForURL((url) => !url.search.includes('state='));
  assert.equal(await rows(page).count(), 1);
  assert.equal(await filter(page, 'Kind').inputValue(), 'resubscribe');
  await filter(page, 'Kind').selectOption('unsubscribe');
  await filter(page, 'Decided from').fill(day(-1));
  await filter(page, 'Until').fill(day(1));
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.waitForURL(/from=/);
  assert.equal(await rows(page).count(), 4);
  assert.deepEqual([await figure(page, 'Error'), await figure(page, 'New')], [3, 0], 'figures are of what fits');
  await page.locator('.figures').getByRole('link', { name: /Sent/ }).click();
  await page.waitForURL((url) => url.searchParams.get('from') === day(-1) && url.searchParams.get('state') === 'sent' && url.searchParams.get('kind') === 'unsubscribe');
  assert.equal(await rows(page).count(), 1);
  const csv = await page.request.get(await page.getByRole('link', { name: /CSV/ }).first().getAttribute('href'));
  assert.equal((await csv.text()).trim().split('\n').length, 2, 'the download has the same rows');
  await page.goto(`/writebacks?from=${day(2)}`);
  await page.getByText('No writeback fits these filters.').waitFor();
  await page.getByRole('link', { name: 'Clear' }).click();
  await page.waitForURL((url) => url.search === '');
});

test('days that are turned round are refused in words, and nothing misleading is shown', async () => {
  await page.goto('/writebacks');
  await filter(page, 'Decided from').fill(day(0));
  await filter(page, 'Until').fill(day(-3));
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.getByRole('alert').getByText('This day lies before the first.').waitFor();
  assert.equal(await rows(page).count(), 0);
  assert.equal(await filter(page, 'Until').inputValue(), day(-3), 'what was entered stays');
  await sound(page);
  await accessible(page, 'writeback list with a fault');
});

test('one message shows its tries, what it was answered, and what happens next; its person has a list', async () => {
  await page.goto('/writebacks?state=error');
  await rows(page).first().getByRole('link').first().click();
  await page.waitForURL(/\/writebacks\/[0-9a-f-]{36}$/);
  await page.getByText('It is tried again by itself').waitFor();
  const tries = page.locator('#live table tbody tr');
  assert.equal(await tries.count(), 1);
  const cells = await tries.first().locator('td').allInnerTexts();
  assert.match(cells.join(' | '), /1 \| .*Failed \| .*The record is locked\..* \| .*by itself/s);
  await page.getByText(/^\[rialto:[0-9a-f-]{36}\]$/).waitFor();
  await sound(page);
  await accessible(page, 'writeback in Error');
  const person = await page.locator('dl.about a[href^="/subscribers/"]').first().getAttribute('href');
  assert.ok(refused.includes(person), 'it is about somebody who was refused');
  await page.getByRole('link', { name: 'All their writebacks' }).click();
  await page.waitForURL(/person=/);
  await page.getByText(/^Only /).waitFor();
  assert.equal(await rows(page).count(), 1);
  await filter(page, 'State').selectOption('sent');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.getByText('No writeback fits these filters.').waitFor();
  await page.getByRole('link', { name: 'Everybody' }).click();
  await page.waitForURL((url) => !url.search.includes('person=') && url.search.includes('state=sent'));
});

test('Retry of one goes out at once and says who asked', async () => {
  await page.goto('/writebacks?state=error');
  await rows(page).first().getByRole('link').first().click();
  await page.getByRole('button', { name: 'Retry', exact: true }).click();
  await page.locator('.toast').getByText('It is tried once more, now.').waitFor();
  await page.locator('h1 .chip', { hasText: 'Sent' }).waitFor();
  const tries = page.locator('#live table tbody tr');
  assert.equal(await tries.count(), 2);
  assert.match(await tries.first().innerText(), /Acknowledged/);
  assert.match(await tries.first().innerText(), new RegExp(demo.email.replaceAll('.', '\\.')));
  assert.match(await tries.last().innerText(), /Failed/);
});

test('Run now sends what waits for its cycle', async () => {
  await page.goto('/writebacks?kind=resubscribe');
  await rows(page).locator('.chip', { hasText: 'New' }).waitFor();
  await page.goto('/writebacks');
  const before = await figure(page, 'Sent');
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.locator('.toast').getByText('Begun: everything that is due goes out now.').waitFor();
  // Those in Error are due as well, and the record is locked no more.
  await page.locator('.figures li', { hasText: 'Sent' }).locator('b', { hasText: new RegExp(`^${before + 3}$`) }).waitFor();
  assert.deepEqual([await figure(page, 'New'), await figure(page, 'Error')], [0, 0], 'the page shows it without being asked');
});

/** Tabs to a link or button of this name, as somebody without a mouse does. */
async function tabTo(name) {
  for (let steps = 0; steps < 90; steps += 1) {
    await page.keyboard.press('Tab');
    const text = await page.evaluate(() => document.activeElement?.textContent.trim() ?? '');
    if (text === name) return;
  }
  assert.fail(`no tab stop is called ${name}`);
}

test('Retry of all shows how many and why first, and can be done with the keys alone', async () => {
  await fail(2);
  await page.goto('/writebacks');
  await tabTo('Retry 2 in Error …');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: /^Retry 2 writebacks to / }).waitFor();
  const line = page.locator('table tbody tr');
  assert.equal(await line.count(), 1, 'they failed alike');
  assert.match(await line.innerText(), /Unsubscribe[\s\S]*The record is locked\.[\s\S]*2/);
  await page.getByText('All of them would be tried again by themselves').waitFor();
  await sound(page);
  await accessible(page, 'retry of all');
  await page.goto('/writebacks');
  assert.equal(await figure(page, 'Error'), 2, 'looking does nothing');
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: /^Retry 2 writebacks to / }).waitFor();
  await tabTo('Retry 2 writebacks');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/writebacks\?bridge=/);
  await page.locator('.toast').getByText(/^2 writebacks to .* go out once more\./).waitFor();
  await page.locator('.figures li', { hasText: 'Error' }).locator('b', { hasText: /^0$/ }).waitFor();
});

test('what was confirmed is asked anew when it is not so any more', async () => {
  await fail(2);
  await page.goto('/writebacks');
  await page.getByRole('link', { name: /^Retry 2 in Error/ }).click();
  const other = await page.context().newPage();
  await other.goto('/writebacks?state=error');
  await rows(other).first().getByRole('link').first().click();
  await other.getByRole('button', { name: 'Retry', exact: true }).click();
  await other.locator('h1 .chip', { hasText: 'Sent' }).waitFor();
  await other.close();
  await page.getByRole('button', { name: 'Retry 2 writebacks' }).click();
  await page.getByRole('alert').getByText('2 stood in Error when you looked, now it is 1.').waitFor();
  await sound(page);
  await page.getByRole('link', { name: 'Not now' }).click();
  await page.waitForURL(/state=error/);
  assert.equal(await rows(page).count(), 1, 'nothing was done');
});

test('the settings of a bridge: cycles, limits, and what can never be switched off', async () => {
  await page.goto(settings);
  await sound(page);
  const always = page.getByLabel('Unsubscribe, Resubscribe, Invalid email address');
  assert.ok(await always.isChecked() && await always.isDisabled());
  await page.getByText('Always told: it is what people decided').waitFor();
  const limit = page.locator('#per_day');
  await limit.fill('many');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Enter a whole number.').waitFor();
  assert.equal(await limit.inputValue(), 'many', 'what was entered stays');
  await sound(page);
  await limit.fill('5000');
  await page.getByLabel('Cycles begin by themselves').uncheck();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('.toast').waitFor();
  assert.equal(await limit.inputValue(), '5000');
  assert.ok(!await page.getByLabel('Cycles begin by themselves').isChecked());
  await page.goto('/writebacks');
  await page.getByText('By hand').waitFor();
  await page.getByText(/messages left today/).waitFor();
  await page.goto(settings);
  await page.getByLabel('Cycles begin by themselves').check();
  await limit.fill('');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('.toast').waitFor();
});

test('without JavaScript the list, one retry and the retry of all work', async () => {
  await fail(1);
  const plain = await open(browser, demo, { javaScriptEnabled: false });
  await signIn(plain, demo);
  await plain.goto('/writebacks');
  await filter(plain, 'State').selectOption('error');
  await filter(plain, 'Decided from').fill(day(-1));
  await plain.getByRole('button', { name: 'Show', exact: true }).click();
  assert.equal(await rows(plain).count(), 2);
  await rows(plain).first().getByRole('link').first().click();
  await plain.getByRole('button', { name: 'Retry', exact: true }).click();
  await plain.locator('.toast').getByText('It is tried once more, now.').waitFor();
  await plain.goto('/writebacks');
  await plain.getByRole('link', { name: /^Retry 1 in Error/ }).click();
  await plain.getByRole('button', { name: 'Retry 1 writeback', exact: true }).click();
  await plain.getByText(/^1 writeback to .* goes out once more\./).waitFor();
  for (let tries = 0; tries < 60 && await figure(plain, 'Error') > 0; tries += 1) {
    await plain.waitForTimeout(250);
    await plain.goto('/writebacks');
  }
  assert.equal(await figure(plain, 'Error'), 0);
  await plain.context().close();
});

test('on a phone the list, a message, the preview and the settings fit, light and dark', async () => {
  await fail(1);
  for (const colorScheme of ['light', 'dark']) {
    const phone = await open(browser, demo, { viewport: PHONE, colorScheme });
    await signIn(phone, demo);
    await phone.goto('/writebacks?state=error');
    await sound(phone);
    const one = await rows(phone).first().getByRole('link').first().getAttribute('href');
    for (const path of [one, `${settings}/retry`, settings, `/writebacks?from=${day(0)}&until=${day(-2)}`]) {
      await phone.goto(path);
      await sound(phone);
      await accessible(phone, `${path} on a phone, ${colorScheme}`);
    }
    await phone.context().close();
  }
});
