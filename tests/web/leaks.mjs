// SPDX-License-Identifier: MIT
// The view Leaks of a process that lost five blocks and a tree: nothing is looked at before somebody asks, then what the command says.
// node leaks.mjs URL PID
import { start, check, done, watch, shots, until } from './browser.mjs';

const [url, pid] = process.argv.slice(2);
const { context, stop } = await start();
const page = await context.newPage();
const asked = [];
watch(page, [url, 'data:', 'blob:']);
page.on('request', r => { if (r.url().includes('/debug/leaks')) asked.push(r.url()); });

await page.goto(`${url}${pid}/`);
await until(page, () => heaptap.data);
check('it is the last of the views', (await page.textContent('#tabs')).endsWith('Leaks'), await page.textContent('#tabs'));
await page.click('#tabs a:has-text("Leaks")');
await page.waitForSelector('#leaks-look');
check('what it costs is said', (await page.textContent('#view')).includes('at most 500 MB a second'));
await page.click('#reload');
await page.waitForTimeout(300);
check('nobody has looked yet', asked.length === 0, asked);

await page.click('#leaks-look');
await until(page, () => document.querySelector('#leaks-look').disabled);
await page.waitForSelector('#leaks-table tbody');
check('it was asked once', asked.filter(u => u.endsWith('/debug/leaks')).length === 1, asked);
check('its progress was asked for', asked.some(u => u.endsWith('/progress')), asked);
const rows = await page.$$eval('#leaks-table tbody tr', all => all.map(r => [...r.children].map(c => c.textContent)));
const of = (name, grade) => rows.find(r => r[4] === grade && r[5].startsWith(name)) || [];
check('the lost blocks', of('lose', 'unreferenced')[1] === '5' && of('lose', 'unreferenced')[3] === '100%', rows);
check('the head of the tree, and what it holds', of('build', 'unreferenced')[1] === '1' && of('build', 'unreferenced')[5].includes('holds 30 others'), rows);
check('its inside', of('build', 'unreachable')[1] === '30', rows);
check('what is kept is not listed', rows.length === 3, rows);
check('the sum', (await page.textContent('#leaks-table caption')).includes('leaked, of'), await page.textContent('#leaks-table caption'));
check('passes are told', /after each pass: \d+/.test(await page.textContent('#leaks-notes')), await page.textContent('#leaks-notes'));
await shots(page, 'leaks');
await page.setViewportSize({ width: 400, height: 800 });
check('as wide as the window', await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));

// Who holds what is kept.
await page.fill('#who', 'keep');
await page.click('#who-look');
await page.waitForSelector('#who-table tbody');
const held = await page.$$eval('#who-table tbody tr', all => all.map(r => r.textContent));
check('the variable that holds it', held.length === 1 && /^500B.*keep.*held by global kept/.test(held[0]), held);
check('what leaked is still shown', await page.$('#leaks-table') !== null);

// It stays when another view was shown, and goes with a profile that has no such view.
await page.click('#tabs a:has-text("Top")');
await page.waitForSelector('#top-table');
await page.click('#tabs a:has-text("Leaks")');
check('it is kept', await page.$('#leaks-table') !== null);
await page.click('#kind-tabs a:has-text("Threads")');
await until(page, () => heaptap.data && heaptap.data.types[0].type === 'threads');
check('no leaks of threads', !(await page.textContent('#tabs')).includes('Leaks'));
await stop();
done();
