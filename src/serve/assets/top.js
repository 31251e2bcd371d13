// SPDX-License-Identifier: MIT
// Top: functions, lines or files by what they and their callees hold, of one sample type or of all.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, LIMIT = 250;

  // "alloc_space" -> "objects" and "space" of one kind; [-1, -1] where the profile has no such pair.
  HT.pairOf = function (types, t) {
    const kind = types[t].type.replace(/_?(space|objects)$/, ''), of = what => types.findIndex(u => u.type === (kind ? kind + '_' : '') + what);
    return [of('objects'), of('space')];
  };

  // Rows with the running sum of flat in the order they are shown.
  HT.runningSum = function (rows) {
    let sum = 0;
    for (const r of rows) r.sum = sum += r.flat;
    return rows;
  };

  // Adds the values of all sample types to each row: r.all[t] = { flat, cum }.
  function addTypes(rows, tree) {
    const all = tree.types.map((_, t) => new Map(HT.top(tree, t).map(r => [r.key, r]))), none = { flat: 0, cum: 0 };
    for (const r of rows) r.all = all.map(m => m.get(r.key) || none);
  }

  // The columns: { id, label, value(r) to sort by, cell(r) to show }.
  function columnsOf(app, tree, t, total) {
    const unit = tree.types[t].unit, known = HT.topEvidence(tree, t), of = (what, r) => known && known[what][r.key];
    const share = (id, of_) => ({ id: id + 'share', label: id === 'sum' ? 'Sum%' : '%', title: id === 'sum' ? 'Running sum of Flat, in this order' : '', small: true, unsorted: true,
      cell: r => el('td', { class: 'hide-small share' }, HT.percent(of_(r), total)) });
    const number = what => ({ id: what, label: what === 'flat' ? 'Flat' : 'Cum', value: r => r[what], cell: r => HT.numberCell(app, tree, t, r[what], of(what, r), known, total) });
    const plain = (id, label, value, unit_, title) => ({ id, label, title, small: true, value, cell: r => el('td', { class: 'hide-small' }, HT.format(value(r), unit_)) });
    const name = { id: 'name', label: { functions: 'Function', lines: 'Line', files: 'File' }[app.state.by], text: true, value: r => r.name,
      cell: r => el('td', { class: 'text' }, HT.fnButton(app, r.name, r.info), ' ',
        el('span', { class: 'where' }, !app.state.all && r.info && app.state.by === 'functions' && r.info.mod ? HT.base(r.info.mod) : '')) };
    const one = !app.state.all, columns = [number('flat'), share('flat', r => r.flat), one && !app.before && share('sum', r => r.sum), number('cum'), one && share('cum', r => r.cum),
      app.before && plain('before', 'Before', r => r.before, unit), app.before && plain('now', 'Now', r => r.now, unit)];
    const [objects, space] = HT.pairOf(tree.types, t);
    if (app.state.all) {
      const short = u => HT.typeLabel(u).replace(/^Allocated/, 'Alloc.');
      tree.types.forEach((u, k) => {
        if (k === t) return;
        columns.push(plain('f' + k, short(u), r => r.all[k].flat, u.unit, HT.typeLabel(u) + ', flat'), plain('c' + k, 'cum', r => r.all[k].cum, u.unit, HT.typeLabel(u) + ', cumulative'));
      });
      const mean = r => (r.all[objects].flat ? r.all[space].flat / r.all[objects].flat : 0);
      if (objects >= 0 && space >= 0) columns.push(plain('mean', 'Object', mean, 'bytes', 'Mean size of the objects that it holds itself'));
    }
    return [...columns, name].filter(Boolean);
  }

  // A figure with its interval and a bar for its share; faint when the change may be chance.
  HT.numberCell = function (app, tree, t, v, e, known, total) {
    const ends = v && e ? HT.intervalOf(tree, t, e) : null, faint = app.before && known && !(e && e.believed), unit = tree.types[t].unit;
    const td = el('td', { class: 'bar-cell ' + (faint ? 'faint' : HT.tone(app, v)) }, HT.amount(app, v, unit),
      ends && el('span', { class: 'where ends' }, ' ' + (app.before ? HT.range(ends, unit) : HT.margin(v, ends, unit))));
    if (total && v) {
      const bar = el('span', { class: 'meter', 'aria-hidden': 'true' });
      bar.style.width = Math.min(100, 100 * Math.abs(v) / total).toFixed(1) + '%';
      td.append(bar);
    }
    return td;
  };

  HT.topView = {
    id: 'top', label: 'Top',
    show(main, app) {
      const t = app.type(), tree = app.tree({}), unit = tree.types[t].unit;
      const total = app.before ? tree.layout(t).width[0] : tree.value(0, t), columns = columnsOf(app, tree, t, total);
      const [by, down] = (app.state.sort || 'flat-').match(/^(\w+)([+-])$/).slice(1), sign = down === '-' ? -1 : 1;
      const col = columns.find(c => c.id === by && c.value) || columns[0];
      const rows = HT.top(tree, t).filter(r => !app.before || r.flat || r.cum);
      if (!rows.length) return HT.empty(main, ...HT.nothing(app));
      if (app.state.all) addTypes(rows, tree);
      rows.sort((a, b) => (col.text ? sign * a.name.localeCompare(b.name) : sign * (col.value(a) - col.value(b))) ||
        Math.abs(b.cum) - Math.abs(a.cum) || a.name.localeCompare(b.name));
      HT.runningSum(rows);
      const limit = this.whole ? rows.length : LIMIT;
      const head = el('tr', {}, ...columns.map(c => el('th', { scope: 'col', class: c.text ? 'text' : c.small ? 'hide-small' : '', title: c.title || '',
        'aria-sort': c.unsorted ? null : c === col ? (sign < 0 ? 'descending' : 'ascending') : 'none' }, c.unsorted ? el('span', { class: 'plain' }, c.label)
        : el('button', { type: 'button', 'data-sort': c.id, onclick: () => app.set({ sort: c.id + (c === col ? (sign < 0 ? '+' : '-') : c.text ? '+' : '-') }) },
          c.label + (c === col ? (sign < 0 ? ' ↓' : ' ↑') : '')))));
      const all = el('input', { type: 'checkbox', id: 'all-types', checked: !!app.state.all, onchange: e => app.set({ all: e.target.checked }) });
      const caption = el('caption', {}, app.before
        ? `Change ${HT.signed(tree.value(0, t), unit)}; percentages are of all that changed.`
        : `${HT.format(total, unit)} in ${rows.length.toLocaleString('en-US')} ${app.state.by}.`, ' ' + HT.sureness(tree, t),
      tree.types.length > 1 && el('label', { class: 'hide-small in-caption' }, all, 'All sample types'));
      main.replaceChildren(el('div', { class: 'scroll' }, el('table', { class: 'data', id: 'top-table' }, caption,
        el('thead', {}, head), el('tbody', {}, ...rows.slice(0, limit).map(r => el('tr', {}, ...columns.map(c => c.cell(r)))))),
      rows.length > limit && el('p', {}, el('button', { type: 'button', onclick: () => { this.whole = true; this.show(main, app); } },
        `Show all ${rows.length.toLocaleString('en-US')}`))));
    },
  };
})(window);
