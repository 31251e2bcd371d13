// SPDX-License-Identifier: MIT
// Owners, top beside the flame graph, the call tree, sizes, all sample types, filters of frames and saved views: by mouse and keyboard,
// at 1400 and 400 px, with the reports' figures. node views.mjs URL OWNERS.json SIZES.json HIDDEN.json LABELS.json GRAPH.dot
import fs from 'node:fs';
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, ...files] = process.argv.slice(2), dot = fs.readFileSync(files.pop(), 'utf8');
const [owners, sizes, hidden, labels] = files.map(f => JSON.parse(fs.readFileSync(f, 'utf8')));
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
const open = async hash => { // only a changed path loads again
  await page.goto('about:blank');
  await page.goto(url + '1/#' + hash);
  await until(page, () => window.heaptap && window.heaptap.data && document.querySelector('#view').childElementCount);
};
const both = async (name, what) => {
  for (const width of [1400, 400]) {
    await page.setViewportSize({ width, height: 800 });
    check(`${name} fits ${width}`, await eventually(page, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)));
    if (what) await what(width);
  }
  await page.setViewportSize({ width: 1400, height: 800 });
  await shots(page, 'views-' + name);
};
const visible = selector => page.$$eval(selector, all => all.length > 0 && all.every(e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.left >= 0 && r.left < innerWidth; }));

// Owners, as the report has them.
await open('view=owners');
await page.waitForSelector('#owners-table');
const own = await page.evaluate(() => {
  const tree = heaptap.tree({ owners: true, by: 'addresses' }), t = heaptap.type();
  return HT.ownersOf(tree, t).map(r => ({ name: r.name, value: r.value, path: r.path.map(p => tree.names[tree.key[p.node]]), callers: r.callers }));
});
check('as many owners', own.length === owners.rows.length && own.length > 5, [own.length, owners.rows.length]);
for (const want of owners.rows.filter(r => !/^[\w.]+\+0x/.test(r.name))) {
  const r = own.find(o => o.name === want.name);
  check('owner ' + want.name, r && r.value === want.value && r.callers === want.callers && r.path.join() === want.path.join(), [r, want]);
}
check('a function without a name has its address', own.filter(o => /^\[libc\.so\.6\] 0x30000[0-9a-f]{2}$|^\[libc\.so\.6\] 0x3000[0-9a-f]{3}$/.test(o.name)).length === 12, own.slice(-14));
check('no wrapper among them', !own.some(o => /_M_realloc_insert/.test(o.name)), own);
await both('owners', async width => check('owners are shown at ' + width, await visible('#owners-table td.text > button:first-child')));
check('with intervals', /±\d+%/.test(await page.textContent('#owners-table tbody')));
await page.click('#owners-table td.text > button:first-child');
await page.waitForSelector('#sandwich-of');
check('a click shows its callers', (await page.evaluate(() => heaptap.state.fn)) === own[0].name);

// Top: running sum, all sample types, the density of the rows.
await open('view=top');
await page.waitForSelector('#top-table');
const sums = await page.$$eval('#top-table tbody tr', all => all.map(r => r.children[2].textContent));
check('the running sum grows to the whole', sums.every((s, i) => !i || parseFloat(s) >= parseFloat(sums[i - 1])) && sums[sums.length - 1] === '100%', sums);
const height = await page.$eval('#top-table tbody tr:nth-child(3)', r => r.getBoundingClientRect().height);
check('a row is at most 25 px high', height <= 25, height);
await page.check('#all-types');
check('all types are in the address', await eventually(page, () => page.url().includes('all=1')));
const all = await page.evaluate(() => {
  const name = 'cache::Entry::make', row = [...document.querySelectorAll('#top-table tbody tr')].find(r => r.lastChild.textContent.startsWith(name));
  const rows = heaptap.data.types.map((u, t) => HT.format(HT.top(heaptap.tree({}), t).find(r => r.name === name).flat, u.unit));
  return [[...row.children].map(c => c.textContent), rows];
});
for (const v of all[1]) check('the row has ' + v, all[0].some(c => c.startsWith(v)), all[0]);
check('and the mean size', all[0].includes('64kB'), all[0]);
await both('top-all');
await page.click('button[data-sort="f0"]');
check('sorted by another type', await eventually(page, () => page.evaluate(() => document.querySelector('th:has([data-sort="f0"])').getAttribute('aria-sort') === 'descending')));

// Top and flame graph beside each other.
await open('view=beside');
await until(page, () => document.querySelectorAll('#beside-table tbody tr').length > 5 && HT.views.find(v => v.id === 'beside').flame.boxes.length > 5);
await both('beside', async width => {
  const at = await page.evaluate(() => ['#beside-table', '.beside .flame'].map(s => { const r = document.querySelector(s).getBoundingClientRect(); return [r.left, r.top, r.width]; }));
  check('beside each other, or below at ' + width, width > 600 ? at[1][0] > at[0][0] + 200 : at[1][1] > at[0][1] && at[1][2] > 300, at);
});
const marked = () => page.evaluate(() => { const f = HT.views.find(v => v.id === 'beside').flame; return f.hits ? [...new Set([...f.hits.keys()].filter(i => f.hits[i]).map(i => f.name(i)))] : []; });
await page.hover('#beside-table tr[data-name="cache::Cache::insert"]');
check('a row marks its frames', await eventually(page, async () => (await marked()).join() === 'cache::Cache::insert'), await marked());
await page.focus('#beside-table tr[data-name="codec::decode"] button');
check('so does the focus', await eventually(page, async () => (await marked()).join() === 'codec::decode'), await marked());
await page.focus('.beside canvas');
for (const k of ['ArrowDown', 'ArrowDown']) await page.keyboard.press(k);
const frame = await page.evaluate(() => { const f = HT.views.find(v => v.id === 'beside').flame; return f.name(f.selected); });
check('a frame marks its row', (await page.$$eval('#beside-table tr.pointed', all => all.map(r => r.dataset.name))).join() === frame, frame);
await page.fill('#beside-search', 'huffman');
check('a search narrows the rows', await eventually(page, () => page.$$eval('#beside-table tbody tr', all => all.length > 0 && all.every(r => /huffman/.test(r.dataset.name)))));
check('and is in the address', page.url().includes('search=huffman'));

// The call tree.
await open('view=tree');
await page.waitForSelector('#tree-table');
const rows = () => page.$$eval('#tree-table tr[data-node]', all => all.map(r => [r.querySelector('.name-link') ? r.querySelector('.name-link').textContent : 'all', r.getAttribute('aria-expanded'), Number(r.getAttribute('aria-level'))]));
const first = await rows();
check('the heaviest path is open', first[0][0] === 'all' && first.some(r => r[0] === 'server::Connection::handle'), first);
await page.fill('#tree-search', 'cache::Entry');
check('a search opens the way to it', await eventually(page, async () => (await rows()).some(r => r[0] === 'cache::Entry::make')), await rows());
check('it says how many', /^1 frames, \d+\.\d%$/.test(await page.textContent('#tree-found')), await page.textContent('#tree-found'));
check('and marks it', (await page.$$eval('#tree-table tr.hit', all => all.map(r => r.dataset.fn))).join() === 'cache::Entry::make');
await page.press('#tree-search', 'Enter');
check('Enter goes there', await eventually(page, () => page.evaluate(() => document.activeElement.dataset.fn === 'cache::Entry::make')));
await page.keyboard.press('ArrowLeft');
check('left goes to its caller', (await page.evaluate(() => document.activeElement.dataset.fn)) === 'cache::Cache::insert');
await page.keyboard.press('ArrowLeft');
check('and closes it', await eventually(page, async () => !(await rows()).some(r => r[0] === 'cache::Entry::make')));
await page.keyboard.press('ArrowRight');
check('right opens it', await eventually(page, async () => (await rows()).some(r => r[0] === 'cache::Entry::make')));
await page.keyboard.press('o');
await page.waitForSelector('#menu');
await page.keyboard.press('Escape');
await both('tree', async width => check('the tree shows names at ' + width, await visible('#tree-table tr.hit .name-link')));
await page.fill('#tree-search', 'no such frame');
check('a search that matches nothing', await eventually(page, async () => (await page.textContent('#tree-found')) === 'no frame matches'));
await page.fill('#tree-search', '');
await page.check('label:has-text("Leaf first") input');
check('leaf first', await eventually(page, async () => (await rows()).some(r => r[0] === 'cache::Entry::make' && r[2] === 2)), await rows());

// Sizes, as the report has them.
await open('view=sizes');
await page.waitForSelector('#sizes');
const got = await page.evaluate(() => Object.fromEntries(HT.top(heaptap.tree({ by: 'functions' }), heaptap.type()).filter(r => r.flat).map(r => {
  const all = new Map(), tree = heaptap.tree({ by: 'functions' }), { node, size, values } = tree.sums;
  node.forEach((n, k) => { if (tree.key[n] === r.key && values[3][k]) all.set(size[k], [(all.get(size[k]) || [0, 0])[0] + values[2][k], (all.get(size[k]) || [0, 0])[1] + values[3][k]]); });
  return [r.name, [...all].sort((a, b) => a[0] - b[0]).map(([s, v]) => [s, ...v])];
})));
for (const r of sizes.rows.filter(s => got[s.name])) {
  const want = r.sizes.map(s => [s.bytes, s.objects, s.space]);
  if (r.name.startsWith('std::')) continue; // it has samples of objects without bytes
  check('sizes of ' + r.name, JSON.stringify(got[r.name]) === JSON.stringify(want), [got[r.name], want]);
}
await both('sizes', async width => check('sizes are shown at ' + width, await visible('#sizes tbody td:first-child')));
check('a file has no ages', (await page.textContent('#view')).includes('Ages are known of a process'));
await page.click('#size-sites [data-fn="cache::Entry::make"]');
check('one function', await eventually(page, async () => /^64kB/.test(await page.textContent('#sizes tbody'))), await page.textContent('#sizes tbody'));
check('its objects', /740/.test(await page.textContent('#sizes tbody')) && (await page.$$('#sizes tbody tr')).length === 1);
await page.goBack();
check('Back shows all', await eventually(page, async () => (await page.$$('#sizes tbody tr')).length > 3));

// The call graph's boxes have the sizes, and still do not overlap.
await open('view=graph');
await page.waitForSelector('.graph .node');
check('sizes in the graph', (await page.$$eval('.graph .node', all => all.filter(n => n.querySelector('title').textContent === 'cache::Entry::make').map(n => n.querySelector('.sizes').textContent))).join() === 'of 64kB');

// Its nodes are those that pprof chooses, by entropy, and so are its edges.
const wanted = new Map([...dot.matchAll(/^(N\d+) \[label="[^]*?tooltip="(.*?) \(/gm)].map(m => [m[1], m[2]]));
const wantedEdges = [...dot.matchAll(/^(N\d+) -> (N\d+) \[/gm)].map(m => wanted.get(m[1]) + ' -> ' + wanted.get(m[2]));
const chosen = await page.evaluate(() => {
  const tree = heaptap.tree({}), t = heaptap.type(), total = tree.layout(t).width[0], g = HT.graph(tree, t, 12, 0.005 * total), names = new Map(g.nodes.map(n => [n.key, n.name]));
  const heaviest = HT.top(tree, t).sort((a, b) => b.cum - a.cum).slice(0, 12).map(r => r.name);
  return { nodes: g.nodes.map(n => n.name), edges: HT.selectEdges(g, total, 0).map(e => names.get(e.from) + ' -> ' + names.get(e.to)), heaviest };
});
check('nodes by entropy', chosen.nodes.length === 12 && chosen.nodes.slice().sort().join('\n') === [...wanted.values()].sort().join('\n'), [chosen.nodes, [...wanted.values()]]);
check('they are not the heaviest alone', chosen.heaviest.some(n => !chosen.nodes.includes(n)), chosen.heaviest);
check('edges as pprof has them', chosen.edges.sort().join('\n') === wantedEdges.sort().join('\n'), [chosen.edges, wantedEdges]);

// Frames hidden and shown alone: the report's figures.
await open('view=top');
await page.click('#more');
await page.fill('#hide', '^codec::decode$|EventLoop');
await until(page, () => heaptap.state.hide && ![...document.querySelectorAll('#top-table [data-fn]')].some(b => b.dataset.fn === 'codec::decode'));
const top = await page.evaluate(() => Object.fromEntries(HT.top(heaptap.tree({}), heaptap.type()).map(r => [r.name, [r.flat, r.cum]])));
for (const r of hidden.rows) check('hidden: ' + r.name, top[r.name] && top[r.name][0] === r.flat && top[r.name][1] === r.cum, [top[r.name], r.flat, r.cum]);
check('as many rows', Object.keys(top).length === hidden.rows.length, [Object.keys(top).length, hidden.rows.length]);
await page.fill('#save-as', 'without codecs');
await page.click('#save');
check('it is saved', await eventually(page, async () => (await page.$eval('#saved', s => s.value)) === 'without codecs'));
check('where, for a server of processes keeps none', /in this browser only/.test(await page.textContent('#saved-said')), await page.textContent('#saved-said'));
await page.fill('#hide', '');
await page.fill('#show', 'no such frame');
check('what shows nothing is said', await eventually(page, async () => (await page.textContent('#view')).includes('Show only “no such frame” leaves no frame')), await page.textContent('#view'));
await page.click('#view button.clear');
await page.waitForSelector('#top-table');
await both('filters');
await open('');
await page.click('#more');
await page.selectOption('#saved', 'without codecs');
check('a saved view comes back', await eventually(page, () => page.evaluate(() => heaptap.state.view === 'top' && heaptap.state.hide.startsWith('^codec') && document.querySelector('#hide').value.startsWith('^codec'))));
await page.click('#unsave');
check('and goes', await eventually(page, async () => (await page.$$eval('#saved option', all => all.length)) === 1));

// Labels: what one leaves, and split by one as the report splits.
await page.goto(url + '2/#view=top');
await until(page, () => window.heaptap && window.heaptap.data && document.querySelector('#top-table'));
await page.click('#more');
await page.selectOption('#tag', 'thread');
const split = () => page.evaluate(() => Object.fromEntries(HT.top(heaptap.tree({}), heaptap.type()).map(r => [r.name.replace('thread=', ''), r.cum])));
check('split by thread', await eventually(page, async () => 'loader' in await split()), await split());
const parts = await split();
for (const r of labels.rows) check('cum of ' + r.name, parts[r.name === '<unknown>' ? 'thread not set' : r.name] === r.cum, [parts, r.cum]);
for (const inverted of [false, true]) check('nothing is lost, inverted ' + inverted, await page.evaluate(i => heaptap.tree({ inverted: i }).value(0, heaptap.type()), inverted) === 9 * 4096 + 1024);
await page.fill('#label', 'thread=worker');
check('one thread', await eventually(page, async () => Object.keys(await split()).includes('worker') && !('loader' in await split())), await split());
check('its sum', (await page.evaluate(() => heaptap.tree({}).value(0, heaptap.type()))) === 3 * 4096 + 1024);
await page.fill('#label', 'thread=nobody');
check('a label that leaves nothing is said', await eventually(page, async () => (await page.textContent('#view')).includes('Label “thread=nobody” leaves nothing')), await page.textContent('#view'));

// Callers and the menu by keyboard alone, dark and narrow; each has a name for a screen reader.
await page.setViewportSize({ width: 400, height: 800 });
await page.emulateMedia({ colorScheme: 'dark' });
for (const view of ['owners', 'top', 'tree', 'sizes', 'sandwich', 'traces']) {
  await open('view=' + view);
  await page.waitForSelector('#view [data-fn]');
  const fn = await page.evaluate(() => { const all = [...document.querySelectorAll('#view [data-fn]')].filter(e => e.offsetParent); all[all.length > 1 ? 1 : 0].focus(); return document.activeElement.closest('[data-fn]').dataset.fn; });
  await page.keyboard.press('Shift+F10');
  await page.waitForSelector('#menu');
  check('the menu of ' + view, (await page.getAttribute('#menu', 'aria-label')) === fn && (await page.getAttribute('#menu', 'role')) === 'menu', fn);
  const r = await page.$eval('#menu', m => { const b = m.getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]; });
  check('it fits 400 px in ' + view, r[0] >= 0 && r[1] <= 400 && r[2] >= 0 && r[3] <= 800, r);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sandwich-of');
  check('Enter shows its callers from ' + view, (await page.textContent('#sandwich-of strong')) === fn, fn);
  check('no sideways scrolling of Callers from ' + view, await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
}
const seen = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
check('dark', seen === 'rgb(21, 24, 28)', seen);
await until(page, () => HT.views.find(v => v.id === 'sandwich').flames.every(f => f.boxes.length > 0));
await page.focus('#callees canvas');
await page.keyboard.press('ArrowDown');
await page.keyboard.press('ArrowDown');
check('what is selected is said', await eventually(page, async () => /depth/.test(await page.textContent('#callees .sr-only'))), await page.textContent('#callees .sr-only'));
for (const view of ['owners', 'beside', 'tree', 'sizes', 'sandwich']) {
  await open('view=' + view);
  const nameless = await page.$$eval('button, select, input, a', all => all.filter(e => e.offsetParent && !e.disabled &&
    !(e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label'))).map(e => e.outerHTML));
  check('controls without a name in ' + view, nameless.length === 0, nameless);
}
// The call graph zooms at 400 px, too.
await open('view=graph');
await page.waitForSelector('.graph svg .node');
await page.evaluate(() => document.activeElement.blur());
const wide = () => page.$eval('.graph svg', s => Number(s.getAttribute('width'))), before = await wide();
await page.keyboard.press('+');
check('zoomed in at 400 px', (await wide()) > 1.2 * before);
await page.keyboard.press('0');
check('it fits 400 px', await page.$eval('.graph', b => b.scrollWidth <= b.clientWidth && b.scrollHeight <= b.clientHeight));
check('names of the profile run nothing', await page.evaluate(() => window.pwned === undefined));

await stop();
done();
