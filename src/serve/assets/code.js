// SPDX-License-Identifier: MIT
// The instructions of functions, by the server's objdump, with what each has: added up here, so that filters and comparisons apply.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el, AROUND = 8;

  // The server's answers for the profile that is shown, by path.
  let known = { data: null, by: new Map() };
  function answer(app, path) {
    if (known.data !== app.data) known = { data: app.data, by: new Map() };
    if (!known.by.has(path)) {
      known.by.set(path, (async () => {
        const r = await app.get(path);
        if (r.status === 204) throw new Error('there is no objdump where the server runs (binutils has it)');
        return r.json();
      })());
    }
    return known.by.get(path);
  }

  const pathOf = (id, fn) => `/${id}/api/disassembly?function=${encodeURIComponent(fn)}`;

  // A profile of the same types with nothing in it.
  const nothing = p => ({ ...p, nodes: { up: [1], frame: [0] }, sums: { node: [], size: [], values: p.types.map(() => []) } });

  // The profile that an answer is compared with. Its instructions get the numbers that the same ones have in the answer.
  async function comparedWith(app, fn, code) {
    const base = app.state.base;
    if (!app.before || HT.marks.isMark(base)) return null;
    let old;
    try {
      old = await answer(app, pathOf(base, fn));
    } catch (e) {
      return nothing(code.profile); // it did not have the function
    }
    const name = (c, x) => c.binaries[x.binary].build_id + ' ' + x.at, at = new Map(code.instructions.map((x, i) => [name(code, x), i]));
    const number = old.instructions.map(x => (at.has(name(old, x)) ? at.get(name(old, x)) : -1));
    return { ...old.profile, frames: { ...old.profile.frames, code: old.profile.frames.code.map(c => (c < 0 ? -1 : number[c])) } };
  }

  // A function's code: { instructions, stacks, binaries, rows }, where rows has by number { flat, cum } of the sample type.
  HT.codeFor = async function (app, fn, t) {
    if (app.state.profile !== 'heap') throw new Error('here they are of the heap only');
    const code = await answer(app, pathOf(app.id, fn)), before = await comparedWith(app, fn, code);
    const tree = HT.buildTree(code.profile, before, { granularity: 'code', ...HT.filtersOf(app.state) }), rows = new Map();
    for (const r of HT.top(tree, HT.typeOf(app.data.types[t], code.profile))) {
      const i = HT.codeOf(r.name);
      if (i >= 0) rows.set(i, r);
    }
    return { ...code, rows };
  };

  const spaced = s => s.replace(/\t/g, ' ');

  // What was inlined at an instruction below a frame of its stack, the nearest to the frame first: "malloc_it pool.c:12 ← ...".
  function inlined(stack, frame) {
    const parts = [];
    for (let k = frame - 3; k >= 0; k -= 3) parts.push(`${stack[k]} ${HT.base(stack[k + 1])}${stack[k + 2] ? ':' + stack[k + 2] : ''}`);
    return parts.join(' → ');
  }

  // The instructions of a line of a function: [number, what was inlined there].
  HT.codeOfLine = function (code, fn, file, line) {
    const at = code.stacks.map(s => {
      for (let k = 0; k < s.length; k += 3) if (s[k] === fn && s[k + 1] === file && s[k + 2] === line) return inlined(s, k);
      return null;
    });
    return code.instructions.map((x, i) => [i, at[x.stack]]).filter(p => p[1] !== null);
  };

  const figures = (app, r, t) => {
    const say = v => (v ? HT.amount(app, v, app.data.types[t].unit) : '.');
    return [el('td', {}, r ? say(r.flat) : ''), el('td', {}, r ? say(r.cum) : '')];
  };

  // Opens or closes, below a line of the source, its instructions.
  HT.toggleCode = async function (app, tr, fn, file, n, t) {
    const below = () => { const all = []; for (let r = tr.nextSibling; r && r.classList.contains('asm'); r = r.nextSibling) all.push(r); return all; };
    if (below().length) return below().forEach(r => r.remove());
    const row = (r, at, text, more) => el('tr', { class: 'asm' + (r && r.flat ? ' hot' : '') }, ...figures(app, r, t), el('td', { class: 'line-no' }, at),
      el('td', { class: 'line-text where' }, text, more && el('span', { class: 'inlined' }, more)));
    let rows;
    try {
      const code = await HT.codeFor(app, fn, t);
      rows = HT.codeOfLine(code, fn, file, n).map(([i, more]) => row(code.rows.get(i), code.instructions[i].at, spaced(code.instructions[i].text), more));
      if (!rows.length) rows = [row(null, '', 'No instruction is at this line.')];
    } catch (e) {
      rows = [row(null, '', 'Without its instructions: ' + e.message)];
    }
    if (!below().length) tr.after(...rows);
  };

  function whereOf(stack) {
    const own = stack.length - 3;
    return own < 0 ? '' : (stack[own + 1] ? HT.base(stack[own + 1]) + (stack[own + 2] ? ':' + stack[own + 2] : '') : '') + (own ? ' → ' + inlined(stack, own) : '');
  }

  // All of a function's instructions, or those around what the profile has figures for.
  HT.drawCode = async function (box, app, fn, t) {
    const note = el('p', { class: 'where' }, 'The server disassembles it…');
    box.append(el('h2', { class: 'source-file' }, HT.fnButton(app, fn, { fn })), note);
    let code;
    try {
      code = await HT.codeFor(app, fn, t);
    } catch (e) {
      note.textContent = 'Without its instructions: ' + e.message;
      return;
    }
    const all = code.instructions, near = new Uint8Array(all.length), body = [];
    const gap = () => body.push(el('tr', {}, el('td'), el('td'), el('td', { class: 'line-no' }, '…'), el('td'), el('td')));
    for (const i of code.rows.keys()) near.fill(1, Math.max(0, i - AROUND), i + AROUND + 1);
    let shown = -1;
    all.forEach((x, i) => {
      if (!app.state.whole && !near[i]) return;
      if (shown !== i - 1 || (i && all[i - 1].piece !== x.piece)) gap();
      shown = i;
      const r = code.rows.get(i);
      body.push(el('tr', { class: r && r.flat ? 'hot' : '' }, ...figures(app, r, t), el('td', { class: 'line-no' }, x.at),
        el('td', { class: 'line-text' }, spaced(x.text)), el('td', { class: 'line-text where' }, whereOf(code.stacks[x.stack]))));
    });
    if (shown < all.length - 1) gap();
    const mark = app.before && HT.marks.isMark(app.state.base);
    note.textContent = code.binaries.map(b => b.file).join(', ') + (mark ? ' · as it is now: a mark holds no instructions to compare with' : '');
    box.append(el('table', { class: 'code', 'data-code': fn }, el('thead', {}, el('tr', {}, ...['Flat', 'Cum', 'Address', '', ''].map(h => el('th', { scope: 'col' }, h)))), el('tbody', {}, ...body)));
  };
})(window);
