// SPDX-License-Identifier: MIT
// The call tree: each function below its caller, opened and closed by hand or by a search.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el;
  const CHILDREN = 50, ROWS = 2000; // shown at once: of one function, and of all
  const FOUND = 30; // paths that a search opens
  const SEP = '\u0001';

  const view = {
    id: 'tree', label: 'Call tree', open: new Set(), full: new Set(), at: -1, searched: null,

    show(main, app) {
      const st = app.state, t = app.type();
      if (!main.querySelector('.tree-rows')) this.build(main, app);
      this.inverted.checked = st.inverted;
      if (this.search.value !== st.search) this.search.value = st.search;
      const tree = app.tree({ inverted: st.inverted });
      if (tree !== this.tree || t !== this.type) {
        [this.tree, this.type, this.lay] = [tree, t, tree.layout(t)];
        this.searched = null;
        this.openHeaviest();
      }
      this.find(app);
      this.draw(app);
    },

    build(main, app) {
      this.inverted = el('input', { type: 'checkbox', onchange: e => app.set({ inverted: e.target.checked }) });
      this.search = el('input', { type: 'search', id: 'tree-search', placeholder: 'regex   ( / )', autocomplete: 'off', spellcheck: 'false',
        oninput: () => { this.find(app); this.draw(app); },
        onkeydown: e => { if (e.key === 'Enter') { this.next(app, e.shiftKey ? -1 : 1); e.preventDefault(); } } });
      this.found = el('output', { id: 'tree-found', 'aria-live': 'polite' });
      const button = (label, title, act) => el('button', { type: 'button', title, onclick: act }, label);
      this.rows = el('div', { class: 'scroll tree-rows', onkeydown: e => this.keyOnRow(app, e) });
      main.replaceChildren(el('div', { class: 'view-controls' }, el('label', {}, 'Search', this.search),
        button('Next', 'Next frame that matches (Enter; Shift+Enter: the one before)', () => this.next(app, 1)), this.found,
        el('label', {}, this.inverted, 'Leaf first'),
        button('Close all', 'Only the heaviest path stays open', () => { this.open.clear(); this.full.clear(); this.openHeaviest(); this.draw(app); })), this.rows);
    },

    // A node's path of names. Open nodes are remembered by their paths, so they stay open after another fetch.
    path(i) {
      const names = [];
      for (; i > 0; i = this.tree.parent[i]) names.push(this.tree.names[this.tree.key[i]]);
      return names.reverse().join(SEP);
    },

    children(i) { return this.lay.kids.subarray(this.lay.first[i], this.lay.first[i + 1]).filter(c => this.lay.width[c] > 0); },

    openHeaviest() {
      this.open.add(this.path(0));
      for (let i = 0, next; (next = this.children(i)[0]) !== undefined && this.lay.width[next] >= this.lay.width[i] / 2; i = next) this.open.add(this.path(i));
    },

    openTo(i) {
      for (let j = this.tree.parent[i]; j >= 0; j = this.tree.parent[j]) {
        this.open.add(this.path(j));
        if (this.children(j).length > CHILDREN) this.full.add(this.path(j));
        if (j === 0) break;
      }
    },

    find(app) {
      const text = this.search.value, re = HT.regex(text, 'i');
      if (text !== app.state.search) app.remember({ search: text });
      if (this.searched === text) return;
      this.searched = text;
      this.result = re ? HT.findIn(this.tree, this.lay.width, re) : null;
      this.at = -1;
      this.matches = this.result ? this.result.first.sort((a, b) => this.lay.width[b] - this.lay.width[a]) : [];
      for (const i of this.matches.slice(0, FOUND)) this.openTo(i);
      const whole = this.lay.width[0];
      this.found.textContent = !text ? '' : this.matches.length
        ? `${this.result.nodes.toLocaleString('en-US')} frames, ${whole ? (100 * this.result.width / whole).toFixed(1) : 0}%` : 'no frame matches';
    },

    // Goes to the next outermost match, the heaviest first.
    next(app, step) {
      if (!this.matches.length) return;
      this.at = (this.at + step + this.matches.length) % this.matches.length;
      this.openTo(this.matches[this.at]);
      this.draw(app, this.matches[this.at]);
    },

    // The visible nodes, each with its depth. A negative node stands for the rest of its parent's callees.
    shown() {
      const rows = [], stack = [[0, 0]];
      while (stack.length && rows.length < ROWS) {
        const [i, depth, left] = stack.pop();
        rows.push({ i, depth, left });
        if (left || !this.open.has(this.path(i))) continue;
        const all = this.children(i), some = this.full.has(this.path(i)) ? all : all.slice(0, CHILDREN);
        if (some.length < all.length) stack.push([i, depth + 1, all.slice(CHILDREN)]);
        for (let k = some.length - 1; k >= 0; k--) stack.push([some[k], depth + 1]);
      }
      return rows;
    },

    draw(app, focus) {
      const tree = this.tree, t = this.type, unit = tree.types[t].unit, whole = this.lay.width[0], was = document.activeElement && document.activeElement.dataset.node;
      if (!whole) return HT.empty(this.rows, ...HT.nothing(app));
      const hits = this.result && this.result.hits, rows = this.shown();
      const row = ({ i, depth, left }) => {
        const indent = el('span', { class: 'indent' });
        indent.style.setProperty('--depth', String(depth));
        if (left) {
          const sum = left.reduce((a, c) => a + tree.value(c, t), 0);
          return el('tr', {}, el('td', {}, HT.amount(app, sum, unit)), el('td', { class: 'share' }, HT.percent(sum, whole)), el('td', { class: 'hide-small' }), el('td', { class: 'text' }, indent,
            el('button', { type: 'button', class: 'name-link where', onclick: () => { this.full.add(this.path(i)); this.draw(app); } }, `${left.length.toLocaleString('en-US')} more…`)));
        }
        const any = this.children(i).length > 0, open = any && this.open.has(this.path(i)), name = i ? tree.names[tree.key[i]] : 'all', self = tree.selfValue(i, t), v = tree.value(i, t);
        const td = el('td', { class: 'bar-cell ' + (tree.faint(i, t) ? 'faint' : HT.tone(app, v)) }, HT.amount(app, v, unit)), bar = el('span', { class: 'meter', 'aria-hidden': 'true' });
        bar.style.width = (100 * this.lay.width[i] / whole).toFixed(1) + '%';
        td.append(bar);
        return el('tr', { 'data-node': String(i), 'data-fn': i ? name : null, tabindex: '-1', 'aria-level': String(depth + 1), 'aria-expanded': any ? String(open) : null, class: hits && hits[i] ? 'hit' : '' },
          td, el('td', { class: 'share' }, HT.percent(v, whole)),
          el('td', { class: 'hide-small' }, self && !tree.inverted ? HT.amount(app, self, unit) : ''),
          el('td', { class: 'text' }, indent, el('button', { type: 'button', class: 'twig', tabindex: '-1', disabled: !any, 'aria-label': (open ? 'Close ' : 'Open ') + name, onclick: () => this.toggle(app, i) }, any ? (open ? '▾' : '▸') : ''),
            i ? HT.fnButton(app, name, tree.info[tree.key[i]]) : name));
      };
      const scroll = this.rows.scrollTop;
      this.rows.replaceChildren(el('table', { class: 'data', id: 'tree-table', role: 'treegrid', 'aria-label': 'Call tree: arrow keys move, open and close' },
        el('thead', {}, el('tr', {}, ...[['Total', ''], ['%', ''], ['Self', 'hide-small'], ['Function', 'text']].map(([h, c]) => el('th', { scope: 'col', class: c }, el('span', { class: 'plain' }, h))))),
        el('tbody', {}, ...rows.map(row))), ...(rows.length >= ROWS ? [el('p', { class: 'about' }, `The first ${ROWS} rows are shown: close some.`)] : []));
      this.rows.scrollTop = scroll;
      const all = [...this.rows.querySelectorAll('tr[data-node]')], want = focus !== undefined ? String(focus) : was, to = all.find(tr => tr.dataset.node === want);
      (to || all[0]).tabIndex = 0;
      if (to && (focus !== undefined || was !== undefined)) {
        to.focus({ preventScroll: true });
        to.scrollIntoView({ block: 'nearest' });
      }
    },

    toggle(app, i) {
      const p = this.path(i);
      if (!this.open.delete(p)) this.open.add(p);
      this.draw(app, i);
    },

    // The arrow keys work as in any tree.
    keyOnRow(app, e) {
      const tr = e.target.closest('tr[data-node]');
      if (!tr || e.ctrlKey || e.altKey || e.metaKey) return;
      const all = [...this.rows.querySelectorAll('tr[data-node]')], at = all.indexOf(tr), i = Number(tr.dataset.node), open = tr.getAttribute('aria-expanded');
      const go = to => { if (to) { tr.tabIndex = -1; to.tabIndex = 0; to.focus(); } };
      if (e.key === 'ArrowDown') go(all[at + 1]);
      else if (e.key === 'ArrowUp') go(all[at - 1]);
      else if (e.key === 'Home') go(all[0]);
      else if (e.key === 'End') go(all[all.length - 1]);
      else if (e.key === 'ArrowRight') { if (open === 'false') this.toggle(app, i); else go(all[at + 1]); }
      else if (e.key === 'ArrowLeft') { if (open === 'true') this.toggle(app, i); else go(all.find(r => Number(r.dataset.node) === this.tree.parent[i])); }
      else if (e.key === 'Enter' && e.target === tr && i) app.set({ view: 'sandwich', fn: tr.dataset.fn });
      else if (e.key === 'o' && i) { const r = tr.getBoundingClientRect(); HT.menu(app, tr.dataset.fn, this.tree.info[this.tree.key[i]], r.left + 80, r.bottom); }
      else return;
      e.preventDefault();
      e.stopPropagation();
    },

    key(k, app) {
      if (k === 'i') app.set({ inverted: !app.state.inverted });
      else if (k === '/') this.search.focus();
      else return false;
      return true;
    },
  };

  HT.views.push(view);
})(window);
