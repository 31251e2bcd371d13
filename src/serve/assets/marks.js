// SPDX-License-Identifier: MIT
// Marks: earlier profiles of a process, kept in this tab to compare later ones with.
(function (root) {
  'use strict';

  const HT = root.HT, MOST = 8;
  let marks = [], made = 0;

  HT.marks = {
    all: () => marks,
    find: base => marks.find(m => m.base === base) || null,
    isMark: base => /^mark\d+$/.test(base),

    // Keeps a profile; the oldest goes when there are too many.
    add(data, unit, value) {
      made++;
      const mark = { base: 'mark' + made, at: new Date().toLocaleTimeString(), data,
        label: `mark ${made} · ${new Date().toLocaleTimeString()} · ${HT.format(value, unit)}` };
      marks.push(mark);
      if (marks.length > MOST) marks.shift();
      return mark;
    },

    // Drops all marks, because marks of one profile cannot be compared with another.
    clear() { marks = []; },
  };
})(typeof window !== 'undefined' ? window : globalThis);
