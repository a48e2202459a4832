// Pictures of every page, light and dark, wide and narrow: node screenshots.js FOLDER [ONLY]. Look at them.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startDemo } from './support/demo.js';
import { DESKTOP, PHONE, launch, open, signIn } from './support/browser.js';
import { everyPage, furnish, trouble } from './support/pages.js';

const [folder, only] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node screenshots.js FOLDER [ONLY]');
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const demo = await startDemo(2000);
const browser = await launch();
try {
  const first = await open(browser, demo);
  await signIn(first, demo);
  await furnish(first, demo);
  await trouble(first, demo);
  const pages = [...await everyPage(first), { name: 'style', path: '/style' }];
  for (const [size, viewport] of [['1280', DESKTOP], ['390', PHONE]]) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open(browser, demo, { viewport, colorScheme });
      const shot = async (name) => page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: true });
      await page.goto('/sign-in');
      await shot('sign-in');
      await signIn(page, demo);
      for (const { name, path, act } of pages) {
        if (only && !name.includes(only)) continue;
        await page.goto(path);
        await act?.(page);
        await shot(name);
      }
      await page.context().close();
    }
  }
} finally {
  await browser.close();
  await demo.stop();
}
