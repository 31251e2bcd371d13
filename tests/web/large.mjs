// SPDX-License-Identifier: MIT
// The flame graph of two million samples in a browser: small, and drawn at once.
// node large.mjs FLAME.html
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { start, check, done, watch, until } from './browser.mjs';

const [file] = process.argv.slice(2);
const size = fs.statSync(file).size;
check('at most 2 MB', size <= 2e6, size);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, ['file:', 'data:']);
await page.addInitScript(() => {
  const look = () => {
    const f = window.heaptap && window.heaptap.flame;
    if (f && f.boxes.length > 20) window.drawnAfter = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
await page.goto(pathToFileURL(file).href);
await until(page, () => window.drawnAfter);
const ms = Math.round(await page.evaluate(() => window.drawnAfter));
console.log(`${(size / 1e6).toFixed(1)} MB, drawn after ${ms} ms`);
// A busy machine may take longer; the page of all frames takes half a minute here.
check('drawn', ms < 10000, ms);
const again = await page.evaluate(() => {
  const before = performance.now();
  document.getElementById('inverted').click();
  return [performance.now() - before, window.heaptap.flame.tree.inverted, document.querySelector('.about').textContent];
});
check('leaf first', again[0] < 5000 && again[1], again);
check('it says what was folded', /--full keeps all/.test(again[2]), again[2]);
await stop();
done();
