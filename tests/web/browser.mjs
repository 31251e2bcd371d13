// SPDX-License-Identifier: MIT
// What the browser tests share: finding Chromium, starting it, counting failures.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export function skip(reason) {
  console.log('SKIP: ' + reason);
  process.exit(77);
}

export async function start() {
  let chromium;
  try {
    ({ chromium } = await import('playwright-core'));
  } catch (e) {
    skip('playwright-core is not installed (npm install in tests/web)');
  }
  const exe = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(f => fs.existsSync(f));
  if (!exe) skip('no Chromium on this machine');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'heaptap-web-'));
  const context = await chromium.launchPersistentContext(dir, {
    executablePath: exe, headless: true, viewport: { width: 1280, height: 800 },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  return {
    context,
    async stop() {
      await context.close();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

let failures = 0;

export function check(what, ok, got) {
  if (ok) return;
  failures++;
  console.log('FAIL: ' + what + (got === undefined ? '' : ': ' + JSON.stringify(got)));
}

export function done() {
  console.log(failures ? failures + ' failed' : 'ok');
  process.exitCode = failures ? 1 : 0;
}

// Fails the test when a page throws, logs an error or asks the network for anything not allowed.
export function watch(page, allowed) {
  page.on('pageerror', e => check('page error', false, e.message));
  // A source file that cannot be shown is a 404, which the browser logs and the page explains.
  page.on('console', m => {
    if (m.type() === 'error' && !m.location().url.includes('/api/source')) check('console error', false, m.text());
  });
  page.on('request', r => {
    if (!allowed.some(a => r.url().startsWith(a))) check('request elsewhere', false, r.url());
  });
}

// Pictures of a page in both themes and widths, when SHOTS names a directory.
export async function shots(page, name, settle) {
  if (!process.env.SHOTS) return;
  for (const width of [1280, 400]) {
    for (const scheme of ['light', 'dark']) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.waitForTimeout(settle || 250);
      await page.screenshot({ path: path.join(process.env.SHOTS, `${name}-${width}-${scheme}.png`) });
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForTimeout(250);
}

// Waits until a function is true in the page. (Playwright's own waitForFunction needs eval, which
// the server's Content-Security-Policy forbids.)
export async function until(page, fn, arg) {
  for (let i = 0; i < 1500; i++) {
    // A navigation in between destroys what was being evaluated.
    if (await page.evaluate(fn, arg).catch(() => false)) return;
    await page.waitForTimeout(60);
  }
  throw new Error('waited too long for ' + fn);
}

// The same for a function of the test's own.
export async function eventually(page, fn) {
  for (let i = 0; i < 1500; i++) {
    if (await fn()) return true;
    await page.waitForTimeout(60);
  }
  return false;
}
