// SPDX-License-Identifier: MIT
// The page of the server: fetches profiles, keeps the page's state, and draws the chosen view.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, $ = id => document.getElementById(id);

  const app = root.heaptap = {
    id: '', info: null, targets: [], live: false, data: null, before: null,
    state: HT.defaultState(), trees: new Map(), sources: new Map(), views: HT.views,

    type() {
      const i = this.data.types.findIndex(t => t.type === this.state.type);
      return i >= 0 ? i : this.data.default;
    },

    // The tree for the current state. It is kept, and computed anew only when the state changes.
    tree(opt) {
      const st = this.state, by = opt.by || st.by;
      const how = { granularity: by, inverted: !!opt.inverted, owners: !!opt.owners, ...HT.filtersOf(st) }, key = JSON.stringify(how);
      if (!this.trees.has(key)) this.trees.set(key, HT.buildTree(this.data, this.before, how));
      return this.trees.get(key);
    },

    remember(change) {
      Object.assign(this.state, change);
      HT.writeState(this.state);
    },

    // Stores the state as a step that Back undoes. Draws nothing.
    go(change) {
      if (HT.isStep(this.state, change)) history.pushState(null, '', location.href);
      this.remember(change);
    },

    set(change) {
      const was = { ...this.state };
      this.go(change);
      if (HT.FILTERS.some(k => this.state[k] !== was[k])) this.trees.clear();
      if (this.state.profile !== was.profile || this.state.seconds !== was.seconds) other(was);
      else draw();
    },

    get: HT.get,
    layout: async text => (await HT.get('/api/layout', { method: 'POST', body: text })).text(),
    redraw() { if (['leaks', 'sizes'].includes(this.state.view)) draw(); },

    // The views that can be shown; some need a living process.
    viewsNow() {
      const heap = this.state.profile === 'heap', process = this.live && this.info && this.info.pid;
      return HT.views.filter(v => (!v.live || (process && heap)) && (!v.heap || heap));
    },

    // Fetches the list of processes, and finds this one in it.
    async targetsAgain() {
      await targets();
      this.info = this.targets.find(t => t.id === this.id) || { ...this.info, alive: false, threads: -1 };
    },

    async sourceText(file) {
      if (!this.sources.has(file)) {
        const text = await (await HT.get(`/${this.id}/api/source?file=${encodeURIComponent(file)}`)).text();
        this.sources.set(file, text.split('\n'));
      }
      return this.sources.get(file);
    },
  };

  function notice(text) {
    $('notice').hidden = !text;
    $('notice').textContent = text || '';
  }

  // ---- One target

  async function fetchData() {
    const asked = HT.dataPath(app.id, app.state);
    if (app.state.profile === 'cpu') notice(`Sampling processor time for ${app.state.seconds} s…`);
    const data = await HT.getProfile(asked);
    if (asked !== HT.dataPath(app.id, app.state)) return false; // another one was chosen in the meantime
    app.data = data;
    await fetchBase();
    app.trees.clear();
    return true;
  }

  // Shows another profile of the process. The previous one, and its mark, are dropped.
  function other(was) {
    app.data = app.before = null;
    HT.marks.clear();
    app.trees.clear();
    if (HT.marks.isMark(app.state.base)) app.remember({ base: '' });
    if (app.state.profile !== was.profile) app.remember({ type: '', fn: '' });
    shown = null;
    $('view').replaceChildren();
    $('facts').hidden = $('tip').hidden = true;
    $('about').textContent = '';
    HT.drawKinds(app);
    reload();
  }

  async function fetchBase() {
    const base = app.state.base;
    app.before = null;
    if (HT.marks.isMark(base)) {
      const mark = HT.marks.find(base);
      // A comparison with itself would show nothing.
      if (mark) app.before = mark.data === app.data ? null : mark.data;
      else {
        app.remember({ base: '' });
        notice('This tab has no such mark: a mark is kept only in the tab that made it.');
      }
    } else if (base) app.before = await HT.getProfile(HT.dataPath(base, app.state));
  }

  function about() {
    const d = app.data, parts = [];
    if (d.time > 0) parts.push(new Date(d.time).toLocaleString());
    parts.push(d.samples.toLocaleString('en-US') + ' stacks');
    if (HT.sampled(d)) parts.push(HT.sampled(d));
    parts.push(...d.comments);
    return parts.join(' · ');
  }

  function fillControls() {
    $('type').replaceChildren(...app.data.types.map((t, i) => new Option(HT.typeLabel(t), t.type, false, i === app.type())));
    $('by').value = app.state.by;
    $('confidence').value = app.state.confidence;
    $('confidence-label').hidden = app.state.profile !== 'heap';
    HT.evidence.chooseConfidence(app.state.confidence);
    for (const k of ['focus', 'ignore', 'hide', 'show', 'label']) if (document.activeElement !== $(k)) $(k).value = app.state[k];
    const options = [new Option('nothing', '')];
    for (const m of HT.marks.all()) options.push(new Option(m.label, m.base));
    for (const t of app.targets) if (t.id !== app.id) options.push(new Option(t.name + (t.pid ? ' ' + t.id : ''), t.id));
    $('base').replaceChildren(...options);
    $('base').value = app.state.base;
    $('refresh').value = app.state.refresh;
    $('mark').hidden = $('refresh-label').hidden = !app.live;
    HT.drawKinds(app);
    $('by-label').hidden = ['source', 'sandwich', 'owners', 'sizes'].includes(app.state.view);
    HT.drawSaved(app);
    $('tabs').replaceChildren(...app.viewsNow().map((v, i) => el('a', { href: '#view=' + v.id, 'aria-current': v.id === app.state.view ? 'page' : 'false',
      title: `${v.label} (${i + 1})`, onclick: e => { e.preventDefault(); app.set({ view: v.id }); } }, v.label)));
  }

  let shown = null;
  function draw() {
    const main = $('view');
    if (!app.viewsNow().some(v => v.id === app.state.view)) app.remember({ view: 'flame' });
    const view = HT.views.find(v => v.id === app.state.view);
    fillControls();
    if (shown !== view) {
      main.replaceChildren();
      $('facts').hidden = true;
      $('tip').hidden = true;
      shown = view;
      $('status').textContent = view.label;
    }
    sayFilters();
    const scroll = main.querySelector('.scroll, .graph'), at = scroll ? [scroll.scrollLeft, scroll.scrollTop] : null;
    view.show(main, app);
    const now = main.querySelector('.scroll, .graph');
    if (at && now) [now.scrollLeft, now.scrollTop] = at;
    document.title = (app.info ? app.info.name + ' ' : '') + view.label.toLowerCase() + ' · heaptap';
    schedule();
  }

  // Writes what is compared and filtered, and which filters are not valid regular expressions.
  function sayFilters() {
    HT.sayRegexes(app, $('wrong'));
    const mark = HT.marks.find(app.state.base), fresh = mark && mark.data === app.data;
    $('change').hidden = !app.before && !fresh;
    $('change').replaceChildren(...(app.before ? HT.changeLine(app) : fresh ? HT.markedLine(mark, reload) : []));
    const chips = HT.filterChips(app);
    $('filters').hidden = !chips.length;
    $('filters').replaceChildren(...chips);
  }

  let timer = 0;
  function schedule() {
    clearTimeout(timer);
    const s = Number(app.state.refresh);
    if (app.live && s > 0) timer = setTimeout(reload, s * 1000);
  }

  async function reload() {
    clearTimeout(timer);
    try {
      notice('');
      if (!await fetchData()) return;
      if (app.state.profile === 'cpu') notice('');
      $('about').textContent = about();
      draw();
    } catch (e) {
      notice('Cannot fetch the profile: ' + e.message + (app.data ? '. What is shown is from before.' : '.'));
      schedule();
    }
  }

  // Keeps the heap as it is now (of other profiles: the one that is shown). The view does not change.
  async function mark() {
    app.go({ base: '' });
    if (app.state.profile === 'heap') await reload();
    if (!app.data) return;
    const t = app.type(), kept = HT.marks.add(app.data, app.data.types[t].unit, app.data.sums.values[t].reduce((a, v) => a + v, 0));
    $('status').textContent = 'Kept as ' + kept.label;
    app.remember({ base: kept.base });
    app.before = null;
    app.trees.clear();
    draw();
  }

  async function download() {
    try {
      const url = URL.createObjectURL(await (await HT.get(HT.downloadPath(app.id, app.state))).blob());
      const a = el('a', { href: url, download: `heaptap.${app.info.name}.${app.id}${app.state.profile === 'heap' ? '' : '.' + app.state.profile}.pb.gz` });
      a.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    } catch (e) {
      notice('Cannot download: ' + e.message);
    }
  }

  // ---- The list of processes

  async function list() {
    try {
      await targets();
      notice('');
      if (!document.activeElement || !document.activeElement.closest('#targets')) HT.drawList(app);
    } catch (e) {
      notice('Cannot list: ' + e.message);
    }
    if (app.live || app.targets.some(t => t.reading)) timer = setTimeout(list, app.live ? 2000 : 500);
  }

  let known = false; // the server's history of the processes has been asked for
  async function targets() {
    const r = await (await HT.get(known ? '/api/targets' : '/api/targets?history=1')).json();
    known = true;
    app.targets = r.targets;
    app.live = r.live;
    app.compare = r.compare;
  }

  // ---- Start

  function typed(id) {
    let wait = 0;
    $(id).addEventListener('input', e => {
      clearTimeout(wait);
      wait = setTimeout(() => app.set({ [id]: e.target.value }), 200);
    });
  }

  function listen() {
    for (const k of ['type', 'by', 'confidence', 'refresh', 'seconds', 'tag']) $(k).addEventListener('change', e => app.set({ [k]: e.target.value }));
    for (const k of ['focus', 'ignore', 'hide', 'show', 'label']) typed(k);
    HT.listenForSaved(app);
    $('base').addEventListener('change', async e => {
      app.go({ base: e.target.value });
      try {
        await fetchBase();
      } catch (err) {
        notice('Cannot compare: ' + err.message);
      }
      app.trees.clear();
      draw();
    });
    $('mark').addEventListener('click', mark);
    $('reload').addEventListener('click', reload);
    $('download').addEventListener('click', download);
    window.addEventListener('popstate', () => {
      const was = { ...app.state };
      app.state = HT.readState();
      app.trees.clear();
      if (HT.dataPath(app.id, app.state) !== HT.dataPath(app.id, was)) other(was);
      else if (app.data) (app.state.base === was.base ? Promise.resolve() : fetchBase()).then(draw, draw);
    });
  }

  function keys(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
    if (document.getElementById('menu')) {
      if (e.key === 'Escape') HT.closeMenu();
      return;
    }
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (e.key === '?' && !typing) { $('help').showModal(); e.preventDefault(); return; }
    if (!app.data) return;
    if (typing) {
      if (e.key === 'Escape') document.activeElement.blur();
      return;
    }
    const view = HT.views.find(v => v.id === app.state.view), n = Number(e.key);
    if (n >= 1 && n <= app.viewsNow().length) app.set({ view: app.viewsNow()[n - 1].id });
    else if (view.key && view.key(e.key, app)) { /* the view's own */ }
    else if (e.key === '/') $('focus').focus();
    else if (e.key === 't') app.set({ type: app.data.types[(app.type() + 1) % app.data.types.length].type });
    else if (e.key === 'r') reload();
    else if (e.key === 'm' && app.live) mark();
    else return;
    e.preventDefault();
  }

  async function main() {
    $('theme').addEventListener('click', () => {
      document.documentElement.dataset.theme = HT.dark() ? 'light' : 'dark';
      if (app.data) draw();
    });
    HT.listenForMenu(app, $('view'));
    $('help-button').addEventListener('click', () => $('help').showModal());
    $('help-close').addEventListener('click', () => $('help').close());
    document.addEventListener('keydown', keys);
    app.id = (location.pathname.match(/^\/([0-9.]+)\/?$/) || [])[1] || '';
    if (!app.id) {
      await list();
      const last = app.targets[app.targets.length - 1];
      if (app.compare && last) location.replace(`/${last.id}/#base=${encodeURIComponent(app.compare)}`);
      else if (app.targets.length === 1 && !app.live) location.replace(`/${last.id}/${location.hash}`);
      return;
    }
    app.state = HT.readState();
    listen();
    try {
      await targets();
    } catch (e) {
      notice('Cannot list: ' + e.message);
    }
    app.info = app.targets.find(t => t.id === app.id) || { id: app.id, name: app.id, pid: 0 };
    $('title').textContent = app.info.name + (app.info.pid ? ' ' + app.id : '');
    $('home').title = 'All profiles';
    $('target').hidden = false;
    await reload();
  }

  main();
})(window);
