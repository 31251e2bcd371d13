// SPDX-License-Identifier: MIT
// Callers and callees of one function: who calls it and what it calls, as tables and flame graphs.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, ROWS = 60;

  // The first row of a side's tree: the callers of the function, or its callees, with their values.
  function neighbours(tree, t) {
    const rows = [], lay = tree.layout(t), top = lay.kids[lay.first[0]];
    if (top === undefined) return rows;
    for (let k = lay.first[top]; k < lay.first[top + 1]; k++) {
      const i = lay.kids[k];
      if (lay.width[i]) rows.push({ node: i, name: tree.names[tree.key[i]], info: tree.info[tree.key[i]], value: tree.value(i, t) });
    }
    const left = tree.selfValue(top, t);
    if (left) rows.push({ node: -1, name: '', info: null, value: left });
    rows.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    return rows;
  }

  function table(app, tree, t, title, own) {
    const unit = tree.types[t].unit, rows = neighbours(tree, t), whole = tree.layout(t).width[0];
    const amount = v => (app.before ? HT.signed(v, unit) : HT.format(v, unit));
    return el('table', { class: 'data', 'data-side': title.toLowerCase() }, el('caption', {}, rows.length ? title : 'No ' + title.toLowerCase()),
      el('thead', { class: 'sr-only' }, el('tr', {}, ...['Amount', 'Share', 'Function'].map(h => el('th', { scope: 'col' }, h)))),
      el('tbody', {}, ...rows.slice(0, ROWS).map(r => el('tr', {}, el('td', {}, amount(r.value)), el('td', {}, HT.percent(r.value, whole)),
        el('td', { class: 'text' }, r.node < 0 ? own : HT.fnButton(app, r.name, r.info))))));
  }

  HT.sandwichOf = function (app, fn, side) {
    const st = app.state;
    return HT.buildTree(app.data, app.before, { granularity: 'functions', ...HT.filtersOf(st), tag: '', root: fn, side });
  };

  const view = {
    id: 'sandwich', label: 'Callers',
    show(main, app) {
      const st = app.state, t = app.type(), all = HT.top(app.tree({ by: 'functions' }), t).sort((a, b) => Math.abs(b.cum) - Math.abs(a.cum));
      if (!all.length) return main.replaceChildren(el('p', { class: 'empty' }, ...HT.nothing(app)));
      const flat = all.slice().sort((a, b) => Math.abs(b.flat) - Math.abs(a.flat))[0], fn = st.fn || flat.name, row = all.find(r => r.name === fn);
      const pick = el('input', { type: 'search', id: 'which', list: 'functions', value: fn, autocomplete: 'off', spellcheck: 'false', 'aria-label': 'Function',
        onchange: e => app.set({ fn: e.target.value }) });
      const list = el('datalist', { id: 'functions' }, ...all.slice(0, 500).map(r => el('option', { value: r.name })));
      const head = el('div', { class: 'view-controls' }, el('label', { class: 'grow' }, 'Function', pick), list);
      if (!row) {
        return main.replaceChildren(head, el('p', { class: 'empty' }, `No function “${fn}” in what is shown. `,
          el('button', { type: 'button', class: 'clear', onclick: () => app.set({ fn: '' }) }, 'Show the heaviest')));
      }
      const unit = app.data.types[t].unit, total = app.tree({ by: 'functions' }).layout(t).width[0], say = v => (app.before ? HT.signed(v, unit) : HT.format(v, unit));
      const callers = HT.sandwichOf(app, fn, 'callers'), callees = HT.sandwichOf(app, fn, 'callees');
      const boxes = [el('div', { class: 'flame', id: 'callers' }), el('div', { class: 'flame', id: 'callees' })];
      main.replaceChildren(head,
        el('p', { class: 'about sandwich-of', id: 'sandwich-of' }, el('strong', { 'data-fn': fn, tabindex: '0' }, fn),
          ` ${say(row.cum)} (${HT.percent(row.cum, total)}), itself ${say(row.flat)} (${HT.percent(row.flat, total)})`),
        el('div', { class: 'sandwich' },
          el('div', { class: 'scroll' }, table(app, callers, t, 'Callers', 'it begins the stack'), table(app, callees, t, 'Callees', 'itself')),
          el('div', { class: 'sandwich-flames' }, boxes[0], boxes[1])));
      this.flames = [callers, callees].map((tree, k) => {
        const flame = new HT.Flame(boxes[k], {
          hover: (i, x, y) => HT.tooltip(document.getElementById('tip'), flame, i, x, y),
          pick: i => { if (i > 0 && tree.names[tree.key[i]] !== fn) app.set({ fn: tree.names[tree.key[i]] }); return true; },
          menu: e => HT.flameMenu(app, flame, e),
        });
        flame.flip = k === 0;
        flame.colour = app.before ? 'change' : 'module';
        flame.show(tree, t, HT.moduleHues(app.data));
        flame.canvas.setAttribute('aria-label', (k ? 'Callees' : 'Callers') + ' of ' + fn + '. Arrow keys move, Enter shows a function, o opens its menu.');
        return flame;
      });
    },
  };

  HT.views.push(view);
})(typeof window !== 'undefined' ? window : globalThis);
