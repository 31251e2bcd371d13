// SPDX-License-Identifier: MIT
// Leaks: looks through the process's memory, only when the user asks for it.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, EVERY = 500;
  const GRADES = { unreferenced: 'nothing points to it', unreachable: 'only leaked blocks point to it' };
  const count = n => n.toLocaleString('en-US');

  HT.age = s => (s < 100 ? s + ' s' : s < 3600 ? Math.floor(s / 60) + ' min' : s < 86400 ? (s / 3600).toFixed(1) + ' h' : (s / 86400).toFixed(1) + ' d');

  // "412, 371 (20 times)"
  HT.passes = function (left) {
    const parts = [];
    for (let i = 0; i < left.length;) {
      let n = 1;
      while (left[i + n] === left[i]) n++;
      parts.push(count(left[i]) + (n > 1 ? ` (${n} times)` : ''));
      i += n;
    }
    return parts.join(', ');
  };

  // The looks of this page, by process: the result and its time, or that a look is under way.
  const looks = new Map();

  // who: '' looks for leaks, else for the holders of the blocks of these functions.
  async function look(app, who) {
    const id = app.id, mine = { ...looks.get(id), busy: true, error: '', text: 'Starting…' };
    looks.set(id, mine);
    app.redraw();
    const poll = setInterval(async () => {
      try {
        const p = await (await app.get(`/${id}/debug/leaks/progress`)).json();
        if (!mine.busy || !p.looking) return;
        mine.text = `Pass ${Math.max(1, p.pass)}` + (p.all ? `, ${Math.floor(100 * Math.min(1, p.done / p.all))} %` : '') +
          (p.left >= 0 ? `; without ${who ? 'a holder' : 'a reference'}: ${count(p.left)}` : '');
        if (app.id === id && mine.show) mine.show();
      } catch (e) { /* the look itself says so */ }
    }, EVERY);
    try {
      const d = await (await app.get(`/${id}/debug/leaks` + (who ? `?who=${encodeURIComponent(who)}` : ''))).json();
      if (who) mine.held = d; else mine.found = d;
      mine[who ? 'heldAt' : 'at'] = new Date().toLocaleTimeString();
    } catch (e) {
      mine.error = e.message;
    }
    clearInterval(poll);
    mine.busy = false;
    if (app.id === id) app.redraw();
  }

  function rows(d) {
    return d.sites.map(s => {
      const ends = s.bytes_high > s.bytes_low;
      return el('tr', {},
        el('td', {}, HT.format(s.bytes, 'bytes'), ends && el('span', { class: 'where ends' }, ` ${HT.format(s.bytes_low, 'bytes')}–${HT.format(s.bytes_high, 'bytes')}`)),
        el('td', {}, HT.format(s.objects, 'count')), el('td', { class: 'hide-small' }, HT.age(s.oldest_seconds)),
        el('td', { class: 'hide-small' }, s.inuse_bytes > 0 ? HT.percent(Math.min(s.bytes, s.inuse_bytes), s.inuse_bytes) : ''),
        el('td', {}, el('span', { title: GRADES[s.leak] || '' }, s.leak)),
        el('td', { class: 'text' }, s.path, s.held_objects > 0 && el('span', { class: 'where' }, ` holds ${count(s.held_objects)} others, ${HT.format(s.held_bytes, 'bytes')}`)));
    });
  }

  function notes(d) {
    const unseen = Object.entries(d.not_read).filter(e => e[1] > 0).map(([k, v]) => `${HT.format(v, 'bytes')} ${k}`);
    const parts = [`Without a reference after each pass: ${HT.passes(d.candidates)}.`];
    if (unseen.length) parts.push(`Not read, though pointers may be there: ${unseen.join(', ')}.`);
    if (d.sites.length) parts.push('Registers were not looked at: heaptap leaks --stop does.');
    if (d.lost_frees) parts.push(`${count(d.lost_frees)} frees were not taken down: so many of these blocks may be free.`);
    return parts.join(' ');
  }

  function table(d, at) {
    const head = [['Bytes', ''], ['Objects', ''], ['Oldest', 'hide-small'], ['Of its site', 'hide-small'], ['Grade', ''], ['Site', 'text']];
    const caption = (d.sites.length ? `${HT.format(d.leaked_bytes, 'bytes')} leaked` : 'No leak was found') + `, of ${HT.format(d.inuse_bytes, 'bytes')} in use at ${at}; ` +
      `${count(d.asked)} ${d.exact ? 'blocks' : 'sampled blocks'} were asked about in ${HT.format(d.read_bytes, 'bytes')} of memory.`;
    return [el('table', { class: 'data', id: 'leaks-table' }, el('caption', {}, caption),
      d.sites.length > 0 && el('thead', {}, el('tr', {}, ...head.map(([h, c]) => el('th', { scope: 'col', class: c }, el('span', { class: 'plain' }, h))))),
      d.sites.length > 0 && el('tbody', {}, ...rows(d))), el('p', { class: 'about', id: 'leaks-notes' }, notes(d))];
  }

  function way(r) {
    const lines = r.own_most > 0 ? [`by way of up to ${count(r.own_most)} more like them`] : [];
    r.held_by.forEach((h, i) => {
      if (r.cut && i === r.held_by.length - 1) lines.push('held by others');
      lines.push(`held by ${h.text}` + (h.oldest_seconds == null ? '' : ` (age ${HT.age(h.oldest_seconds)})`));
    });
    return lines.length ? lines : ['held by nobody: no way to them was found'];
  }

  function holders(d, at) {
    const head = [['Bytes', ''], ['Objects', ''], ['Oldest', 'hide-small'], ['Blocks of, and their holders', 'text']];
    const notes = [`Registers, and frames of threads that ran, were not looked at: heaptap leaks --who --stop does.`];
    if (!d.all_blocks_known) notes.push(`Only sampled blocks are known as holders: ${d.not_known_because}.`);
    if (d.outside_heap) notes.push(`${count(d.outside_heap)} more blocks lie outside of glibc's heap: who holds them is not told.`);
    return [el('table', { class: 'data', id: 'who-table' },
      el('caption', {}, `Who holds ${count(d.asked)} ${d.exact ? 'blocks' : 'sampled blocks'} of ${d.who}, at ${at}`),
      el('thead', {}, el('tr', {}, ...head.map(([h, c]) => el('th', { scope: 'col', class: c }, el('span', { class: 'plain' }, h))))),
      el('tbody', {}, ...d.rows.map(r => el('tr', {},
        el('td', {}, HT.format(r.bytes, 'bytes'), r.bytes_high > r.bytes_low && el('span', { class: 'where ends' }, ` ${HT.format(r.bytes_low, 'bytes')}–${HT.format(r.bytes_high, 'bytes')}`)),
        el('td', {}, HT.format(r.objects, 'count')), el('td', { class: 'hide-small' }, HT.age(r.oldest_seconds)),
        el('td', { class: 'text' }, r.path, ...way(r).map(t => el('div', { class: 'where' }, t))))))),
    el('p', { class: 'about', id: 'who-notes' }, notes.join(' '))];
  }

  function ask(app, mine) {
    const field = el('input', { type: 'search', id: 'who', value: mine.who || '', placeholder: 'function (regex)', autocomplete: 'off', spellcheck: 'false',
      'aria-label': 'Functions whose blocks are asked about' });
    return el('form', { onsubmit: e => { e.preventDefault(); if (field.value && !mine.busy) { mine.who = field.value; looks.set(app.id, mine); look(app, field.value); } } },
      field, el('button', { type: 'submit', id: 'who-look', disabled: !!mine.busy || !app.info.alive }, 'Who holds them?'));
  }

  HT.views.push({
    id: 'leaks', label: 'Leaks', live: true,
    show(main, app) {
      const mine = looks.get(app.id) || {}, state = el('output', { id: 'leaks-state', 'aria-live': 'polite' });
      mine.show = () => { state.textContent = mine.busy ? mine.text : mine.error ? 'Cannot look: ' + mine.error : ''; };
      mine.show();
      main.replaceChildren(el('div', { class: 'view-controls' },
        el('button', { type: 'button', id: 'leaks-look', disabled: !!mine.busy || !app.info.alive, onclick: () => look(app, '') }, mine.found ? 'Look again' : 'Look for leaks'), ask(app, mine), state),
      el('div', { class: 'scroll' }, ...(mine.held ? holders(mine.held, mine.heldAt) : []), ...(mine.found ? table(mine.found, mine.at) : [el('p', { class: 'about' },
        'Which blocks nothing points to any more. Its memory is read from outside, in several passes of at most 500 MB a second; it is not stopped.')])));
    },
  });
})(typeof window !== 'undefined' ? window : globalThis);
