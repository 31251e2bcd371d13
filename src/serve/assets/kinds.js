// SPDX-License-Identifier: MIT
// The three profiles of a living process: heap, threads, processor time.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, POINTS = 240, EVERY = 2000;

  HT.kinds = [
    { id: 'heap', label: 'Heap', title: 'What it has allocated', door: 'heap' },
    { id: 'threads', label: 'Threads', title: 'Where each of its threads stands', door: 'threads' },
    { id: 'cpu', label: 'CPU', title: 'Where it spends processor time, in the next seconds', door: 'profile' },
  ];

  HT.kindOf = st => HT.kinds.find(k => k.id === st.profile) || HT.kinds[0];
  HT.validSeconds = s => (/^[1-9][0-9]{0,2}$/.test(s) ? s : '5');

  function query(st, first) {
    return st.profile === 'cpu' ? first + 'seconds=' + st.seconds : '';
  }

  HT.dataPath = (id, st) => `/${id}/api/profile` + (st.profile === 'heap' ? '' : '?profile=' + st.profile + query(st, '&'));
  HT.downloadPath = (id, st) => `/${id}/debug/pprof/${HT.kindOf(st).door}` + query(st, '?');

  // "12 threads, at 5 places", or what a sample of the profile stands for.
  HT.sampled = function (d) {
    if (!(d.period > 1)) return '';
    return 'one sample in ' + HT.format(d.period, d.period_unit);
  };

  // Draws a figure over time, a list of [when in ms, value], as a line.
  HT.spark = function (points, unit, what) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('class', 'spark');
    svg.setAttribute('viewBox', '0 0 100 26');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('role', 'img');
    const values = points.map(p => p[1]), lo = Math.min(...values), hi = Math.max(...values);
    const from = points[0][0], span = points[points.length - 1][0] - from;
    svg.setAttribute('aria-label', `${what}: from ${HT.format(lo, unit)} to ${HT.format(hi, unit)} in ${HT.format(Math.round(span / 1000), 'seconds')}`);
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    const y = v => (hi > lo ? 24 - 22 * (v - lo) / (hi - lo) : 13).toFixed(1);
    line.setAttribute('points', span ? points.map(p => (100 * (p[0] - from) / span).toFixed(1) + ',' + y(p[1])).join(' ') : `0,${y(lo)} 100,${y(lo)}`);
    svg.append(line);
    return svg;
  };

  // What is known of a target's figure `key`: the server's history of it, and since then what this page saw.
  HT.remember = function (all, t, key) {
    const now = Date.now();
    if (!all.has(t.id)) {
      const h = t.history;
      all.set(t.id, h ? h.ago.map((ms, i) => [now - ms, h[key][i]]).filter(p => p[1] >= 0) : []);
    }
    let known = all.get(t.id);
    if (t[key] >= 0 && (!t.pid || t.alive || !known.length)) known.push([now, t[key]]);
    if (known.length > POINTS) all.set(t.id, known = known.filter((p, i) => i % 2 || i === known.length - 1));
    return known;
  };

  // ---- The tabs, and the number of threads beside them

  let timer = 0;
  const counts = new Map();

  function plot(app) {
    const h = counts.get(app.id) || [], at = document.getElementById('thread-count');
    at.hidden = app.state.profile !== 'threads' || !h.length;
    if (!at.hidden) at.replaceChildren(HT.format(h[h.length - 1][1], 'count') + ' threads', HT.spark(h, 'count', 'threads'));
  }

  async function watch(app) {
    clearTimeout(timer);
    if (app.state.profile !== 'threads' || !app.info.alive) return;
    if (!document.hidden) {
      try {
        if (!counts.has(app.id)) HT.remember(counts, app.info, 'threads'); // with its history
        await app.targetsAgain();
        HT.remember(counts, app.info, 'threads');
      } catch (e) { /* the next profile says so */ }
    }
    plot(app);
    timer = setTimeout(() => watch(app), EVERY);
  }

  HT.drawKinds = function (app) {
    const st = app.state, bar = document.getElementById('kinds');
    const seconds = document.getElementById('seconds');
    bar.hidden = !app.live || !app.info.pid;
    if (bar.hidden) return;
    document.getElementById('seconds-label').hidden = st.profile !== 'cpu';
    if (![...seconds.options].some(o => o.value === st.seconds)) seconds.append(new Option(st.seconds + ' s', st.seconds));
    seconds.value = st.seconds;
    document.getElementById('kind-tabs').replaceChildren(...HT.kinds.map(k => el('a', { href: '#profile=' + k.id, title: k.title,
      'aria-current': k.id === st.profile ? 'page' : 'false', onclick: e => { e.preventDefault(); app.set({ profile: k.id }); } }, k.label)));
    plot(app);
    watch(app);
  };
})(window);
