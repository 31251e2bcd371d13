// SPDX-License-Identifier: MIT
// Of a process that lives: instructions with filters, sizes, ages; then what a user does in each view, at 1400 and 400 px. node aged.mjs URL PID
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';
import { points } from './points.mjs';

const [url, pid] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
await page.goto(`${url}${pid}/#view=source&fn=leaky_cache&type=inuse_space`);
await until(page, () => document.querySelector('#view').textContent.includes('malloc(sizeof *e)'));

// The instructions below a line, of a function's whole code, and their figures with filters.
if ((await page.request.get(`${url}${pid}/api/disassembly?function=leaky_cache`)).status() === 200) {
  await page.click('tr.hot .line-no button');
  await page.waitForSelector('tr.asm');
  const asm = await page.$$eval('tr.asm', all => all.map(r => [r.children[0].textContent, r.children[3].textContent]));
  check('all instructions of the line', asm.length > 1 && asm.filter(r => r[0]).length === 1 && /call.*malloc/.test(asm.find(r => r[0])[1]), asm);
  await page.click('tr.hot .line-no button');
  check('they close', (await page.$$('tr.asm')).length === 0);
  const other = await page.evaluate(() => [...document.querySelectorAll('table.code tbody tr')].findIndex(r => r.textContent.includes('e->next = kept')));
  await page.click(`table.code tbody tr:nth-child(${other + 1}) .line-no button`);
  await page.waitForSelector('tr.asm');
  check('a line without figures has some, too', (await page.$$eval('tr.asm', all => all.map(r => r.children[3].textContent)))[0].length > 3);
  await page.check('#asm');
  await page.waitForSelector('table[data-code="leaky_cache"] tr.hot');
  check('the call in its instructions', /call.*malloc/.test(await page.textContent('table[data-code="leaky_cache"] tr.hot')));
  await shots(page, 'live-instructions');
  await page.fill('#ignore', 'leaky_cache');
  await page.fill('#fns', 'steady');
  await page.waitForSelector('table[data-code="steady_ring"] tr.hot');
  const sums = () => page.evaluate(async fn => {
    const t = heaptap.type(), code = await HT.codeFor(heaptap, fn, t), row = HT.top(HT.buildTree(code.profile, null, HT.filtersOf(heaptap.state)), t).find(r => r.name === fn);
    return [[...code.rows.values()].reduce((a, r) => a + r.flat, 0), row ? row.flat : 0];
  }, 'steady_ring');
  const [all, whole] = await sums();
  check('the instructions have what the function has', all > 0 && all === whole, [all, whole]);
  await page.fill('#ignore', 'steady_ring');
  await until(page, () => heaptap.state.ignore === 'steady_ring');
  check('nothing where a filter leaves nothing', (await sums()).join() === '0,0', await sums());
  await page.fill('#ignore', '');
} else console.log('SKIP instructions: there is no objdump');

// Sizes and ages of the leak; owners of a process, and the profile as the tree has it.
await page.goto('about:blank');
await page.goto(`${url}${pid}/#view=sizes&fn=leaky_cache&type=inuse_space`);
await page.waitForSelector('#ages tbody tr');
const ages = await page.$$eval('#ages tbody tr', all => all.map(r => r.firstChild.textContent));
check('ages of the leak', ages.length > 0 && ages.every(a => /^(under 1 s|\d+ to \d+ (s|min|h))$/.test(a)), ages);
check('sizes of the leak', (await page.$$('#sizes tbody tr')).length > 0);
await shots(page, 'live-sizes');
for (const width of [1400, 400]) await points(page, `${url}${pid}/`, width, true);

await stop();
done();
