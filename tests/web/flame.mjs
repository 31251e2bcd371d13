// SPDX-License-Identifier: MIT
// The stand-alone flame graph in a browser: it draws, zooms, searches, switches, and its totals
// are the profile's. node flame.mjs FLAME.html DIFF.html TOTALS.json
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [file, diff, totalsFile] = process.argv.slice(2);
const totals = JSON.parse(fs.readFileSync(totalsFile, 'utf8'));
const { context, stop } = await start();

const page = await context.newPage();
watch(page, ['file:', 'data:']);
await page.goto(pathToFileURL(file).href);
await until(page, () => window.heaptap && window.heaptap.flame.boxes.length > 20);

const total = () => page.evaluate(() => {
  const f = window.heaptap.flame;
  return { value: f.tree.value(0, f.type), type: f.tree.types[f.type].type };
});
const box = name => page.evaluate(n => {
  const f = window.heaptap.flame, r = f.canvas.getBoundingClientRect();
  const b = f.boxes.filter(o => f.name(o.node) === n).sort((a, c) => c.w - a.w)[0];
  return b && { x: r.left + b.x + b.w / 2, y: r.top + b.y + 10, w: b.w };
}, name);

// The sample types.
let t = await total();
check('default type', t.type === 'inuse_space', t);
for (let i = 0; i < 4; i++) {
  await page.selectOption('#type', String(i));
  t = await total();
  check('total of ' + t.type, t.value === totals[t.type], [t.value, totals[t.type]]);
}
await page.keyboard.press('Escape');

// Something is drawn: the canvas is not one colour.
const colours = await page.evaluate(() => {
  const c = document.querySelector('canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, 200).data;
  const seen = new Set();
  for (let i = 0; i < d.length; i += 64) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
  return seen.size;
});
check('colours drawn', colours > 8, colours);

// Hover tells all sample types.
let b = await box('codec::decode');
await page.mouse.move(b.x, b.y);
await page.waitForSelector('#tip:not([hidden])');
const tip = await page.textContent('#tip');
for (const w of ['codec::decode', 'In use, bytes', 'In use, objects', 'Allocated, bytes', 'Allocated, objects', 'codec/codec.c:210', 'libcodec.so.3']) {
  check('tooltip says ' + w, tip.includes(w), tip);
}
check('tooltip has the intervals', /In use, bytes[\d.]+MB±\d+%/.test(tip) && /In use, objects[\d,]+±\d+%/.test(tip), tip);
check('what may be missing', (await page.textContent('#sure')).includes('holds less than 1.50MB may not be listed'));
await page.selectOption('#confidence', '99');
check('another confidence', (await page.textContent('#sure')).startsWith('Intervals of 99 %; a site that holds less than 2.30MB') &&
  page.url().includes('confidence=99'), await page.textContent('#sure'));
await page.selectOption('#confidence', '95');
check('95 % is not in the address', !page.url().includes('confidence'), page.url());
await shots(page, 'flame');

// Zoom in by a click and out by Escape.
await page.mouse.move(5, 5);
b = await box('codec::decode');
await page.mouse.click(b.x, b.y);
let wide;
check('zoomed box fills the width', await eventually(page, async () => (wide = await box('codec::decode')).w > 1200 && wide.w > b.w), [b.w, wide.w]);
check('reset enabled', await page.isEnabled('#reset'));
await page.keyboard.press('Escape');
check('zoomed out', await eventually(page, async () => Math.abs((await box('codec::decode')).w - b.w) < 1));

// Search.
await page.keyboard.press('/');
await page.keyboard.type('cache::Entry');
check('search finds', /^1 frames, \d+\.\d%/.test(await page.textContent('#found')), await page.textContent('#found'));
await page.fill('#search', 'no such frame');
check('search says no', (await page.textContent('#found')) === 'no frame matches');
await page.fill('#search', '(((');
await page.fill('#search', '');

// Keyboard only.
await page.focus('canvas');
for (const k of ['Home', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowLeft', 'Enter']) await page.keyboard.press(k);
let kb;
check('keyboard selects and zooms', await eventually(page, async () => {
  kb = await page.evaluate(() => [window.heaptap.flame.selected, window.heaptap.flame.zoomed, document.querySelector('.sr-only').textContent]);
  return kb[0] > 0 && kb[0] === kb[1] && /depth 3/.test(kb[2]);
}), kb);
await page.keyboard.press('Escape');

// Leaf first has the same total, and its first row is the heaviest allocating function.
await page.selectOption('#type', '3');
await page.check('#inverted');
t = await total();
check('inverted total', t.value === totals.inuse_space, t);
const top = await page.evaluate(() => {
  const f = window.heaptap.flame, c = f.children(0)[0], tree = HT.buildTree(window.heaptap.data, null, {}), flat = new Map();
  for (let i = 1; i < tree.size; i++) flat.set(tree.names[tree.key[i]], (flat.get(tree.names[tree.key[i]]) || 0) + tree.selfValue(i, 3));
  const [name, value] = [...flat].sort((a, d) => d[1] - a[1])[0];
  return [f.name(c), f.tree.value(c, 3), { name, flat: value }];
});
check('inverted first row', top[0] === top[2].name && top[1] === top[2].flat, top);
await shots(page, 'flame-inverted');

// The address keeps the state.
check('state in the address', (await page.evaluate(() => location.hash)).includes('inverted=1'));
await page.reload();
await until(page, () => window.heaptap);
check('state comes back', await page.isChecked('#inverted'));
check('names of the profile run nothing', await page.evaluate(() => window.pwned === undefined));

// Two profiles: what grew.
const two = await context.newPage();
watch(two, ['file:', 'data:']);
await two.goto(pathToFileURL(diff).href);
await until(two, () => window.heaptap && window.heaptap.flame.boxes.length > 3);
const grew = await two.evaluate(() => {
  const { flame } = window.heaptap;
  let at = 0;
  while (flame.children(at).length && flame.lay.width[flame.children(at)[0]] > 0) at = flame.children(at)[0];
  return [flame.name(at), flame.tree.value(at, flame.type)];
});
check('the planted leak is the widest path', grew[0] === 'cache::Entry::make' && grew[1] === 700 * 65536, grew);
// What may be chance is grey, the leak is not; the tooltip says so.
const looks = await two.evaluate(() => {
  const { flame } = window.heaptap, of = n => flame.boxes.find(b => flame.name(b.node) === n);
  return ['cache::Entry::make', 'session::Table::grow', 'main'].map(n => [flame.fill(of(n).node, false), flame.tree.faint(of(n).node, flame.type)]);
});
check('what may be chance is faint', /^hsl\(8 /.test(looks[0][0]) && !looks[0][1] && looks[1][0] === '#e9ecf0' && looks[1][1] && !looks[2][1], looks);
for (const width of [1400, 400]) {
  await two.setViewportSize({ width, height: 800 });
  check('a change has its interval at ' + width, await eventually(two, async () => {
    const at = await two.evaluate(() => {
      const { flame } = window.heaptap, r = flame.canvas.getBoundingClientRect();
      const b = flame.boxes.filter(o => flame.name(o.node) === 'cache::Entry::make').sort((a, c) => c.w - a.w)[0];
      return b && b.x + b.w / 2 <= r.width && [r.left + b.x + b.w / 2, r.top + b.y + 10];
    });
    if (!at) return false;
    await two.mouse.move(at[0], at[1]);
    const text = await two.textContent('#tip');
    return /\+43\.75MB\(\+[\d.]+MB to \+[\d.]+MB\)/.test(text) && !text.includes('May be chance') &&
      await two.evaluate(() => document.getElementById('tip').getBoundingClientRect().right <= innerWidth);
  }));
}
await two.setViewportSize({ width: 1280, height: 800 });
await shots(two, 'flame-diff');

await stop();
done();
