// A bridge's pages: its attributes, its schedule, its health; what the installation may change; and who changed what.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser, page, bridge;

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
  page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto('/admin/bridges');
  await page.locator('h2 a').first().click();
  bridge = new URL(page.url()).pathname;
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const attributes = () => page.goto(`${bridge}/fields`);

test('an attribute gets a name and a default, and an undo takes them back', async () => {
  await attributes();
  await page.getByLabel('Display name of CITY').fill('Home town');
  await page.getByLabel('Default of JOB_TITLE').fill('friend of the house');
  await page.getByLabel('Comment on STATE').fill('two <letters>');
  await page.getByLabel('COUNTRY_CODE is shown').uncheck();
  await page.getByRole('button', { name: 'Save the attributes' }).click();
  await page.locator('.toast').getByText('4 attributes were changed.').waitFor();
  assert.equal(await page.getByLabel('Display name of CITY').inputValue(), 'Home town');
  assert.equal(await page.getByLabel('Comment on STATE').inputValue(), 'two <letters>');
  await sound(page);
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await page.locator('.toast').getByText('4 attributes were changed.').waitFor();
  assert.equal(await page.getByLabel('Display name of CITY').inputValue(), '');
  assert.ok(await page.getByLabel('COUNTRY_CODE is shown').isChecked());
});

test('a default that does not fit its type is refused beside the field, and nothing entered is lost', async () => {
  await attributes();
  await page.getByLabel('Default of MEMBER_NUMBER').fill('many');
  await page.getByLabel('Default of MEMBER_SINCE').fill('long ago');
  await page.getByLabel('Display name of STATE').fill('first NAME');
  await page.getByRole('button', { name: 'Save the attributes' }).click();
  await page.getByRole('alert').getByText('3 entries need another look. Nothing was saved yet.').waitFor();
  await page.getByText('Enter a whole number, such as 12.').waitFor();
  await page.getByText('Enter a date such as 2026-01-31').waitFor();
  await page.getByText('The field FIRST_NAME has this name already.').waitFor();
  assert.equal(await page.getByLabel('Default of MEMBER_NUMBER').inputValue(), 'many');
  await sound(page);
  await accessible(page, 'attributes with faults');
  await attributes();
  assert.equal(await page.getByLabel('Default of MEMBER_NUMBER').inputValue(), '', 'nothing was saved');
});

test('a person without a value shows the default, under the display name; a refresh keeps both', async () => {
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await attributes();
  await page.getByLabel('Display name of JOB_TITLE').fill('Occupation');
  await page.getByLabel('Default of JOB_TITLE').fill('friend of the house');
  await page.getByRole('button', { name: 'Save the attributes' }).click();
  await page.locator('.toast').waitFor();
  await page.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await page.waitForURL(`**${bridge}`);
  await page.locator('.button.busy').waitFor({ state: 'detached' });
  await attributes();
  assert.equal(await page.getByLabel('Display name of JOB_TITLE').inputValue(), 'Occupation');
  await openGroup(page, 'Newsletter');
  await page.goto(`${new URL(page.url()).pathname}/subscribers`);
  const people = await page.locator('td[data-label=Address] a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  let seen = { own: 0, default: 0 };
  for (const href of people) {
    const text = await (await page.request.get(href)).text();
    const value = text.match(/<dt>Occupation<\/dt><dd>([^<]*)(<span[^>]*>default, none known)?/);
    assert.ok(value, `${href} has no Occupation`);
    if (value[2]) assert.equal(value[1].trim(), 'friend of the house');
    seen = value[2] ? { ...seen, default: seen.default + 1 } : { ...seen, own: seen.own + 1 };
  }
  assert.ok(seen.own > 0 && seen.default > 0, JSON.stringify(seen));
});

test('the schedule takes a time and a zone of its own, says the next ten in the reader’s zone, and runs now', async () => {
  await page.goto(`${bridge}/schedule`);
  const next = page.locator('section[aria-labelledby=next] li');
  assert.equal(await next.count(), 10);
  await page.getByLabel('Time of day').fill('26:00');
  await page.getByLabel('Time zone').fill('Europe/Atlantis');
  await page.getByRole('button', { name: 'Save the schedule' }).click();
  await page.getByText('Enter a time of day such as 02:00.').waitFor();
  await page.locator('#zone-fault').waitFor();
  assert.equal(await page.getByLabel('Time zone').inputValue(), 'Europe/Atlantis');
  await sound(page);
  await page.getByLabel('Time of day').fill('03:30');
  await page.getByLabel('Time zone').fill('Asia/Tokyo');
  await page.getByRole('button', { name: 'Save the schedule' }).click();
  await page.locator('.toast').getByText('The schedule was saved.').waitFor();
  await page.getByText('It happens at 03:30, Asia/Tokyo.').waitFor();
  // Half past three in Tokyo is half past six in the evening before in the demo's zone.
  assert.match(await next.first().innerText(), /18:30 UTC/);
  await page.getByLabel('Every night').uncheck();
  await page.getByRole('button', { name: 'Save the schedule' }).click();
  await page.getByText('Nothing, while the schedule is paused.').waitFor();
  await page.goto('/admin/schedules');
  await page.locator('tr', { hasText: 'Overnight sync' }).getByText('Paused').waitFor();
  await page.getByRole('link', { name: /^Overnight sync/ }).click();
  await page.getByLabel('Every night').check();
  await page.getByRole('button', { name: 'Save the schedule' }).click();
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await page.getByText('It is paused.').waitFor();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.locator('.toast').getByText('Begun').waitFor();
  const past = page.locator('section[aria-labelledby=past] tbody tr');
  await past.first().getByText('Done').waitFor({ timeout: 60_000 });
  await past.first().getByText(demo.email).waitFor();
  await past.first().getByRole('link', { name: 'The lists' }).waitFor();
  await sound(page);
});

test('Check Bridge Status tests a bridge in place', async () => {
  await page.goto('/admin/status');
  await page.getByRole('button', { name: /^Test Personify360/ }).click();
  await page.waitForURL('**/admin/status');
  await page.getByText('The remote system answers:').waitFor({ timeout: 60_000 });
  await page.getByText('The bridge is in order.').waitFor();
  await sound(page);
  await page.getByRole('link', { name: 'Personify360 (sandbox)' }).click();
  await page.locator('dl.about', { hasText: 'Last test' }).getByText(`by ${demo.email}`).first().waitFor();
});

test('the trust gate’s thresholds change here, the rest says where', async () => {
  await page.goto('/settings');
  await page.getByLabel(/People a sync may remove/).fill('many');
  await page.getByRole('button', { name: 'Save the settings' }).click();
  await page.getByText('Enter a whole number, or nothing').waitFor();
  await page.getByLabel(/People a sync may remove/).fill('2500');
  await page.getByRole('button', { name: 'Save the settings' }).click();
  await page.getByText('more than 2,500 people and more than 10 %').waitFor();
  await page.locator('tr', { hasText: 'instance.timezone' }).getByText('configuration file').waitFor();
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await page.getByText('more than 10 people and more than 10 %').waitFor();
  await sound(page);
});

test('the audit says who did what, by object and by person', async () => {
  await page.goto('/settings/audit?object=schedule');
  const rows = page.locator('tbody tr');
  assert.ok(await rows.count() >= 4);
  assert.ok((await rows.locator('td[data-label=On]').allInnerTexts()).every((t) => t.trim() === 'schedule'));
  await page.locator('select[name=object]').selectOption('setting');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  assert.match(await rows.first().innerText(), /setting\.set[^]*trust\.max_removed/);
  assert.equal(await rows.count(), 2);
  const csv = await (await page.request.get('/settings/audit/export.csv?object=setting')).text();
  assert.equal(csv.trim().split('\r\n').length, 3);
  await page.goto(`/settings/audit?actor=${encodeURIComponent(`user:${demo.email}`)}&object=bridge`);
  assert.ok((await rows.locator('td[data-label=Action]').allInnerTexts()).every((t) => t.trim() === 'bridge_field.update'));
  await sound(page);
});
