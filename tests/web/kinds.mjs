// SPDX-License-Identifier: MIT
// The tabs Heap, Threads and CPU of a process that leaks threads, and the number of them in the list.
// node kinds.mjs URL PID
import { start, check, done, watch, shots, until, eventually } from './browser.mjs';

const [url, pid] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
watch(page, [url, 'data:', 'blob:']);
const names = () => page.evaluate(() => (heaptap.data ? heaptap.tree({ inverted: false }).names : []));
const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

// The list plots how many threads there are.
await page.goto(url);
// Its row: other tests' processes may be listed, too.
const row = `#targets tr:has(a[href="/${pid}/"])`;
await page.waitForSelector(row);
const points = () => page.evaluate(row => { const l = document.querySelector(row + ' td.threads polyline'); return l ? l.getAttribute('points').split(' ').map(p => Number(p.split(',')[1])) : []; }, row);
check('the number of threads climbs', await eventually(page, async () => { const p = await points(); return p.length >= 3 && p[0] > p[p.length - 1]; }), await points());
await shots(page, 'kinds-list');

// From there to the threads.
await page.click(row + ' td.threads a');
await until(page, () => heaptap.data && heaptap.data.types[0].type === 'threads' && HT.views[0].flame && HT.views[0].flame.boxes.length > 2);
check('in the address', page.url().includes('profile=threads'), page.url());
check('tabs', (await page.textContent('#kind-tabs')) === 'HeapThreadsCPU', await page.textContent('#kind-tabs'));
check('threads by name', (await names()).includes('wait_for_answer'), await names());
await until(page, () => document.querySelectorAll('#thread-count polyline').length === 1);
check('how many there are now', /^\d+ threads$/.test((await page.textContent('#thread-count')).trim()), await page.textContent('#thread-count'));

// Instructions are a heap's, which is said in place.
await page.goto(page.url().replace(/#.*/, '#profile=threads&view=source&asm=1'));
check('no instructions of threads', await eventually(page, async () => /Without its instructions: here they are of the heap only/.test(await page.textContent('#view'))), await page.textContent('#view'));
await page.goBack();
await until(page, () => heaptap.data && heaptap.state.view === 'flame' && HT.views[0].flame && HT.views[0].flame.boxes.length > 2);

// The same compare: what stands there now and did not at the mark.
await page.click('#mark');
await until(page, () => heaptap.state.base === 'mark1');
check('the leak grows', await eventually(page, async () => {
  await page.click('#reload');
  await page.waitForTimeout(300);
  return page.evaluate(() => heaptap.before && heaptap.tree({}).layout(heaptap.type()).width[0] > 0);
}));
await shots(page, 'kinds-threads');

// Processor time of five seconds; the mark was of threads, and is gone.
for (const width of [1400, 400]) {
  await page.setViewportSize({ width, height: 800 });
  await page.click('#kind-tabs a:has-text("CPU")');
  await until(page, () => document.getElementById('notice').textContent.includes('Sampling'));
  await until(page, () => (heaptap.data && heaptap.data.types.some(t => t.type === 'cpu')) || document.getElementById('notice').textContent.includes('Cannot'));
  const refused = await page.textContent('#notice');
  if (refused.includes('perf_event_open')) {
    console.log('SKIP processor time: ' + refused);
  } else {
    check('no mark of something else', await page.evaluate(() => heaptap.before === null && heaptap.state.base === ''));
    check('processor time by name', (await names()).includes('digest'), await names());
    check('in units of time', /\d(ns|us|ms|s)\b/.test(await page.evaluate(() => HT.format(heaptap.tree({}).value(0, heaptap.type()), heaptap.data.types[heaptap.type()].unit))));
    check('what one sample is', /one sample in 10(\.\d+)?ms/.test(await page.textContent('#about')), await page.textContent('#about'));
    if (width === 1400) await shots(page, 'kinds-cpu');
    await page.setViewportSize({ width, height: 800 });
    check('as wide as the window at ' + width, await fits());
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('2');
    await page.waitForSelector('#top-table');
    check('the table has it at ' + width, (await page.textContent('#top-table')).includes('digest'));
    await page.keyboard.press('1');
  }
  await page.click('#kind-tabs a:has-text("Heap")');
  await until(page, () => heaptap.data && heaptap.data.types.some(t => t.type === 'inuse_space'));
  check('heap by name', (await names()).includes('handle_request'), await names());
  check('not in the address', !page.url().includes('profile='), page.url());
  await page.click('#kind-tabs a:has-text("Threads")');
  await until(page, () => heaptap.data && heaptap.data.types[0].type === 'threads');
  check('threads as wide as the window at ' + width, await fits());
}
// A choice made while processor time is sampled is what is shown.
await page.click('#kind-tabs a:has-text("CPU")');
await page.click('#kind-tabs a:has-text("Heap")');
await until(page, () => heaptap.data && heaptap.data.types.some(t => t.type === 'inuse_space'));
await page.waitForTimeout(5500);
check('still the heap', await page.evaluate(() => heaptap.data.types.some(t => t.type === 'inuse_space')));
// Back goes to the profile before.
await page.click('#kind-tabs a:has-text("Threads")');
await until(page, () => heaptap.data && heaptap.data.types[0].type === 'threads');
await page.goBack();
await until(page, () => heaptap.data && heaptap.data.types.some(t => t.type === 'inuse_space'));

await stop();
done();
