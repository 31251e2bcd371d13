// SPDX-License-Identifier: MIT
// The text beside a flame graph: the facts of a frame, the tooltip, the list of modules.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};

  // Fills an element with the facts of a node: all sample types, file and line, module.
  // links: more elements to append; may be undefined.
  HT.facts = function (el, flame, i, links) {
    const t = flame.tree, info = t.info[t.key[i]];
    const row = (a, ...rest) => {
      const tr = document.createElement('tr');
      const th = document.createElement('th');
      th.scope = 'row';
      th.textContent = a;
      tr.append(th);
      for (const r of rest) {
        const td = document.createElement('td');
        td.textContent = r;
        tr.append(td);
      }
      return tr;
    };
    const name = document.createElement('div');
    name.className = 'fact-name';
    name.textContent = i === 0 ? 'all' : flame.name(i);
    const table = document.createElement('table');
    t.types.forEach((ty, k) => {
      const v = t.value(i, k), self = t.selfValue(i, k), current = k === flame.type;
      // In a comparison only the sample type that is shown has been tested.
      const cells = t.compared
        ? [HT.signed(v, ty.unit), current && v ? HT.range(t.interval(i, k), ty.unit) : '',
          HT.format(t.before(i, k), ty.unit) + ' → ' + HT.format(t.now(i, k), ty.unit)]
        : [HT.format(v, ty.unit), v ? HT.margin(v, t.interval(i, k), ty.unit) : '', HT.percent(v, t.value(0, k)),
          ...(self && !t.inverted ? ['self ' + HT.format(self, ty.unit), HT.margin(self, t.interval(i, k, true), ty.unit)] : [])];
      const tr = row(HT.typeLabel(ty), ...cells);
      if (current) tr.className = 'current';
      table.append(tr);
    });
    const where = document.createElement('div');
    where.className = 'fact-where';
    if (info && i > 0) {
      const line = info.line || info.start;
      where.textContent = [info.file ? info.file + (line ? ':' + line : '') : '', info.mod].filter(Boolean).join('  ·  ');
    }
    const sure = document.createElement('div');
    sure.className = 'fact-where';
    sure.textContent = t.compared && i > 0 && t.faint(i, flame.type) ? 'May be chance.' : '';
    el.replaceChildren(name, ...(links || []), table, sure, where);
  };

  // Keeps a tooltip beside the pointer and inside the window.
  HT.tooltip = function (tip, flame, i, x, y) {
    if (i < 0) { tip.hidden = true; return; }
    HT.facts(tip, flame, i);
    tip.hidden = false;
    const r = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(x + 14, root.innerWidth - r.width - 6)) + 'px';
    tip.style.top = (y + 18 + r.height > root.innerHeight ? Math.max(4, y - r.height - 10) : y + 18) + 'px';
  };

  // The list of modules with their colour and share.
  HT.legend = function (el, flame, onPick) {
    const t = flame.tree, share = new Map();
    for (let i = 1; i < t.size; i++) {
      const info = t.info[t.key[i]], m = (info && info.mod) || '';
      // Leaf first, the first row has only what frames allocate themselves.
      const v = t.inverted ? (t.parent[i] === 0 ? flame.lay.width[i] : 0) : Math.abs(t.selfValue(i, flame.type));
      if (v || !share.has(m)) share.set(m, (share.get(m) || 0) + v);
    }
    const total = flame.lay.width[0];
    const rows = [...share].filter(r => r[0]).sort((a, b) => b[1] - a[1]).slice(0, 12);
    el.replaceChildren(...rows.map(([m, v]) => {
      const b = document.createElement('button');
      b.type = 'button';
      b.className = 'chip';
      b.title = m + ': ' + HT.percent(v, total) + ' is allocated directly by it. Click to find its frames.';
      const dot = document.createElement('span');
      dot.className = 'dot';
      const hue = HT.hueOf(flame.hues, m);
      dot.style.background = HT.dark() ? `hsl(${hue} 45% 45%)` : `hsl(${hue} 72% 66%)`;
      b.append(dot, HT.base(m) + ' ' + HT.percent(v, total));
      b.addEventListener('click', () => onPick(m));
      return b;
    }));
  };
})(typeof window !== 'undefined' ? window : globalThis);
