// SPDX-License-Identifier: MIT
// The server's page for two files in a browser: every view draws, figures are the profile's, the
// comparison finds what was planted, addresses carry the state. node page.mjs URL TOTALS.json ROWS.json VIEWS
import fs from 'node:fs';
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, totalsFile, flatFile, viewsFile] = process.argv.slice(2);
const totals = JSON.parse(fs.readFileSync(totalsFile, 'utf8'));
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);

// Two files open compared, newest first; the flame graph's widest path is the leak.
await page.goto(url);
await until(page, () => window.heaptap && window.heaptap.data && window.heaptap.before);
check('opens the newer file compared with the older', new URL(page.url()).pathname === '/2/' && page.url().includes('base=1'), page.url());
let grew;
const widest = () => page.evaluate(() => {
  const f = HT.views[0].flame;
  let at = 0;
  while (f.children(at).length && f.lay.width[f.children(at)[0]] > 0) at = f.children(at)[0];
  return [f.name(at), f.tree.value(at, f.type)];
}).catch(() => []);
check('compare finds the leak', await eventually(page, async () => (grew = await widest())[0] === 'cache::Entry::make' && grew[1] === 700 * 65536), grew);
await shots(page, 'page-compare');
await page.keyboard.press('2');
await page.waitForSelector('#top-table');
const first = await page.textContent('#top-table tbody tr');
check('compared top', first.includes('cache::Entry::make') && /\+43\.75MB \(\+[\d.]+MB to \+[\d.]+MB\)/.test(first), first);
// More than chance in red, what may be chance faint; the interval is whole in a narrow window too.
const cellOf = (name, k) => page.evaluate(([n, c]) => {
  const row = [...document.querySelectorAll('#top-table tbody tr')].find(r => r.lastChild.textContent.startsWith(n));
  const td = row && row.children[c], r = td && td.getBoundingClientRect();
  return td && { text: td.textContent, look: td.className.replace('bar-cell ', ''), shown: r.width > 40 && r.right <= innerWidth && r.left >= 0 };
}, [name, k]);
for (const width of [1400, 400]) {
  await page.setViewportSize({ width, height: 800 });
  const leak = await cellOf('cache::Entry::make', 0), wobble = await cellOf('session::Table::grow', 0), main = await cellOf('main', 2);
  check('what grew at ' + width, leak.look === 'grew' && leak.shown, leak);
  check('what may be chance at ' + width, wobble.look === 'faint' && wobble.text.startsWith('+384kB (-') && wobble.shown, wobble);
  check('its callers grew at ' + width, main.look === 'grew' && main.shown, main);
  const wide = await page.evaluate(() => document.querySelector('#top-table').getBoundingClientRect().right);
  check('the table fits ' + width, wide <= width, wide);
}
check('the caption says what faint is', (await page.textContent('#top-table caption')).includes('What may be chance is faint'));
await page.setViewportSize({ width: 1280, height: 800 });
await page.keyboard.press('3');
await page.waitForSelector('.graph .node');
const drawn = await page.$$eval('.graph .node', all => Object.fromEntries(all.map(n => [n.querySelector('title').textContent, n.classList.contains('faint')])));
check('call graph', drawn['cache::Entry::make'] === false && drawn['session::Table::grow'] === true && drawn.main === false, drawn);
await shots(page, 'page-compare-graph');
await page.keyboard.press('5');
await page.waitForSelector('.trace');
check('traces', await page.$$eval('.trace .amount', all => all.map(a => a.className).join()) === 'amount grew,amount faint');
// The other views of the comparison, by their keys.
for (const [key, what] of [['9', '#tree-table'], ['8', '#beside-table'], ['7', '#owners-table']]) {
  await page.keyboard.press(key);
  await page.waitForSelector(what);
  const row = await page.evaluate(w => { const all = [...document.querySelectorAll(w + ' tbody tr')].map(r => r.textContent); return all.find(r => /cache::Entry::make/.test(r)) || all.join(); }, what);
  check('the leak in ' + what, row.includes('+43.75MB'), row);
}
check('owners: what may be chance is faint', (await page.$$eval('#owners-table tbody tr', all => all.map(r => [r.children[2].firstChild.textContent, r.firstChild.classList.contains('faint')]))).some(([n, faint]) => n === 'session::Table::grow' && faint));
await page.evaluate(() => heaptap.set({ view: 'sizes', fn: 'cache::Entry::make' }));
await page.waitForSelector('#sizes tbody tr');
check('sizes of what grew', /64kB\+43\.75MB\+700/.test(await page.textContent('#sizes tbody')), await page.textContent('#sizes tbody'));
await page.evaluate(() => heaptap.set({ fn: '' }));
await page.keyboard.press('2');
await page.waitForSelector('#top-table');
await shots(page, 'page-compare-top');

// One file alone, with the intervals of the report.
await page.selectOption('#base', '');
await until(page, () => !window.heaptap.before);
await page.waitForSelector('#top-table');
const flat = JSON.parse(fs.readFileSync(flatFile, 'utf8'));
const rows = await page.evaluate(() => HT.top(heaptap.tree({}), heaptap.type()).map(r => [r.name, r.flat, r.cum]));
for (const [name, f, c] of rows) {
  const want = flat[name];
  check('flat and cum of ' + name, want && want[0] === f && want[1] === c, [f, c, want]);
}
check('as many rows', rows.length === Object.keys(flat).length, [rows.length, Object.keys(flat).length]);
for (const width of [1400, 400]) {
  await page.setViewportSize({ width, height: 800 });
  const cell = await cellOf('cache::Entry::make', 0), whole = await cellOf('main', 3);
  check('flat interval at ' + width, /^46\.25MB ±2\d%$/.test(cell.text) && cell.shown, cell);
  check('cum interval at ' + width, /MB ±\d+%$/.test(whole.text) && whole.shown, whole);
}
await page.setViewportSize({ width: 1280, height: 800 });
check('the caption says what may be missing', (await page.textContent('#top-table caption')).includes('holds less than 1.50MB may not be listed'));
const percent = async () => Number((await cellOf('cache::Entry::make', 0)).text.match(/±(\d+)%/)[1]), at95 = await percent();
await page.selectOption('#confidence', '99');
await page.waitForFunction(() => document.querySelector('#top-table caption').textContent.includes('Intervals of 99 %'));
check('at 99 % more may be missing', (await page.textContent('#top-table caption')).includes('holds less than 2.30MB may not be listed'));
const at99 = await percent();
check('at 99 % an interval is a quarter to a half wider', at99 > 1.2 * at95 && at99 < 1.5 * at95, [at95, at99]);
check('the address has the confidence', page.url().includes('confidence=99'), page.url());
await page.selectOption('#confidence', '95');
await page.waitForFunction(() => document.querySelector('#top-table caption').textContent.includes('Intervals of 95 %'));
await shots(page, 'page-top');
await page.click('button[data-sort="cum"]');
check('sorted by cum', (await page.getAttribute('th:has([data-sort="cum"])', 'aria-sort')) === 'descending');
const cums = await page.$$eval('#top-table tbody tr td:nth-child(4)', tds => tds.map(t => t.textContent));
check('heaviest first', cums[0].startsWith('283.90MB'), cums[0]);
await page.click('button[data-sort="cum"]');
check('sorted the other way', (await page.getAttribute('th:has([data-sort="cum"])', 'aria-sort')) === 'ascending');
await page.click('button[data-sort="name"]');
check('sorted by name', (await page.getAttribute('th:has([data-sort="name"])', 'aria-sort')) === 'ascending');

// Sample types and filters.
for (const t of Object.keys(totals)) {
  await page.selectOption('#type', t);
  const v = await page.evaluate(() => heaptap.tree({}).value(0, heaptap.type()));
  check('total of ' + t, v === totals[t], [v, totals[t]]);
}
await page.fill('#focus', 'cache::');
const shows = async (what, not) => (await page.textContent('#view')).includes(what) && !(await page.textContent('#view')).includes(not);
check('focus', await eventually(page, () => shows('cache::Entry::make', 'codec::')));
await page.fill('#ignore', 'cache::');
check('ignore', await eventually(page, () => shows('Ignore “cache::” leaves nothing of focus “cache::”', 'cache::Entry::make')));
await page.fill('#ignore', '');
await page.fill('#focus', '');
check('all again', await eventually(page, () => shows('codec::', 'leaves nothing')));
await page.fill('#focus', 'no_such_function');
check('a focus that matches nothing', await eventually(page, () => shows('Focus “no_such_function” matches no function', 'codec::')));
await page.click('#view button.clear');
check('it is cleared', await eventually(page, () => shows('codec::', 'matches no')) && (await page.inputValue('#focus')) === '');
await page.fill('#focus', 'codec(');
await page.waitForSelector('#wrong:not([hidden])');
const wrong = await page.textContent('#wrong');
check('a focus that is no regular expression', /^Focus is no regular expression \(.+\): its letters/.test(wrong) && (await page.getAttribute('#focus', 'aria-invalid')) === 'true', wrong);
await page.fill('#focus', '(?i)CODEC::');
check('case is ignored as in pprof', await eventually(page, () => shows('codec::', 'no regular')) && await page.isHidden('#wrong'));
await page.fill('#focus', '');
check('all again', await eventually(page, () => shows('cache::', 'matches no')));

// Call graph, source, traces, flame graph.
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press('3');
await page.waitForSelector('.graph svg .node');
check('graph nodes', (await page.$$('.graph .node')).length > 10);
check('graph edges', (await page.$$('.graph .edge')).length > 10);
await shots(page, 'page-graph');
// Nodes do not overlap, laid out by graphviz or by the page; zooming changes the size, fitting shows all.
const overlaps = () => page.$$eval('.graph .node rect', all => {
  const r = all.map(a => a.getBoundingClientRect());
  return r.filter((a, i) => r.some((b, k) => k > i && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length;
});
const shapes = () => page.$$eval('.graph svg .edge', all => all.map(e => e.getAttribute('d')).join());
check('no node is above another', (await overlaps()) === 0);
check('all texts are within the drawing', await page.$eval('.graph svg', s => { const w = s.viewBox.baseVal.width; return [...s.querySelectorAll('text')].every(t => { const b = t.getBBox(); return b.x >= 0 && b.x + b.width <= w; }); }));
const server = await shapes();
await page.route('**/api/layout', r => r.fulfill({ status: 204 }));
await page.selectOption('#type', 'alloc_objects');
await page.fill('#ef', '3');
await page.waitForSelector('.graph svg .node');
check('sliders are in the address', await eventually(page, () => page.url().includes('ef=0.05')), page.url());
check('without graphviz none is either', await eventually(page, async () => (await shapes()) !== server && (await overlaps()) === 0));
await page.unroute('**/api/layout');
await page.evaluate(() => document.activeElement.blur());
const widthOf = () => page.$eval('.graph svg', s => Number(s.getAttribute('width')));
const wide1 = await widthOf();
await page.keyboard.press('+');
check('zoomed in', (await widthOf()) > 1.2 * wide1);
await page.keyboard.press('0');
check('it fits', await page.$eval('.graph', b => b.scrollWidth <= b.clientWidth && b.scrollHeight <= b.clientHeight));
const count = () => page.$$eval('.graph .node', all => all.length), many = await count();
await page.fill('#nf', '10');
check('fewer nodes', await eventually(page, async () => (await count()) < many), [many, await count()]);
await page.fill('#nf', '6');
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press('4');
await page.waitForSelector('table.code');
await page.selectOption('#fn', 'cache::Cache::insert');
await until(page, () => document.querySelector('#view').textContent.includes('planted here'));
const code = await page.textContent('table.code');
check('source lines', code.includes('planted here'), code);
await shots(page, 'page-source');
// All functions that an expression matches, by name, file or library; the heaviest first.
const heads = () => page.$$eval('h2.source-file', all => all.map(h => h.textContent.replace(/ {2}in .*/, '')));
const matching = async re => page.evaluate(r => HT.top(heaptap.tree({ by: 'lines' }), heaptap.type()).filter(x => new RegExp(r).test([x.info.fn, x.info.file, x.info.mod].join('\n')))
  .map(x => x.info.fn).filter((f, i, all) => f && all.indexOf(f) === i).length, re);
await page.fill('#fns', '^cache::');
check('each function that matches', await eventually(page, async () => (await heads()).join() === 'cache::Entry::make,cache::Cache::insert'), await heads());
check('with its source', await eventually(page, async () => (await page.textContent('#view')).includes('planted here')));
check('the focus stays where one types', (await page.evaluate(() => document.activeElement.id)) === 'fns');
await page.fill('#fns', 'libcodec');
const ofLibrary = await matching('libcodec');
check('by library', await eventually(page, async () => new Set(await heads()).size === ofLibrary) && ofLibrary > 15, [await heads(), ofLibrary]);
check('it is in the address', page.url().includes('fns=libcodec'), page.url());
await page.fill('#fns', '.');
await page.waitForSelector('button:has-text("Show all")');
check('many, at first not all', (await heads()).length >= 25);
await page.click('button:has-text("Show all")');
const every = await matching('.');
check('all', await eventually(page, async () => new Set(await heads()).size === every) && every > 25, [(await heads()).length, every]);
await page.fill('#fns', 'cache(');
check('no expression: its letters, which is said', await eventually(page, async () => /No regular expression.*0 functions/.test(await page.textContent('.view-controls'))), await page.textContent('.view-controls'));
await page.click('#view button.clear');
check('cleared', await eventually(page, async () => (await heads()).length === 1 && (await page.inputValue('#fns')) === ''));
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press('5');
await page.waitForSelector('.trace');
check('traces', (await page.$$('.trace')).length > 50);
await shots(page, 'page-traces');
await page.keyboard.press('1');
await until(page, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 20);
await page.selectOption('#type', 'inuse_space');
await shots(page, 'page-flame');
await page.keyboard.press('Escape');
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press('/');
await page.keyboard.type('huffman');
check('search', /^\d+ frames/.test(await page.textContent('#found')), await page.textContent('#found'));

// The address brings the same view back, and Back the one before.
const there = page.url();
check('address has the state', there.includes('search=huffman') && there.includes('type=inuse_space'), there);
const again = await context.newPage();
watch(again, [url, 'data:', 'blob:']);
await again.goto(there);
await until(again, () => HT.views[0].flame && HT.views[0].flame.boxes.length > 20);
check('search comes back', (await again.inputValue('#search')) === 'huffman');
await again.click('nav a:nth-child(2)');
await again.waitForSelector('#top-table');
await again.goBack();
await again.waitForSelector('#flame');

// A view that is saved is kept by the server: a browser that knows nothing of it has it, too.
await page.click('#more');
await page.fill('#save-as', 'mine & <b>yours</b>');
await page.click('#save');
check('it says so', await eventually(page, async () => (await page.textContent('#saved-said')) === 'Saved as mine & <b>yours</b>'), await page.textContent('#saved-said'));
check('in the file', fs.readFileSync(viewsFile, 'utf8').startsWith('mine%20%26%20%3Cb%3Eyours%3C%2Fb%3E '), fs.readFileSync(viewsFile, 'utf8'));
const elsewhere = await context.newPage();
await elsewhere.goto(url + '2/#view=top');
await until(elsewhere, () => window.heaptap && window.heaptap.data && [...document.querySelectorAll('#saved option')].length > 1);
check('nothing of it is in the browser', await elsewhere.evaluate(() => localStorage.length) === 0);
await elsewhere.click('#more');
await elsewhere.selectOption('#saved', 'mine & <b>yours</b>');
check('it comes back', await eventually(elsewhere, () => elsewhere.evaluate(() => heaptap.state.view === 'flame' && heaptap.state.search === 'huffman')));
await elsewhere.click('#unsave');
check('and goes', await eventually(elsewhere, async () => (await elsewhere.textContent('#saved-said')) === 'Deleted') && fs.readFileSync(viewsFile, 'utf8') === '');
fs.writeFileSync(viewsFile, 'something else\n\n');
await elsewhere.fill('#save-as', 'kept');
await elsewhere.click('#save');
check('a file of something else is left alone', await eventually(elsewhere, async () => /Saved as kept, in this browser only: .*something else/.test(await elsewhere.textContent('#saved-said'))),
  await elsewhere.textContent('#saved-said'));
check('as it was', fs.readFileSync(viewsFile, 'utf8') === 'something else\n\n');
await elsewhere.close();

// A profile that is too large for a browser is said to be so, and what is shown stays.
await page.evaluate(() => { document.activeElement.blur(); HT.mostBytes = 1000; });
await page.keyboard.press('r');
await page.waitForSelector('#notice:not([hidden])');
check('too large', /Cannot fetch the profile: it is larger than 1000B.*What is shown is from before/.test(await page.textContent('#notice')), await page.textContent('#notice'));
check('the view stays', await page.evaluate(() => HT.views[0].flame.boxes.length > 5));
await page.evaluate(() => { HT.mostBytes = 5e8; });
await page.keyboard.press('r');
await until(page, () => document.getElementById('notice').hidden);

// Download.
const [dl] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
check('download', fs.statSync(await dl.path()).size > 500);
check('names of the profile run nothing', await page.evaluate(() => window.pwned === undefined));
// What a screen reader needs: everything that can be operated has a name.
const nameless = await page.$$eval('button, select, input, a', all => all.filter(e => e.offsetParent &&
  !(e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label'))).map(e => e.outerHTML));
check('controls without a name', nameless.length === 0, nameless);
await page.setViewportSize({ width: 400, height: 800 });
let wide;
check('no sideways scrolling at 400 px', await eventually(page, async () => (wide = await page.evaluate(() => document.documentElement.scrollWidth)) <= 400), wide);

await stop();
done();
