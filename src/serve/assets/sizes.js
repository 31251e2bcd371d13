// SPDX-License-Identifier: MIT
// Sizes and ages: the sizes of the objects of each function, and in a living process their ages.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, E = HT.evidence;
  const MANY = 16, SITES = 100; // sizes from which ranges of a factor of two are shown; functions in the list
  const NAMES = [[0, 'under 1 s'], [1, '1 to 10 s'], [10, '10 to 60 s'], [60, '1 to 10 min'], [600, '10 to 60 min'], [3600, '1 to 6 h'], [21600, '6 to 24 h'], [86400, '1 to 7 days'], [604800, '7 days and more']];

  // The sums of a tree, grouped and sorted by one of their columns: { from, to, objects, space, e }.
  function rowsBy(tree, what, objects, space, t) {
    const { size, values } = tree.sums, by = tree.sums[what], rows = new Map(), n = tree.types.length, d = tree.sides[0], bytes = tree.types[t].unit === 'bytes';
    for (let k = 0; k < by.length; k++) {
      const o = values[objects][k] - values[objects + n][k], s = values[space][k] - values[space + n][k];
      if (by[k] < 0 || (!o && !s)) continue;
      if (!rows.has(by[k])) rows.set(by[k], { from: by[k], to: by[k], objects: 0, space: 0, e: HT.noSide() });
      const r = rows.get(by[k]), at = Math.max(0, size[k]);
      r.objects += o;
      r.space += s;
      E.add(r.e.after, values[t][k], bytes ? at : 1, size[k], E.chance(at, d.period, d.plus_one));
    }
    return [...rows.values()].sort((a, b) => a.from - b.from);
  }

  // Single sizes, or ranges of a factor of two when there are many sizes.
  HT.sizesOf = function (tree, t) {
    const [objects, space] = HT.pairOf(tree.types, t);
    if (objects < 0 || space < 0) return null;
    const rows = rowsBy(tree, 'size', objects, space, t), power = v => (v < 1 ? 0 : Math.floor(Math.log2(v))), ranges = [];
    if (rows.length <= MANY) return rows;
    for (const r of rows) {
      const last = ranges[ranges.length - 1];
      if (last && power(last.from) === power(r.from)) {
        last.to = r.to;
        last.objects += r.objects;
        last.space += r.space;
        HT.addSide(last.e, r.e);
      } else ranges.push(r);
    }
    return ranges;
  };

  function table(app, tree, t, id, title, label, rows) {
    const most = Math.max(...rows.map(r => Math.abs(r.space)), 1), ends = r => (tree.why(t) || app.before ? null : HT.intervalOf(tree, t, r.e));
    const bytes = tree.types[t].unit === 'bytes', value = r => (bytes ? r.space : r.objects), sure = r => value(r) > 0 && HT.margin(value(r), ends(r), tree.types[t].unit);
    const bar = r => {
      const b = el('span', { class: 'size-bar ' + HT.tone(app, r.space), 'aria-hidden': 'true' });
      b.style.width = (100 * Math.abs(r.space) / most).toFixed(1) + '%';
      return b;
    };
    const amount = (r, v, unit, own) => el('td', {}, HT.amount(app, v, unit), own && sure(r) ? el('span', { class: 'where ends' }, ' ' + sure(r)) : '');
    return el('table', { class: 'data sizes', id }, el('caption', {}, title), el('thead', {}, el('tr', {}, ...[label, 'Bytes', 'Objects', ''].map((h, i) =>
      el('th', { scope: 'col', class: i === 3 ? 'bars' : '', 'aria-label': i === 3 ? 'Share' : null }, el('span', { class: 'plain' }, h))))),
    el('tbody', {}, ...rows.map(r => el('tr', {}, el('td', {}, r.name), amount(r, r.space, 'bytes', bytes), amount(r, r.objects, 'count', !bytes), el('td', { class: 'bars' }, bar(r))))));
  }

  const named = r => ({ ...r, name: HT.format(r.from, 'bytes') + (r.to > r.from ? ' … ' + HT.format(r.to, 'bytes') : '') });

  // The functions that allocate, with the sizes of their own objects.
  function sites(app, t) {
    const tree = app.tree({ by: 'functions' }), n = tree.types.length, [objects, space] = HT.pairOf(tree.types, t), { node, size, values } = tree.sums, all = new Map();
    for (let k = 0; k < node.length; k++) {
      const o = values[objects][k] - values[objects + n][k], s = values[space][k] - values[space + n][k], key = tree.key[node[k]];
      if (!node[k] || (!o && !s)) continue;
      if (!all.has(key)) all.set(key, { key, objects: 0, space: 0, least: Infinity, most: -1 });
      const r = all.get(key);
      r.objects += o;
      r.space += s;
      if (size[k] >= 0) [r.least, r.most] = [Math.min(r.least, size[k]), Math.max(r.most, size[k])];
    }
    const pick = name => el('button', { type: 'button', class: 'name-link', 'data-fn': name, title: 'Its sizes (right click: more)', onclick: () => app.set({ fn: name }) }, name);
    const rows = [...all.values()].filter(r => r.space || r.objects).sort((a, b) => Math.abs(b.space) - Math.abs(a.space));
    return el('table', { class: 'data', id: 'size-sites' }, el('caption', {}, 'By function, itself'), el('thead', {}, el('tr', {}, ...['Bytes', 'Mean', 'Sizes', 'Function'].map((h, i) =>
      el('th', { scope: 'col', class: i === 3 ? 'text' : i === 2 ? 'hide-small' : '' }, el('span', { class: 'plain' }, h))))),
    el('tbody', {}, ...rows.slice(0, SITES).map(r => el('tr', { class: tree.names[r.key] === app.state.fn ? 'pointed' : '' }, el('td', { class: HT.tone(app, r.space) }, HT.amount(app, r.space, 'bytes')),
      el('td', {}, r.objects > 0 && r.space > 0 ? HT.format(r.space / r.objects, 'bytes') : ''), el('td', { class: 'hide-small' }, r.most < 0 ? '' : r.least === r.most ? HT.format(r.most, 'bytes') : `${HT.format(r.least, 'bytes')} … ${HT.format(r.most, 'bytes')}`),
      el('td', { class: 'text' }, pick(tree.names[r.key]))))));
  }

  // Heaps with ages, by process: { of: the profile shown at the time of the request, data, error }.
  const asked = new Map();

  async function askAges(app) {
    const mine = { of: app.data };
    asked.set(app.id, mine);
    try {
      mine.data = await (await app.get(`/${app.id}/api/profile?profile=ages`)).json();
    } catch (e) {
      mine.error = e.message;
    }
    if (asked.get(app.id) === mine && app.state.view === 'sizes') app.redraw();
  }

  function ages(app, fn) {
    const mine = asked.get(app.id);
    if (!app.live || !app.info.pid) return el('p', { class: 'about' }, 'Ages are known of a process, not of a file.');
    if (!mine || mine.of !== app.data) askAges(app);
    const now = asked.get(app.id);
    if (now.error) return el('p', { class: 'about' }, 'Without ages: ' + now.error);
    const data = now.data || (mine && mine.data);
    if (!data) return el('p', { class: 'about' }, 'Reading ages…');
    const tree = HT.buildTree(data, null, { granularity: 'functions', ...HT.filtersOf(app.state), tag: '', root: fn, side: fn ? 'callees' : undefined });
    const of = type => tree.types.findIndex(u => u.type === type), t = of('inuse_space'), rows = rowsBy(tree, 'age', of('inuse_objects'), t, t);
    if (!rows.length) return el('p', { class: 'about' }, 'Nothing of it is in use.');
    return table({ ...app, before: null }, tree, t, 'ages', 'In use, by age', 'Age', rows.map(r => ({ ...r, name: (NAMES.find(a => a[0] === r.from) || [0, r.from + ' s'])[1] })));
  }

  HT.views.push({
    id: 'sizes', label: 'Sizes', heap: true,
    show(main, app) {
      const t = app.type(), fn = app.state.fn, all = HT.top(app.tree({ by: 'functions' }), t);
      const pick = el('input', { type: 'search', id: 'size-of', list: 'size-functions', value: fn, placeholder: 'all', autocomplete: 'off', spellcheck: 'false', onchange: e => app.set({ fn: e.target.value }) });
      const head = el('div', { class: 'view-controls' }, el('label', { class: 'grow' }, 'Function', pick),
        el('datalist', { id: 'size-functions' }, ...all.slice().sort((a, b) => Math.abs(b.cum) - Math.abs(a.cum)).slice(0, 500).map(r => el('option', { value: r.name }))));
      const clear = el('button', { type: 'button', class: 'clear', onclick: () => app.set({ fn: '' }) }, 'Show all');
      if (fn) head.append(clear);
      if (!all.length) return main.replaceChildren(head, el('p', { class: 'empty' }, ...HT.nothing(app)));
      if (fn && !all.some(r => r.name === fn)) return main.replaceChildren(head, el('p', { class: 'empty' }, `No function “${fn}” in what is shown.`));
      const tree = fn ? HT.sandwichOf(app, fn, 'callees') : app.tree({ by: 'functions' }), rows = HT.sizesOf(tree, t);
      if (!rows) return main.replaceChildren(head, el('p', { class: 'empty' }, 'This sample type has no objects with sizes.'));
      main.replaceChildren(head, el('div', { class: 'beside' }, el('div', { class: 'scroll' },
        rows.length ? table(app, tree, t, 'sizes', `${fn ? 'What passes through ' + fn : 'All'}, by size of the object`, 'Size', rows.map(named)) : el('p', { class: 'about' }, 'No sample says the size of its objects.'),
        ages(app, fn)), el('div', { class: 'scroll' }, sites(app, t))));
    },
  });
})(window);
