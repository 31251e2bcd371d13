// SPDX-License-Identifier: MIT
// The page's sentences: why a view is empty, what is wrong with a regular expression, and how
// much a comparison changed.
(function (root) {
  'use strict';

  const HT = root.HT, el = HT.el;
  const FIELDS = { focus: 'Focus', ignore: 'Ignore', hide: 'Hide', show: 'Show only', label: 'Label' };

  // "14.2 → 50.4 MB (+36.2, +255 %)": both in the unit of the larger.
  HT.changeText = function (before, now, unit) {
    const like = Math.max(Math.abs(before), Math.abs(now)), change = now - before;
    const shown = HT.format(like, unit), word = unit === 'bytes' || /[a-z]/i.test(shown) ? ' ' + shown.replace(/^[-\d.,]+/, '') : '';
    const figure = v => (unit === 'bytes' ? HT.threeDigits(v, like, unit) : HT.format(v, unit).replace(/[a-z]+$/, ''));
    const percent = before ? ', ' + (change > 0 ? '+' : '') + (100 * change / Math.abs(before)).toFixed(Math.abs(change) < Math.abs(before) / 10 ? 1 : 0) + ' %' : '';
    return `${figure(before)} → ${figure(now)}${word} (${change > 0 ? '+' : ''}${figure(change)}${percent})`;
  };

  const swatch = (look, text) => el('span', { class: 'swatch ' + look }, text);

  // The line above a compared view: how much, how sure, since when, and what the colours mean.
  HT.changeLine = function (app) {
    const tree = app.tree({}), t = app.type(), unit = tree.types[t].unit;
    const with_ = HT.marks.find(app.state.base) || app.targets.find(o => o.id === app.state.base);
    const ends = tree.interval(0, t);
    return [el('strong', {}, HT.changeText(tree.before(0, t), tree.now(0, t), unit)),
      ends && el('span', {}, `at ${Math.round(100 * HT.evidence.confidence())} %: ${HT.range(ends, unit).slice(1, -1)}`),
      with_ && el('span', {}, with_.label ? 'since ' + with_.label : 'compared with ' + with_.name), swatch('grew', 'grew'), swatch('shrank', 'shrank'),
      !tree.why(t) && swatch('faint', 'may be chance')].filter(Boolean);
  };

  // For a mark after which nothing has been fetched yet.
  HT.markedLine = (mark, reload) => [el('strong', {}, mark.label[0].toUpperCase() + mark.label.slice(1)),
    el('span', {}, 'is kept. The next fetch shows what changed since.'),
    el('button', { type: 'button', id: 'changed', onclick: reload }, 'Show what changed')];

  // Why a view is empty, with a link that helps.
  HT.nothing = function (app) {
    const st = app.state, clear = k => el('button', { type: 'button', class: 'clear', onclick: () => app.set({ [k]: '' }) }, 'Clear ' + k);
    if (st.focus && !HT.matchCount(app.data, st.focus)) return [`Focus “${st.focus}” matches no function, file or library. `, clear('focus')];
    if (st.ignore && HT.anyLeft(app, { ignore: '' })) return [`Ignore “${st.ignore}” leaves nothing${st.focus ? ` of focus “${st.focus}”` : ''}. `, clear('ignore'), st.focus ? clear('focus') : ''];
    if (st.from && HT.anyLeft(app, { from: '' })) return [`No stack passes through ${st.from}. `, el('button', { type: 'button', class: 'clear', onclick: () => app.set({ from: '' }) }, 'Show from the root')];
    if (st.label && HT.anyLeft(app, { label: '' })) return [`Label “${st.label}” leaves nothing. `, clear('label')];
    for (const k of ['hide', 'show']) {
      if (st[k] && HT.anyLeft(app, { [k]: '' })) return [`${FIELDS[k]} “${st[k]}” leaves no frame. `, clear(k)];
    }
    if (app.before) return [`Nothing ${HT.typeLabel(app.data.types[app.type()]).toLowerCase()} has changed${st.focus ? ` in what focus “${st.focus}” matches` : ''}.`];
    if (st.focus) return [`Nothing of this kind in what focus “${st.focus}” matches. `, clear('focus')];
    return ['Nothing of this kind in the profile. Another sample type may have something.'];
  };

  // Whether the view would not be empty without a filter.
  HT.anyLeft = function (app, without) {
    const st = { ...app.state, ...without };
    const tree = HT.buildTree(app.data, app.before, { granularity: st.by, ...HT.filtersOf(st) });
    return tree.layout(app.type()).width[0] > 0;
  };

  // Marks fields whose text is not a valid regular expression, and says so.
  HT.sayRegexes = function (app, at) {
    const wrong = [];
    for (const k in FIELDS) {
      const why = HT.regexError(app.state[k]), field = document.getElementById(k);
      field.setAttribute('aria-invalid', why ? 'true' : 'false');
      if (why) wrong.push(`${FIELDS[k]} is no regular expression (${why}): its letters are looked for.`);
    }
    at.hidden = !wrong.length;
    at.textContent = wrong.join(' ');
  };
})(typeof window !== 'undefined' ? window : globalThis);
