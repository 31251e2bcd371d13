// SPDX-License-Identifier: MIT
// The page of a live, allocating process: every view draws, the mark finds the leak, it refreshes.
// node live.mjs URL PID
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, pid] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);

// The list, with lines from the server's start on, which grow. They are there when the list is drawn first: the page is told of one list only.
await eventually(page, async () => (await (await page.request.get(url + 'api/targets?history=1')).json()).targets.every(t => t.id !== pid || t.history.ago.length >= 3));
let lists = 0;
await page.route('**/api/targets*', r => (lists++ ? r.abort() : r.continue()));
await page.goto(url);
await page.waitForSelector(`#targets a[href="/${pid}/"]`);
const lines = () => page.$$eval(`#targets tr:has(a[href="/${pid}/"]) .spark polyline`, all => all.map(l => l.getAttribute('points').split(' ').length));
check('trends at once', (await lines()).length === 3 && (await lines()).every(n => n >= 4), await lines());
await page.unroute('**/api/targets*');
const first_ = (await lines())[0];
check('and they go on', await eventually(page, async () => (await lines())[0] > first_), first_);
const cells = await page.$$eval(`#targets tr:has(a[href="/${pid}/"]) td`, all => all.map(td => td.textContent));
check('resident memory is listed', /^[\d.]+[kMG]?B$/.test(cells[5]), cells);
await page.setViewportSize({ width: 400, height: 800 });
check('the list fits 400 px', await page.evaluate(() => document.documentElement.scrollWidth <= 400));
const cut = await page.$$eval(`#targets tr:has(a[href="/${pid}/"]) td`, all => all.filter(td => td.getClientRects().length && td.getBoundingClientRect().right > 400).map(td => td.cellIndex));
check('with the trend and what is resident', cut.length === 0 && (await page.$$eval(`#targets tr:has(a[href="/${pid}/"]) .spark`, all => all.filter(e => e.getClientRects().length).length)) === 1, cut);
await page.setViewportSize({ width: 1280, height: 800 });
await shots(page, 'live-list');
await page.click(`#targets a[href="/${pid}/"]`);
await until(page, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 3);
check('title', (await page.textContent('#title')) === 'churn ' + pid, await page.textContent('#title'));
check('names', await page.evaluate(() => HT.views[0].flame.tree.names.includes('leaky_cache')));
await shots(page, 'live-flame');

// Mark, wait, and see what grew.
await page.click('#mark');
await until(page, () => heaptap.state.base === 'mark1' && !document.getElementById('change').hidden);
check('the page stays as it was', await page.evaluate(() => !heaptap.before && heaptap.tree({}).layout(heaptap.type()).width[0] > 0 && HT.views[0].flame.boxes.length > 3));
check('it says what was kept', /^Mark 1 · .* · [\d.]+[kMG]?B\s*is kept/.test(await page.textContent('#change')), await page.textContent('#change'));
await page.click('#mark');
await until(page, () => heaptap.state.base === 'mark2');
check('generations', (await page.$$eval('#base option', all => all.map(o => o.value))).join().startsWith(',mark1,mark2'));
await page.selectOption('#base', 'mark1');
await until(page, () => heaptap.before);
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
  // What the ring holds, as it is estimated, can have shrunk by more at first.
  return first.includes('leaky_cache') && first.includes('+') && (await page.textContent('#change')).includes('(+');
};
check('the leak grew most', await eventually(page, leads), first);
const line = await page.textContent('#change');
check('by how much, since when, and what colours mean', /^[\d.]+ → [\d.]+ [kMG]?B \(\+[\d.]+, \+[\d.]+ %\)/.test(line) && line.includes('since mark 1') && line.includes('may be chance'), line);
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
