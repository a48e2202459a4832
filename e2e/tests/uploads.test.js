// Uploads as people do them: a file dropped or chosen, its columns looked at, the preview, the apply; unsubscribers; an export that comes back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  demo = await startDemo(400);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const csv = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });

/** Waits until an upload's page shows its plan. */
async function planned(page) {
  for (let n = 0; n < 60; n += 1) {
    if (await page.getByRole('heading', { name: /What would happen/ }).isVisible()) return;
    await page.waitForTimeout(500);
    if (n % 4 === 3) await page.reload();
  }
  throw new Error('the plan was not made');
}

async function figure(page, name) {
  const all = await page.locator('dl.figures > div').evaluateAll((rows) => rows.map((r) => [r.querySelector('dt').textContent, r.querySelector('dd').textContent]));
  return Number(Object.fromEntries(all)[name] ?? 0);
}

test('a file is dropped, its columns are chosen, looked at and applied', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  page.javaScript = true;
  await page.goto('/');
  await page.getByRole('link', { name: 'Upload', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Upload' }).waitFor();
  await page.getByText('Nothing was uploaded yet.').waitFor();
  await accessible(page, 'upload');
  await page.getByLabel('Name of the new target group').fill('Autumn fair');
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['Who;Contact;Stand\nAnn;ann@fair.example;1\nBob;bob@fair.example;2\nCee;nonsense;3\n'], 'fair.csv', { type: 'text/csv' }));
    return data;
  });
  await page.dispatchEvent('[data-drop]', 'drop', { dataTransfer: transfer });
  assert.equal(await page.getByLabel('File', { exact: true }).evaluate((input) => input.files[0]?.name), 'fair.csv');
  await page.getByRole('button', { name: 'Upload and look' }).click();
  await page.waitForURL(/\/subscribers\/uploads\//);
  await planned(page);
  assert.deepEqual([await figure(page, 'would join'), await figure(page, 'faulty lines')], [2, 1]);
  await page.getByText('Line 4: nonsense is no e-mail address.').waitFor();
  await page.getByText('separated by semicolon').waitFor();
  await accessible(page, 'an upload that waits');

  await page.getByLabel('Who is used for').selectOption('address');
  await page.getByRole('button', { name: 'Look again with these columns' }).click();
  await page.getByRole('alert').filter({ hasText: 'Another column is used for the same already' }).waitFor();
  await page.getByLabel('Who is used for').selectOption('ignore');
  await page.getByRole('button', { name: 'Look again with these columns' }).click();
  await planned(page);
  await page.getByRole('button', { name: 'Add 2 people to Autumn fair' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.getByText('2 joined, 0 left, 0 changed.').waitFor();
  await openGroup(page, 'Autumn fair');
  await page.getByRole('heading', { level: 1, name: /Autumn fair/ }).waitFor();
  await accessible(page, 'the target group of an upload');
  await page.context().close();
});

test('an export that is uploaded again changes nobody', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  page.javaScript = true;
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await openGroup(page, 'Newsletter');
  const path = new URL(page.url()).pathname;
  const before = await (await page.request.get(`${path}/subscribers/export.csv`)).text();
  const lines = before.trim().split('\r\n');
  assert.match(lines[0], /^Rialto ID,Address,Remote ID,.*Consent,Reason,Member of$/);
  assert.ok(lines.some((l) => l.includes(',no,Unsubscribed from remote system,')), 'reasons stand in words');

  await page.goto('/subscribers/upload');
  await page.getByLabel('Name of the new target group').fill('From an export');
  await page.getByLabel('File', { exact: true }).setInputFiles(csv('export.csv', before));
  await page.getByRole('button', { name: 'Upload and look' }).click();
  await page.waitForURL(/\/subscribers\/uploads\//);
  await planned(page);
  const rows = lines.length - 1;
  const all = await Promise.all(['lines read', 'would join', 'of them new here', 'would change', 'faulty lines'].map((name) => figure(page, name)));
  assert.deepEqual(all, [rows, rows, 0, 0, 0]);
  await page.getByRole('button', { name: /^Add .* to From an export$/ }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  const now = await (await page.request.get(`${path}/subscribers/export.csv`)).text();
  assert.equal(now.replaceAll('From an export; ', ''), before);
  await page.context().close();
});

test('unsubscribers on a phone without JavaScript: looked at first, then silent', async () => {
  const phone = await open(browser, demo, { viewport: PHONE, javaScriptEnabled: false });
  await signIn(phone, demo);
  await phone.goto('/subscribers/upload?kind=unsubscribers');
  await phone.getByLabel('Where this list comes from').fill('A letter of the chamber');
  await phone.getByLabel('File', { exact: true }).setInputFiles(csv('left.txt', 'ann@fair.example\nstranger@far.example\nnonsense\n'));
  await phone.getByRole('button', { name: 'Upload and look' }).click();
  await phone.waitForURL(/\/subscribers\/uploads\//);
  await planned(phone);
  await sound(phone);
  assert.deepEqual([await figure(phone, 'would be unsubscribed'), await figure(phone, 'of them new here')], [2, 1]);
  await phone.getByRole('button', { name: 'Unsubscribe 2 addresses' }).click();
  await phone.waitForURL(/\/sync-runs\//);
  await phone.getByText('2 addresses were unsubscribed, 1 of them new here.').waitFor({ timeout: 30_000 });
  await phone.goto('/subscribers?q=stranger@far.example');
  await phone.getByRole('row').filter({ hasText: 'Uploaded as unsubscribed' }).waitFor();
  await phone.goto('/subscribers/upload');
  await phone.getByRole('row').filter({ hasText: 'left.txt' }).filter({ hasText: 'Applied' }).waitFor();
  await sound(phone);
  await phone.context().close();
  const look = await open(browser, demo, { viewport: PHONE, bypassCSP: true });
  await signIn(look, demo);
  await look.goto('/subscribers/upload?kind=unsubscribers');
  await accessible(look, 'upload of unsubscribers on a phone');
  await look.context().close();
});

test('a file that is none is refused in words, and what was entered stays', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  await signIn(page, demo);
  await page.goto('/subscribers/upload');
  await page.getByLabel('Name of the new target group').fill('Old list');
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'old.xls', mimeType: 'application/vnd.ms-excel', buffer: Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 1, 2]) });
  await page.getByRole('button', { name: 'Upload and look' }).click();
  await page.getByRole('alert').filter({ hasText: 'old Excel file' }).waitFor();
  assert.equal(await page.getByLabel('Name of the new target group').inputValue(), 'Old list');
  await accessible(page, 'a refused upload');
  await page.context().close();
});
