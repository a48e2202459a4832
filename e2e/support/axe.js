// axe-core on a page: what would keep somebody out.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const source = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** No serious or critical violation, in the state the page is in. */
export async function accessible(page, name) {
  await page.evaluate(source);
  const violations = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ['violations'] })).violations);
  const bad = violations
    .filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`);
  assert.deepEqual(bad, [], name);
}
