// Personas: made, put in order by mouse, by keyboard and without JavaScript, sent to iMIS, held while its table is missing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, runEnds, signIn, sound } from '../support/browser.js';

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(400, 'imis'), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const names = (page) => page.locator('ol.personas h2 a').allInnerTexts();

/** Reads every group of iMIS, so that personas have people. */
async function read(page) {
  await page.goto('/target-groups');
  const groups = [...new Set(await page.locator('main tbody td a[href^="/target-groups/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href').split('?')[0]).filter((href) => /^\/target-groups\/[0-9a-f-]{36}$/.test(href))))];
  for (const group of groups.slice(0, 4)) {
    await page.goto(group);
    await page.getByRole('button', { name: /^Resync/ }).click();
    await page.waitForURL(/\/sync-runs\//);
    await runEnds(page);
  }
}

async function make(page, name, avatar, nth) {
  await page.goto('/subscribers/personas/new');
  await page.getByLabel('Name').fill(name);
  await page.getByTitle(avatar).click();
  const option = page.getByLabel('Target group').locator('option').nth(nth);
  await page.getByLabel('Target group').selectOption(await option.getAttribute('value'));
  await page.getByLabel('Description').fill(`${name}s, in a few words.`);
  await page.getByRole('button', { name: 'Make the persona' }).click();
  await page.getByRole('status').filter({ hasText: `${name} is made` }).waitFor();
}

async function settled(page) {
  for (let n = 0; n < 60; n += 1) {
    await page.goto('/subscribers/personas');
    if (await page.getByText('Being sorted').count() === 0) return;
    await page.waitForTimeout(500);
  }
  throw new Error('the personas were not sorted');
}

test('personas are made, and put in order by mouse, by keyboard and without JavaScript', async () => {
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto('/subscribers/personas');
  await page.getByText('No personas yet.').waitFor();
  await accessible(page, 'no personas');
  await read(page);
  await make(page, 'Student', 'Book', 1);
  await accessible(page, 'personas');
  await make(page, 'Member', 'Star', 1);
  await make(page, 'Friend', 'Heart', 1);
  await settled(page);
  assert.deepEqual(await names(page), ['Student', 'Member', 'Friend']);
  await page.goto('/subscribers/personas/new');
  await accessible(page, 'the form of a persona');
  await page.goto('/subscribers/personas');

  const handle = (name) => page.getByRole('button', { name: `Move ${name}` });
  const [from, to] = [await handle('Friend').boundingBox(), await page.locator('ol.personas > li').first().boundingBox()];
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  for (let step = 1; step <= 10; step += 1) await page.mouse.move(from.x + 10, from.y + (to.y + 4 - from.y) * (step / 10));
  await page.mouse.up();
  await page.getByRole('status').filter({ hasText: 'Put in order' }).waitFor();
  assert.deepEqual(await names(page), ['Friend', 'Student', 'Member'], 'dragged to the top');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('status').filter({ hasText: 'Put in order' }).waitFor();
  assert.deepEqual(await names(page), ['Student', 'Member', 'Friend'], 'and back');

  await handle('Student').focus();
  await page.keyboard.press('Space');
  await page.locator('#moved').filter({ hasText: 'Student is taken up, 1 of 3' }).waitFor({ state: 'attached' });
  await page.keyboard.press('ArrowDown');
  await page.locator('#moved').filter({ hasText: 'Student: 2 of 3' }).waitFor({ state: 'attached' });
  await page.keyboard.press('Escape');
  assert.deepEqual(await names(page), ['Student', 'Member', 'Friend'], 'Escape leaves everything as it was');
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.getByRole('status').filter({ hasText: 'Put in order' }).waitFor();
  assert.deepEqual(await names(page), ['Member', 'Friend', 'Student'], 'moved with the keyboard');
  await sound(page);

  const plain = await open(browser, demo, { viewport: PHONE, javaScriptEnabled: false });
  await signIn(plain, demo);
  await plain.goto('/subscribers/personas');
  await plain.getByRole('button', { name: 'Student one place up' }).click();
  assert.deepEqual(await names(plain), ['Member', 'Student', 'Friend'], 'by its buttons');
  assert.equal(await plain.getByRole('button', { name: /^Move / }).count(), 0, 'no handle that does nothing');
  await sound(plain);
  await plain.context().close();
  const phone = await open(browser, demo, { viewport: PHONE });
  await signIn(phone, demo);
  await phone.goto('/subscribers/personas');
  await accessible(phone, 'personas on a phone');
  await sound(phone);
  await phone.context().close();

  await settled(page);
  await page.getByRole('link', { name: 'Delete … Friend' }).click();
  await page.getByRole('heading', { name: 'Delete Friend?' }).waitFor();
  await accessible(page, 'deleting a persona');
  await page.getByRole('button', { name: 'Delete Friend' }).click();
  await page.getByRole('status').filter({ hasText: 'Friend is deleted' }).waitFor();
  assert.deepEqual(await names(page), ['Member', 'Student']);
  await settled(page);
  await page.locator('ol.personas h2 a').first().click();
  await page.locator('nav').getByRole('link', { name: 'Subscribers', exact: true }).last().click();
  await page.locator('main td a[href^="/subscribers/"]').first().click();
  await page.getByText('Persona: Member').waitFor();
  await page.context().close();
});

test('the switch warns while the table is missing, and what is held goes out by itself after the repair', async () => {
  const table = `${demo.sandbox}/imis/admin/tables`;
  assert.equal((await fetch(`${table}/INFORMZ_PERSONA`, { method: 'DELETE' })).status, 204);
  const page = await open(browser, demo, { viewport: DESKTOP });
  page.javaScript = true;
  await signIn(page, demo);
  await page.goto('/settings');
  await page.locator('main').getByRole('link', { name: 'Remote Database Information' }).click();
  await page.getByRole('heading', { level: 1, name: 'Remote Database Information' }).waitFor();
  await accessible(page, 'Remote Database Information, off');
  assert.match(await page.getByLabel(/^What to make/).inputValue(), /INFORMZ_PERSONA[\s\S]*SCORE_NAME +Char +255[\s\S]*SCORE_DESC +Char +2000/);
  await page.getByRole('button', { name: /^Switch on/ }).click();
  const looked = async (text) => {
    for (let n = 0; n < 60; n += 1) {
      await page.goto('/settings/remote-database');
      if (await page.getByText(text).count() > 0) return;
      await page.waitForTimeout(500);
    }
    throw new Error(`“${text}” was never said`);
  };
  await looked('INFORMZ_PERSONA is missing');
  await accessible(page, 'Remote Database Information, table missing');
  await page.getByRole('button', { name: 'Look for changed personas now' }).click();
  await page.getByRole('status').filter({ hasText: 'What changed' }).waitFor();
  const cycle = async () => {
    await page.goto('/writebacks');
    await page.getByRole('button', { name: /^Run now/ }).first().click();
    await page.waitForLoadState();
  };
  const state = async (wanted) => {
    for (let n = 0; n < 40; n += 1) {
      await cycle();
      await page.goto(`/writebacks?kind=persona&state=${wanted}`);
      if (await page.locator('main tbody tr').count() > 0) return;
      await page.waitForTimeout(700);
    }
    throw new Error(`no writeback of a persona is ${wanted}`);
  };
  await state('held');
  await page.locator('main tbody tr a').first().click();
  await page.getByText('INFORMZ_PERSONA is missing').first().waitFor();
  await looked('held');
  const phone = await open(browser, demo, { viewport: PHONE });
  await signIn(phone, demo);
  await phone.goto('/settings/remote-database');
  await accessible(phone, 'Remote Database Information on a phone');
  await sound(phone);
  await phone.context().close();

  const fields = [{ name: 'SCORE_NAME', prompt: 'Persona Name', kind: 'char', length: 255 }, { name: 'SCORE_DESC', prompt: 'Persona Desc', kind: 'char', length: 2000 }];
  const made = await fetch(table, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'INFORMZ_PERSONA', instances: 'multi', fields }) });
  assert.ok(made.ok, `${made.status} ${await made.text()}`);
  await state('sent');
  await page.goto('/writebacks?kind=persona&state=held');
  assert.equal(await page.locator('main tbody tr').count(), 0, 'nothing is held any more');
  await looked('Table in order');
  const rows = await (await fetch(`${table}/INFORMZ_PERSONA/rows`)).json();
  assert.ok(rows.length > 0 && rows.every((row) => ['Member', 'Student'].includes(row.values.SCORE_NAME)), 'they stand in iMIS');
  await sound(page);
  await page.context().close();
});
