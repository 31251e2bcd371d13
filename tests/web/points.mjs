// SPDX-License-Identifier: MIT
// What a user does with any profile, by mouse and by keyboard, at one width: from every view to a function's callers and back, the
// menu, filters and what they leave, the graph, the call tree, source, sample types, marks and saved views.
import { check, until, eventually } from './browser.mjs';

const HOLDS = [['flame', '#flame canvas'], ['top', '#top-table'], ['graph', '.graph svg .node'], ['source', '#fn'], ['traces', '.trace'], ['sandwich', '#sandwich-of'],
  ['owners', '#owners-table'], ['beside', '#beside-table'], ['tree', '#tree-table [data-fn]'], ['sizes', '#sizes']];

// address: of the profile, without the part behind #. live: of a process.
export async function points(page, address, width, live) {
  const at = what => `${what} at ${width}${live ? ' of a process' : ''}`;
  const is = (what, ok, got) => check(at(what), ok, got);
  const state = key => page.evaluate(k => heaptap.state[k], key);
  const open = async hash => {
    await page.goto('about:blank');
    await page.goto(`${address}#type=inuse_space&${hash}`);
    await until(page, () => window.heaptap && heaptap.data && document.querySelector('#view').childElementCount);
  };
  const blur = () => page.evaluate(() => document.activeElement.blur());
  const fits = async view => is(view + ' fits', await eventually(page, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)));
  await page.setViewportSize({ width, height: 800 });

  // From every view to callers and callees, and Back.
  for (const [view, what] of HOLDS) {
    await open('view=' + view);
    await page.waitForSelector(what);
    await fits(view);
    if (['flame', 'beside'].includes(view)) {
      await until(page, v => HT.views.find(o => o.id === v).flame.boxes.length > 3, view);
      await page.focus(view === 'flame' ? '#flame canvas' : '.beside canvas');
      for (const key of ['ArrowDown', 'ArrowDown', 'o']) await page.keyboard.press(key);
      await page.waitForSelector('#menu');
      await page.keyboard.press('Enter');
    } else {
      await page.evaluate(() => { const all = [...document.querySelectorAll('#view [data-fn]')].filter(e => e.getClientRects().length); all[Math.min(1, all.length - 1)].focus(); });
      const fn = await page.evaluate(() => document.activeElement.closest('[data-fn]').dataset.fn);
      await page.keyboard.press('Shift+F10');
      await page.waitForSelector('#menu');
      const r = await page.$eval('#menu', m => { const b = m.getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]; });
      is('the menu fits in ' + view, r[0] >= 0 && r[1] <= width && r[2] >= 0 && r[3] <= 800, r);
      is('it is of ' + fn, (await page.getAttribute('#menu', 'aria-label')) === fn);
      await page.keyboard.press('Enter');
    }
    await page.waitForSelector('#sandwich-of');
    const fn = await state('fn');
    is(`callers and callees of ${fn} sum to it, from ${view}`, await page.evaluate(f => {
      const t = heaptap.type(), row = HT.top(heaptap.tree({ by: 'functions' }), t).find(r => r.name === f);
      return ['callers', 'callees'].every(side => HT.sandwichOf(heaptap, f, side).value(0, t) === row.cum);
    }, fn), fn);
    if (view === 'sandwich') continue;
    await page.goBack();
    is('Back to ' + view, await eventually(page, () => page.evaluate(v => heaptap.state.view === v, view)));
  }

  // The views by their digits, the sample types by t, help by ?.
  await blur();
  const views = await page.$$eval('#tabs a', all => all.map(a => new URLSearchParams(a.hash.slice(1)).get('view')));
  for (const n of [2, 5, 9, 1]) {
    await page.keyboard.press(String(n));
    is('key ' + n, await eventually(page, () => page.evaluate(v => heaptap.state.view === v, views[n - 1])));
  }
  const type = await state('type');
  await page.keyboard.press('t');
  is('next sample type', (await state('type')) !== type);
  await page.keyboard.press('?');
  await page.waitForSelector('#help[open]');
  await page.keyboard.press('Escape');

  // What the menu filters, and that nothing gets lost; what leaves nothing is said, with a way out.
  await open('view=top');
  await page.waitForSelector('#top-table');
  const whole = await page.evaluate(() => heaptap.tree({}).value(0, heaptap.type()));
  const [fn, cum] = await page.evaluate(() => { const t = heaptap.type(), all = HT.top(heaptap.tree({}), t).filter(r => r.flat && r.cum < heaptap.tree({}).value(0, t)).sort((a, b) => b.flat - a.flat)[0]; return [all.name, all.cum]; });
  const menu = async item => {
    await page.evaluate(f => [...document.querySelectorAll('#top-table [data-fn]')].find(e => e.dataset.fn === f).focus(), fn);
    await page.keyboard.press('Shift+F10');
    await page.click(`#menu button:text-is("${item}")`);
  };
  const total = () => page.evaluate(() => heaptap.tree({}).value(0, heaptap.type()));
  const becomes = (what, value) => eventually(page, async () => (await total()) === value).then(async ok => is(what, ok, [await total(), value]));
  await menu('Focus on it');
  await becomes('focus', cum);
  await page.fill('#focus', '');
  await becomes('no focus', whole);
  await menu('Ignore it');
  await becomes('ignore', whole - cum);
  await page.fill('#ignore', '');
  await becomes('nothing ignored', whole);
  await menu('Collapse what it calls');
  await page.waitForSelector('#filters .chip');
  await becomes('collapsed', whole);
  await page.goBack();
  is('Back opens it', await eventually(page, () => page.isHidden('#filters')));
  await page.fill('#focus', 'no_such_function_at_all');
  is('what matches nothing', await eventually(page, async () => (await page.textContent('#view')).includes('matches no function')));
  await page.click('#view button.clear');
  await becomes('cleared', whole);
  await page.fill('#focus', '*(');
  is('no regular expression', await eventually(page, async () => /Focus is no regular expression/.test(await page.textContent('#wrong'))));
  await page.fill('#focus', '');
  await becomes('none', whole);

  // The graph: sliders, fitting, no node above another.
  await open('view=graph&nodes=80');
  await page.waitForSelector('.graph svg .node');
  const nodes = () => page.$$eval('.graph .node', all => all.length), many = await nodes();
  is('no node is above another', await page.$$eval('.graph .node rect', all => {
    const r = all.map(a => a.getBoundingClientRect());
    return r.every((a, i) => r.every((b, k) => k <= i || a.left >= b.right || b.left >= a.right || a.top >= b.bottom || b.top >= a.bottom));
  }));
  // With graphviz no figure is behind a node, nor two above each other.
  const covered = await page.$eval('.graph svg', svg => {
    const at = e => e.getBBox(), meet = (a, b) => a.x + 2 < b.x + b.width && b.x + 2 < a.x + a.width && a.y + 2 < b.y + b.height && b.y + 2 < a.y + a.height;
    const texts = [...svg.querySelectorAll('.edge-text')].map(at), boxes = [...svg.querySelectorAll('.node rect')].map(at);
    return texts.filter((a, i) => boxes.some(b => meet(a, b)) || texts.some((b, k) => k > i && meet(a, b))).length;
  });
  if ((await page.request.post(new URL('/api/layout', address).href, { data: '1 0\n9 9\n' })).status() === 200) is('no figure of the graph is covered', covered === 0, covered);
  await page.focus('#nf');
  await page.keyboard.press('End');
  if (many > 20) is('fewer nodes', await eventually(page, async () => (await nodes()) < many), [many, await nodes()]);
  await blur();
  await page.keyboard.press('+');
  await page.keyboard.press('0');
  is('it fits', await page.$eval('.graph', b => b.scrollWidth <= b.clientWidth && b.scrollHeight <= b.clientHeight));

  // A search in the call tree, by keyboard.
  await open('view=tree');
  await page.waitForSelector('#tree-table');
  await blur();
  await page.keyboard.press('/');
  await page.keyboard.type(fn.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').slice(0, 60));
  is('the call tree finds it', await eventually(page, async () => /^[\d,]+ frames/.test(await page.textContent('#tree-found'))), await page.textContent('#tree-found'));
  await page.keyboard.press('Enter');
  is('and goes there', await eventually(page, () => page.evaluate(() => document.activeElement.dataset.node !== undefined && document.activeElement.classList.contains('hit'))));

  // A view that is saved comes back elsewhere; its address alone does, too.
  await open('view=traces');
  await page.click('#more');
  await page.fill('#save-as', 'points ' + width);
  await page.click('#save');
  is('what is said fits', await eventually(page, () => page.$eval('#saved-said', e => { const r = e.getBoundingClientRect(); return e.textContent && r.right <= innerWidth && e.scrollWidth <= e.clientWidth + 1; })));
  is('saved', await eventually(page, async () => /^Saved as points/.test(await page.textContent('#saved-said'))), await page.textContent('#saved-said'));
  await open('view=top');
  await page.click('#more');
  await page.selectOption('#saved', 'points ' + width);
  is('it comes back', await eventually(page, async () => (await state('view')) === 'traces'));
  await page.click('#unsave');
  is('and goes', await eventually(page, async () => (await page.textContent('#saved-said')) === 'Deleted'));
  await fits('the second row');

  // A mark keeps what is there, and the next fetch is compared with it.
  if (live) {
    await open('view=top');
    await page.waitForSelector('#top-table');
    await blur();
    await page.keyboard.press('m');
    await page.waitForSelector('#change:not([hidden])');
    is('the mark leaves the view', (await page.$$('#top-table tbody tr')).length > 0);
    await page.click('#changed');
    is('compared with it', await eventually(page, async () => /→.*\(/.test(await page.textContent('#change'))), await page.textContent('#change'));
    await fits('a comparison');
  }
}
