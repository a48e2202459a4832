// A marketer's work with target groups: folders, Info, groups made of others, splits. With JavaScript and without.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sandbox, startDemo } from '../support/demo.js';
import { PHONE, launch, number, open, openGroup, quiet, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  demo = await startDemo(600);
  browser = await launch();
  const page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  for (const name of ['Newsletter', 'Board', 'All members']) {
    await openGroup(page, name);
    await page.getByRole('button', { name: 'Resync Target Group' }).click();
    await page.waitForURL(/\/sync-runs\//);
    await runEnds(page);
  }
  await page.context().close();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Everything here must work in both ways. */
function both(name, act) {
  for (const javaScriptEnabled of [true, false]) {
    test(`${name}${javaScriptEnabled ? '' : ', without JavaScript'}`, async () => {
      const page = await open(browser, demo, { javaScriptEnabled });
      page.javaScript = javaScriptEnabled;
      await signIn(page, demo);
      await act(page, javaScriptEnabled ? 'A' : 'B');
      quiet(page);
      await page.context().close();
    });
  }
}

const menu = async (page, name, entry) => {
  await page.locator('summary').filter({ hasText: new RegExp(`^⋯Actions for ${name}$`) }).click();
  const shown = page.locator('details.menu[open] .pop');
  await shown.getByRole(/^(Sync|Plan only)$/.test(entry) ? 'button' : 'link', { name: entry, exact: true }).click();
};

const tree = (page) => page.getByRole('navigation', { name: 'Folders', exact: true });
const row = (page, name) => page.locator('main tbody tr').filter({ has: page.getByRole('link', { name, exact: true }) });

/** Loads until `what` is there: what runs behind a page comes by itself with JavaScript, and by its own reload without. */
async function comes(page, what) {
  const deadline = Date.now() + 30_000;
  while (await what.count() === 0) {
    assert.ok(Date.now() < deadline, `${what} does not come: ${await page.locator('main').innerText()}`);
    await page.waitForTimeout(250);
    await page.reload();
  }
}

both('a folder is made, a group moved into it and back, and only an empty folder goes', async (page, n) => {
  await page.goto('/target-groups');
  await tree(page).getByRole('link', { name: 'New folder …' }).click();
  await page.locator('#folder-name').fill(`Autumn ${n}/x`);
  await page.getByRole('button', { name: 'Make the folder' }).click();
  await page.getByText('Enter one name, without /.').waitFor();
  await page.locator('#folder-name').fill(`Autumn ${n}`);
  await page.getByRole('button', { name: 'Make the folder' }).click();
  await page.getByRole('heading', { level: 1, name: `Autumn ${n}` }).waitFor();
  await page.getByText('Nothing stands in this folder yet.').waitFor();
  await sound(page);

  await page.goto('/target-groups');
  const from = await row(page, 'Board').locator('small').first().innerText();
  await menu(page, 'Board', 'Move …');
  await page.getByRole('combobox', { name: 'Folder', exact: true }).selectOption(`Autumn ${n}`);
  await page.getByRole('button', { name: 'Move', exact: true }).click();
  const toast = page.getByRole('status').filter({ hasText: `Board was moved to Autumn ${n}` });
  await toast.waitFor();
  assert.equal(new URL(page.url()).pathname, '/target-groups', 'back where it was asked');
  assert.equal(await row(page, 'Board').locator('small').first().innerText(), `Autumn ${n}`);
  assert.match(await tree(page).getByRole('link', { name: new RegExp(`^Autumn ${n}`) }).innerText(), /1$/);

  // Not empty: it cannot be deleted, and says so.
  await tree(page).getByRole('link', { name: new RegExp(`^Autumn ${n}`) }).click();
  await page.waitForURL(/folder=/);
  assert.equal(await page.locator('main tbody tr').count(), 1);
  assert.equal(await page.getByRole('button', { name: 'Refresh Target Group List' }).count(), 0, 'no bridge has its section here');
  await menu(page, `the folder Autumn ${n}`, 'Delete …');
  await page.getByText('It holds 1 target group and 0 folders').waitFor();
  assert.equal(await page.getByRole('button', { name: /^Delete / }).count(), 0);

  await page.goto(`/target-groups?folder=Autumn+${n}`);
  await menu(page, 'Board', 'Move …');
  await page.getByRole('combobox', { name: 'Folder', exact: true }).selectOption(from);
  await page.getByRole('button', { name: 'Move', exact: true }).click();
  await page.getByRole('status').getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('status').filter({ hasText: `Board was moved to Autumn ${n}` }).waitFor();
  await page.getByRole('status').getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('status').filter({ hasText: `Board was moved to ${from}` }).waitFor();
  await menu(page, `the folder Autumn ${n}`, 'Rename or move …');
  await page.locator('#folder-name').fill(`Winter ${n}`);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: `Winter ${n}` }).waitFor();
  await menu(page, `the folder Winter ${n}`, 'Delete …');
  await page.getByRole('button', { name: `Delete Winter ${n}` }).click();
  await page.getByRole('status').filter({ hasText: `The folder Winter ${n} was deleted` }).waitFor();
  assert.equal(await tree(page).getByRole('link', { name: new RegExp(`^Winter ${n}`) }).count(), 0);
});

test('the bridge has its own section, with its lists and Refresh Target Group List at its end', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  await page.goto('/target-groups');
  // Folders of people stand beside it, and do not name a bridge.
  const entry = tree(page).getByRole('link').filter({ has: page.locator('span small') }).first();
  const own = await entry.locator('span').evaluate((span) => span.firstChild.textContent);
  await entry.click();
  await page.getByRole('heading', { level: 1, name: own }).waitFor();
  const section = page.getByRole('region', { name: own });
  await section.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await page.getByRole('heading', { level: 1, name: own }).waitFor();
  await section.getByText(/^Lists of .* read /).waitFor();
  const table = await page.locator('main table').last().boundingBox();
  assert.ok((await section.boundingBox()).y > table.y + table.height - 1, 'it stands below the list');
  quiet(page);
  await page.context().close();
});

test('Info opens as a pop-up whose tabs have addresses, and Back leads out of it', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  await page.goto('/target-groups');
  const runs = async () => (await page.request.get('/sync-runs/export.csv')).text();
  const before = await runs();
  await menu(page, 'Newsletter', 'Info');
  const dialog = page.getByRole('dialog', { name: 'Newsletter' });
  await dialog.getByRole('button', { name: 'Resync Now' }).waitFor();
  assert.match(page.url(), /\/info$/);
  assert.match(await dialog.innerText(), /List made\s*.*ago.*regenerated/s, 'the age of the list’s own data stands beside its counts');
  await dialog.getByRole('link', { name: 'Counts', exact: true }).click();
  await dialog.locator('table.waterfall').waitFor();
  const mailable = dialog.locator('tr.sum').last();
  assert.ok(number(await mailable.locator('.num').innerText()) > 0);
  assert.match(await mailable.getByRole('link').getAttribute('href'), /\/subscribers\?line=mailable$/);
  await sound(page);
  await dialog.getByRole('link', { name: 'Subscribers', exact: true }).click();
  await dialog.getByRole('columnheader', { name: 'Remote ID' }).waitFor();
  await dialog.getByRole('columnheader', { name: 'Source' }).waitFor();
  await dialog.getByRole('link', { name: 'Active Mailings' }).click();
  await dialog.getByText('No mailing uses this group.').waitFor();
  assert.match(page.url(), /\/info\/mailings$/);
  await page.goBack();
  await dialog.getByRole('columnheader', { name: 'Source' }).waitFor();
  await page.goBack();
  await dialog.locator('table.waterfall').waitFor();
  await page.goBack();
  await dialog.getByRole('button', { name: 'Resync Now' }).waitFor();
  await page.goBack();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).pathname, '/target-groups');
  // Escape leads out too, from any tab, and the address with it.
  await menu(page, 'Newsletter', 'Info');
  await dialog.getByRole('link', { name: 'Counts', exact: true }).click();
  await dialog.locator('table.waterfall').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.waitForURL((url) => url.pathname === '/target-groups');
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Actions for Newsletter/);
  // An address that was kept shows the page, and Back the list.
  await menu(page, 'Newsletter', 'Info');
  await dialog.waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Newsletter' }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: /^Target Groups/ }).waitFor();
  assert.equal(await runs(), before, 'Info of a Personify360 group starts no sync');
  quiet(page);
  await page.context().close();
});

test('Info is four pages without JavaScript, on a phone too', async () => {
  const page = await open(browser, demo, { javaScriptEnabled: false, viewport: PHONE });
  await signIn(page, demo);
  await page.goto('/target-groups');
  await menu(page, 'Newsletter', 'Info');
  for (const tab of ['Overview', 'Counts', 'Subscribers', 'Active Mailings']) {
    await page.getByRole('navigation', { name: 'Info on Newsletter' }).getByRole('link', { name: tab, exact: true }).click();
    await page.locator('.tabs a[aria-current]', { hasText: tab }).waitFor();
  }
  await page.goto('/target-groups');
  await menu(page, 'Newsletter', 'Info');
  await page.getByRole('button', { name: 'Resync Now' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await page.context().close();
});

both('a compound group is counted before it is made, edited, and follows', async (page, n) => {
  const name = `Quiet members ${n}`;
  await page.goto('/target-groups');
  await page.getByRole('link', { name: 'New compound group' }).click();
  await page.getByRole('heading', { level: 1, name: 'New compound group' }).waitFor();
  await page.getByLabel('Find target groups').fill('members');
  if (!page.javaScript) await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('heading', { name: 'Found for “members”' }).waitFor();
  await page.getByLabel(/^All members/).selectOption('include');
  await page.getByLabel('Find target groups').fill('newsl');
  if (!page.javaScript) await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('heading', { name: 'Found for “newsl”' }).waitFor();
  assert.equal(await page.getByLabel(/^All members/).inputValue(), 'include', 'what was chosen stays');
  await page.getByLabel(/^Newsletter/).selectOption('exclude');
  if (!page.javaScript) await page.getByRole('button', { name: 'Count', exact: true }).click();
  await page.getByText(/would be in the group/).waitFor();
  const figure = async () => number(await page.locator('#count .answer').innerText());
  const all = demo.people;
  assert.ok(all > 0, 'the demo says how many people there are');
  await page.waitForFunction((n) => Number(document.querySelector('#count .answer').textContent.replace(/\D/g, '')) < n, all);
  const without = await figure();
  await sound(page);

  // Saving without a name loses nothing.
  await page.getByRole('button', { name: 'Make the group' }).click();
  await page.getByText('Enter 1 to 200 characters.').waitFor();
  assert.equal(await page.getByLabel(/^Newsletter/).inputValue(), 'exclude');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Make the group' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await comes(page, page.locator('table.waterfall'));
  assert.equal(number(await page.locator('.facts b').innerText()), without, 'as it was counted');
  await page.getByRole('link', { name: 'Made of' }).click();
  await page.getByRole('heading', { name: 'Without people who are in one or more of these' }).waitFor();
  await row(page, 'Newsletter').locator('.chip', { hasText: 'Ready' }).waitFor();
  await sound(page);

  await page.getByRole('link', { name: 'Edit the definition' }).click();
  await page.getByLabel(/^Newsletter/).selectOption('');
  if (!page.javaScript) await page.getByRole('button', { name: 'Count', exact: true }).click();
  await page.getByText(/would join/).waitFor();
  await page.waitForFunction((n) => document.querySelector('#count .answer').textContent.replace(/\D/g, '') !== String(n), without).catch(() => {});
  const whole = await figure();
  assert.ok(whole > without, `${whole} > ${without}`);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').filter({ hasText: 'Saved.' }).waitFor();
  await comes(page, page.locator('.facts b').filter({ hasText: new RegExp(`^${whole.toLocaleString('en-GB')}$`) }));

  // Its own button works as any group's.
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.getByText(/Succeeded/).first().waitFor();

  // What is a part of it cannot go, and says whose part it is; the compound group itself can.
  await openGroup(page, name);
  await menu(page, name, 'Delete …');
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await page.getByRole('status').filter({ hasText: `${name} was deleted` }).waitFor();
});

both('a split is previewed with names and sizes, then made; nobody is in two parts', async (page, n) => {
  await openGroup(page, 'Board');
  const board = number(await page.locator('.facts b').innerText());
  await menu(page, 'Board', 'Split …');
  await page.getByLabel('Number of equal parts').fill('3');
  await page.getByLabel(/^Folder/).fill(`Tests ${n}`);
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByRole('cell', { name: 'Board (3 of 3)' }).waitFor();
  const about = (await page.locator('main tbody td.num').allInnerTexts()).map(number);
  assert.ok(Math.abs(about.reduce((a, b) => a + b) - board) <= 2, `${about} of ${board}`);
  // Changed after the preview: it is shown anew before anything is made.
  await page.getByLabel('Number of equal parts').fill('2');
  await page.getByRole('button', { name: 'Make 3 target groups' }).click();
  await page.getByRole('cell', { name: 'Board (2 of 2)' }).waitFor();
  await sound(page);
  await page.getByRole('button', { name: 'Make 2 target groups' }).click();
  await page.getByRole('heading', { level: 1, name: `Tests ${n}` }).waitFor();
  await page.getByRole('status').filter({ hasText: 'Board was split into 2 target groups' }).waitFor();
  const deadline = Date.now() + 30_000;
  while (await page.locator('main tbody .chip', { hasText: 'Synced' }).count() < 2) {
    assert.ok(Date.now() < deadline, 'the parts are computed');
    await page.waitForTimeout(250);
    await page.reload();
  }
  const sizes = (await page.locator('main tbody td:nth-child(2)').allInnerTexts()).map(number);
  assert.equal(sizes[0] + sizes[1], board, 'together they are the whole');
  await openGroup(page, 'Board');
  await menu(page, 'Board', 'Split …');
  await page.getByLabel('Percentages', { exact: true }).last().fill('80, 30');
  await page.getByRole('radio', { name: 'Percentages' }).check();
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByText('together at most 100', { exact: false }).first().waitFor();
  assert.equal(await page.locator('[aria-invalid]').count(), 1);
});

test('data older than their frequency promises are marked beside the counts', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  // A list that was made months ago is promised for every day.
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${demo.sandbox}/admin/lists/OLD_APPEAL`, { method: 'PATCH', headers, body: JSON.stringify({ frequency: 'DAILY', active: true }) });
  assert.equal(answer.status, 200, await answer.text());
  await page.goto('/target-groups');
  await page.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await row(page, 'Appeal 2019').locator('.chip', { hasText: 'Older than promised' }).waitFor();
  assert.equal(await row(page, 'Newsletter').locator('.chip', { hasText: 'Older than promised' }).count(), 0);
  await sound(page);
  await openGroup(page, 'Appeal 2019');
  await page.locator('.facts .chip', { hasText: 'Older than promised' }).waitFor();
  await page.getByText('its frequency (daily) promises at most 1 day').waitFor();
  // A sync brings its people, and no younger data.
  page.javaScript = true;
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await openGroup(page, 'Appeal 2019');
  await page.locator('.facts .chip', { hasText: 'Older than promised' }).waitFor();
  await page.locator('table.waterfall caption', { hasText: /of data made .* ago/ }).waitFor();
  // Made anew there: it says that there is something newer, until it is brought over.
  await sandbox(demo, '/lists/OLD_APPEAL/regenerate', {});
  await page.goto('/target-groups');
  await page.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await openGroup(page, 'Appeal 2019');
  await comes(page, page.getByText('The remote system has made the list anew'));
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await openGroup(page, 'Appeal 2019');
  assert.equal(await page.locator('.facts .chip').count(), 0, 'fresh again');
  await page.context().close();
});

test('a list that is gone stops the groups made of it, which say so', async () => {
  const page = await open(browser, demo);
  page.javaScript = true;
  await signIn(page, demo);
  await openGroup(page, 'Students & early career');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await page.goto('/target-groups/new');
  await page.getByLabel('Name', { exact: true }).fill('Young people');
  await page.getByLabel('Find target groups').fill('students');
  await page.getByRole('heading', { name: 'Found for “students”' }).waitFor();
  await page.getByLabel(/^Students/).selectOption('include');
  await page.getByText(/would be in the group/).waitFor();
  await page.getByRole('button', { name: 'Make the group' }).click();
  await comes(page, page.locator('table.waterfall'));
  const members = await page.locator('.facts b').innerText();
  const answer = await fetch(`${demo.sandbox}/admin/lists/STUDENTS`, { method: 'DELETE' });
  assert.ok(answer.ok);
  await page.goto('/target-groups');
  await page.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await row(page, 'Students & early career').getByText('Gone').waitFor();
  await openGroup(page, 'Young people');
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await openGroup(page, 'Young people');
  await page.getByText('Its members are kept as they were.').waitFor();
  assert.equal(await page.locator('.facts b').innerText(), members);
  await page.getByRole('link', { name: 'See its parts' }).click();
  await row(page, 'Students & early career').locator('.chip', { hasText: 'Gone' }).waitFor();
  await sound(page);
  // A group that others are made of cannot be deleted, and names them.
  await openGroup(page, 'Students & early career');
  await menu(page, 'Students & early career', 'Delete …');
  await page.getByRole('dialog').getByText('These target groups are made of it: Young people.').waitFor();
  quiet(page);
  await page.context().close();
});
