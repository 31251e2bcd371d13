// SPDX-License-Identifier: MIT
// The list of processes, or of profiles, with their figures over the time that the server runs.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, $ = id => document.getElementById(id);

  const heaps = new Map(), residents = new Map(), threads = new Map();

  HT.drawList = function (app) {
    $('title').textContent = '';
    $('about').textContent = app.live ? 'Profiled processes' : 'Profiles';
    const cell = (v, unit) => el('td', {}, v >= 0 ? HT.format(v, unit) : '');
    const rows = app.targets.map(t => {
      const h = HT.remember(heaps, t, 'inuse_space'), m = HT.remember(residents, t, 'resident'), n = HT.remember(threads, t, 'threads');
      return el('tr', { class: t.pid && !t.alive ? 'ended' : '' },
        el('td', { class: 'text' }, el('a', { href: `/${t.id}/` }, t.name), el('div', { class: 'where', title: t.command },
          t.damage || t.command.slice(0, 200))),
        el('td', {}, t.pid ? String(t.pid) : ''), el('td', { class: 'hide-small' }, t.pid ? (t.alive ? 'alive' : 'dead') : t.reading ? 'being read' : 'file'),
        cell(t.inuse_space, 'bytes'), el('td', { class: 'trend' }, h.length ? HT.spark(h, 'bytes', 'in use') : ''),
        cell(t.resident, 'bytes'), el('td', { class: 'hide-small' }, m.length ? HT.spark(m, 'bytes', 'resident') : ''),
        el('td', { class: 'hide-small threads' }, n.length && t.threads >= 0 ? el('a', { href: `/${t.id}/#profile=threads` }, HT.format(t.threads, 'count')) : '',
          n.length && t.threads >= 0 ? HT.spark(n, 'count', 'threads') : ''),
        el('td', { class: 'hide-small' }, t.inuse_objects >= 0 ? HT.format(t.inuse_objects, 'count') : ''),
        el('td', { class: 'hide-small' }, t.alloc_space >= 0 ? HT.format(t.alloc_space, 'bytes') : ''),
        el('td', { class: 'hide-small' }, t.lost > 0 ? HT.format(t.lost, 'count') : '0'));
    });
    const head = ['Program', 'PID', 'State', 'In use', 'Trend', 'Resident', 'Trend', 'Threads', 'Objects', 'Allocated', 'Lost'];
    $('view').replaceChildren(el('div', { class: 'scroll' }, rows.length
      ? el('table', { class: 'data', id: 'targets' }, el('thead', {}, el('tr', {}, ...head.map((h, i) =>
        el('th', { scope: 'col', class: i === 0 ? 'text' : i > 5 || i === 2 ? 'hide-small' : '' }, el('span', { class: 'plain' }, h))))), el('tbody', {}, ...rows))
      : el('p', { class: 'empty' }, 'No profiled process. Start one with: heaptap run PROGRAM')));
  };
})(window);
