// One person: the verdict and its proof, unsubscribed and subscribed again on their word, and what runs changed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { sandbox, startDemo } from '../support/demo.js';
import { PHONE, launch, open, openGroup, quiet, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser, page;

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
  page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  await resync('Newsletter');
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function resync(name) {
  await openGroup(page, name);
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
}

/** The address of the first person who stands on a line of the Newsletter's waterfall. */
async function someone(line, n = 0) {
  await openGroup(page, 'Newsletter');
  await page.goto(`${new URL(page.url()).pathname}/subscribers?line=${line}`);
  return page.locator('td[data-label=Address] a').nth(n).getAttribute('href');
}

test('the verdict comes first, as a sentence, with its proof beneath', async () => {
  await page.goto(await someone('remote_flag'));
  await page.getByRole('heading', { name: /^May we mail .+\?$/ }).waitFor();
  await page.getByText('No, because Personify360 (sandbox) says no to mail for this record.').waitFor();
  const proof = page.locator('.reasons li');
  await proof.getByText('Unsubscribed from remote system', { exact: false }).first().waitFor();
  await proof.getByText('Only that system can change it').waitFor();
  await proof.getByRole('link', { name: 'a run' }).click();
  await page.getByRole('heading', { level: 1, name: 'People of Newsletter' }).waitFor();
  await page.goto(await someone('mailable'));
  await page.getByText('Yes. Nothing stands against it').waitFor();
  await page.getByText('Source: Personify360 integration').waitFor();
  await sound(page);
});

test('unsubscribing says what will happen, wants reason and evidence, and works without JavaScript', async () => {
  const plain = await open(browser, demo, { javaScriptEnabled: false, viewport: PHONE });
  await signIn(plain, demo);
  const href = await someone('mailable', 1);
  await plain.goto(href);
  await plain.getByRole('link', { name: 'Unsubscribe …' }).click();
  await plain.getByText('No mail goes to this record any more').waitFor();
  await plain.getByText('count there as unsubscribed').waitFor();
  // A browser would not send blanks for what is required; somebody else might.
  await plain.getByLabel('Reason').fill('   ');
  await plain.getByLabel('Evidence').fill('Ticket 4711');
  await plain.getByRole('button', { name: /^Unsubscribe / }).click();
  await plain.locator('#reason-fault').getByText('Enter 1 to 1000 characters.').waitFor();
  assert.equal(await plain.getByLabel('Evidence').inputValue(), 'Ticket 4711', 'nothing entered is lost');
  await sound(plain);
  await plain.getByLabel('Reason').fill('Asked <on> the phone');
  await plain.getByRole('button', { name: /^Unsubscribe / }).click();
  await plain.locator('.toast').getByText('Unsubscribed: this record and its address, in every source.').waitFor();
  await plain.getByText('No, because they unsubscribed here.').waitFor();
  const proof = plain.locator('.reasons li');
  await proof.getByText(`by ${demo.email}. Reason: Asked <on> the phone. Evidence: Ticket 4711`).waitFor();
  await sound(plain);
  await plain.goto(`${href}/unsubscribe`);
  await plain.getByText('They are unsubscribed already.').waitFor();
  assert.equal(await plain.getByRole('button', { name: /^Unsubscribe/ }).count(), 0);

  await plain.goto(href);
  await plain.getByRole('link', { name: 'Resubscribe …' }).click();
  await plain.getByText('Lifted, for the record and its address: Unsubscribed here.').waitFor();
  await plain.getByText('Afterwards they may be mailed.').waitFor();
  await plain.getByLabel('Reason').fill('Changed their mind');
  await plain.getByLabel('Evidence').fill('Letter of 3 March');
  await plain.getByRole('button', { name: /^Resubscribe / }).click();
  await plain.locator('.toast').getByText('May be mailed.').waitFor();
  await plain.getByText('Yes. Nothing stands against it').waitFor();
  const acts = plain.locator('section[aria-labelledby=ledger] tbody tr');
  assert.equal(await acts.count(), 2);
  assert.match(await acts.first().innerText(), /lifted[^]*Changed their mind[^]*Letter of 3 March/);
  await plain.context().close();
});

test('what the remote system said stays, and the page says so before', async () => {
  const href = await someone('remote_flag');
  await page.goto(`${href}/resubscribe`);
  await page.getByText('there is nothing to lift').waitFor();
  await page.getByText('Only that system can change it').waitFor();
  assert.equal(await page.getByRole('button', { name: /^Resubscribe/ }).count(), 0);
  await sound(page);
});

test('a change by a run shows what stood there before and then, on the person and in the export', async () => {
  const href = await someone('mailable', 2);
  await page.goto(href);
  const id = (await page.locator('.facts code').innerText()).trim();
  const city = async () => (await page.locator('dl.about', { hasText: 'City' }).locator('dt:text-is("City") + dd').innerText()).trim();
  const first = await city();
  for (const name of ['Old Quay', 'New Quay']) {
    const patch = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ city: name }) };
    const answer = await fetch(`${demo.sandbox}/admin/people/${id.replace('-', '/')}`, patch);
    assert.equal(answer.status, 200, await answer.text());
    await sandbox(demo, '/lists/NEWSLETTER/regenerate', {});
    await resync('Newsletter');
  }
  const run = new URL(page.url()).pathname;
  await page.goto(href);
  assert.equal(await city(), 'New Quay');
  const changes = page.locator('section[aria-labelledby=history] tbody tr', { hasText: 'Changed' });
  assert.match((await changes.nth(0).innerText()).replace(/\s+/g, ' '), /City Old Quay → New Quay/);
  assert.match((await changes.nth(1).innerText()).replace(/\s+/g, ' '), new RegExp(`City ${first} → Old Quay`));
  await accessible(page, 'a person with a history');
  const csv = await (await page.request.get(`${run}/export.csv?show=changed`)).text();
  assert.match(csv, /City: Old Quay → New Quay/);
  assert.equal(csv.trim().split('\r\n').length, 2, csv);
  quiet(page);
});
