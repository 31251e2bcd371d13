// SPDX-License-Identifier: MIT
// The second row of controls: filters of frames, and views that this browser saves under a name.
(function (root) {
  'use strict';

  const HT = root.HT, $ = id => document.getElementById(id), KEY = 'heaptap-views', MOST = 50;
  const LEFT_OUT = ['base', 'zoom', 'refresh', 'seconds']; // of the moment, or of one process
  let chosen = '';

  // The saved views, { name: state as text }. A browser may refuse to store them.
  function all() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) || '{}');
      return kept && typeof kept === 'object' ? kept : {};
    } catch (e) {
      return {};
    }
  }

  function keep(views) {
    try {
      localStorage.setItem(KEY, JSON.stringify(views));
      return true;
    } catch (e) {
      return false;
    }
  }

  const without = st => ({ ...st, ...Object.fromEntries(LEFT_OUT.map(k => [k, HT.defaultState()[k]])) });

  HT.drawSaved = function (app) {
    const st = app.state, views = all(), names = Object.keys(views).sort(), now = HT.stateText(without(st));
    if (!(chosen in views) || views[chosen] !== now) chosen = names.find(n => views[n] === now) || '';
    $('saved').replaceChildren(new Option(names.length ? 'choose…' : 'none', ''), ...names.map(n => new Option(n, n, false, n === chosen)));
    $('unsave').hidden = !chosen;
    const tags = HT.labelKeys(app.data);
    $('label-label').hidden = $('tag-label').hidden = !tags.length && !st.label && !st.tag;
    $('tag').replaceChildren(new Option('nothing', ''), ...[...new Set([...tags, st.tag])].filter(Boolean).map(k => new Option(k, k, false, k === st.tag)));
    if (st.hide || st.show || st.label || st.tag) $('more-row').hidden = false;
    $('more').setAttribute('aria-expanded', String(!$('more-row').hidden));
  };

  HT.listenForSaved = function (app) {
    $('more').addEventListener('click', () => {
      $('more-row').hidden = !$('more-row').hidden;
      HT.drawSaved(app);
    });
    $('saved').addEventListener('change', e => {
      const text = all()[e.target.value];
      if (text === undefined) return;
      chosen = e.target.value;
      const st = HT.readState(text);
      for (const k of LEFT_OUT) delete st[k];
      if (!app.live) delete st.profile;
      app.set(st);
    });
    const save = () => {
      const name = $('save-as').value.trim().slice(0, 60), views = all();
      if (!name) return $('save-as').focus();
      views[name] = HT.stateText(without(app.state));
      if (Object.keys(views).length > MOST) delete views[Object.keys(views)[0]];
      const kept = keep(views);
      chosen = name;
      $('save-as').value = '';
      $('status').textContent = kept ? 'Saved as ' + name : 'This browser keeps nothing for this page';
      HT.drawSaved(app);
    };
    $('save').addEventListener('click', save);
    $('save-as').addEventListener('keydown', e => { if (e.key === 'Enter') save(); });
    $('unsave').addEventListener('click', () => {
      const views = all();
      delete views[chosen];
      keep(views);
      chosen = '';
      HT.drawSaved(app);
    });
  };
})(window);
