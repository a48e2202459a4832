// Chromium, and what every page of Rialto must be.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const args = [
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--no-first-run',
];

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export function launch() {
  return chromium.launch({ executablePath: process.env.RIALTO_TEST_CHROMIUM ?? '/usr/bin/chromium', args });
}

/** A page in a context of its own, which keeps what the console complains about in `page.complaints`. */
export async function open(browser, demo, options = {}) {
  const context = await browser.newContext({ baseURL: demo.url, viewport: DESKTOP, locale: 'en-GB', ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => { if (message.type() === 'error') page.complaints.push(message.text()); });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(demo.url) && !request.url().startsWith('data:')) page.complaints.push(`asked another host: ${request.url()}`);
  });
  return page;
}

export async function signIn(page, demo, password = demo.password) {
  await page.goto('/');
  await page.getByLabel('Email').fill(demo.email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForLoadState();
}

/** Complaints but the browser's own word on an answer that was meant to be a refusal. */
export function quiet(page) {
  const real = page.complaints.filter((text) => !/status of 4\d\d/.test(text));
  assert.deepEqual(real, [], `${page.url()}: the console complains`);
}

/** One heading, a language, a label for every input, a name for every button and link, no id twice, nothing wider than the screen. */
export async function sound(page) {
  const faults = await page.evaluate(() => {
    const found = [];
    // What stands behind a dialog is out of reach while it is open.
    const headings = document.querySelectorAll(document.querySelector('dialog[open]') ? 'dialog h1' : 'h1').length;
    if (headings !== 1) found.push(`${headings} headings of the first level`);
    if (!document.documentElement.lang) found.push('no language');
    if (!document.title.trim()) found.push('no title');
    if (document.querySelectorAll('main').length !== 1) found.push('not one main part');
    for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
      const named = field.labels?.length || field.getAttribute('aria-label') || field.getAttribute('aria-labelledby');
      if (!named) found.push(`no label: ${field.outerHTML.slice(0, 120)}`);
    }
    for (const thing of document.querySelectorAll('button, a[href]')) {
      const name = thing.getAttribute('aria-label') || thing.textContent.trim() || thing.title;
      if (!name) found.push(`no name: ${thing.outerHTML.slice(0, 120)}`);
    }
    for (const image of document.querySelectorAll('img:not([alt])')) found.push(`no alternative text: ${image.outerHTML.slice(0, 120)}`);
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    for (const id of new Set(ids.filter((id, n) => ids.indexOf(id) !== n))) found.push(`id twice: ${id}`);
    for (const described of document.querySelectorAll('[aria-describedby], [aria-labelledby]')) {
      for (const name of ['aria-describedby', 'aria-labelledby']) {
        for (const id of (described.getAttribute(name) ?? '').split(/\s+/).filter(Boolean)) {
          if (!document.getElementById(id)) found.push(`${name} names nothing: ${id}`);
        }
      }
    }
    const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (over > 1) found.push(`${over} px wider than the screen`);
    return found;
  });
  assert.deepEqual(faults, [], `${page.url()}`);
  quiet(page);
}

/** The whole number at the beginning of a text such as "1,204 people". */
export function number(text) {
  const digits = text.replace(/[^\d]/g, '');
  assert.ok(digits, `no number in ${JSON.stringify(text)}`);
  return Number(digits);
}

/** Waits until the run on this page has ended: its progress is gone, and the page that says how it ended is there as a whole. */
export async function runEnds(page) {
  const deadline = Date.now() + 60_000;
  const over = () => page.evaluate(() => document.readyState === 'complete' && !document.querySelector('#progress')).catch(() => false);
  while (!await over()) {
    assert.ok(Date.now() < deadline, 'the run does not end');
    await page.waitForTimeout(200);
    if (!page.javaScript) await page.reload();
  }
  await page.waitForLoadState();
}

/** Opens a target group by its name from the list. */
export async function openGroup(page, name) {
  await page.goto('/target-groups');
  await page.getByRole('cell').getByRole('link', { name, exact: true }).click();
  await page.waitForLoadState();
}
