// SPDX-License-Identifier: MIT
// Callers and callees of a function: their figures, the menu by mouse and keyboard, what collapsing and
// showing from a function leave, and the address and Back. node sandwich.mjs URL TOTALS.json
import fs from 'node:fs';
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, totalsFile] = process.argv.slice(2);
const totals = JSON.parse(fs.readFileSync(totalsFile, 'utf8'));
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
const ready = () => until(page, () => window.heaptap && window.heaptap.data);
const open = async hash => { // only a changed path loads again
  await page.goto('about:blank');
  await page.goto(url + '2/#' + hash);
  await ready();
};

// Figures: what a function's callers and callees have is its cumulative value, for each function and type.
await open('view=sandwich');
const wrong = await page.evaluate(() => {
  const bad = [];
  for (let t = 0; t < heaptap.data.types.length; t++) {
    for (const r of HT.top(heaptap.tree({}), t)) {
      const callers = HT.sandwichOf(heaptap, r.name, 'callers'), callees = HT.sandwichOf(heaptap, r.name, 'callees');
      if (callers.value(0, t) !== r.cum || callees.value(0, t) !== r.cum) bad.push([r.name, t, r.cum, callers.value(0, t), callees.value(0, t)]);
      const tops = tree => { let n = 0; for (let i = 1; i < tree.size; i++) n += tree.parent[i] === 0 && tree.names[tree.key[i]] !== r.name; return n; };
      if (tops(callers) || tops(callees)) bad.push(['root', r.name]);
    }
  }
  return bad.slice(0, 5);
});
check('callers and callees sum to cum', wrong.length === 0, wrong);

// A click on a name in each view leads there, and Back leads back.
for (const [view, what] of [['top', '#top-table button.name-link'], ['traces', '.trace button.name-link'], ['graph', '.graph .node'], ['flame', '#to-callers']]) {
  await open('view=' + view);
  if (view === 'flame') {
    await until(page, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 5);
    await page.focus('#flame canvas');
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
  }
  await page.waitForSelector(what);
  await page.click(what);
  await page.waitForSelector('#sandwich-of');
  check('the address of it from ' + view, /view=sandwich/.test(page.url()) && /fn=/.test(page.url()), page.url());
  const fn = await page.evaluate(() => heaptap.state.fn);
  check('it is the function of ' + view, (await page.textContent('#sandwich-of strong')) === fn, fn);
  await page.goBack();
  check('Back to ' + view, await eventually(page, () => page.evaluate(v => heaptap.state.view === v, view)));
}

for (const width of [1400, 400]) {
  await page.setViewportSize({ width, height: 800 });
  await open('view=sandwich&fn=cache%3A%3ACache%3A%3Ainsert');
  await page.waitForSelector('[data-side=callees] button.name-link');
  const sides = await page.evaluate(() => ['callers', 'callees'].map(s => [...document.querySelectorAll(`[data-side=${s}] tbody tr`)].map(r => r.lastChild.textContent)));
  check('callees at ' + width, sides[1].includes('cache::Entry::make'), sides);
  await until(page, () => HT.views.find(v => v.id === 'sandwich').flames.every(f => f.boxes.length > 1));
  check('no sideways scrolling at ' + width, await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  // Callers stand above the function: the root is the lowest row.
  check('callers upwards at ' + width, await page.evaluate(() => {
    const f = HT.views.find(v => v.id === 'sandwich').flames[0], y = d => f.boxes.find(b => f.tree.depth[b.node] === d).y;
    return y(0) > y(1) && y(0) >= 0 && y(0) + 20 <= f.box.clientHeight + 1;
  }));
  await page.click('[data-side=callees] button.name-link:text("cache::Entry::make")');
  check('a callee is shown at ' + width, await eventually(page, async () => (await page.textContent('#sandwich-of strong')) === 'cache::Entry::make'));
}
await page.setViewportSize({ width: 1400, height: 800 });
await shots(page, 'page-sandwich');
await open('view=sandwich&fn=no_such');
check('a function that is not there', (await page.textContent('#view')).includes('No function “no_such”'));
await page.click('#view button.clear');
await page.waitForSelector('#sandwich-of');

// The menu: by right click, and by keyboard alone.
await open('view=top');
const item = label => page.click(`#menu button:text-is("${label}")`);
const menu = async name => {
  await page.click(`#top-table [data-fn="${name}"]`, { button: 'right' });
  await page.waitForSelector('#menu');
};
await menu('cache::Cache::insert');
await shots(page, 'page-menu');
await item('Collapse what it calls');
await page.waitForSelector('#filters .chip');
let top = await page.evaluate(() => Object.fromEntries(HT.top(heaptap.tree({}), heaptap.type()).map(r => [r.name, [r.flat, r.cum]])));
check('what it calls is put to it', top['cache::Cache::insert'][0] === top['cache::Cache::insert'][1] && !top['cache::Entry::make'], top['cache::Cache::insert']);
check('nothing is lost', await page.evaluate(() => heaptap.tree({}).value(0, heaptap.type())) === totals.inuse_space);
await page.click('#filters .chip');
await eventually(page, () => page.isHidden('#filters'));
const lib = await page.evaluate(() => {
  const row = HT.top(heaptap.tree({}), heaptap.type()).filter(r => r.info.mod).sort((a, b) => b.cum - a.cum)[1];
  return [row.name, HT.base(row.info.mod), row.info.mod];
});
await menu(lib[0]);
await item('Collapse ' + lib[1]);
await page.waitForSelector('#filters .chip');
const left = await page.evaluate(mod => {
  const tree = heaptap.tree({}), inside = tree.names.filter((n, k) => k && tree.info[k].mod === mod);
  let rows = 0;
  for (let i = 1; i < tree.size; i++) rows += tree.parent[i] > 0 && tree.info[tree.key[i]].mod === mod && tree.key[i] === tree.key[tree.parent[i]];
  return [inside, rows, tree.value(0, heaptap.type())];
}, lib[2]);
check('a library is one frame', left[0].length === 1 && left[0][0] === '[' + lib[1] + ']' && left[1] === 0 && left[2] === totals.inuse_space, left);
await page.goBack();
check('Back undoes it', await eventually(page, () => page.isHidden('#filters')));
await menu('cache::Cache::insert');
await item('Show stacks from it');
await page.waitForSelector('#filters .chip');
const from = await page.evaluate(() => { const t = heaptap.tree({}); return [...Array(t.size).keys()].filter(i => t.parent[i] === 0).map(i => t.names[t.key[i]]); });
check('stacks begin with it', from.join() === 'cache::Cache::insert', from);
await page.click('#filters .chip');
await eventually(page, () => page.isHidden('#filters'));
await page.focus('#top-table button.name-link');
const focused = await page.evaluate(() => document.activeElement.dataset.fn);
await page.keyboard.press('Shift+F10');
await page.waitForSelector('#menu');
check('the first item has the focus', (await page.evaluate(() => document.activeElement.textContent)) === 'Callers and callees');
await page.keyboard.press('Escape');
check('Escape closes it and the focus is back', (await page.$('#menu')) === null && (await page.evaluate(() => document.activeElement.dataset.fn)) === focused);
await page.keyboard.press('Shift+F10');
await page.keyboard.press('ArrowDown');
await page.keyboard.press('Enter');
check('focus by keyboard', await eventually(page, () => page.evaluate(() => heaptap.state.focus.startsWith('^'))));

// Zoom is in the address, and a step of Back.
await open('');
await until(page, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 5);
await page.focus('#flame canvas');
await page.keyboard.press('ArrowDown');
await page.keyboard.press('ArrowDown');
await page.keyboard.press('Enter');
const zoomed = await page.evaluate(() => HT.views[0].flame.name(HT.views[0].flame.zoomed));
check('zoom is in the address', /zoom=\w+\.\w+/.test(page.url()) && zoomed !== 'all', page.url());
const there = page.url();
await page.keyboard.press('o');
await page.waitForSelector('#menu');
check('a frame has the menu', (await page.getAttribute('#menu', 'aria-label')) === zoomed);
await page.keyboard.press('Escape');
await page.goBack();
check('Back zooms out', await eventually(page, () => page.evaluate(() => HT.views[0].flame.zoomed === 0)));
await page.goto('about:blank');
await page.goto(there);
await until(page, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 1);
check('the address brings the zoom back', (await page.evaluate(() => HT.views[0].flame.name(HT.views[0].flame.zoomed))) === zoomed);
check('names of the profile run nothing', await page.evaluate(() => window.pwned === undefined));

await stop();
done();
