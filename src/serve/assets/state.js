// SPDX-License-Identifier: MIT
// The state of the page (which view, with which filters), which is stored in its address.
(function (root) {
  'use strict';

  const HT = root.HT;
  const DEFAULTS = { view: 'flame', type: '', by: 'functions', focus: '', ignore: '', base: '', profile: 'heap', seconds: '5', search: '', colour: '',
    inverted: false, sort: 'flat-', nodes: '', fn: '', fns: '', whole: false, refresh: '0', confidence: '95', zoom: '', from: '', collapse: '', hide: '', show: '', label: '', tag: '', nf: '', ef: '', all: false, asm: false };
  const TYPED = ['focus', 'ignore', 'hide', 'show', 'label', 'search', 'refresh', 'fns']; // changes that are no steps of Back

  // The filters, which remove stacks or frames.
  HT.FILTERS = ['focus', 'ignore', 'hide', 'show', 'label', 'tag', 'from', 'collapse'];

  HT.defaultState = () => ({ ...DEFAULTS });

  // The filters of a state, as buildTree takes them.
  HT.filtersOf = st => Object.fromEntries(HT.FILTERS.map(k => [k, st[k]]));

  // Reads the state from the address. A value that is not valid is replaced by the default.
  HT.readState = function (text = location.hash.slice(1)) {
    const h = new URLSearchParams(text), st = { ...DEFAULTS };
    for (const k in DEFAULTS) {
      if (h.has(k)) st[k] = typeof DEFAULTS[k] === 'boolean' ? h.get(k) === '1' : h.get(k);
    }
    if (!HT.views.some(v => v.id === st.view)) st.view = 'flame';
    if (!['functions', 'lines', 'files'].includes(st.by)) st.by = 'functions';
    st.profile = HT.kindOf(st).id;
    st.seconds = HT.validSeconds(st.seconds);
    if (!['90', '95', '99'].includes(st.confidence)) st.confidence = '95';
    if (!/^\w+[+-]$/.test(st.sort)) st.sort = 'flat-';
    return st;
  };

  HT.stateText = function (st) {
    const h = new URLSearchParams();
    for (const k in DEFAULTS) {
      if (st[k] !== DEFAULTS[k]) h.set(k, st[k] === true ? '1' : st[k]);
    }
    return h.toString();
  };

  // Writes a state into the address.
  HT.writeState = function (st) {
    const text = HT.stateText(st);
    if (text !== location.hash.slice(1)) history.replaceState(null, '', text ? '#' + text : location.pathname);
  };

  // Whether Back undoes a change of the state.
  HT.isStep = (st, change) => Object.keys(change).some(k => !TYPED.includes(k) && change[k] !== st[k]);
})(window);
