// SPDX-License-Identifier: MIT
// Source: the lines or the instructions of a function, or of all functions that match an expression, with the memory of each.
(function (root) {
  'use strict';

  const HT = root.HT, { el, amount, empty } = HT, MOST = 25, AROUND = 6;

  // The functions of a tree by lines, the heaviest first: { name, flat, cum, rows }.
  function functionsOf(tree, t) {
    const by = new Map();
    for (const r of HT.top(tree, t)) {
      if (!r.info || !r.info.fn) continue;
      const f = by.get(r.info.fn) || { name: r.info.fn, flat: 0, most: 0, rows: [] };
      f.flat += Math.abs(r.flat);
      f.most = Math.max(f.most, Math.abs(r.cum));
      f.rows.push(r);
      by.set(r.info.fn, f);
    }
    return [...by.values()].sort((a, b) => b.most - a.most || b.flat - a.flat);
  }

  HT.sourceView = {
    id: 'source', label: 'Source', drawn: null,

    show(main, app) {
      const t = app.type(), st = app.state, all = functionsOf(app.tree({ by: 'lines' }), t);
      if (!all.length) return empty(main, ...(HT.FILTERS.some(k => st[k]) ? HT.nothing(app) : ['No function of this profile has a name: there is no source to show.']));
      if (!main.querySelector('#fn')) this.build(main, app);
      const heaviest = all.reduce((a, f) => (f.flat > a.flat ? f : a), all[0]), fn = all.find(f => f.name === st.fn) || heaviest, listed = all.slice(0, 400);
      if (!listed.includes(fn)) listed.push(fn);
      this.pick.replaceChildren(...listed.map(f => el('option', { value: f.name, selected: f === fn }, f.name)));
      this.pick.disabled = !!st.fns;
      if (document.activeElement !== this.fns) this.fns.value = st.fns;
      this.whole.checked = !!st.whole;
      this.wholeWord.data = st.asm ? 'Whole function' : 'Whole file';
      this.asm.checked = !!st.asm;
      const re = HT.regex(st.fns), why = HT.regexError(st.fns);
      const matched = !re ? [fn] : all.filter(f => re.test(f.name) || f.rows.some(r => re.test(r.info.file) || re.test(r.info.mod)));
      this.fns.setAttribute('aria-invalid', why ? 'true' : 'false');
      this.said.textContent = (why ? `No regular expression (${why}): its letters are looked for. ` : '') +
        (re ? `${matched.length.toLocaleString('en-US')} function${matched.length === 1 ? '' : 's'}` : '');
      this.draw(app, matched, t);
    },

    build(main, app) {
      this.pick = el('select', { id: 'fn', onchange: e => app.set({ fn: e.target.value }) });
      this.whole = el('input', { type: 'checkbox', onchange: e => app.set({ whole: e.target.checked }) });
      this.asm = el('input', { type: 'checkbox', id: 'asm', onchange: e => app.set({ asm: e.target.checked }) });
      this.wholeWord = document.createTextNode('');
      let wait = 0;
      this.fns = el('input', { type: 'search', id: 'fns', placeholder: 'regex', autocomplete: 'off', spellcheck: 'false', oninput: e => {
        clearTimeout(wait);
        wait = setTimeout(() => app.set({ fns: e.target.value }), 200);
      } });
      this.said = el('output', { 'aria-live': 'polite' });
      this.box = el('div', { class: 'scroll' });
      main.replaceChildren(el('div', { class: 'view-controls' }, el('label', {}, 'Function', this.pick), el('label', { title: 'By function, file or library' }, 'or all that match', this.fns),
        el('label', {}, this.whole, this.wholeWord), el('label', {}, this.asm, 'Disassembly'), this.said), this.box);
    },

    // Draws the functions one after the other; another drawing takes its place.
    async draw(app, functions, t) {
      const box = this.box, drawn = this.drawn = {}, shown = functions.slice(0, this.all === app.state.fns && app.state.fns ? functions.length : MOST);
      box.replaceChildren(...(functions.length ? [] : [el('p', { class: 'empty' }, `No function, file or library with figures matches “${app.state.fns}”. `,
        el('button', { type: 'button', class: 'clear', onclick: () => { this.fns.value = ''; app.set({ fns: '' }); } }, 'Clear'))]));
      for (const f of shown) {
        const part = el('section', {});
        box.append(part);
        if (app.state.asm) await HT.drawCode(part, app, f.name, t);
        else {
          const files = new Map();
          for (const r of f.rows) files.set(r.info.file, [...(files.get(r.info.file) || []), r]);
          for (const [file, lines] of files) await this.file(part, app, f.name, file, lines, t);
        }
        if (this.drawn !== drawn) return;
      }
      if (shown.length < functions.length) {
        box.append(el('p', {}, el('button', { type: 'button', onclick: () => { this.all = app.state.fns; this.draw(app, functions, t); } },
          `Show all ${functions.length.toLocaleString('en-US')} functions`)));
      }
    },

    async file(box, app, fn, file, rows, t) {
      const unit = app.data.types[t].unit, values = new Map(rows.map(r => [r.info.line, r])), numbers = [...values.keys()].filter(n => n > 0).sort((a, b) => a - b);
      const part = el('div', {}), note = el('p', { class: 'where' });
      box.append(el('h2', { class: 'source-file' }, HT.fnButton(app, fn, { fn }), file ? '  in ' + file : ''), note, part);
      const rowOf = (n, text) => {
        const r = values.get(n), num = v => (v ? amount(app, v, unit) : '.'), figures = r && (r.flat || r.cum);
        const tr = el('tr', { class: r && r.flat ? 'hot' : '' }, el('td', {}, r ? num(r.flat) : ''), el('td', {}, r ? num(r.cum) : ''),
          el('td', { class: 'line-no' }, !n ? '?' : el('button', { type: 'button', class: 'name-link', title: 'Its instructions', 'aria-label': `Instructions of line ${n}`, tabindex: figures ? '0' : '-1',
            onclick: () => HT.toggleCode(app, tr, fn, file, n, t) }, String(n))), el('td', { class: 'line-text' }, text && n ? text[n - 1] || '' : ''));
        return tr;
      };
      const draw = text => {
        let list = numbers;
        if (text) {
          const from = app.state.whole ? 1 : Math.max(1, numbers[0] - AROUND), to = Math.min(text.length, app.state.whole ? text.length : numbers[numbers.length - 1] + AROUND);
          list = Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => from + k);
          list.push(...numbers.filter(n => n > text.length)); // the file is not the one that was compiled
        }
        if (values.has(0)) list = [0, ...list];
        part.replaceChildren(el('table', { class: 'code' }, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Flat'),
          el('th', { scope: 'col' }, 'Cum'), el('th', { scope: 'col' }, 'Line'), el('th', {}))), el('tbody', {}, ...list.map(n => rowOf(n, text)))));
      };
      draw(null);
      if (!numbers.length) note.textContent = 'Its lines are not known: its binary has no debug data here. Disassembly shows its instructions.';
      if (!file || !numbers.length) return;
      try {
        draw(await app.sourceText(file));
      } catch (e) {
        note.textContent = 'Without its text: ' + e.message;
      }
    },
  };
})(window);
