// SPDX-License-Identifier: MIT
// The instructions of an inlined function, wherever it was inlined, compared with another run: figures are exact. node inlined.mjs URL
import { start, check, done, watch, until, eventually } from './browser.mjs';

const [url] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
await page.goto(`${url}2/#view=source&fn=grab&type=inuse_space`);
await until(page, () => document.querySelector('#view') && document.querySelector('#view').textContent.includes('both ends'));
if ((await page.request.get(`${url}2/api/disassembly?function=grab`)).status() === 204) console.log('SKIP instructions: there is no objdump');
else {
  const calls = () => page.$$eval('tr.asm', all => all.filter(r => /call.*malloc/.test(r.textContent)).map(r => r.children[0].textContent));
  const line = async text => page.click(`table.code tr:has(td.line-text:text("${text}")) .line-no button`);
  await line('both ends');
  check('both places of the line', await eventually(page, async () => (await calls()).sort().join() === '1.17MB,3.13MB'), await calls());
  await page.fill('#ignore', '^many$');
  await until(page, () => heaptap.state.ignore);
  await eventually(page, async () => (await page.textContent('#view')).includes('both ends'));
  await line('both ends');
  check('a filter leaves one', await eventually(page, async () => (await calls()).filter(Boolean).join() === '1.17MB'), await calls());
  await page.fill('#ignore', '');
  await page.selectOption('#base', '1');
  await until(page, () => heaptap.before && !heaptap.state.ignore);
  await page.check('#asm');
  const rows = () => page.$$eval('table[data-code="grab"] tbody tr', all => all.filter(r => /call.*malloc/.test(r.textContent)).map(r => r.children[0].textContent));
  check('what grew, by instruction', await eventually(page, async () => (await rows()).sort().join() === '+800kB,.'), await rows());
  await page.selectOption('#base', '');
  await until(page, () => !heaptap.before);
  await page.selectOption('#fn', 'few');
  const texts = () => page.$$eval('table[data-code="few"] tbody tr', all => all.map(r => r.textContent));
  check('in its caller it is named', await eventually(page, async () => (await texts()).some(t => /^\.1\.17MB.*call.*malloc.*→ grab inlined\.cc:\d+$/.test(t))), await texts());
}

await stop();
done();
