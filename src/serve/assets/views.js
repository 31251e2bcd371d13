// SPDX-License-Identifier: MIT
// The views of one profile. Each is { id, label, show(main, app) } and draws from app.tree().
(function (root) {
  'use strict';

  const HT = root.HT, { el, tone, amount, empty } = HT;

  // ---- Flame graph

  const flame = {
    id: 'flame', label: 'Flame graph',
    show(main, app) {
      const st = app.state;
      if (!main.querySelector('.flame')) this.build(main, app);
      const tree = app.tree({ inverted: st.inverted });
      this.flame.colour = st.colour === 'change' && !app.before ? 'module' : st.colour || (app.before ? 'change' : 'module');
      this.colour.value = this.flame.colour;
      this.change.disabled = !app.before;
      this.inverted.checked = st.inverted;
      this.flame.show(tree, app.type(), HT.moduleHues(app.data), st.zoom);
      HT.legend(this.legend, this.flame, m => {
        this.search.value = m.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
        this.find(app);
      });
      if (this.search.value !== st.search) this.search.value = st.search;
      this.find(app);
      this.reset.disabled = this.flame.zoomed === 0;
      this.none.hidden = this.flame.lay.width[0] > 0;
      if (!this.none.hidden) this.none.replaceChildren(...HT.nothing(app));
      this.sure.textContent = HT.sureness(tree, app.type());
    },
    build(main, app) {
      this.inverted = el('input', { type: 'checkbox', onchange: e => app.set({ inverted: e.target.checked }) });
      this.change = el('option', { value: 'change' }, 'change');
      this.colour = el('select', { onchange: e => app.set({ colour: e.target.value }) },
        ...['module', 'file', 'function'].map(v => el('option', { value: v }, v)), this.change);
      this.search = el('input', { type: 'search', id: 'search', placeholder: 'regex   ( / )', autocomplete: 'off',
        spellcheck: 'false', oninput: () => this.find(app) });
      this.found = el('output', { id: 'found', 'aria-live': 'polite' });
      this.reset = el('button', { type: 'button', id: 'reset', onclick: () => this.flame.zoom(0) }, 'Reset zoom');
      this.legend = el('div', { class: 'legend', 'aria-label': 'Modules' });
      this.none = el('p', { class: 'empty', hidden: true });
      this.sure = el('p', { class: 'about sure', id: 'sure' });
      const box = el('div', { class: 'flame', id: 'flame' });
      main.replaceChildren(el('div', { class: 'flame-view' },
        el('div', { class: 'view-controls' }, el('label', {}, 'Search', this.search), this.found,
          el('label', {}, 'Colour', this.colour), el('label', {}, this.inverted, 'Leaf first'), this.reset),
        this.legend, this.sure, box, this.none));
      const tip = document.getElementById('tip'), facts = document.getElementById('facts');
      this.flame = new HT.Flame(box, {
        hover: (i, x, y) => HT.tooltip(tip, this.flame, i, x, y),
        select: i => { facts.hidden = i < 0; if (i >= 0) HT.facts(facts, this.flame, i, i > 0 && HT.fnLinks(app, this.flame, i)); },
        zoom: i => {
          this.reset.disabled = i === 0;
          if (this.flame.zoomText() !== app.state.zoom) app.go({ zoom: this.flame.zoomText() });
        },
        menu: e => HT.flameMenu(app, this.flame, e),
      });
    },
    find(app) {
      const text = this.search.value, r = this.flame.searchFor(text);
      this.found.textContent = !text ? '' : r.nodes ? r.nodes + ' frames, ' + (100 * r.share).toFixed(1) + '%' : 'no frame matches';
      if (text !== app.state.search) app.remember({ search: text });
    },
    key(k, app) {
      if (k === 'i') app.set({ inverted: !app.state.inverted });
      else if (k === 'c') {
        const all = [...this.colour.options].filter(o => !o.disabled).map(o => o.value);
        app.set({ colour: all[(all.indexOf(this.flame.colour) + 1) % all.length] });
      } else if (k === '/') this.search.focus();
      else if (k === 'Escape' && this.flame.zoomed) this.flame.zoom(0);
      else return false;
      return true;
    },
  };

  // ---- Call graph

  // The shares, in percent, for the steps of the sliders.
  const SHARES = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
  const shareOf = (text, standard) => (SHARES.includes(Number(text)) && text !== '' ? Number(text) : standard);

  const graph = {
    id: 'graph', label: 'Call graph',
    show(main, app) {
      const st = app.state, limit = Math.min(400, Number(st.nodes) || 40), t = app.type(), tree = app.tree({});
      if (!main.querySelector('.graph')) this.build(main, app);
      this.size.value = String(limit);
      const shares = { nf: shareOf(st.nf, 0.5), ef: shareOf(st.ef, 0.1) };
      for (const k in shares) {
        this[k].value = String(SHARES.indexOf(shares[k]));
        this[k].setAttribute('aria-valuetext', shares[k] + ' %');
        this[k].nextElementSibling.textContent = shares[k] + ' %';
      }
      const g = HT.drawGraph(this.box, tree, t, { limit, nodeShare: shares.nf / 100, edgeShare: shares.ef / 100, zoom: this.zoom }, app.layout,
        key => app.set({ view: 'sandwich', fn: (tree.info[key] && tree.info[key].fn) || tree.names[key] }));
      this.left.textContent = g.left > 0 ? g.left.toLocaleString('en-US') + ' lighter nodes are not drawn; a dashed line passes through some.' : '';
      if (!g.nodes.length) this.box.replaceChildren(el('p', { class: 'empty' }, ...HT.nothing(app)));
    },
    build(main, app) {
      this.size = el('select', { onchange: e => app.set({ nodes: e.target.value }) }, ...[20, 40, 80, 160, 400].map(n => el('option', { value: String(n) }, String(n))));
      const slider = k => el('input', { type: 'range', id: k, min: '0', max: String(SHARES.length - 1), onchange: e => app.set({ [k]: String(SHARES[e.target.value]) }) });
      this.nf = slider('nf');
      this.ef = slider('ef');
      this.box = el('div', { class: 'graph', tabindex: '0', 'aria-label': 'Call graph: + and - zoom, 0 fits' });
      this.left = el('output', {});
      const button = (label, title, act) => el('button', { type: 'button', title, 'aria-label': title, onclick: act }, label);
      this.zoom = new HT.Zoom(this.box);
      main.replaceChildren(el('div', { class: 'view-controls' }, el('label', {}, 'Nodes', this.size), el('label', {}, 'of at least', this.nf, el('output', {})),
        el('label', {}, 'edges of at least', this.ef, el('output', {})), button('+', 'Zoom in (+)', () => this.zoom.by(1.25)), button('−', 'Zoom out (-)', () => this.zoom.by(0.8)),
        button('Fit', 'Fit (0)', () => this.zoom.fit()), this.left), this.box);
    },
    key(k) {
      if (!this.zoom || !this.zoom.size) return false;
      if (k === '+') this.zoom.by(1.25);
      else if (k === '-') this.zoom.by(0.8);
      else if (k === '0') this.zoom.fit();
      else return false;
      return true;
    },
  };

  // ---- Traces

  const traces = {
    id: 'traces', label: 'Traces',
    show(main, app) {
      const t = app.type(), tree = app.tree({}), unit = tree.types[t].unit, tr = HT.traces(tree, t, 200);
      const own = i => tree.why(t) || tree.own(i, t), faint = i => !!app.before && own(i).believed === 0;
      if (!tr.rows.length) return empty(main, ...HT.nothing(app));
      main.replaceChildren(el('div', { class: 'scroll' },
        el('p', { class: 'about' }, `${tr.count.toLocaleString('en-US')} stacks, heaviest first` +
          (tr.count > tr.rows.length ? `; the first ${tr.rows.length} are shown.` : '.')),
        ...tr.rows.map(r => el('div', { class: 'trace' }, el('div', { class: 'amount ' + (faint(r.node) ? 'faint' : tone(app, r.value)) }, amount(app, r.value, unit)),
          el('ol', {}, ...r.frames.map(k => el('li', {}, HT.fnButton(app, tree.names[k], tree.info[k]))))))));
    },
  };

  HT.views = [flame, HT.topView, graph, HT.sourceView, traces];
})(typeof window !== 'undefined' ? window : globalThis);
