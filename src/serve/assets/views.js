// SPDX-License-Identifier: MIT
// The views of one profile. Each is { id, label, show(main, app) } and draws from app.tree().
(function (root) {
  'use strict';

  const HT = root.HT;

  function el(name, props, ...children) {
    const e = document.createElement(name);
    for (const k in props || {}) {
      if (k === 'class') e.className = props[k];
      else if (k.startsWith('on')) e.addEventListener(k.slice(2), props[k]);
      else if (k in e && typeof props[k] !== 'string') e[k] = props[k];
      else e.setAttribute(k, props[k]);
    }
    e.append(...children.filter(c => c !== null && c !== undefined && c !== false));
    return e;
  }
  HT.el = el;

  const tone = (app, v) => (!app.before ? '' : v > 0 ? 'grew' : v < 0 ? 'shrank' : '');
  const amount = (app, v, unit) => (app.before ? HT.signed(v, unit) : HT.format(v, unit));

  function empty(main, ...text) {
    main.replaceChildren(el('p', { class: 'empty' }, ...text));
  }

  // A function's name: a click shows its callers and callees, and it has the menu.
  HT.fnButton = (app, name, info) => el('button', { type: 'button', class: 'name-link', title: 'Callers and callees (right click: more)', 'data-fn': name,
    onclick: () => app.set({ view: 'sandwich', fn: (info && info.fn) || name }) }, name);

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

  // ---- Top

  const top = {
    id: 'top', label: 'Top',
    show(main, app) {
      const t = app.type(), tree = app.tree({}), unit = tree.types[t].unit;
      const total = app.before ? tree.layout(t).width[0] : tree.value(0, t);
      const columns = [
        { id: 'flat', label: 'Flat', value: r => r.flat },
        { id: 'cum', label: 'Cum', value: r => r.cum },
        ...(app.before ? [{ id: 'before', label: 'Before', small: true, value: r => r.before }, { id: 'now', label: 'Now', small: true, value: r => r.now }] : []),
        { id: 'name', label: { functions: 'Function', lines: 'Line', files: 'File' }[app.state.by], text: true, value: r => r.name },
      ];
      const [by, down] = (app.state.sort || 'flat-').match(/^(\w+)([+-])$/).slice(1);
      const col = columns.find(c => c.id === by) || columns[0], sign = down === '-' ? -1 : 1;
      const rows = HT.top(tree, t).filter(r => !app.before || r.flat || r.cum);
      rows.sort((a, b) => (col.text ? sign * a.name.localeCompare(b.name) : sign * (col.value(a) - col.value(b))) ||
        Math.abs(b.cum) - Math.abs(a.cum) || a.name.localeCompare(b.name));
      if (!rows.length) return empty(main, ...HT.nothing(app));
      const limit = this.all ? rows.length : 250;
      const head = el('tr', {}, ...columns.map(c => el('th', { scope: 'col', class: c.text ? 'text' : c.small ? 'hide-small' : '',
        'aria-sort': c === col ? (sign < 0 ? 'descending' : 'ascending') : 'none' },
      el('button', { type: 'button', 'data-sort': c.id, onclick: () => app.set({
        sort: c.id + (c === col ? (sign < 0 ? '+' : '-') : c.text ? '+' : '-') }) },
      c.label + (c === col ? (sign < 0 ? ' ↓' : ' ↑') : '')))));
      const known = HT.topEvidence(tree, t);
      const number = (v, e, meter) => {
        const ends = v && e ? HT.intervalOf(tree, t, e) : null, faint = app.before && known && !(e && e.believed);
        const td = el('td', { class: faint ? 'faint' : tone(app, v) }, amount(app, v, unit) + ' ',
          ends && el('span', { class: 'where ends' }, app.before ? HT.range(ends, unit) : HT.margin(v, ends, unit)), ' ',
          el('span', { class: 'where hide-small' }, HT.percent(v, total)));
        if (meter && total) {
          const bar = el('span', { class: 'meter', 'aria-hidden': 'true' });
          bar.style.width = Math.min(100, 100 * Math.abs(v) / total).toFixed(1) + '%';
          td.append(bar);
        }
        return td;
      };
      const of = (what, r) => known && known[what][r.key];
      const body = rows.slice(0, limit).map(r => el('tr', {}, number(r.flat, of('flat', r), true), number(r.cum, of('cum', r), true),
        ...(app.before ? [el('td', { class: 'hide-small' }, HT.format(r.before, unit)), el('td', { class: 'hide-small' }, HT.format(r.now, unit))] : []),
        el('td', { class: 'text' }, HT.fnButton(app, r.name, r.info), ' ',
        el('span', { class: 'where' }, r.info && app.state.by === 'functions' && r.info.mod ? HT.base(r.info.mod) : ''))));
      const caption = el('caption', {}, app.before
        ? `Change ${HT.signed(tree.value(0, t), unit)}; percentages are of all that changed.`
        : `${HT.format(total, unit)} in ${rows.length.toLocaleString('en-US')} ${app.state.by}.`, ' ' + HT.sureness(tree, t));
      main.replaceChildren(el('div', { class: 'scroll' }, el('table', { class: 'data', id: 'top-table' }, caption,
        el('thead', {}, head), el('tbody', {}, ...body)),
      rows.length > limit && el('p', {}, el('button', { type: 'button', onclick: () => { this.all = true; this.show(main, app); } },
        `Show all ${rows.length.toLocaleString('en-US')}`))));
    },
  };

  // ---- Call graph

  // Shares of the whole, in percent, that a slider's steps stand for.
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

  // ---- Source

  const source = {
    id: 'source', label: 'Source',
    show(main, app) {
      const t = app.type(), tree = app.tree({ by: 'lines' }), unit = tree.types[t].unit;
      const rows = HT.top(tree, t).filter(r => r.info && r.info.fn);
      const byFn = new Map();
      for (const r of rows) {
        const f = byFn.get(r.info.fn) || { name: r.info.fn, cum: 0, rows: [] };
        f.cum = Math.max(f.cum, Math.abs(r.cum));
        f.rows.push(r);
        byFn.set(r.info.fn, f);
      }
      const all = [...byFn.values()].sort((a, b) => b.cum - a.cum);
      if (!all.length) return empty(main, 'No function of this profile has a name: there is no source to show.');
      const heaviest = rows.slice().sort((a, b) => Math.abs(b.flat) - Math.abs(a.flat))[0];
      const fn = byFn.get(app.state.fn) || byFn.get(heaviest.info.fn);
      const pick = el('select', { id: 'fn', onchange: e => app.set({ fn: e.target.value }) },
        ...all.slice(0, 400).map(f => el('option', { value: f.name, selected: f === fn }, f.name)));
      if (!all.slice(0, 400).includes(fn)) pick.append(el('option', { value: fn.name, selected: true }, fn.name));
      const whole = el('input', { type: 'checkbox', checked: !!app.state.whole, onchange: e => app.set({ whole: e.target.checked }) });
      const box = el('div', { class: 'scroll' });
      main.replaceChildren(el('div', { class: 'view-controls' }, el('label', {}, 'Function', pick), el('label', {}, whole, 'Whole file')), box);
      const files = new Map();
      for (const r of fn.rows) {
        if (!files.has(r.info.file)) files.set(r.info.file, []);
        files.get(r.info.file).push(r);
      }
      for (const [file, lines] of files) this.file(box, app, fn.name, file, lines, unit);
    },
    async file(box, app, fn, file, rows, unit) {
      const head = el('h2', { class: 'source-file' }, fn + (file ? '  in ' + file : ''));
      const part = el('div', {}), note = el('p', { class: 'where' });
      box.append(head, note, part);
      const values = new Map(rows.map(r => [r.info.line, r]));
      const draw = text => {
        const numbers = [...values.keys()].filter(n => n > 0).sort((a, b) => a - b);
        let list = numbers;
        if (text) {
          const from = app.state.whole ? 1 : Math.max(1, numbers[0] - 6);
          const to = app.state.whole ? text.length : Math.min(text.length, numbers[numbers.length - 1] + 6);
          list = [];
          for (let n = from; n <= to; n++) list.push(n);
        }
        if (values.has(0)) list = [0, ...list];
        part.replaceChildren(el('table', { class: 'code' }, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Flat'),
          el('th', { scope: 'col' }, 'Cum'), el('th', { scope: 'col' }, 'Line'), el('th', {}))),
        el('tbody', {}, ...list.map(n => {
          const r = values.get(n), num = v => (v ? amount(app, v, unit) : '.');
          return el('tr', { class: r && r.flat ? 'hot' : '' }, el('td', {}, r ? num(r.flat) : ''), el('td', {}, r ? num(r.cum) : ''),
            el('td', { class: 'line-no' }, n ? String(n) : '?'), el('td', { class: 'line-text' }, text && n ? text[n - 1] || '' : ''));
        }))));
      };
      draw(null);
      if (!file || ![...values.keys()].some(n => n > 0)) return;
      try {
        draw(await app.sourceText(file));
      } catch (e) {
        note.textContent = 'Without its text: ' + e.message;
      }
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

  HT.views = [flame, top, graph, source, traces];
})(typeof window !== 'undefined' ? window : globalThis);
