// Audience lists, profile extensions and streams: made with their fields, filled by events, looked at, exported, taken away.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, openGroup, quiet, runEnds, signIn, sound } from '../support/browser.js';
import { addUser, enterFields, makeExtension, makeList, makeStream, profile, sendEvents } from '../support/pages.js';

// The demo has a loyalty programme of its own: what is made here is about volunteers.
const UNIT = '/volunteers/vienna';
const KEY = ['Volunteer ID', 'text', 20];

let demo, browser, page, token, stream, list, extension, somebody;

/** A call of the API; answers its JSON. */
async function api(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch(`${demo.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** Sound and accessible, wide and on a phone, in both colours. */
async function looksRight(path, name) {
  for (const viewport of [DESKTOP, PHONE]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.goto(path);
      await sound(page);
      await accessible(page, `${name} at ${viewport.width} px, ${colorScheme}`);
    }
  }
  await page.setViewportSize(DESKTOP);
  await page.emulateMedia({ colorScheme: 'light' });
}

before(async () => {
  [demo, browser] = await Promise.all([startDemo(300), launch()]);
  page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  token = await adminToken();
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  somebody = (await api('GET', '/subscribers')).items.find((s) => s.address_state === 'usable');
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** A token for the API that may do everything. */
async function adminToken() {
  await page.goto('/settings/tokens/new');
  await page.getByLabel('Name', { exact: true }).fill('Tests');
  await page.getByLabel('Role').selectOption('admin');
  await page.getByRole('button', { name: 'Make the token' }).click();
  return page.getByLabel('Token of Tests').inputValue();
}

test('a list is made with typed fields, without JavaScript too, and nothing entered is lost', async () => {
  const plain = await open(browser, demo, { javaScriptEnabled: false });
  await signIn(plain, demo);
  await plain.goto('/lists/new');
  await plain.getByLabel('Name', { exact: true }).fill('Volunteers');
  await enterFields(plain, [['Member number', 'long'], ['Since', 'date', '', 'some day']]);
  await plain.getByRole('button', { name: 'More rows' }).click();
  await plain.getByLabel('Name of field 11', { exact: true }).fill('City');
  assert.equal(await plain.getByLabel('Default of field 2', { exact: true }).inputValue(), 'some day');
  await plain.getByRole('button', { name: 'Make the list' }).click();
  await plain.getByText('It is not a date (YYYY-MM-DD).').waitFor();
  assert.equal(await plain.getByLabel('Default of field 2', { exact: true }).getAttribute('aria-invalid'), 'true');
  assert.equal(await plain.getByLabel('Name of field 11', { exact: true }).inputValue(), 'City');
  await sound(plain);
  await plain.getByLabel('Default of field 2', { exact: true }).fill('2026-01-31');
  await plain.getByRole('button', { name: 'Make the list' }).click();
  await plain.getByRole('heading', { level: 1, name: 'Volunteers' }).waitFor();
  assert.deepEqual(await plain.locator('tbody td:first-child').allInnerTexts(), ['Member number', 'Since', 'City']);
  list = new URL(plain.url()).pathname.replace('/fields', '');
  await plain.context().close();
});

test('an extension stands beside it under a scope name, and fields are added, made longer and retired', async () => {
  extension = await makeExtension(page, list, 'HOURS', 'Volunteer profile', [KEY, ['Tier', 'text', 10, 'Basic'], ['Points', 'integer'], ['Email', 'text', 200]]);
  await page.getByRole('cell', { name: 'HOURS.tier' }).waitFor();
  assert.equal(await page.locator('nav.side a[aria-current]').first().innerText(), 'Profile extensions');
  await page.getByRole('link', { name: 'Add a field' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Last order');
  await page.getByLabel('Type').selectOption('datetime');
  await page.getByRole('button', { name: 'Add the field' }).click();
  await page.getByRole('cell', { name: 'HOURS.last_order' }).waitFor();
  await page.goto(`${extension}/fields/2`);
  await page.getByLabel('Length').fill('5');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').getByText('a field can become longer, not shorter').waitFor();
  await page.getByLabel('Length').fill('40');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'text(40)' }).waitFor();
  await page.locator('summary', { hasText: 'Actions for Last order' }).click();
  await page.getByRole('button', { name: 'Retire' }).click();
  await page.getByText('Last order is retired; its values are kept.').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Last order is in use again.').waitFor();
  await looksRight(`${extension}/fields`, 'fields');
  await looksRight(`${extension}/fields/2`, 'a field');
  await looksRight('/lists/extensions/new', 'a new extension');
});

test('the token of a stream is shown once, and its page says how to send an event', async () => {
  stream = await makeStream(page, 'Volunteer portal', UNIT);
  await accessible(page, 'token made');
  await page.goto(stream.href);
  assert.ok(!(await page.content()).includes(stream.token), 'shown once');
  const command = await page.getByLabel('Command that sends a test event').inputValue();
  assert.ok(command.includes(stream.address) && command.includes(`"source":"${UNIT}"`), command);
  await page.getByRole('button', { name: 'Copy the command' }).click();
  await page.getByRole('link', { name: 'Replace the token …' }).click();
  await page.getByRole('dialog').getByRole('heading', { name: 'Replace the token of Volunteer portal?' }).waitFor();
  await page.getByRole('dialog').getByRole('link', { name: 'Keep it' }).click();
});

test('events become rows that meet subscribers, and the stream tells what came', async () => {
  const sync = await api('POST', '/data-syncs', {
    name: 'Volunteer data', destination: extension.split('/').pop(), stream: stream.href.split('/').pop(), mode: 'upsert',
    match: { by: 'email', field: 'email' },
    mapping: [{ from: 'profileAltId', to: 'volunteer_id' }, { from: 'attributes.tier', to: 'tier' }, { from: 'metrics.points', to: 'points' }, { from: 'attributes.email', to: 'email' }],
  });
  await api('POST', `/data-syncs/${sync.id}/enable`);
  const member = (subject, tier, points, email) => profile(UNIT, subject, 1, { attributes: { tier, email }, metrics: { points } });
  const told = await sendEvents(stream, [
    member('VOL-1', '=Gold', 12450, somebody.email),
    member('VOL-2', null, -3, 'nobody@home.example'),
    profile('/volunteers/graz', 'VOL-3', 1, {}),
    { id: 'odd-1' },
  ]);
  assert.deepEqual([told.accepted, told.rejected.length], [2, 1]);
  const line = page.locator('tbody tr', { hasText: 'VOL-1' });
  for (let tries = 0; tries < 40 && await line.count() === 0; tries += 1) {
    await page.goto(extension);
    await page.waitForTimeout(250);
  }
  assert.deepEqual((await line.locator('td').allInnerTexts()).slice(0, 5), ['VOL-1', somebody.email, '=Gold', '12450', somebody.email]);
  const other = page.locator('tbody tr', { hasText: 'VOL-2' });
  assert.deepEqual((await other.locator('td').allInnerTexts()).slice(1, 4), ['nobody yet', 'Basic default', '-3']);
  await page.getByText('2 rows; 1 meets a subscriber, 1 meets nobody yet').waitFor();
  await looksRight(extension, 'rows');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download CSV' }).click();
  const csv = (await readFile(await (await download).path(), 'utf8')).split('\r\n');
  assert.equal(csv[1], `VOL-1,${somebody.email},'=Gold,12450,${somebody.email},`, 'safe to open in a spreadsheet');
  await page.getByLabel('Key, address or Remote ID').fill(somebody.email.toUpperCase());
  await page.getByRole('button', { name: 'Search' }).click();
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.locator('tbody tr').getByRole('link', { name: somebody.email }).click();
  await page.waitForURL(new RegExp(`/subscribers/${somebody.id}$`));

  await page.goto(`${extension}/usage`);
  await page.getByRole('link', { name: 'Volunteer data' }).waitFor();
  await looksRight(`${extension}/usage`, 'usage');
  await page.goto(stream.href);
  await page.locator('h1 .chip', { hasText: 'Receiving' }).waitFor();
  await page.locator('tr', { hasText: 'Volunteer data' }).getByText('Through').waitFor();
  await page.locator('.facts', { hasText: '2 taken so far' }).getByText('1 of other business units passed over, the last of /volunteers/graz').waitFor();
  await page.getByRole('link', { name: 'Fields seen' }).click();
  await page.locator('tr', { hasText: 'metrics.points' }).getByText('integer').waitFor();
  await page.getByRole('link', { name: 'Rejected' }).click();
  await page.getByText('1 open.').waitFor();
  await page.locator('tr', { hasText: 'odd-1' }).getByText('specversion').waitFor();
  await page.getByRole('button', { name: 'Put all aside' }).click();
  await page.getByText('1 rejected event was put aside.').waitFor();
  for (const tab of ['', '/fields', '/rejected', '/edit']) await looksRight(`${stream.href}${tab}`, `stream${tab}`);
  await looksRight('/admin/streams', 'streams');
});

test('what is in use cannot be deleted, and what nobody uses can', async () => {
  await page.goto(`${extension}/settings`);
  await page.getByRole('link', { name: 'Delete …' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Volunteer profile cannot be deleted yet' }).waitFor();
  await dialog.getByRole('link', { name: 'the data sync Volunteer data' }).waitFor();
  await looksRight(`${list}/settings`, 'settings');
  const spare = await makeList(page, 'For nothing', [KEY]);
  await page.goto(`${spare}/delete`);
  await page.getByRole('button', { name: 'Delete For nothing' }).click();
  await page.getByText('For nothing was deleted with its rows.').waitFor();
  await looksRight('/lists', 'lists');
  await looksRight('/lists/new', 'a new list');
  await page.goto(`${stream.href}/delete`);
  await page.getByRole('button', { name: 'Delete Volunteer portal' }).click();
  await page.getByText('The data sync Volunteer data reads this connection.').waitFor();
});

test('a marketer edits lists and only looks at streams', async () => {
  await addUser(page, 'bob.lindner@rialto.example');
  const bob = await open(browser, demo);
  await signIn(bob, { ...demo, email: 'bob.lindner@rialto.example' }, 'seven slow herons');
  await bob.goto(stream.href);
  assert.equal(await bob.locator('main form[method=post], main a[href$="/token"]').count(), 0);
  assert.equal((await bob.goto(`${stream.href}/edit`)).status(), 403);
  await bob.goto(`${extension}/fields`);
  await bob.getByRole('link', { name: 'Add a field' }).waitFor();
  quiet(bob);
  await bob.context().close();
});
