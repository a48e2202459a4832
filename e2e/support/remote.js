// The simulated Personify360's own pages, beside the demo that serves it.

import { DESKTOP, open } from './browser.js';

/** A page of the sandbox in a context of its own. */
export function openRemote(browser, demo, options = {}) {
  return open(browser, { url: demo.sandbox }, { viewport: DESKTOP, ...options });
}

/** Keeps a picture of the page in the folder that RIALTO_TEST_PICTURES names, if it does. */
export async function picture(page, name) {
  const folder = process.env.RIALTO_TEST_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** Defines a list whose members MKT510 has not created. */
export async function define(demo, list) {
  const body = JSON.stringify(list);
  const answer = await fetch(`${demo.sandbox}/admin/lists`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (answer.status !== 201) throw new Error(`the list was not defined: ${answer.status}`);
}
