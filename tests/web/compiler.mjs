// SPDX-License-Identifier: MIT
// Every view of a compiler's heap, at 1400 and 400 px: it shows something, fits, sums to the whole, and is as quick as one expects.
// node compiler.mjs URL OWNERS.json
import fs from 'node:fs';
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';
import { points } from './points.mjs';

const [url, ownersFile] = process.argv.slice(2);
const owners = JSON.parse(fs.readFileSync(ownersFile, 'utf8'));
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
const VIEWS = [['flame', '#flame canvas'], ['top', '#top-table'], ['graph', '.graph .node'], ['source', '#fn, .empty'], ['traces', '.trace'], ['sandwich', '#sandwich-of'],
  ['owners', '#owners-table'], ['beside', '#beside-table'], ['tree', '#tree-table'], ['sizes', '#sizes']];

for (const width of [1400, 400]) {
  await page.setViewportSize({ width, height: 800 });
  for (const [view, what] of VIEWS) {
    await page.goto('about:blank');
    await page.goto(`${url}1/#view=${view}&type=inuse_space`);
    await page.waitForSelector(what);
    check(`${view} fits ${width}`, await eventually(page, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)));
    const text = await page.textContent('#view');
    check(`${view} shows something at ${width}`, view === 'flame' || text.length > 100, text);
    if (width === 1400) await shots(page, 'compiler-' + view);
  }
}
await page.setViewportSize({ width: 1400, height: 800 });
const sums = await page.evaluate(() => {
  const t = heaptap.type(), whole = heaptap.tree({}).value(0, t), tree = heaptap.tree({ owners: true, by: 'addresses' }), rows = HT.top(heaptap.tree({}), t);
  return { whole, leafFirst: heaptap.tree({ inverted: true }).value(0, t), owners: HT.ownersOf(tree, t).reduce((a, r) => a + r.value, 0), flat: rows.reduce((a, r) => a + r.flat, 0),
    names: HT.ownersOf(tree, t).slice(0, 40).map(r => r.name), values: HT.ownersOf(tree, t).slice(0, 40).map(r => r.value), stacks: heaptap.data.samples };
});
check('all sums are the whole', sums.whole > 1e6 && [sums.leafFirst, sums.owners, sums.flat].every(v => v === sums.whole), sums);
check('a compiler has many stacks', sums.stacks > 100, sums.stacks);
// The heaviest owners are the report's, by name where they have one.
for (const r of owners.rows.slice(0, 10).filter(o => !/\+0x/.test(o.name))) {
  const k = sums.names.indexOf(r.name);
  check('owner ' + r.name, k >= 0 && sums.values[k] === r.value, [k, sums.values[k], r.value]);
}
// From the heaviest row of top by clicks alone: callers, their menu, what it calls collapsed, and back.
await page.goto('about:blank');
await page.goto(`${url}1/#view=top&type=inuse_space`);
await page.click('#top-table .name-link >> nth=0');
await page.waitForSelector('#sandwich-of');
const fn = await page.textContent('#sandwich-of strong');
check('callers and callees sum to it', await page.evaluate(f => {
  const t = heaptap.type(), row = HT.top(heaptap.tree({ by: 'functions' }), t).find(r => r.name === f);
  return ['callers', 'callees'].every(side => HT.sandwichOf(heaptap, f, side).value(0, t) === row.cum);
}, fn), fn);
await page.click('#sandwich-of strong', { button: 'right' });
await page.click('#menu button:text-is("Collapse what it calls")');
await page.waitForSelector('#filters .chip');
check('nothing is lost by it', (await page.evaluate(() => heaptap.tree({}).value(0, heaptap.type()))) === sums.whole);
await page.goBack();
check('Back undoes it', await eventually(page, () => page.isHidden('#filters')));
await until(page, () => window.heaptap.data);
for (const width of [1400, 400]) await points(page, url + '1/', width, false);

await stop();
done();
