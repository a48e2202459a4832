// Users, roles and tokens: what an administrator sets up, and that it holds at once. With JavaScript and without.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from '../support/axe.js';
import { startDemo } from '../support/demo.js';
import { PHONE, launch, open, quiet, signIn, sound } from '../support/browser.js';
import { addUser, makeToken } from '../support/pages.js';

let demo, browser;

before(async () => {
  demo = await startDemo(200);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const menu = async (page, name, entry) => {
  await page.locator('summary', { hasText: `Actions for ${name}` }).click();
  await page.locator('details.menu[open] .pop').getByText(entry, { exact: true }).click();
};

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? '' : ', without JavaScript';
  const name = javaScriptEnabled ? 'bob' : 'cid';
  const email = `${name}@rialto.example`;

  test(`a user is added, adjusted, disabled and taken back${how}`, async () => {
    const page = await open(browser, demo, { javaScriptEnabled, viewport: javaScriptEnabled ? undefined : PHONE });
    await signIn(page, demo);
    await addUser(page, email);
    await sound(page);
    const theirs = await open(browser, demo);
    await signIn(theirs, { email }, 'seven slow herons');
    assert.equal((await theirs.goto('/settings/audit')).status(), 200);
    assert.equal((await theirs.goto('/settings/users')).status(), 403);

    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
    await page.getByText('was changed').waitFor();
    assert.equal((await theirs.goto('/settings/audit')).status(), 403, 'undone, and in force at once');

    await menu(page, email, 'Disable');
    await page.getByText(`${email} is disabled and was signed out.`).waitFor();
    await page.locator('tr', { hasText: email }).getByText('Disabled').waitFor();
    await theirs.goto('/');
    await theirs.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
    await page.locator('tr', { hasText: email }).getByText('Active').waitFor();

    await menu(page, email, 'Set a password …');
    const scope = javaScriptEnabled ? page.getByRole('dialog') : page;
    await scope.getByLabel('New password').fill('nine quiet rivers');
    await scope.getByRole('button', { name: 'Set the password' }).click();
    await page.getByText('has a new password and was signed out everywhere').waitFor();
    await signIn(theirs, { email }, 'nine quiet rivers');
    await theirs.getByRole('heading', { level: 1 }).waitFor();
    quiet(page);
    await page.context().close();
    await theirs.context().close();
  });

  test(`a token is copied once and revoked after a question${how}`, async () => {
    const page = await open(browser, demo, { javaScriptEnabled });
    await signIn(page, demo);
    const token = await makeToken(page, `Program ${name}`);
    await sound(page);
    if (javaScriptEnabled) await accessible(page, 'token-made');
    assert.equal(await page.getByRole('button', { name: 'Copy' }).isVisible(), javaScriptEnabled);
    if (javaScriptEnabled) {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: demo.url });
      await page.getByRole('button', { name: 'Copy' }).click();
      await page.getByRole('button', { name: 'Copied' }).waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
    }
    const ask = async () => (await fetch(`${demo.url}/api/v1/bridges`, { headers: { authorization: `Bearer ${token}` } })).status;
    assert.equal(await ask(), 200);
    await page.getByRole('link', { name: 'I have copied it' }).click();
    await page.getByRole('heading', { level: 1, name: 'Tokens' }).waitFor();
    assert.ok(!(await page.content()).includes(token));
    await menu(page, `Program ${name}`, 'Revoke …');
    await page.getByText('This cannot be taken back').waitFor();
    await page.getByRole('button', { name: `Revoke Program ${name}` }).click();
    await page.locator('tr', { hasText: `Program ${name}` }).locator('.chip', { hasText: 'Revoked' }).waitFor();
    assert.equal(await ask(), 401);
    quiet(page);
    await page.context().close();
  });
}

test('choosing another role says at once what it allows, and keeps what was adjusted', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  await addUser(page, 'dora@rialto.example');
  await page.getByRole('cell').getByRole('link', { name: 'dora@rialto.example' }).click();
  const line = page.locator('tr', { hasText: 'bridges.admin' });
  assert.match(await line.innerText(), /no/);
  await page.getByLabel('Role', { exact: true }).selectOption('integrator');
  await line.getByText('yes', { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Read the audit trail, for this user').inputValue(), 'granted');
  await sound(page);
  await accessible(page, 'user-edit');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.locator('tr', { hasText: 'dora' }).getByText('Marketer').waitFor();

  await page.locator('summary', { hasText: 'You' }).click();
  await page.getByRole('link', { name: 'Your account' }).click();
  await page.getByLabel(/^Time zone/).fill('Asia/Tokyo');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('You see times in Asia/Tokyo now.').waitFor();
  await page.getByText('JST').waitFor();
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await page.getByText('JST').waitFor({ state: 'detached' });
  await page.context().close();
});

test('somebody without any permission changes their own password; other browsers are signed out', async () => {
  const page = await open(browser, demo);
  await signIn(page, demo);
  await addUser(page, 'eva@rialto.example');
  await page.context().close();
  const [here, there] = [await open(browser, demo, { javaScriptEnabled: false, viewport: PHONE }), await open(browser, demo)];
  for (const theirs of [here, there]) await signIn(theirs, { email: 'eva@rialto.example' }, 'seven slow herons');
  const change = async (current, fresh, again = fresh) => {
    await here.goto('/account');
    await here.getByLabel('Current password').fill(current);
    await here.getByLabel('New password', { exact: true }).fill(fresh);
    await here.getByLabel('New password once more').fill(again);
    await here.getByRole('button', { name: 'Change the password' }).click();
  };
  await change('eight slow herons', 'nine quiet rivers');
  await here.getByText('This is not your password.').waitFor();
  await sound(here);
  await change('seven slow herons', 'nine quiet rivers', 'nine quiet river');
  await here.getByText('This is not the same as above.').waitFor();
  await change('seven slow herons', 'nine quiet rivers');
  await here.locator('.toast').getByText('Your password is changed.').waitFor();
  assert.equal((await here.goto('/account')).status(), 200);
  await there.goto('/account');
  await there.getByRole('button', { name: 'Sign in' }).waitFor();
  await signIn(there, { email: 'eva@rialto.example' }, 'nine quiet rivers');
  await there.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await here.context().close();
  await there.context().close();
});
