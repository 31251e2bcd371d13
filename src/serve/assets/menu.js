// SPDX-License-Identifier: MIT
// The menu of a function: by right click, the Menu key or Shift+F10, and "o" on a selected frame.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el;
  const exactly = s => '^' + s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') + '$';
  let open = null, back = null;

  HT.closeMenu = function () {
    if (!open) return;
    open.remove();
    open = null;
    if (back && back.isConnected) back.focus();
  };

  // The list of collapsed frames, one a line: "f" and a function, or "l" and the path of a library.
  HT.collapsed = st => (st.collapse ? st.collapse.split('\n') : []);
  const collapse = (app, entry) => app.set({ collapse: [...HT.collapsed(app.state).filter(e => e !== entry), entry].join('\n') });

  function items(app, name, info) {
    const fn = info && info.fn, mod = info && info.mod;
    return [
      ['Callers and callees', () => app.set({ view: 'sandwich', fn: name })],
      ['Focus on it', () => app.set({ focus: exactly(fn || name) }), fn],
      ['Ignore it', () => app.set({ ignore: exactly(fn) }), fn],
      ['Hide it', () => app.set({ hide: exactly(fn) }), fn],
      ['Show stacks from it', () => app.set({ from: name })],
      ['Collapse what it calls', () => collapse(app, 'f' + name)],
      mod ? ['Collapse ' + HT.base(mod), () => collapse(app, 'l' + mod)] : null,
      ['Source', () => app.set({ view: 'source', fn }), fn],
      ['Copy its name', () => { if (navigator.clipboard) navigator.clipboard.writeText(name); }],
    ].filter(i => i && (i.length < 3 || i[2]));
  }

  HT.menu = function (app, name, info, x, y) {
    HT.closeMenu();
    back = document.activeElement;
    const buttons = items(app, name, info).map(([label, act]) => el('button', { type: 'button', role: 'menuitem', tabindex: '-1',
      onclick: () => { HT.closeMenu(); act(); } }, label));
    open = el('div', { class: 'menu', id: 'menu', role: 'menu', 'aria-label': name }, el('div', { class: 'menu-name' }, name), ...buttons);
    open.addEventListener('keydown', e => {
      const at = buttons.indexOf(document.activeElement), n = buttons.length;
      const to = { ArrowDown: (at + 1) % n, ArrowUp: (at + n - 1) % n, Home: 0, End: n - 1 }[e.key];
      if (to !== undefined) buttons[to].focus();
      else if (e.key === 'Escape' || e.key === 'Tab') HT.closeMenu();
      else if (e.key !== 'Enter' && e.key !== ' ') return;
      else { e.stopPropagation(); return; }
      e.preventDefault();
      e.stopPropagation();
    });
    document.body.append(open);
    const r = open.getBoundingClientRect();
    open.style.left = Math.max(4, Math.min(x, root.innerWidth - r.width - 6)) + 'px';
    open.style.top = Math.max(4, Math.min(y, root.innerHeight - r.height - 6)) + 'px';
    buttons[0].focus();
  };

  // Elements whose data-fn names a function have the menu; a flame graph has it for its frames.
  HT.listenForMenu = function (app, main) {
    main.addEventListener('contextmenu', e => {
      const at = e.target.closest('[data-fn]');
      if (!at) return;
      e.preventDefault();
      const r = at.getBoundingClientRect(), pointed = e.clientX || e.clientY;
      HT.menu(app, at.dataset.fn, HT.infoOf(app, at.dataset.fn), pointed ? e.clientX : r.left, pointed ? e.clientY : r.bottom);
    });
    document.addEventListener('pointerdown', e => { if (open && !open.contains(e.target)) HT.closeMenu(); });
  };

  HT.infoOf = function (app, name) {
    const tree = app.tree({}), k = tree.ids.get(name);
    return k === undefined ? null : tree.info[k];
  };

  HT.flameMenu = function (app, flame, e) {
    const i = e && e.type === 'contextmenu' && e.button === 2 ? flame.at(e) : flame.selected;
    if (i <= 0) return;
    if (e) e.preventDefault();
    const r = flame.canvas.getBoundingClientRect(), b = flame.boxes.find(o => o.node === i);
    const x = e && e.button === 2 ? e.clientX : r.left + (b ? b.x : 0), y = e && e.button === 2 ? e.clientY : r.top + (b ? b.y + 20 : 0);
    HT.menu(app, flame.name(i), flame.tree.info[flame.tree.key[i]], x, y);
  };

  // The links beside the facts of a selected frame.
  HT.fnLinks = (app, flame, i) => [el('div', { class: 'fact-links' },
    el('button', { type: 'button', id: 'to-callers', onclick: () => app.set({ view: 'sandwich', fn: flame.name(i) }) }, 'Callers and callees'),
    el('button', { type: 'button', 'aria-haspopup': 'menu', onclick: () => HT.flameMenu(app, flame, null) }, 'More (o)'))];

  // The filters that hide or collapse frames now, each with a button that removes it.
  HT.filterChips = function (app) {
    const chip = (text, undo) => el('button', { type: 'button', class: 'chip', title: 'Undo', onclick: undo }, text + ' ✕');
    return [app.state.from && chip('From ' + app.state.from, () => app.set({ from: '' })),
      ...HT.collapsed(app.state).map(e => chip('Collapsed: ' + (e[0] === 'l' ? HT.base(e.slice(1)) : e.slice(1)),
        () => app.set({ collapse: HT.collapsed(app.state).filter(o => o !== e).join('\n') })))].filter(Boolean);
  };
})(typeof window !== 'undefined' ? window : globalThis);
