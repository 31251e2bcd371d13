// SPDX-License-Identifier: MIT
// The page of a live, allocating process: every view draws, the mark finds the leak, it refreshes.
// node live.mjs URL PID
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, pid] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);

// The list, with lines that grow.
await page.goto(url);
await page.waitForSelector(`#targets a[href="/${pid}/"]`);
await until(page, () => [...document.querySelectorAll('.spark polyline')].some(l => l.getAttribute('points').split(' ').length >= 3));
await shots(page, 'live-list');
await page.click(`#targets a[href="/${pid}/"]`);
await until(page, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 3);
check('title', (await page.textContent('#title')) === 'churn ' + pid, await page.textContent('#title'));
check('names', await page.evaluate(() => HT.views[0].flame.tree.names.includes('leaky_cache')));
await shots(page, 'live-flame');

// Mark, wait, and see what grew.
await page.click('#mark');
await until(page, () => heaptap.before && heaptap.state.base === 'mark');
check('nothing has grown yet', await page.evaluate(() => heaptap.tree({}).layout(heaptap.type()).width[0] === 0));
await page.waitForTimeout(1500);
let first;
const leads = async () => { // reloads until the leak has grown by more than chance: a busy machine lets it grow slowly
  await page.evaluate(() => document.activeElement.blur());
  await page.click('#reload');
  await until(page, () => heaptap.tree({}).layout(heaptap.type()).width[0] > 0);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('2');
  await page.waitForSelector('#top-table');
  first = await page.textContent('#top-table tbody tr');
  return first.includes('leaky_cache') && first.includes('+');
};
check('the leak grew most', await eventually(page, leads), first);
await shots(page, 'live-grown');

// It refreshes by itself.
await page.selectOption('#base', '');
await page.selectOption('#type', 'alloc_space');
const before = await page.evaluate(() => heaptap.tree({}).value(0, heaptap.type()));
await page.selectOption('#refresh', '2');
await until(page, v => heaptap.tree({}).value(0, heaptap.type()) > v, before);
await page.selectOption('#refresh', '0');
check('refresh in the address', !page.url().includes('refresh='));

for (const [key, what] of [['3', '.graph .node'], ['4', 'table.code'], ['5', '.trace'], ['1', '#flame canvas']]) {
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(key);
  await page.waitForSelector(what);
}
await page.goto(`${url}${pid}/#view=source&fn=leaky_cache&type=inuse_space`);
await page.reload();
await until(page, () => document.querySelector('#view').textContent.includes('malloc(sizeof *e)'));
const hot = await page.textContent('tr.hot');
check('source of the leak', hot.includes('malloc(sizeof *e)'), hot);
await shots(page, 'live-source');

await stop();
done();
