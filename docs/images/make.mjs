// SPDX-License-Identifier: MIT
// Takes the pictures of a process that is served, and writes them and the screencast. node make.mjs URL PID FLAME.html OUT
// "load COUNT TESTS" on standard output asks the caller for that load; FLAME.html's folder gets a file done.COUNT after it.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { start, until } from '../../tests/web/browser.mjs';

const [url, pid, flame, out] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
const WIDTH = 1000, HEIGHT = 620;
await page.setViewportSize({ width: WIDTH, height: HEIGHT });
const open = async hash => {
  await page.goto('about:blank');
  await page.goto(`${url}${pid}/#${hash}`);
  await until(page, () => window.heaptap && window.heaptap.data && document.querySelector('#view').childElementCount);
  await page.waitForTimeout(400);
};
const shoot = name => page.screenshot({ path: path.join(out, name) });
const load = async (count, tests) => {
  console.log(`load ${count} ${tests}`);
  while (!fs.existsSync(path.join(path.dirname(flame), 'done.' + count))) await new Promise(r => setTimeout(r, 100));
};
const frames = [];
const frame = async (text, seconds) => frames.push({ text, seconds, jpeg: (await page.screenshot({ type: 'jpeg', quality: 66 })).toString('base64') });

await page.goto(pathToFileURL(flame).href);
await until(page, () => window.heaptap && window.heaptap.flame.boxes.length > 5);
await page.waitForTimeout(300);
await shoot('flame.png');

await page.goto(url);
await page.waitForSelector(`#targets a[href="/${pid}/"]`);
await page.waitForTimeout(4500);
await frame('heaptap serve: processes, with their heap over time', 2);
await page.click(`#targets a[href="/${pid}/"]`);
await until(page, () => window.heaptap && window.heaptap.data && document.querySelector('.flame canvas'));
await page.waitForTimeout(400);
await frame('What holds the heap of a redis-server under load', 2.5);
await open('view=owners');
await frame('Owners: for which functions the memory is', 3);
await shoot('page-owners.png');
await page.click('#mark');
await page.waitForSelector('#changed');
await frame('Mark: keeps the heap as it is now', 2);
await load(60000, 'hset,zadd,lpush');
await page.click('#reload');
await until(page, () => window.heaptap.before && document.querySelector('#owners-table'));
await page.waitForTimeout(400);
await frame('Later: what grew since the mark, and what may be chance', 3.5);
await page.keyboard.press('1');
await until(page, () => window.heaptap.state.view === 'flame');
await page.waitForTimeout(500);
await shoot('page-compare.png');
await frame('The same as a flame graph: red grew', 3);
await open('view=beside');
await page.waitForSelector('#beside-table');
await page.hover('#beside-table tbody tr:nth-child(2)');
await page.waitForTimeout(300);
await shoot('page-beside.png');
await frame('Top and the flame graph beside each other', 3);
await page.click('#beside-table tbody tr:nth-child(2) button');
await page.waitForSelector('#sandwich-of');
await page.waitForTimeout(400);
await frame('A click on a function: its callers and callees', 3);
await open('view=graph');
await page.waitForSelector('.graph .node');
await page.evaluate(() => document.activeElement.blur());
for (const key of '0+++++') await page.keyboard.press(key); // the middle, large enough to be read
await page.waitForTimeout(300);
await shoot('page-graph.png');
await frame('The call graph, by graphviz', 3);

// The screencast: one picture after another, by CSS alone.
const whole = frames.reduce((a, f) => a + f.seconds, 0), escape = s => s.replace(/&/g, '&amp;').replace(/</g, '&lt;');
let at = 0;
const parts = frames.map((f, i) => {
  const from = 100 * at / whole, to = 100 * (at + f.seconds) / whole, n = v => v.toFixed(3) + '%';
  at += f.seconds;
  // The first is what is seen where nothing moves.
  const before = i ? `0%{opacity:0}${n(from - 0.001)}{opacity:0}` : '', after = i + 1 < frames.length ? `${n(to)}{opacity:1}${n(to + 0.001)}{opacity:0}100%{opacity:0}` : '100%{opacity:1}';
  return { style: `@keyframes f${i}{${before}${n(from)}{opacity:1}${after}}#f${i}{animation:f${i} ${whole}s step-end infinite${i ? ';opacity:0' : ''}}`,
    body: `<g id="f${i}"><image width="${WIDTH}" height="${HEIGHT}" href="data:image/jpeg;base64,${f.jpeg}"/><rect y="${HEIGHT}" width="${WIDTH}" height="36" fill="#15181c"/>` +
      `<text x="16" y="${HEIGHT + 24}" fill="#e8ebef" font-family="system-ui,DejaVu Sans,sans-serif" font-size="16">${escape(f.text)}</text></g>` };
});
fs.writeFileSync(path.join(out, 'screencast.svg'), `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT + 36}" viewBox="0 0 ${WIDTH} ${HEIGHT + 36}" role="img">` +
  `<title>The page of heaptap serve for a redis-server under load</title><style>${parts.map(p => p.style).join('')}</style>${parts.map(p => p.body).join('')}</svg>\n`);
await stop();
console.log(`wrote ${frames.length} frames, ${Math.round(fs.statSync(path.join(out, 'screencast.svg')).size / 1000)} kB`);
