// SPDX-License-Identifier: MIT
// Source: the lines or the instructions of a function, with the memory of each.
(function (root) {
  'use strict';

  const HT = root.HT, { el, amount, empty } = HT, AROUND = 8;

  // The server's answer for a function of the profile that is shown.
  let known = { data: null, by: new Map() };
  function codeOf(app, fn) {
    if (known.data !== app.data) known = { data: app.data, by: new Map() };
    if (!known.by.has(fn)) {
      known.by.set(fn, (async () => {
        const r = await app.get(`/${app.id}/api/disassembly?function=${encodeURIComponent(fn)}`);
        if (r.status === 204) throw new Error('there is no objdump where the server runs (binutils has it)');
        return r.json();
      })());
    }
    return known.by.get(fn);
  }

  const spaced = s => s.replace(/\t/g, ' '), whereOf = x => (x.source ? HT.base(x.source) + ':' + x.line : '') + (x.inlined ? ' · ' + x.inlined : '');

  // Opens or closes, below a line of the source, the instructions that the profile has figures for.
  async function toggle(app, tr, fn, file, n, t) {
    const types = app.data.types, num = v => (v ? HT.format(v, types[t].unit) : '.');
    const below = () => { const all = []; for (let r = tr.nextSibling; r && r.className === 'asm'; r = r.nextSibling) all.push(r); return all; };
    if (below().length) return below().forEach(r => r.remove());
    const row = (flat, cum, at, text) => el('tr', { class: 'asm' }, el('td', {}, flat), el('td', {}, cum), el('td', { class: 'line-no' }, at), el('td', { class: 'line-text where' }, text));
    let rows;
    try {
      const code = await codeOf(app, fn);
      rows = code.instructions.filter(x => x.values && x.line === n && x.source === file).map(x => row(num(x.values[t]), num(x.values[types.length + t]), x.at, spaced(x.text) + (x.inlined ? '   ' + x.inlined : '')));
      if (!rows.length) rows = [row('', '', '', 'No instruction of its own code is at this line.')];
    } catch (e) {
      rows = [row('', '', '', 'Without its instructions: ' + e.message)];
    }
    if (!below().length) tr.after(...rows);
  }

  // The instructions of a function, by the server's objdump. Figures are those of the whole profile: filters do not apply.
  async function instructions(box, app, fn, t) {
    const note = el('p', { class: 'where' }, 'The server disassembles it…'), unit = app.data.types[t].unit, n = app.data.types.length;
    box.append(el('h2', { class: 'source-file' }, fn), note);
    let code;
    try {
      code = await codeOf(app, fn);
    } catch (e) {
      note.textContent = 'Without its instructions: ' + e.message;
      return;
    }
    const all = code.instructions, near = new Uint8Array(all.length);
    all.forEach((x, i) => { if (x.values) near.fill(1, Math.max(0, i - AROUND), i + AROUND + 1); });
    const rows = [];
    let gap = false;
    all.forEach((x, i) => {
      if (!app.state.whole && !near[i]) {
        if (!gap) rows.push(el('tr', {}, el('td'), el('td'), el('td', { class: 'line-no' }, '…'), el('td'), el('td')));
        gap = true;
        return;
      }
      gap = false;
      const num = k => (x.values && x.values[k] ? HT.format(x.values[k], unit) : x.values ? '.' : '');
      rows.push(el('tr', { class: x.values && x.values[t] ? 'hot' : '' }, el('td', {}, num(t)), el('td', {}, num(n + t)), el('td', { class: 'line-no' }, x.at),
        el('td', { class: 'line-text' }, spaced(x.text)), el('td', { class: 'line-text where' }, x.values ? whereOf(x) : '')));
    });
    note.textContent = code.file + (app.before || HT.FILTERS.some(k => app.state[k]) ? ' · of the whole profile: filters and comparisons do not apply here' : '');
    box.append(el('table', { class: 'code', id: 'instructions' }, el('thead', {}, el('tr', {}, ...['Flat', 'Cum', 'Address', '', ''].map(h => el('th', { scope: 'col' }, h)))), el('tbody', {}, ...rows)));
  }

  HT.sourceView = {
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
      const asm = el('input', { type: 'checkbox', id: 'asm', checked: !!app.state.asm, onchange: e => app.set({ asm: e.target.checked }) });
      main.replaceChildren(el('div', { class: 'view-controls' }, el('label', {}, 'Function', pick), el('label', {}, whole, app.state.asm ? 'Whole function' : 'Whole file'),
        el('label', {}, asm, 'Disassembly')), box);
      if (app.state.asm) return instructions(box, app, fn.name, t);
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
          const tr = el('tr', { class: r && r.flat ? 'hot' : '' }, el('td', {}, r ? num(r.flat) : ''), el('td', {}, r ? num(r.cum) : ''),
            el('td', { class: 'line-no' }, !n ? '?' : r && (r.flat || r.cum) ? el('button', { type: 'button', class: 'name-link', title: 'Its instructions', 'aria-label': `Instructions of line ${n}`,
              onclick: () => toggle(app, tr, fn, file, n, app.type()) }, String(n)) : String(n)), el('td', { class: 'line-text' }, text && n ? text[n - 1] || '' : ''));
          return tr;
        }))));
      };
      draw(null);
      if (![...values.keys()].some(n => n > 0)) note.textContent = 'Its lines are not known: its binary has no debug data here. Disassembly shows its instructions.';
      if (!file || ![...values.keys()].some(n => n > 0)) return;
      try {
        draw(await app.sourceText(file));
      } catch (e) {
        note.textContent = 'Without its text: ' + e.message;
      }
    },
  };
})(window);
