// Personalization: a text with fields is read as a chosen subscriber, and follows what the loyalty system says while one looks (L7).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { DESKTOP, PHONE, launch, open, signIn, sound } from '../support/browser.js';
import { resync } from '../support/pages.js';

const PATH = '/mailings/personalization';
const TEXT = 'You are {{ LOYALTY.tier }} with {{ LOYALTY.points }} points.';
let demo, browser, member, page;

async function loyalty(path, body) {
  const options = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`${demo.sandbox}/loyalty/admin${path}`, options);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

/** A member of the business unit that is read, who is a subscriber too. */
async function somebody() {
  const { items } = await loyalty('/members?limit=500');
  for (const found of items.filter((m) => m.unit === '/loyalty/north' && m.attributes.email)) {
    await page.goto(`/subscribers?q=${encodeURIComponent(found.attributes.email)}`);
    if (await page.locator('main td a').count()) return { id: found.profile_alt_id, email: found.attributes.email };
  }
  throw new Error('no member of the loyalty programme is a subscriber');
}

before(async () => {
  demo = await startDemo(500);
  browser = await launch();
  page = await open(browser, demo);
  await signIn(page, demo);
  await resync(page, 'All members');
  member = await somebody();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function choose(on) {
  await on.goto(PATH);
  await on.getByLabel('Read by the subscriber').pressSequentially(member.email);
  await on.getByRole('radio').first().check();
}

test('the preview follows the text as it is typed, and the points as they are earned', async () => {
  await choose(page);
  await page.getByRole('textbox', { name: 'Text' }).fill(TEXT);
  const mail = page.locator('#preview .mail');
  await mail.filter({ hasText: /You are \w+ with \d+ points\./ }).waitFor();
  const points = async () => Number(/with (\d+) points/.exec(await mail.innerText())[1]);
  const had = await points();
  await loyalty(`/members/${member.id}/earn`, { points: 123 });
  await mail.filter({ hasText: `with ${had + 123} points` }).waitFor();
  await page.getByText(/Newest values as of (now|\d seconds? ago)/).waitFor();
  await page.locator('#fields li', { hasText: '{{ LOYALTY.points }}' }).locator('.sample', { hasText: `${had + 123}` }).waitFor();
  await page.getByLabel('Subject').fill('{% if LOYALTY.points >= 100000000 %}Rich{% else %}Dear {{ email }}{% endif %}');
  await mail.getByText(`Dear ${member.email}`).waitFor();
  await sound(page);
  await accessible(page, 'a preview');
});

test('a field is found and put into the text with the keyboard', async () => {
  await choose(page);
  await page.getByLabel('Find a field').pressSequentially('LOYALTY.tier');
  const insert = page.getByRole('button', { name: 'Insert {{ LOYALTY.tier }}', exact: true });
  await page.getByRole('button', { name: 'Insert {{ LOYALTY.points }}', exact: true }).waitFor({ state: 'detached' });
  await insert.focus();
  await page.keyboard.press('Enter');
  const text = page.getByRole('textbox', { name: 'Text' });
  assert.equal(await text.inputValue(), '{{ LOYALTY.tier }}');
  assert.ok(await text.evaluate((field) => field === document.activeElement), 'one goes on writing');
  await page.keyboard.type(' it is');
  await page.locator('#preview .mail', { hasText: /^\w+ it is$/ }).waitFor();
});

test('a fault stands beside its line, with what to do', async () => {
  await page.goto(PATH);
  await page.getByRole('textbox', { name: 'Text' }).fill('Hello,\nyou have {{ LOYALTY.point }} points.');
  const fault = page.getByRole('list', { name: 'Faults' }).getByRole('listitem');
  await fault.filter({ hasText: 'Did you mean LOYALTY.points?' }).waitFor();
  const said = await fault.innerText();
  assert.ok(said.includes('Line 2') && said.includes('There is no field “LOYALTY.point”.') && said.includes('you have {{ LOYALTY.point }}'), said);
  await sound(page);
  await accessible(page, 'faults');
});

test('without JavaScript a button does it, on a phone', async () => {
  const phone = await open(browser, demo, { viewport: PHONE, javaScriptEnabled: false });
  await signIn(phone, demo);
  await phone.goto(PATH);
  assert.equal(await phone.getByRole('button', { name: /^Insert/ }).count(), 0, 'no button that does nothing');
  await phone.getByRole('textbox', { name: 'Text' }).fill(TEXT);
  await phone.getByLabel('Read by the subscriber').fill(member.email);
  await phone.getByRole('button', { name: 'Find', exact: true }).first().click();
  await phone.getByRole('radio').first().check();
  await phone.getByRole('button', { name: 'Preview' }).click();
  await phone.locator('.mail', { hasText: /You are \w+ with \d+ points\./ }).waitFor();
  assert.equal(await phone.getByRole('textbox', { name: 'Text' }).inputValue(), TEXT, 'nothing entered is lost');
  await phone.context().close();
});

for (const [width, viewport] of [[1280, DESKTOP], [390, PHONE]]) {
  test(`the page is sound and accessible at ${width} px in both colours`, async () => {
    for (const colorScheme of ['light', 'dark']) {
      const other = await open(browser, demo, { viewport, colorScheme });
      await signIn(other, demo);
      await choose(other);
      await other.getByRole('textbox', { name: 'Text' }).fill(TEXT);
      await other.locator('#preview .mail').waitFor();
      await sound(other);
      await accessible(other, `${width} px, ${colorScheme}`);
      if (process.env.RIALTO_TEST_PICTURES) {
        await other.screenshot({ path: `${process.env.RIALTO_TEST_PICTURES}/personalization-${width}-${colorScheme}.png`, fullPage: true });
      }
      await other.context().close();
    }
  });
}
