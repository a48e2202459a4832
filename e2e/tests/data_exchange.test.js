// Profile enrichment: greyed while nothing can be read, made by the wizard, looked at before it is enabled, edited only while disabled,
// reviewed after another destination; what is rejected is replayed after a mend.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, signIn, sound } from '../support/browser.js';
import { makeClub } from '../support/club.js';

let demo, browser, club;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(200), launch()]);
  const page = await open(browser, demo);
  await signIn(page, demo);
  club = await makeClub(page, demo);
  await page.context().close();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Asks until it holds, for at most ten seconds. */
async function until(what, holds) {
  for (let n = 0; n < 50; n += 1) {
    if (await holds()) return;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  throw new Error(`not within ten seconds: ${what}`);
}

const value = async (key, field) => (await club.rows(club.extension)).find((r) => r.key === key)?.values[field];

/** General properties and both ends of a new one; leaves at the field matching. */
async function toMatching(page, name, destination) {
  await page.goto('/data-exchange/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Folder path').fill('Club/2026');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByLabel('Destination', { exact: true }).selectOption({ label: destination });
  await page.getByLabel('Source', { exact: true }).selectOption({ label: '/club/west' });
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByRole('button', { name: 'Create' }).waitFor();
}

test('New is greyed with the reason while no stream connection is active', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  const streams = (await club.api('GET', '/streams')).items;
  for (const s of streams) await club.api('PATCH', `/streams/${s.id}`, { enabled: false });
  await page.goto('/data-exchange');
  await page.locator('summary', { hasText: 'New' }).click();
  const entry = page.getByRole('button', { name: 'Profile enrichment' });
  assert.ok(await entry.isDisabled());
  await page.getByText('No stream connection is active.').first().waitFor();
  await accessible(page, 'greyed');
  assert.equal((await page.goto('/data-exchange/new')).status(), 409);
  for (const s of streams) await club.api('PATCH', `/streams/${s.id}`, { enabled: true });
  await page.goto('/data-exchange');
  await page.locator('summary', { hasText: 'New' }).click();
  await page.locator('main').getByRole('link', { name: 'Profile enrichment', exact: true }).first().click();
  await page.waitForURL(/\/data-exchange\/new$/);
  await page.context().close();
});

test('the wizard makes one: nothing is lost on the way back, a wrong type is refused, the preview comes before enabling', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  await club.send('W-1', 1, { tier: 'Gold', email: 'w1@club.example' }, 5);
  await club.send('W-2', 1, { tier: 'Platinum Plus', email: 'w2@club.example' }, 7);
  await page.goto('/data-exchange/new');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByText('Enter 1 to 200 characters.').waitFor();
  await accessible(page, 'general, with a fault');
  await page.getByLabel('Name', { exact: true }).fill('Club points');
  await page.getByLabel('New labels').fill('club, nightly');
  await page.getByLabel('Name', { exact: true }).press('Enter');
  await page.getByLabel('Destination', { exact: true }).selectOption({ label: 'Club profile (extension, scope CLUB)' });
  await page.getByLabel('Source', { exact: true }).selectOption({ label: '/club/west' });
  await sound(page);
  await accessible(page, 'destination and source');
  await page.getByRole('button', { name: 'General' }).click();
  assert.equal(await page.getByLabel('New labels').inputValue(), 'club, nightly');
  await page.getByLabel('Description').fill('Points and tier of the club.');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  assert.match(await page.getByLabel('Destination', { exact: true }).evaluate((s) => s.selectedOptions[0].label), /^Club profile/);
  await page.getByRole('button', { name: 'Next', exact: true }).click();

  const tier = page.getByLabel('Tier is filled from');
  assert.equal(await tier.inputValue(), 'attributes.tier', 'equal names are suggested');
  await page.locator('tr', { has: tier }).getByText(/^Gold/).waitFor();
  const row = page.locator('tr', { has: page.getByLabel('Since is filled from') });
  await page.getByLabel('Since is filled from').selectOption('attributes.tier');
  await row.getByText('The source sends text here, and the field is of type date.').waitFor();
  await sound(page);
  await accessible(page, 'field matching, with a fault');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('Nothing was made yet.').waitFor();
  await page.getByRole('button', { name: 'Destination and source' }).click();
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  assert.equal(await page.getByLabel('Since is filled from').inputValue(), 'attributes.tier', 'what was matched is kept');
  await page.getByLabel('Since is filled from').selectOption('');
  await row.getByText('of type date').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Create' }).click();

  await page.waitForURL(/\/preview$/);
  await page.getByText('2 rows would be new, 1 rejection').waitFor();
  await page.getByText('longer than the 10 characters').waitFor();
  await sound(page);
  await accessible(page, 'preview');
  assert.deepEqual(await club.rows(club.extension), [], 'nothing is written before');
  await page.getByRole('button', { name: 'Enable' }).click();
  await page.getByRole('status').filter({ hasText: 'is enabled' }).waitFor();
  await until('the rows are there', async () => await value('W-1', 'tier') === 'Gold' && await value('W-2', 'points') === '7');

  await page.getByRole('link', { name: 'Properties' }).click();
  await page.getByText('Disable it first: it can be changed only while it is disabled.').waitFor();
  assert.equal(await page.getByLabel('Destination', { exact: true }).count(), 0);
  await page.getByText('club, nightly').first().waitFor();
  await sound(page);
  await accessible(page, 'properties, read-only');
  await page.getByRole('link', { name: 'Field matching' }).click();
  await page.getByText('Disable it first').waitFor();
  await sound(page);
  await accessible(page, 'field matching, read-only');
  await page.context().close();
});

async function openSync(page, name, tab) {
  await page.goto('/data-exchange');
  await page.getByRole('cell').getByRole('link', { name, exact: true }).click();
  if (tab) await page.locator('main').getByRole('link', { name: tab, exact: true }).click();
}

test('what comes is applied within a second; a rejected value is replayed after a mend', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  await openSync(page, 'Club points', 'History');
  await page.getByText('longer than the 10 characters').waitFor();
  await sound(page);
  await accessible(page, 'history');
  const before = Date.now();
  await club.send('W-1', 2, { tier: 'Silver', email: 'w1@club.example' }, 9);
  await until('the points rose', async () => await value('W-1', 'points') === '9');
  assert.ok(Date.now() - before < 5_000, 'near real time');
  // The page tells it by itself.
  await until('the history shows it', async () => {
    const cells = await page.locator('#live tbody td[data-label="Applied"]').allInnerTexts();
    return cells.reduce((sum, n) => sum + Number(n), 0) === 3;
  });

  await club.api('PATCH', `/audience-lists/${club.extension}/fields/2`, { length: 40 });
  await page.getByRole('checkbox', { name: /W-2/ }).check();
  await page.getByRole('button', { name: 'Replay those chosen' }).click();
  await until('the value is there', async () => await value('W-2', 'tier') === 'Platinum Plus');
  // The page tells that by itself too.
  await page.locator('tr', { hasText: 'W-2' }).getByText('Replayed').waitFor();
  await page.goto('/data-exchange/history');
  await page.getByRole('cell').getByRole('link', { name: 'Club points' }).first().waitFor();
  await sound(page);
  await accessible(page, 'history of all');
  await page.context().close();
});

test('another destination forces a review, and deleting keeps the rows', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  await page.goto('/data-exchange?label=club');
  await page.getByRole('button', { name: 'Disable Club points' }).click();
  await page.getByRole('status').filter({ hasText: 'is disabled' }).waitFor();
  await page.getByRole('link', { name: 'Edit Club points' }).click();
  await page.getByLabel('Destination', { exact: true }).selectOption({ label: 'Club (the list itself)' });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'What no longer fits' }).waitFor();
  await page.getByText('has no field with the API name points').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Enable' }).isDisabled());
  await sound(page);
  await accessible(page, 'review');
  await page.getByRole('button', { name: 'Confirm the field matching' }).click();
  await page.waitForURL(/\/preview$/);
  await page.getByRole('button', { name: 'Enable' }).click();
  await until('the list has rows', async () => (await club.rows(club.list)).length === 2);

  await page.goto('/data-exchange');
  await page.getByRole('link', { name: 'Delete Club points …' }).click();
  await page.getByRole('dialog').getByText('Disable it first').waitFor();
  await accessible(page, 'delete, while enabled');
  await page.getByRole('dialog').getByRole('button', { name: 'Disable Club points' }).click();
  await page.getByRole('link', { name: 'Delete …' }).click();
  await page.getByRole('dialog').getByText('What stays:').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete Club points' }).click();
  await page.getByRole('status').filter({ hasText: 'was deleted' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Club points', exact: true }).count(), 0);
  assert.equal((await club.rows(club.list)).length, 2, 'rows stay');
  await page.context().close();
});

test('on a phone without JavaScript the wizard works, and nothing moves sideways', async () => {
  const phone = await open(browser, demo, { viewport: PHONE, javaScriptEnabled: false });
  await signIn(phone, demo);
  await toMatching(phone, 'Club on a phone', 'Club profile (extension, scope CLUB)');
  await sound(phone);
  await phone.getByLabel('Since is filled from').selectOption('attributes.tier');
  await phone.getByRole('button', { name: 'Look at it' }).last().click();
  await phone.getByText('the field is of type date').waitFor();
  await sound(phone);
  await phone.getByRole('button', { name: 'Back' }).click();
  await phone.getByRole('button', { name: 'General' }).click();
  assert.equal(await phone.getByLabel('Name', { exact: true }).inputValue(), 'Club on a phone');
  await phone.getByRole('button', { name: 'Next', exact: true }).click();
  await phone.getByRole('button', { name: 'Next', exact: true }).click();
  await phone.getByLabel('Since is filled from').selectOption('');
  await phone.getByRole('button', { name: 'Create' }).click();
  await phone.waitForURL(/\/preview$/);
  const path = new URL(phone.url()).pathname.replace('/preview', '');
  await phone.getByRole('button', { name: 'Enable' }).click();
  for (const to of ['/data-exchange', '/data-exchange/history', path, `${path}/matching`, `${path}/preview`, `${path}/history`, `${path}/delete`]) {
    await phone.goto(to);
    await sound(phone);
  }
  await phone.goto('/data-exchange');
  await phone.getByRole('button', { name: 'Disable Club on a phone' }).click();
  await phone.getByRole('button', { name: 'Enable Club on a phone' }).waitFor();
  await phone.context().close();
});
