// SPDX-License-Identifier: MIT
// Helpers that create elements which several views share: amounts, empty views, names of functions.
(function (root) {
  'use strict';

  const HT = root.HT;

  function el(name, props, ...children) {
    const e = document.createElement(name);
    for (const k in props || {}) {
      if (props[k] === null || props[k] === undefined) continue;
      if (k === 'class') e.className = props[k];
      else if (k.startsWith('on')) e.addEventListener(k.slice(2), props[k]);
      else if (k in e && typeof props[k] !== 'string') e[k] = props[k];
      else e.setAttribute(k, props[k]);
    }
    e.append(...children.filter(c => c !== null && c !== undefined && c !== false));
    return e;
  }
  HT.el = el;

  HT.tone = (app, v) => (!app.before ? '' : v > 0 ? 'grew' : v < 0 ? 'shrank' : '');
  HT.amount = (app, v, unit) => (app.before ? HT.signed(v, unit) : HT.format(v, unit));
  HT.empty = (main, ...text) => main.replaceChildren(el('p', { class: 'empty' }, ...text));

  // A function's name: a click shows its callers and callees, and it has the menu.
  HT.fnButton = (app, name, info) => el('button', { type: 'button', class: 'name-link', title: 'Callers and callees (right click: more)', 'data-fn': name,
    onclick: () => app.set({ view: 'sandwich', fn: (info && info.fn) || name }) }, name);
})(window);
