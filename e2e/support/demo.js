// A demo of its own for each test file: the binary in a temporary folder on a free port.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const binary = process.env.RIALTO_TEST_BINARY ?? new URL('../../target/debug/rialto', import.meta.url).pathname;
const START = 90_000;

/** Starts a demo with a bridge to each of the systems; answers `{url, email, password, sandbox, people, stop}`. */
export async function startDemo(people = 2000, systems = 'personify360') {
  const folder = await mkdtemp(join(tmpdir(), 'rialto-e2e-'));
  const args = ['demo', '--json', '--listen', '127.0.0.1:0', '--people', String(people), '--systems', systems, '--data', join(folder, 'data')];
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', (error) => resolve(error.message)));
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 35_000);
    const code = await ended;
    clearTimeout(late);
    await rm(folder, { recursive: true, force: true });
    return code;
  };
  try {
    return { ...(await firstLine(child, ended)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function firstLine(child, ended) {
  const lines = createInterface({ input: child.stdout });
  const line = new Promise((resolve) => lines.once('line', resolve));
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('the demo did not start in time')), START); });
  const gone = ended.then((code) => { throw new Error(`the demo ended before it was ready: ${code}`); });
  gone.catch(() => {});
  try {
    return JSON.parse(await Promise.race([line, late, gone]));
  } finally {
    clearTimeout(timer);
  }
}

/** A request to the sandbox's own routes. */
export async function sandbox(demo, path, body) {
  const options = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`${demo.sandbox}/admin${path}`, options);
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status} to ${path}`);
  return answer.status === 204 ? undefined : answer.json();
}
