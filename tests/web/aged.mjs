// SPDX-License-Identifier: MIT
// Of a process that lives: instructions, sizes, ages, every other view and a mark, at 1400 and 400 px. node aged.mjs URL PID
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, pid] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
await page.goto(`${url}${pid}/#view=source&fn=leaky_cache&type=inuse_space`);
await until(page, () => document.querySelector('#view').textContent.includes('malloc(sizeof *e)'));

// Its instructions, below the line and as a whole.
await page.click('tr.hot .line-no button');
await page.waitForSelector('tr.asm');
const below = await page.textContent('tr.asm');
if (!below.includes('no objdump')) check('the call below its line', /^[\d.]+[kM]?B.*call.*malloc/.test(below), below);
await page.click('tr.hot .line-no button');
check('closed again', (await page.$('tr.asm')) === null);
await page.check('#asm');
await until(page, () => document.querySelector('#instructions') || /Without its instructions/.test(document.querySelector('#view').textContent));
const asm = await page.textContent('#view');
if (asm.includes('no objdump')) console.log('SKIP instructions: there is no objdump');
else check('the call in its instructions', /call.*malloc/.test(await page.textContent('#instructions tr.hot')), asm.slice(0, 600));
await shots(page, 'live-instructions');
await page.uncheck('#asm');

// Sizes and ages of the leak; owners of a process, and the profile as the tree has it.
await page.goto('about:blank');
await page.goto(`${url}${pid}/#view=sizes&fn=leaky_cache&type=inuse_space`);
await page.waitForSelector('#ages tbody tr');
const ages = await page.$$eval('#ages tbody tr', all => all.map(r => r.firstChild.textContent));
check('ages of the leak', ages.length > 0 && ages.every(a => /^(under 1 s|\d+ to \d+ (s|min|h))$/.test(a)), ages);
check('sizes of the leak', (await page.$$('#sizes tbody tr')).length > 0);
await shots(page, 'live-sizes');
for (const [view, what] of [['top', '#top-table'], ['graph', '.graph .node'], ['traces', '.trace'], ['sizes', '#ages tbody tr'], ['owners', '#owners-table'], ['beside', '#beside-table'], ['tree', '#tree-table'], ['sandwich', '#sandwich-of']]) {
  for (const width of [1400, 400]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto('about:blank');
    await page.goto(`${url}${pid}/#view=${view}&type=inuse_space`);
    await page.waitForSelector(what);
    check(`${view} of a process fits ${width}`, await eventually(page, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)));
  }
}
await page.setViewportSize({ width: 400, height: 800 });
await page.click('#mark');
await page.waitForSelector('#changed');
await page.click('#changed');
check('a comparison with a mark fits 400', await eventually(page, () => page.evaluate(() => heaptap.before && !document.getElementById('change').hidden && document.documentElement.scrollWidth <= innerWidth)));

await stop();
done();
