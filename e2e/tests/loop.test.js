// The main job: sign in, lists, a sync with its progress, counts, people, books, a held run, a bridge.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sandbox, startDemo } from '../support/demo.js';
import { launch, number, open, openGroup, quiet, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser, page;

before(async () => {
  demo = await startDemo();
  browser = await launch();
  page = await open(browser, demo);
  page.javaScript = true;
});

after(async () => {
  await browser?.close();
  const code = await demo?.stop();
  assert.equal(code, 0, 'the demo stops cleanly');
});

test('a wrong password is refused, the right one opens the overview', async () => {
  await signIn(page, demo, 'not the password');
  await page.getByRole('alert').waitFor();
  await sound(page);
  assert.equal(await page.getByLabel('Email').inputValue(), demo.email, 'the address is kept');
  await signIn(page, demo);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await sound(page);
});

test('every active list is a target group, and a refresh keeps it so', async () => {
  await page.goto('/target-groups');
  await sound(page);
  const lists = (await sandbox(demo, '/lists')).filter((l) => l.active);
  for (const list of lists) await page.getByRole('cell').getByRole('link', { name: list.name, exact: true }).waitFor();
  await page.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await page.waitForLoadState();
  await runEnds(page);
  await page.goto('/target-groups');
  for (const list of lists) await page.getByRole('cell').getByRole('link', { name: list.name, exact: true }).waitFor();
});

test('a slow sync shows how far it is, and the page reaches its end by itself', async () => {
  await sandbox(demo, '/faults', { fault: 'slow_body', bytes_per_second: 150_000, procedure: 'usr_Rialto_ListMembers' });
  await openGroup(page, 'All members');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await page.getByRole('region', { name: 'Progress' }).waitFor();
  await page.getByText(/of 2,000/).first().waitFor();
  await page.locator('#progress [aria-current=step]').waitFor();
  await sound(page);
  await runEnds(page);
  await page.getByRole('heading', { name: /^Books/ }).waitFor();
  await fetch(`${demo.sandbox}/admin/faults`, { method: 'DELETE' });
  await sound(page);
});

test('a resync ends in books that balance', async () => {
  await openGroup(page, 'Newsletter');
  await sound(page);
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.getByRole('heading', { name: /^Books/ }).waitFor();
  await sound(page);
  const rows = page.locator('table.books tr');
  const sum = async (row, wanted) => {
    const cells = rows.nth(row).locator('td');
    const total = number(await cells.nth(0).innerText());
    const terms = (await cells.nth(1).innerText()).replaceAll(',', '').match(/[−+=]?\s*\d+/g);
    const found = terms.reduce((n, term) => n + (term.startsWith('−') ? -number(term) : number(term)), 0);
    assert.equal(total, found, `${wanted}: ${await rows.nth(row).innerText()}`);
    return total;
  };
  const read = await sum(0, 'rows read');
  await sum(1, 'members');
  await sum(2, 'leaving');
  const list = (await sandbox(demo, '/lists')).find((l) => l.code === 'NEWSLETTER');
  assert.equal(read, list.member_count);
});

test('the counts add up from what was read to who can be mailed', async () => {
  await openGroup(page, 'Newsletter');
  await sound(page);
  const rows = await page.locator('table.waterfall tr').evaluateAll((all) => all.map((row) => ({
    sum: row.classList.contains('sum'),
    sign: row.querySelector('.sign').textContent.trim(),
    label: row.querySelector('th').textContent.trim(),
    figure: Number(row.querySelector('td.num').textContent.replace(/[^\d]/g, '')),
  })));
  assert.ok(rows.length > 3, 'there are lines');
  let running = rows[0].figure;
  for (const row of rows.slice(1)) {
    if (row.sum) assert.equal(row.figure, running, `${row.label} is what the lines above leave`);
    else running += /[−–-]/.test(row.sign) ? -row.figure : row.figure;
  }
  assert.ok(rows.at(-1).sum, 'the last line is a sum');
});

test('subscribers are shown with their Remote ID, and can be searched', async () => {
  await openGroup(page, 'Newsletter');
  await page.getByRole('navigation', { name: 'Newsletter' }).getByRole('link', { name: /Subscribers/ }).click();
  await page.waitForLoadState();
  await sound(page);
  const [first] = await sandbox(demo, '/lists/NEWSLETTER/members?limit=1');
  const id = `${first.master_customer_id}-${first.sub_customer_id}`;
  await page.getByLabel('Address or Remote ID').fill(id);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForLoadState();
  await page.getByRole('cell').getByText(id).waitFor();
  await page.locator('table.stack tbody a').first().click();
  await page.waitForLoadState();
  await sound(page);
});

test('a plan shows names and changes nothing', async () => {
  await openGroup(page, 'Board');
  await page.getByRole('button', { name: 'Plan only' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.getByText('nothing was changed').waitFor();
  await sound(page);
  await openGroup(page, 'Board');
  await page.getByText('Nobody has come over yet.').waitFor();
});

async function heldRun(name, code, many) {
  await openGroup(page, name);
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  if (many) {
    await sandbox(demo, `/lists/${code}/remove`, { count: many });
    await heldRun(name, code, 0);
    await page.getByRole('region', { name: 'Decision' }).waitFor();
  }
}

test('a large removal waits; the button says how many, and approving removes them', async () => {
  await heldRun('Annual conference', 'CONFERENCE', 60);
  await sound(page);
  const button = page.getByRole('button', { name: /Remove 60 people/ });
  await button.click();
  await page.waitForLoadState();
  if (await page.getByRole('link', { name: 'Not now' }).count()) {
    await sound(page);
    await page.getByRole('button', { name: /Remove 60 people/ }).click();
    await page.waitForLoadState();
  }
  await runEnds(page);
  await sound(page);
  const list = (await sandbox(demo, '/lists')).find((l) => l.code === 'CONFERENCE');
  await openGroup(page, 'Annual conference');
  const facts = await page.locator('.facts').innerText();
  assert.equal(number(/([\d,]+) members/.exec(facts)[1]), list.member_count);
});

test('discarding keeps everybody', async () => {
  await openGroup(page, 'Annual conference');
  const members = async () => number(/([\d,]+) members/.exec(await page.locator('.facts').innerText())[1]);
  const before = await members();
  await heldRun('Annual conference', 'CONFERENCE', 50);
  await page.getByRole('region', { name: 'Decision' }).getByRole('button').last().click();
  await page.waitForLoadState();
  if (await page.getByRole('link', { name: 'Not now' }).count()) {
    await page.locator('main form button').click();
    await page.waitForLoadState();
  }
  await openGroup(page, 'Annual conference');
  assert.equal(await members(), before);
});

test('a bridge with faults is not saved, and nothing entered is lost', async () => {
  await page.goto('/admin/bridges');
  await page.getByRole('heading', { level: 1, name: 'Bridge Configuration' }).waitFor();
  await sound(page);
  await page.getByRole('link', { name: 'Add a bridge' }).click();
  await page.getByRole('link', { name: /Personify360/ }).click();
  await page.waitForLoadState();
  await sound(page);
  await page.getByLabel('Name', { exact: true }).fill('Second');
  await page.getByLabel('Service root').fill('https://crm.example/x.svc?a=1');
  await page.getByLabel('User name').fill('rialto');
  await page.getByLabel('Password').fill('secret-word');
  await page.getByRole('button', { name: 'Add the bridge' }).click();
  await page.getByRole('alert').waitFor();
  await sound(page);
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Second');
  assert.equal(await page.getByLabel('Service root').inputValue(), 'https://crm.example/x.svc?a=1');
  assert.ok(!(await page.content()).includes('secret-word'), 'a password is not sent back');
  quiet(page);
});

test('signing out ends it', async () => {
  await page.locator('summary', { hasText: 'You' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto('/target-groups');
  await page.getByRole('heading', { name: /Sign in/ }).waitFor();
});
