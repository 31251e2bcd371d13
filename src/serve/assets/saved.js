// SPDX-License-Identifier: MIT
// The second row of controls: filters of frames, and views that are saved under a name: by the server where it keeps them, else by
// this browser.
(function (root) {
  'use strict';

  const HT = root.HT, $ = id => document.getElementById(id), KEY = 'heaptap-views', MOST = 50;
  const LEFT_OUT = ['base', 'zoom', 'refresh', 'seconds']; // of the moment, or of one process
  let chosen = '';
  let kept = null; // the server's views, by name the state as text; null: it keeps none

  // The browser's. It may refuse to store them.
  function own() {
    try {
      return new Map(Object.entries(JSON.parse(localStorage.getItem(KEY) || '{}')).filter(v => typeof v[1] === 'string'));
    } catch (e) {
      return new Map();
    }
  }

  function keep(views) {
    try {
      localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(views)));
      return true;
    } catch (e) {
      return false;
    }
  }

  const all = () => new Map([...own(), ...(kept || [])]);

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch (e) {
      return text; // as somebody wrote it into the file
    }
  }

  // "NAME STATE" a line, as the server writes them.
  const parse = text => new Map(text.split('\n').filter(Boolean).map(l => l.split(' ')).map(([name, state]) => [decoded(name), state || '']));

  // Asks the server (text: what is to be added or removed there).
  async function ask(text) {
    const r = await HT.get('/api/views', text === undefined ? undefined : { method: 'POST', body: text });
    kept = r.status === 204 ? null : parse(await r.text());
  }

  // Saves a state. Returns what to tell the user.
  async function save(name, state) {
    let why = 'in this browser only: the server does not keep views';
    if (kept) {
      try {
        await ask(`${encodeURIComponent(name)} ${state}`);
        return 'Saved as ' + name;
      } catch (e) {
        why = 'in this browser only: ' + e.message;
      }
    }
    const views = own();
    if (!views.has(name) && views.size >= MOST) return `Not saved: this browser has ${MOST} views; delete one`;
    views.set(name, state);
    return keep(views) ? `Saved as ${name}, ${why}` : 'Not saved: this browser keeps nothing for this page';
  }

  async function remove(name) {
    const views = own();
    if (views.delete(name)) keep(views);
    if (kept && kept.has(name)) await ask(encodeURIComponent(name));
  }

  const without = st => ({ ...st, ...Object.fromEntries(LEFT_OUT.map(k => [k, HT.defaultState()[k]])) });

  HT.drawSaved = function (app) {
    const st = app.state, views = all(), names = [...views.keys()].sort(), now = HT.stateText(without(st));
    if (views.get(chosen) !== now) chosen = names.find(n => views.get(n) === now) || '';
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
      const text = all().get(e.target.value);
      if (text === undefined) return;
      chosen = e.target.value;
      const st = HT.readState(text);
      for (const k of LEFT_OUT) delete st[k];
      if (!app.live) delete st.profile;
      app.set(st);
    });
    const say = text => { $('saved-said').textContent = text; };
    const store = async () => {
      const name = $('save-as').value.trim().slice(0, 60), st = HT.stateText(without(app.state));
      if (!name) return $('save-as').focus();
      $('save-as').value = '';
      say(await save(name, st));
      if (all().has(name)) chosen = name;
      HT.drawSaved(app);
    };
    $('save').addEventListener('click', store);
    $('save-as').addEventListener('keydown', e => { if (e.key === 'Enter') store(); });
    $('unsave').addEventListener('click', async () => {
      try {
        await remove(chosen);
        say('Deleted');
      } catch (e) {
        say('Not deleted: ' + e.message);
      }
      chosen = '';
      HT.drawSaved(app);
    });
    // Views that cannot be read are no reason to show nothing.
    ask().catch(e => say('Without saved views: ' + e.message)).then(() => { if (app.data) HT.drawSaved(app); });
  };
})(window);
