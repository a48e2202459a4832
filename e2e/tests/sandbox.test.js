// The simulated Personify360, played by hand in a real browser, without a script of its own.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, launch, number, sound } from '../support/browser.js';
import { sandbox, startDemo } from '../support/demo.js';
import { define, openRemote, picture } from '../support/remote.js';

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(800), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** The time in a fact such as "5 minutes ago (2026-03-02 08:00:05 UTC)". */
async function regenerated(page) {
  const fact = await page.locator('dd', { has: page.locator('#age') }).innerText();
  return Date.parse(`${/\((.*) UTC\)/.exec(fact)[1].replace(' ', 'T')}Z`);
}

test('a constituent is created, found, and their permission changed with the wrench', async () => {
  const page = await openRemote(browser, demo);
  await page.goto('/');
  await page.getByRole('link', { name: 'CRM360' }).first().click();
  await page.getByRole('link', { name: 'Create New Constituent' }).click();
  await page.getByLabel('First name').fill('Orsolya');
  await page.getByLabel('Last name').fill('Tarnwick');
  await page.getByLabel('Primary e-mail address').fill('orsolya.tarnwick@lumora.example');
  await page.getByLabel('City').fill('Mossbridge');
  await page.getByLabel('State').fill('OR');
  await page.getByLabel('Member').check();
  await sound(page);
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('The constituent was created.').waitFor();
  const remoteId = await page.locator('h1 .id').innerText();
  await sound(page);

  for (const words of ['tarnwick', remoteId.split('-')[0], 'orsolya.tarnwick@']) {
    await page.getByRole('link', { name: 'CRM360' }).first().click();
    await page.getByLabel(/Name, city, Master Customer ID/).fill(words);
    await page.getByRole('button', { name: 'Search' }).click();
    assert.equal(await page.locator('tbody tr').count(), 1, words);
    await sound(page);
  }
  await page.getByRole('link', { name: 'Orsolya Tarnwick' }).click();
  assert.equal(await page.getByText('E-mail allowed').count(), 1);
  await page.getByText('Wrench: e-mail permission').click();
  assert.equal(await page.getByLabel('Do Not Solicit by Email').isChecked(), false);
  await page.getByLabel('Allow Solicitation').uncheck();
  await picture(page, 'wrench-1280');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Do Not Solicit by Email is on as well.').first().waitFor();
  await page.getByText('Wrench: e-mail permission').click();
  assert.equal(await page.getByLabel('Do Not Solicit by Email').isChecked(), true);
  assert.equal(await page.getByLabel('Allow Solicitation').isChecked(), false);
  const [master, sub] = remoteId.split('-');
  const held = await sandbox(demo, `/people/${master}/${sub}`);
  assert.deepEqual([held.allow_email, held.allow_solicitation], [false, false]);

  // On no list until the lists are regenerated.
  const row = page.getByRole('row', { name: /^All members/ });
  assert.match(await row.innerText(), /No\s+Will enter/);
  await page.context().close();
});

test('a list keeps its age until MKT600 runs with its frequency', async () => {
  const page = await openRemote(browser, demo);
  await page.goto('/lists');
  await sound(page);
  await page.getByRole('link', { name: 'Lapsed members' }).click();
  const before = await regenerated(page);
  const members = number(await page.locator('dd', { hasText: 'Show members' }).innerText());
  await page.getByLabel('Regeneration Frequency').selectOption('QUARTERLY');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  assert.equal(await page.getByLabel('Regeneration Frequency').inputValue(), 'QUARTERLY');
  assert.equal((await sandbox(demo, '/lists/LAPSED')).regeneration_frequency, 'QUARTERLY');
  const { will_leave: leaving } = await sandbox(demo, '/lists/LAPSED/qualify', { member: false, count: 3 });
  assert.equal(leaving, 3);
  await page.reload();
  await page.getByText('0 enter, 3 leave').waitFor();

  await page.getByRole('link', { name: 'Job Scheduling' }).click();
  await page.getByRole('link', { name: 'Create New' }).click();
  await page.getByLabel('Set-up code (MKT600)').selectOption('QUARTERLY');
  await page.getByLabel('Schedule pattern').selectOption('monthly');
  await page.getByLabel('End date (UTC), if any').fill('2001-01-01T00:00');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The end date lies before the begin date.').waitFor();
  assert.equal(await page.getByLabel('Schedule pattern').inputValue(), 'monthly', 'nothing is lost on error');
  await page.getByLabel('End date (UTC), if any').fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The job was scheduled.').waitFor();
  await sound(page);
  // The list bears the time of the run, in whole seconds.
  await page.waitForTimeout(1100);
  await page.getByRole('button', { name: 'Run now job 1' }).click();
  await page.getByRole('heading', { name: 'Run 1 MKT600, QUARTERLY' }).waitFor();
  const log = await page.getByRole('row', { name: /LAPSED/ }).innerText();
  assert.match(log, new RegExp(`Regenerated\\s+${members - 3} members`));
  await sound(page);
  await page.getByRole('link', { name: 'LAPSED' }).click();
  assert.ok(await regenerated(page) > before, 'the list became younger');
  await page.getByText('nothing changes').waitFor();
  await page.getByRole('link', { name: 'Show members' }).click();
  await sound(page);
  const young = (await sandbox(demo, '/lists/NEWSLETTER/status')).last_regenerated;
  assert.ok(Date.parse(young) < Date.now() - 1000, 'a daily list is left alone by a quarterly job');
  await page.context().close();
});

test('faults are switched on and off with a count', async () => {
  const page = await openRemote(browser, demo);
  await page.goto('/faults');
  await sound(page);
  await page.getByRole('button', { name: 'Switch on Server error' }).click();
  const card = page.locator('#server_error');
  await card.getByText('On', { exact: true }).waitFor();
  await picture(page, 'fault-on-1280');
  await sound(page);
  const metadata = `${demo.sandbox}/PersonifyDataServices/PersonifyData.svc/$metadata`;
  const headers = { authorization: `Basic ${Buffer.from('rialto:sandbox').toString('base64')}` };
  assert.equal((await fetch(metadata, { headers })).status, 503);
  await page.reload();
  await card.getByText('shown 1×').waitFor();
  await page.getByRole('button', { name: 'Switch off Server error' }).click();
  assert.equal((await fetch(metadata, { headers })).status, 200);
  assert.deepEqual(await sandbox(demo, '/faults'), []);
  await page.context().close();
});

test('every page is sound at both widths, light and dark, without a script', async () => {
  const list = { code: 'WAITING', name: 'Waiting for MKT510', frequency: 'WEEKLY', selection: 'west' };
  await define(demo, list);
  const paths = {
    home: '/', crm: '/crm360', search: '/crm360?q=mossbridge', new: '/crm360/new', constituent: '/crm360/000000000007/0',
    contact: '/crm360/000000000007/0/contact', lists: '/lists', list: '/lists/WAITING', 'list-new': '/lists/new',
    members: '/lists/NEWSLETTER/members', jobs: '/jobs', 'job-new': '/jobs/new', faults: '/faults', setup: '/admin/setup',
    run: '/jobs/runs/1', nowhere: '/nowhere',
  };
  const ways = [
    ['1280', {}], ['1280-dark', { colorScheme: 'dark' }], ['390', { viewport: PHONE, isMobile: true }],
    ['390-dark', { viewport: PHONE, colorScheme: 'dark', javaScriptEnabled: false }],
  ];
  for (const [way, options] of ways) {
    const page = await openRemote(browser, demo, options);
    for (const [name, path] of Object.entries(paths)) {
      const answer = await page.goto(path);
      assert.ok(answer.headers()['content-security-policy'].startsWith("default-src 'none'"), path);
      assert.equal(await page.locator('script').count(), 0, path);
      await sound(page);
      await picture(page, `${name}-${way}`);
    }
    await page.context().close();
  }
});
