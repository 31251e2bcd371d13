// SPDX-License-Identifier: MIT
// Time to the first paint and to the flame graph in Chromium, of the page and of pprof's.
// node page.mjs WHAT URL: prints "WHAT paint-ms flame-ms kB page-cpu-ms", the last of them the processor time of the page's thread until
// the flame graph is drawn. It needs what tests/web needs.
import { start, until } from '../tests/web/browser.mjs';

const [what, url] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
let bytes = 0;
const client = await context.newCDPSession(page);
await client.send('Network.enable');
await client.send('Performance.enable', { timeDomain: 'threadTicks' });
client.on('Network.loadingFinished', e => { bytes += e.encodedDataLength; });
// A flame graph is there when its frames are: boxes of ours on a canvas, pprof's as elements.
const drawn = what === 'pprof' ? () => document.querySelectorAll('.boxbg, #stack-chart > div, .flamegraph g, g.frame').length > 5
  : () => window.HT && HT.views && HT.views[0].flame && HT.views[0].flame.boxes.length > 5;
await page.addInitScript(`{ const drawn = ${drawn}; const look = () => { if (drawn()) window.flameAt = performance.now(); else requestAnimationFrame(look); }; requestAnimationFrame(look); }`);
await page.goto(url, { timeout: 300000 });
await until(page, () => window.flameAt);
const cpu = (await client.send('Performance.getMetrics')).metrics.find(m => m.name === 'TaskDuration').value * 1000;
await page.waitForTimeout(500); // the last answers are counted when the browser has told of them
const [paint, flame] = await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0].startTime, window.flameAt]);
console.log(`${what} ${Math.round(paint)} ${Math.round(flame)} ${Math.round(bytes / 1000)} ${Math.round(cpu)}`);
await stop();
