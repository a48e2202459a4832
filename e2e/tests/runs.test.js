// Runs as a marketer follows and reviews them: told live, by name with what was and would be, sorted, turned, taken away.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sandbox, startDemo } from '../support/demo.js';
import { accessible } from '../support/axe.js';
import { PHONE, launch, open, openGroup, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser, page, held;

before(async () => {
  demo = await startDemo();
  browser = await launch();
  page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
});

after(async () => {
  await browser?.close();
  assert.equal(await demo?.stop(), 0, 'the demo stops cleanly');
});

async function resync(on, name) {
  await openGroup(on, name);
  await on.getByRole('button', { name: 'Resync Target Group' }).click();
  await on.waitForURL(/\/sync-runs\//);
}

/** A sync that takes some seconds, on this page; answers the paths asked for meanwhile. */
async function slowly(on, name) {
  await sandbox(demo, '/faults', { fault: 'slow_body', bytes_per_second: 300_000, procedure: 'usr_Rialto_ListMembers' });
  const asked = [];
  on.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await resync(on, name);
  await on.getByText(/of [\d,]+/).first().waitFor();
  await on.locator('#progress [aria-current=step]').waitFor();
  await runEnds(on);
  await fetch(`${demo.sandbox}/admin/faults`, { method: 'DELETE' });
  await on.getByRole('heading', { name: /^Books/ }).waitFor();
  return asked;
}

test('a run tells the page how far it is, and nothing is asked for while it does', async () => {
  const asked = await slowly(page, 'All members');
  assert.equal(asked.filter((path) => path.endsWith('/live')).length, 1, 'one stream');
  assert.ok(asked.filter((path) => path.endsWith('/progress')).length <= 1, `no polling beside it: ${asked.join(' ')}`);
  await sound(page);
});

test('where no stream comes through, the page asks, and reaches the end as well', async () => {
  const other = await open(browser, demo);
  other.javaScript = true;
  await other.route('**/live', (route) => route.abort());
  await signIn(other, demo);
  const asked = await slowly(other, 'All members');
  assert.ok(asked.filter((path) => path.endsWith('/progress')).length > 1, asked.join(' '));
  await other.context().close();
});

test('a browser that knows no streams asks too', async () => {
  const other = await open(browser, demo);
  other.javaScript = true;
  await other.addInitScript(() => { delete globalThis.EventSource; });
  await signIn(other, demo);
  const asked = await slowly(other, 'All members');
  assert.ok(asked.every((path) => !path.endsWith('/live')) && asked.some((path) => path.endsWith('/progress')), asked.join(' '));
  await other.context().close();
});

test('a held run names everybody with what is and what would be', async () => {
  await resync(page, 'Annual conference');
  await runEnds(page);
  await sandbox(demo, '/lists/CONFERENCE/remove', { count: 60 });
  await resync(page, 'Annual conference');
  await runEnds(page);
  held = new URL(page.url()).pathname;
  const first = page.locator('#changes tbody tr').first();
  assert.match((await first.innerText()).replace(/\s+/g, ' '), /Member → Not a member/);
  await accessible(page, 'a held run');
  await sound(page);
});

test('its people are sorted by name, turned there and back, and taken away as they are seen', async () => {
  const names = () => page.locator('#changes tbody td:first-child').allInnerTexts();
  await page.goto(`${held}?show=withheld`);
  await page.locator('#changes').getByRole('link', { name: 'Person', exact: true }).click();
  await page.locator('#changes th[aria-sort=ascending]').waitFor();
  const begin = await names();
  assert.equal(begin.length, 50);
  // Those without an address come first.
  const named = begin.filter((name) => name.trim() !== 'no address');
  assert.ok(named.length > 40 && begin.at(-1) === named.at(-1));
  assert.deepEqual(named, [...named].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)), 'by address');
  await page.getByRole('link', { name: 'Next', exact: true }).click();
  await page.getByRole('link', { name: 'Previous', exact: true }).waitFor();
  assert.equal((await names()).length, 10);
  await page.getByRole('link', { name: 'Previous', exact: true }).click();
  await page.waitForURL(/before=/);
  assert.deepEqual(await names(), begin, 'back where it began');
  assert.equal(await page.getByRole('link', { name: 'Previous', exact: true }).count(), 0);
  await page.goBack();
  await page.waitForURL(/after=/);
  assert.equal((await names()).length, 10, 'the browser’s own way back leads to the page before');

  await page.goto(`${held}?show=withheld`);
  await page.locator('#changes summary', { hasText: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'Changed fields' }).uncheck();
  await page.getByRole('button', { name: 'Show these' }).click();
  await page.waitForLoadState();
  assert.equal(await page.locator('#changes th', { hasText: 'Changed fields' }).count(), 0);
  const csv = await (await page.request.get(`${held}/export.csv?show=withheld&sort=address`)).text();
  const lines = csv.trim().split('\r\n');
  assert.equal(lines.length, 61);
  assert.ok(!lines[0].includes('Changed fields') && lines.some((line) => line.split(',')[1] === named[0].trim()), lines.slice(0, 2).join(' '));
  assert.match(lines[0], /^Rialto ID,Person,.*,Consent,Reason,Member of$/, 'and who they are here');
  assert.ok(lines.slice(1).every((line) => /^[0-9a-f-]{36},/.test(line)));
});

test('what a run changed reads well on a phone and to those who cannot see it', async () => {
  const phone = await open(browser, demo, { viewport: PHONE });
  await signIn(phone, demo);
  for (const path of [held, '/admin/schedules']) {
    await phone.goto(path);
    await accessible(phone, path);
    await sound(phone);
  }
  await phone.context().close();
});

test('a plan shows what would change of whom', async () => {
  await page.context().clearCookies({ name: 'rialto_columns_run-people' });
  await sandbox(demo, '/lists/CONFERENCE/regenerate', {});
  const [person] = await sandbox(demo, '/lists/CONFERENCE/members?limit=1');
  const id = `${person.master_customer_id}-${person.sub_customer_id}`;
  const patch = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ city: 'Quayside' }) };
  assert.equal((await fetch(`${demo.sandbox}/admin/people/${id.replace('-', '/')}`, patch)).status, 200);
  await openGroup(page, 'Annual conference');
  await page.getByRole('button', { name: 'Plan only' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.getByRole('link', { name: /^Would change/ }).click();
  await page.waitForURL(/plan_update/);
  const row = page.locator('#changes tbody tr', { hasText: id });
  assert.match((await row.innerText()).replace(/\s+/g, ' '), /City .* → Quayside/);
  await accessible(page, 'a plan');
  await sound(page);
});
