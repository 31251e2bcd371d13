// SPDX-License-Identifier: MIT
// Top and the flame graph side by side. The function under the pointer in one is marked in the other.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, LIMIT = 250;

  const view = {
    id: 'beside', label: 'Top + flame',
    show(main, app) {
      const st = app.state, t = app.type(), tree = app.tree({ inverted: st.inverted });
      if (!main.querySelector('.beside')) this.build(main, app);
      this.inverted.checked = st.inverted;
      if (this.search.value !== st.search) this.search.value = st.search;
      this.table(app, t);
      this.flame.colour = app.before ? 'change' : 'module';
      this.flame.show(tree, t, HT.moduleHues(app.data), st.zoom);
      this.reset.disabled = this.flame.zoomed === 0;
      this.find(app);
    },
    build(main, app) {
      this.inverted = el('input', { type: 'checkbox', onchange: e => app.set({ inverted: e.target.checked }) });
      this.search = el('input', { type: 'search', id: 'beside-search', placeholder: 'regex   ( / )', autocomplete: 'off', spellcheck: 'false',
        oninput: () => { this.table(app, app.type()); this.find(app); } });
      this.found = el('output', { 'aria-live': 'polite' });
      this.reset = el('button', { type: 'button', onclick: () => this.flame.zoom(0) }, 'Reset zoom');
      this.rows = el('div', { class: 'scroll' });
      const box = el('div', { class: 'flame' });
      main.replaceChildren(el('div', { class: 'view-controls' }, el('label', {}, 'Search', this.search), this.found, el('label', {}, this.inverted, 'Leaf first'), this.reset),
        el('div', { class: 'beside' }, this.rows, box));
      // The row under the pointer, or with the focus, is marked in the flame graph.
      const pointed = e => { const at = e.target.closest('tr[data-name]'); if (at) this.point(app, at.dataset.name); };
      for (const on of ['mouseover', 'focusin']) this.rows.addEventListener(on, pointed);
      for (const off of ['mouseleave', 'focusout']) this.rows.addEventListener(off, () => this.point(app, null));
      const tip = document.getElementById('tip'), facts = document.getElementById('facts');
      this.flame = new HT.Flame(box, {
        hover: (i, x, y) => { HT.tooltip(tip, this.flame, i, x, y); this.mark(i); },
        select: i => {
          facts.hidden = i < 0;
          if (i >= 0) HT.facts(facts, this.flame, i, i > 0 && HT.fnLinks(app, this.flame, i));
          this.mark(i, true);
        },
        zoom: i => {
          this.reset.disabled = i === 0;
          if (this.flame.zoomText() !== app.state.zoom) app.go({ zoom: this.flame.zoomText() });
        },
        menu: e => HT.flameMenu(app, this.flame, e),
      });
    },
    table(app, t) {
      const tree = app.tree({}), unit = tree.types[t].unit, total = tree.layout(t).width[0], re = HT.regex(this.search.value, 'i');
      const by = /^cum/.test(app.state.sort) ? 'cum' : 'flat';
      const rows = HT.top(tree, t).filter(r => (r.flat || r.cum) && (!re || re.test(r.name) || (r.info && (re.test(r.info.file) || re.test(r.info.mod)))))
        .sort((a, b) => Math.abs(b[by]) - Math.abs(a[by]) || Math.abs(b.cum) - Math.abs(a.cum) || a.name.localeCompare(b.name));
      const head = (id, label) => el('th', { scope: 'col', 'aria-sort': id === by ? 'descending' : 'none' },
        el('button', { type: 'button', 'data-sort': id, onclick: () => app.set({ sort: id + '-' }) }, label + (id === by ? ' ↓' : '')));
      const cell = v => el('td', { class: HT.tone(app, v) }, HT.amount(app, v, unit), ' ', el('span', { class: 'where' }, HT.percent(v, total)));
      this.rows.replaceChildren(rows.length ? el('table', { class: 'data', id: 'beside-table' },
        el('thead', {}, el('tr', {}, head('flat', 'Flat'), head('cum', 'Cum'), el('th', { scope: 'col', class: 'text' }, el('span', { class: 'plain' }, 'Name')))),
        el('tbody', {}, ...rows.slice(0, LIMIT).map(r => el('tr', { 'data-name': r.name }, cell(r.flat), cell(r.cum), el('td', { class: 'text' }, HT.fnButton(app, r.name, r.info))))))
        : el('p', { class: 'about' }, ...(re ? ['No row matches.'] : HT.nothing(app))));
    },
    find(app) {
      const text = this.search.value, r = this.flame.searchFor(text);
      this.found.textContent = !text ? '' : r.nodes ? r.nodes + ' frames, ' + (100 * r.share).toFixed(1) + '%' : 'no frame matches';
      if (text !== app.state.search) app.remember({ search: text });
    },
    // Marks all frames with a name; null: marks the matches of the search again.
    point(app, name) {
      if (name === null) this.flame.searchFor(this.search.value);
      else this.flame.highlight(name);
    },
    // Marks a frame's row.
    mark(i, reveal) {
      const name = i > 0 ? this.flame.name(i) : null;
      for (const tr of this.rows.querySelectorAll('tr[data-name]')) {
        const it = tr.dataset.name === name;
        if (tr.classList.contains('pointed') !== it) tr.classList.toggle('pointed', it);
        if (it && reveal) tr.scrollIntoView({ block: 'nearest' });
      }
    },
    key(k, app) {
      if (k === 'i') app.set({ inverted: !app.state.inverted });
      else if (k === '/') this.search.focus();
      else if (k === 'Escape' && this.flame.zoomed) this.flame.zoom(0);
      else return false;
      return true;
    },
  };

  HT.views.push(view);
})(window);
