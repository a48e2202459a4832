// Every page there is, with something on it. A new page adds its line to `everyPage`, and what it needs to `furnish`.

import { makeClub } from './club.js';
import { sandbox } from './demo.js';
import { openGroup, runEnds } from './browser.js';

export async function resync(page, name) {
  await openGroup(page, name);
  await page.getByRole('button', { name: 'Resync Target Group' }).click();
  await page.waitForURL(/\/sync-runs\//);
  page.javaScript = true;
  await runEnds(page);
}

/** A compound group in a folder: Newsletter without Board. */
export async function makeCompound(page, name, folder = 'Spring/Newsletters') {
  await page.goto('/target-groups/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel(/^Folder/).fill(folder);
  await page.getByLabel(/^Newsletter/).selectOption('include');
  await page.getByLabel(/^Board/).selectOption('exclude');
  await page.getByRole('button', { name: 'Make the group' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

/** People in some groups, a run that waits, a plan, and a group made of others. */
export async function furnish(page, demo) {
  for (const name of ['Newsletter', 'All members', 'Annual conference', 'Board']) await resync(page, name);
  await sandbox(demo, '/lists/CONFERENCE/remove', { count: 60 });
  await resync(page, 'Annual conference');
  await openGroup(page, 'Newsletter');
  await page.getByRole('button', { name: 'Plan only' }).click();
  await page.waitForURL(/\/sync-runs\//);
  await runEnds(page);
  await makeCompound(page, 'Newsletter without the board');
  await addUser(page, 'bob.lindner@rialto.example');
  await makeToken(page, 'Website sign-up');
  await decisions(page, demo);
  await listsAndStream(page);
  await enrichments(page, demo);
}

/** Fills in the fields of a new list or extension, the unique key first: `[name, type, length, default]` each. */
export async function enterFields(page, fields) {
  for (const [n, [name, type, length, value]] of fields.entries()) {
    await page.getByLabel(n === 0 ? 'Name of the unique key' : `Name of field ${n + 1}`, { exact: true }).fill(name);
    await page.getByLabel(`Type of field ${n + 1}`, { exact: true }).selectOption(type);
    if (length) await page.getByLabel(new RegExp(`^Length of field ${n + 1},`)).fill(String(length));
    if (value) await page.getByLabel(`Default of field ${n + 1}`, { exact: true }).fill(value);
  }
}

/** Makes an audience list; answers its address. */
export async function makeList(page, name, fields, folder = 'Loyalty') {
  await page.goto('/lists/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel(/^Folder/).fill(folder);
  await enterFields(page, fields);
  await page.getByRole('button', { name: 'Make the list' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  return new URL(page.url()).pathname.replace('/fields', '');
}

/** Makes an extension of a list; answers its address. */
export async function makeExtension(page, list, scope, name, fields) {
  await page.goto(`${list}/extensions`);
  await page.getByRole('link', { name: 'New extension' }).click();
  await page.getByLabel('Scope name').fill(scope);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await enterFields(page, fields);
  await page.getByRole('button', { name: 'Make the extension' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  return new URL(page.url()).pathname.replace('/fields', '');
}

/** Makes a stream connection with its token; answers `{href, address, token}`. */
export async function makeStream(page, name, source) {
  await page.goto('/admin/streams/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Business units').fill(source);
  await page.getByRole('button', { name: 'Make the connection' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  const href = new URL(page.url()).pathname;
  await page.goto(`${href}/token`);
  await page.getByRole('button', { name: 'Make the token' }).click();
  const token = await page.getByLabel(`Token of ${name}`).inputValue();
  return { href, token, address: await page.getByLabel('Address').inputValue() };
}

/** Sends profile events as a loyalty system does; answers what became of them. */
export async function sendEvents(stream, events) {
  const answer = await fetch(stream.address, {
    method: 'POST',
    headers: { authorization: `Bearer ${stream.token}`, 'content-type': 'application/cloudevents-batch+json' },
    body: JSON.stringify(events),
  });
  if (answer.status !== 202) throw new Error(`the inbox answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** A new state of a profile. */
export function profile(source, subject, sequence, data) {
  return { specversion: '1.0', id: `${subject}-${sequence}`, type: 'profile.upserted', source, subject, sequence: String(sequence), data: { profileAltId: subject, ...data } };
}

/** An audience list with an extension, both without rows, and a stream connection that took two events, passed one over and refused one. */
async function listsAndStream(page) {
  const key = ['Volunteer number', 'text', 20];
  const list = await makeList(page, 'Volunteers', [key, ['Since', 'date'], ['Language', 'text', 5, 'en']], 'Volunteers');
  await makeExtension(page, list, 'HOURS', 'Volunteer hours', [key, ['Hours', 'float'], ['Last shift', 'datetime']]);
  const stream = await makeStream(page, 'Volunteer portal', '/volunteers/vienna');
  const hours = (subject, n) => profile('/volunteers/vienna', subject, 1, { attributes: { city: 'Vienna' }, metrics: { hours: n } });
  await sendEvents(stream, [hours('V-1', 12.5), hours('V-2', 3), profile('/volunteers/graz', 'V-3', 1, {}), { id: 'odd-1' }]);
}

/** A profile enrichment that is enabled and has rejected a value, one that would, and one whose destination was changed. */
export async function enrichments(page, demo) {
  const club = await makeClub(page, demo);
  const mapping = [{ from: 'profileAltId', to: 'club_id' }, { from: 'attributes.tier', to: 'tier' }, { from: 'attributes.email', to: 'email' }];
  const make = (name, destination, more = []) => club.api('POST', '/data-syncs', {
    name, folder: 'Club', labels: ['club'], destination, stream: club.stream, mode: 'upsert', match: { by: 'email', field: 'email' }, mapping: [...mapping, ...more],
  });
  await club.send('W-1', 1, { tier: 'Gold', email: 'w1@club.example' }, 5);
  await club.send('W-2', 1, { tier: 'Platinum Plus', email: 'w2@club.example' }, 7);
  const on = await make('Club members', club.list);
  await club.api('POST', `/data-syncs/${on.id}/enable`);
  await make('Club points', club.extension, [{ from: 'metrics.points', to: 'points' }]);
  const moved = await make('Club moved', club.extension, [{ from: 'metrics.points', to: 'points' }]);
  await page.goto(`/data-exchange/${moved.id}`);
  await page.getByLabel('Destination', { exact: true }).selectOption({ label: 'Club (the list itself)' });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'What no longer fits' }).waitFor();
  for (let n = 0; n < 50 && (await club.rows(club.list)).length < 2; n += 1) await page.waitForTimeout(200);
}

/** The steps of the wizard, from the first to the one that is wanted. */
const wizard = (steps) => async (page) => {
  await page.getByLabel('Name', { exact: true }).fill('Club tiers');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  const destination = page.getByLabel('Destination', { exact: true });
  await destination.waitFor();
  if (steps === 2) return;
  await destination.selectOption({ label: 'Club profile (extension, scope CLUB)' });
  await page.getByLabel('Source', { exact: true }).selectOption({ label: '/club/west' });
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByLabel('Since is filled from').selectOption('attributes.tier');
  await page.getByText('the field is of type date').waitFor();
};

/** Unsubscribes the nth person of Newsletter who may be mailed. */
export async function unsubscribe(page, n) {
  await openGroup(page, 'Newsletter');
  await page.goto(`${new URL(page.url()).pathname}/subscribers?line=mailable`);
  const links = await page.locator('a[href^="/subscribers/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  const people = links.filter((href) => /^\/subscribers\/[0-9a-f-]{36}$/.test(href));
  await page.goto(`${people[n]}/unsubscribe`);
  await page.getByLabel('Reason').fill('Asked on the phone');
  await page.getByLabel('Evidence').fill('Ticket 4711');
  await page.getByRole('button', { name: /^Unsubscribe / }).click();
  await page.getByText('No, because they unsubscribed here.').waitFor();
}

/** Begins a cycle of writebacks and waits until so many stand in a state. */
export async function cycle(page, state, number) {
  await page.goto('/writebacks');
  await page.getByRole('button', { name: 'Run now' }).first().click();
  const figure = page.locator('.figures li', { hasText: state }).locator('b', { hasText: new RegExp(`^${number}$`) });
  for (let tries = 0; tries < 60 && await figure.count() === 0; tries += 1) {
    await page.waitForTimeout(250);
    await page.goto('/writebacks');
  }
  await figure.waitFor();
}

/** Writebacks: one Sent, one in Error, one that waits for the next cycle. */
export async function decisions(page, demo) {
  await unsubscribe(page, 0);
  await cycle(page, 'Sent', 1);
  await sandbox(demo, '/faults', { fault: 'validation', status: 400, message: 'The record is locked.', procedure: 'Save CusActivity', times: 1 });
  await unsubscribe(page, 0);
  await cycle(page, 'Error', 1);
  await unsubscribe(page, 0);
}

/** A marketer who may read the audit trail too. */
export async function addUser(page, email) {
  await page.goto('/settings/users/new');
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('First password').fill('seven slow herons');
  await page.getByRole('button', { name: 'Add the user' }).click();
  await page.getByRole('cell').getByRole('link', { name: email }).click();
  await page.getByLabel('Read the audit trail, for this user').selectOption('granted');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('tr', { hasText: email }).getByText('may also read the audit trail').waitFor();
}

/** A token for programs; answers it. */
export async function makeToken(page, name) {
  await page.goto('/settings/tokens/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Make the token' }).click();
  return page.getByLabel(`Token of ${name}`).inputValue();
}

/** What can go wrong: a list that is gone with people on it, a bridge that nobody answers. */
export async function trouble(page, demo) {
  await resync(page, 'Students & early career');
  const answer = await fetch(`${demo.sandbox}/admin/lists/STUDENTS`, { method: 'DELETE' });
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  await page.goto('/target-groups');
  await page.getByRole('button', { name: 'Refresh Target Group List' }).click();
  await page.locator('tr', { hasText: 'Students' }).getByText('Gone').waitFor();
  await page.goto('/admin/bridges/new/personify360');
  await page.getByLabel('Name', { exact: true }).fill('Second system');
  await page.getByLabel('Service root').fill('http://127.0.0.1:9/nobody.svc');
  await page.getByLabel('User name').fill('rialto');
  await page.getByLabel('Password').fill('not a secret');
  await page.getByRole('button', { name: 'Add the bridge' }).click();
  await page.locator('.chip', { hasText: 'Test failed' }).waitFor({ timeout: 60_000 });
}

async function firstLink(page, on, begins) {
  await page.goto(on);
  const links = await page.locator('main a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  const found = links.find((href) => href?.startsWith(begins) && !href.includes('export'));
  if (!found) throw new Error(`${on} links to nothing that begins with ${begins}`);
  return found.split('?')[0];
}

/** Where the link with this name leads. */
async function named(page, on, name) {
  await page.goto(on);
  return page.locator('main').getByRole('link', { name, exact: true }).getAttribute('href');
}

const openMenu = (name) => async (page) => page.locator('summary', { hasText: name }).first().click();

const popUp = async (page) => {
  await page.locator('summary', { hasText: 'Actions for Newsletter' }).first().click();
  await page.getByRole('link', { name: 'Info', exact: true }).filter({ visible: true }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Counts', exact: true }).click();
  await page.getByRole('dialog').locator('table.waterfall').waitFor();
};

/** `{name, path, act}` of every page; `act` brings it into a state worth looking at. */
export async function everyPage(page) {
  await openGroup(page, 'Newsletter');
  const group = new URL(page.url()).pathname;
  await openGroup(page, 'Annual conference');
  const waiting = new URL(page.url()).pathname;
  await openGroup(page, 'Region West');
  const untouched = new URL(page.url()).pathname;
  await openGroup(page, 'Newsletter without the board');
  const made = new URL(page.url()).pathname;
  await page.goto('/target-groups?folder=Spring%2FNewsletters');
  const folder = await page.getByRole('link', { name: 'Rename or move …', includeHidden: true }).getAttribute('href');
  const run = await firstLink(page, `${group}/sync-runs`, '/sync-runs/');
  const held = await firstLink(page, '/sync-runs?state=held', '/sync-runs/');
  await page.goto('/sync-runs?state=succeeded&kind=people');
  const done = await page.getByRole('link', { name: 'People of All members' }).first().getAttribute('href');
  const subscriber = await firstLink(page, `${group}/subscribers`, '/subscribers/');
  const silent = await firstLink(page, `${group}/subscribers?line=remote_flag`, '/subscribers/');
  await page.goto('/admin/bridges');
  const edit = await page.getByRole('link', { name: 'Edit', includeHidden: true }).first().getAttribute('href');
  const remove = edit.replace('/edit', '/delete');
  const bridge = edit.replace('/edit', '');
  await page.goto('/settings/users');
  const user = await page.getByRole('cell').getByRole('link', { name: 'bob.lindner' }).getAttribute('href');
  const self = await page.getByRole('cell').getByRole('link').first().getAttribute('href');
  const sent = await firstLink(page, '/writebacks?state=sent', '/writebacks/');
  const error = await firstLink(page, '/writebacks?state=error', '/writebacks/');
  await page.goto('/settings/tokens');
  const revoke = await page.getByRole('link', { name: 'Revoke …', includeHidden: true }).first().getAttribute('href');
  const list = await named(page, '/lists', 'Volunteers');
  const extension = await named(page, '/lists/extensions', 'Volunteer hours');
  const filled = await named(page, '/lists/extensions', 'Loyalty profile');
  const stream = await named(page, '/admin/streams', 'Volunteer portal');
  await page.goto('/data-exchange');
  const sync = async (name) => page.getByRole('cell').getByRole('link', { name, exact: true }).getAttribute('href');
  const [members, points, moved] = [await sync('Club members'), await sync('Club points'), await sync('Club moved')];
  return [
    { name: 'overview', path: '/' },
    { name: 'target-groups', path: '/target-groups' },
    { name: 'target-groups-menu', path: '/target-groups', act: openMenu('Actions for') },
    { name: 'target-groups-columns', path: '/target-groups', act: openMenu('Columns') },
    { name: 'target-groups-none', path: '/target-groups?q=no+such+group' },
    { name: 'groups-folder', path: '/target-groups?folder=Spring%2FNewsletters' },
    { name: 'groups-folder-empty', path: '/target-groups?folder=Spring' },
    { name: 'folder-new', path: '/target-groups/folders/new?in=Spring' },
    { name: 'folder-edit', path: folder },
    { name: 'folder-delete', path: folder.replace('/edit', '/delete') },
    { name: 'compound-new', path: '/target-groups/new' },
    { name: 'compound-edit', path: `${made}/edit` },
    { name: 'compound-counts', path: made },
    { name: 'compound-made-of', path: `${made}/made-of` },
    { name: 'compound-delete', path: `${made}/delete` },
    { name: 'group-split', path: `${group}/split` },
    { name: 'group-split-preview', path: `${group}/split`, act: async (p) => { await p.getByRole('button', { name: 'Preview' }).click(); await p.waitForLoadState(); await p.getByRole('button', { name: 'Make 2 target groups' }).waitFor(); } },
    { name: 'group-move', path: `${group}/move` },
    { name: 'info', path: `${group}/info` },
    { name: 'info-counts', path: `${group}/info/counts` },
    { name: 'info-subscribers', path: `${group}/info/subscribers` },
    { name: 'info-mailings', path: `${group}/info/mailings` },
    { name: 'info-empty', path: `${untouched}/info/counts` },
    { name: 'info-pop-up', path: '/target-groups', act: popUp },
    { name: 'group-counts', path: group },
    { name: 'group-held', path: waiting },
    { name: 'group-empty', path: untouched },
    { name: 'group-subscribers', path: `${group}/subscribers` },
    { name: 'group-line', path: `${group}/subscribers?line=remote_flag` },
    { name: 'group-runs', path: `${group}/sync-runs` },
    { name: 'group-about', path: `${group}/about` },
    { name: 'subscribers', path: '/subscribers' },
    { name: 'subscribers-found', path: '/subscribers?q=a' },
    { name: 'subscribers-none', path: '/subscribers?q=nobody%40nowhere' },
    { name: 'interests', path: '/subscribers/interests' },
    { name: 'personas-none', path: '/subscribers/personas' },
    { name: 'persona-new', path: '/subscribers/personas/new' },
    { name: 'remote-database-none', path: '/settings/remote-database' },
    { name: 'households', path: '/subscribers/households' },
    { name: 'subscriber', path: subscriber },
    { name: 'subscriber-silent', path: silent },
    { name: 'search', path: '/search?q=a' },
    { name: 'search-none', path: '/search?q=zzzz' },
    { name: 'search-empty', path: '/search' },
    { name: 'exchange', path: '/data-exchange' },
    { name: 'exchange-new-menu', path: '/data-exchange', act: openMenu('New') },
    { name: 'exchange-none', path: '/data-exchange?state=stopped' },
    { name: 'exchange-all-history', path: '/data-exchange/history' },
    { name: 'exchange-general', path: '/data-exchange/new' },
    { name: 'exchange-ends', path: '/data-exchange/new', act: wizard(2) },
    { name: 'exchange-matching', path: '/data-exchange/new', act: wizard(3) },
    { name: 'exchange-properties', path: points },
    { name: 'exchange-properties-enabled', path: members },
    { name: 'exchange-fields', path: `${points}/matching` },
    { name: 'exchange-fields-enabled', path: `${members}/matching` },
    { name: 'exchange-review', path: `${moved}/matching` },
    { name: 'exchange-preview', path: `${points}/preview` },
    { name: 'exchange-preview-none', path: `${members}/preview` },
    { name: 'exchange-history', path: `${members}/history` },
    { name: 'exchange-delete', path: `${points}/delete` },
    { name: 'sync-runs', path: '/sync-runs' },
    { name: 'personalization', path: '/mailings/personalization' },
    { name: 'personalization-faults', path: '/mailings/personalization?text=Dear+%7B%7B+first_nam+%7D%7D%2C' },
    { name: 'writebacks', path: '/writebacks' },
    { name: 'writebacks-none', path: '/writebacks?state=held' },
    { name: 'writebacks-days', path: '/writebacks?kind=unsubscribe&from=2026-01-01' },
    { name: 'writebacks-retry', path: `${bridge}/writebacks/retry` },
    { name: 'writeback-sent', path: sent },
    { name: 'writeback-error', path: error },
    { name: 'writeback-cancel', path: `${error}/cancel` },
    { name: 'bridge-writebacks', path: `${bridge}/writebacks` },
    { name: 'run-plan', path: run },
    { name: 'run-held', path: held },
    { name: 'run-done', path: done },
    { name: 'bridges', path: '/admin/bridges' },
    { name: 'bridges-menu', path: '/admin/bridges', act: openMenu('Actions for') },
    { name: 'bridge-kinds', path: '/admin/bridges/new' },
    { name: 'bridge-new', path: '/admin/bridges/new/personify360' },
    { name: 'bridge-edit', path: edit },
    { name: 'bridge-delete', path: remove },
    { name: 'bridge', path: bridge },
    { name: 'bridge-fields', path: `${bridge}/fields` },
    { name: 'bridge-schedule', path: `${bridge}/schedule` },
    { name: 'lists', path: '/lists' },
    { name: 'lists-none', path: '/lists?q=no+such+list' },
    { name: 'list-new', path: '/lists/new' },
    { name: 'list-new-faults', path: '/lists/new', act: async (p) => { await p.getByRole('button', { name: 'Make the list' }).click(); await p.getByText('Nothing was saved yet.').waitFor(); } },
    { name: 'list-rows', path: filled },
    { name: 'list-rows-found-none', path: `${filled}?q=nobody` },
    { name: 'list-rows-none', path: list },
    { name: 'list-fields', path: `${list}/fields` },
    { name: 'list-fields-menu', path: `${list}/fields`, act: openMenu('Actions for') },
    { name: 'list-field-new', path: `${list}/fields/new` },
    { name: 'list-field-edit', path: `${list}/fields/3` },
    { name: 'list-extensions', path: `${list}/extensions` },
    { name: 'list-usage', path: `${list}/usage` },
    { name: 'extension-usage-none', path: `${extension}/usage` },
    { name: 'list-settings', path: `${list}/settings` },
    { name: 'list-delete-not', path: `${list}/delete` },
    { name: 'extensions', path: '/lists/extensions' },
    { name: 'extension-new', path: '/lists/extensions/new' },
    { name: 'extension-fields', path: `${extension}/fields` },
    { name: 'extension-delete', path: `${extension}/delete` },
    { name: 'streams', path: '/admin/streams' },
    { name: 'stream-new', path: '/admin/streams/new' },
    { name: 'stream', path: stream },
    { name: 'stream-fields', path: `${stream}/fields` },
    { name: 'stream-rejected', path: `${stream}/rejected` },
    { name: 'stream-edit', path: `${stream}/edit` },
    { name: 'stream-token', path: `${stream}/token` },
    { name: 'stream-delete', path: `${stream}/delete` },
    { name: 'bridge-status', path: '/admin/status' },
    { name: 'schedules', path: '/admin/schedules' },
    { name: 'subscriber-unsubscribe', path: `${subscriber}/unsubscribe` },
    { name: 'subscriber-resubscribe', path: `${subscriber}/resubscribe` },
    { name: 'settings', path: '/settings' },
    { name: 'users', path: '/settings/users' },
    { name: 'users-menu', path: '/settings/users', act: openMenu('Actions for bob.lindner') },
    { name: 'user-new', path: '/settings/users/new' },
    { name: 'user-edit', path: user },
    { name: 'user-edit-self', path: self },
    { name: 'user-password', path: `${user}/password` },
    { name: 'account', path: '/account' },
    { name: 'tokens', path: '/settings/tokens' },
    { name: 'token-new', path: '/settings/tokens/new' },
    { name: 'token-revoke', path: revoke },
    { name: 'audit', path: '/settings/audit' },
    { name: 'audit-filtered', path: '/settings/audit?object=bridge' },
    { name: 'keyboard', path: '/keyboard' },
    { name: 'you-menu', path: '/keyboard', act: openMenu('You') },
    { name: 'not-there', path: '/no-such-page' },
  ];
}
