// SPDX-License-Identifier: MIT
// Owners: the functions for which memory is allocated, with their heaviest callers. Allocation wrappers are passed over.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, LIMIT = 200, PATH = 3;

  // The heaviest child of a node, or -1; with `named`, the nearest heaviest descendant with a name.
  function heaviest(tree, lay, i, named) {
    do {
      i = lay.first[i] < lay.first[i + 1] ? lay.kids[lay.first[i]] : -1;
    } while (i > 0 && lay.width[i] && named && !tree.info[tree.key[i]].fn);
    return i > 0 && lay.width[i] ? i : -1;
  }

  // The callers that follow an owner: two, or one more with a name when none of the three has one.
  function callersOf(tree, lay, owner) {
    const path = [];
    let named = !!tree.info[tree.key[owner]].fn;
    for (let i = owner, step = 0; step < PATH && (step < 2 || !named); step++) {
      i = heaviest(tree, lay, i, step >= 2);
      if (i < 0) break;
      path.push({ node: i, elided: step >= 2 });
      named = named || !!tree.info[tree.key[i]].fn;
    }
    return path;
  }

  // Rows as `heaptap owners` has them, heaviest first.
  HT.ownersOf = function (tree, t) {
    const lay = tree.layout(t), rows = [];
    for (let k = lay.first[0]; k < lay.first[1]; k++) {
      const i = lay.kids[k], callers = lay.kids.subarray(lay.first[i], lay.first[i + 1]).filter(c => lay.width[c] > 0).length;
      if (lay.width[i]) rows.push({ node: i, key: tree.key[i], name: tree.names[tree.key[i]], info: tree.info[tree.key[i]], value: tree.value(i, t), path: callersOf(tree, lay, i), callers });
    }
    return rows.filter(r => r.value).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  };

  // The evidence for each owner's sum, by its node; null when there are no intervals.
  function evidenceOf(tree, t) {
    if (tree.why(t)) return null;
    const owner = new Int32Array(tree.size), sides = new Map();
    for (let i = 1; i < tree.size; i++) {
      const at = owner[i] = tree.parent[i] ? owner[tree.parent[i]] : i, own = tree.own(i, t);
      if (!own) continue;
      if (!sides.has(at)) sides.set(at, HT.noSide());
      HT.addSide(sides.get(at), own);
    }
    return sides;
  }

  HT.views.push({
    id: 'owners', label: 'Owners', heap: true,
    show(main, app) {
      const t = app.type();
      if (!app.data.sums.owner || (app.before && !app.before.sums.owner)) return HT.empty(main, 'Only the memory of a heap has owners.');
      const tree = app.tree({ owners: true, by: 'addresses' }), rows = HT.ownersOf(tree, t), unit = tree.types[t].unit;
      if (!rows.length) return HT.empty(main, ...HT.nothing(app));
      const total = tree.layout(t).width[0], known = evidenceOf(tree, t);
      const row = r =>
        el('tr', {}, HT.numberCell(app, tree, t, r.value, known && known.get(r.node), known, total), el('td', { class: 'share' }, HT.percent(r.value, total)),
          el('td', { class: 'text' }, HT.fnButton(app, r.name, r.info), ...r.path.flatMap(p => [el('span', { class: 'where' }, p.elided ? ' ← … ← ' : ' ← '),
            HT.fnButton(app, tree.names[tree.key[p.node]], tree.info[tree.key[p.node]])]),
          r.callers > 1 && el('span', { class: 'where' }, ` (+${r.callers - 1} caller${r.callers > 2 ? 's' : ''})`)));
      const head = [[app.before ? 'Change' : HT.typeLabel(tree.types[t]), ''], ['%', ''], ['Owner ← callers', 'text']];
      main.replaceChildren(el('div', { class: 'scroll' }, el('table', { class: 'data', id: 'owners-table' },
        el('caption', {}, `${HT.amount(app, tree.value(0, t), unit)} by ${rows.length.toLocaleString('en-US')} owner${rows.length > 1 ? 's' : ''}. ${HT.sureness(tree, t)}`),
        el('thead', {}, el('tr', {}, ...head.map(([h, c]) => el('th', { scope: 'col', class: c }, el('span', { class: 'plain' }, h))))),
        el('tbody', {}, ...rows.slice(0, this.whole ? rows.length : LIMIT).map(row))),
      !this.whole && rows.length > LIMIT && el('p', {}, el('button', { type: 'button', onclick: () => { this.whole = true; this.show(main, app); } }, `Show all ${rows.length.toLocaleString('en-US')}`))));
    },
  });
})(window);
