// SPDX-License-Identifier: MIT
// What of a profile is shown: regular expressions as people type them, what frames are called, and which nodes of
// the profile's tree are left out.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};

  // "(?i)" of pprof's expressions becomes a flag.
  function compile(text, flags) {
    return text.startsWith('(?i)') ? new RegExp(text.slice(4), 'i') : new RegExp(text, flags || '');
  }

  // Why a text is not a valid regular expression; "" when it is.
  HT.regexError = function (text) {
    try {
      if (text) compile(text);
      return '';
    } catch (e) {
      return String(e.message).replace(/^Invalid regular expression: (\/.*\/\w*: )?/, '');
    }
  };

  // Compiles what the user typed: a regular expression as in pprof, or plain text when it is not a valid one.
  HT.regex = function (text, flags) {
    if (!text) return null;
    try {
      return compile(text, flags);
    } catch (e) {
      return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), flags || '');
    }
  };

  const CODE = '\u0000';

  // The number of the instruction that a name stands for at the granularity "code"; -1: it is a function's.
  HT.codeOf = name => (name[0] === CODE ? Number(name.slice(1)) : -1);

  // The name of a frame at a granularity. Frames with equal names are one node.
  HT.frameName = function (d, f, granularity) {
    const fr = d.frames, s = d.strings;
    const fn = s[fr.fn[f]], file = s[fr.file[f]], mod = s[fr.mod[f]];
    if (granularity === 'code' && fr.code[f] >= 0) return CODE + fr.code[f];
    if (!fn) {
      const m = mod ? '[' + HT.base(mod) + ']' : '<unknown>';
      return granularity === 'lines' || granularity === 'addresses' ? m + ' 0x' + fr.addr[f] : m;
    }
    if (granularity === 'files') return file || '<unknown>';
    if (granularity === 'lines') {
      return fn + (file ? ' ' + file + (fr.line[f] ? ':' + fr.line[f] : '') : '');
    }
    return fn;
  };

  // By frame: 1 where its function, file or library matches. Null without an expression.
  HT.matchFrames = function (d, re) {
    const n = d.frames.fn.length, out = new Uint8Array(n);
    if (!re) return null;
    for (let f = 0; f < n; f++) {
      const fr = d.frames, s = d.strings;
      if ((s[fr.fn[f]] && re.test(s[fr.fn[f]])) || (s[fr.file[f]] && re.test(s[fr.file[f]])) ||
          (s[fr.mod[f]] && re.test(s[fr.mod[f]]))) out[f] = 1;
    }
    return out;
  };

  // How many frames of a profile match a text.
  HT.matchCount = (d, text) => HT.matchFrames(d, HT.regex(text)).reduce((a, v) => a + v, 0);

  // The keys of a profile's labels.
  HT.labelKeys = d => (d && d.sums.labels ? [...new Set([...new Set(d.sums.labels)].filter(n => n >= 0)
    .flatMap(n => d.strings[n].split('\n').map(p => p.slice(0, p.indexOf('=')))))].sort() : []);

  // Frames by a function's name as trees show it, or null for none.
  function namedFrames(d, name) {
    if (!name) return null;
    return Uint8Array.from(d.frames.fn, (_, f) => (HT.frameName(d, f, 'functions') === name ? 1 : 0));
  }

  // What collapsing does to frames: `below` 1 where all it calls is put to it, `lib` the library whose
  // frames in a row become one.
  function collapsing(d, text) {
    if (!text) return null;
    const entries = text.split('\n'), of = c => new Set(entries.filter(e => e[0] === c).map(e => e.slice(1)));
    const fns = of('f'), libs = of('l'), n = d.frames.fn.length, below = new Uint8Array(n), lib = new Array(n).fill('');
    for (let f = 0; f < n; f++) {
      if (fns.has(HT.frameName(d, f, 'functions'))) below[f] = 1;
      if (libs.has(d.strings[d.frames.mod[f]])) lib[f] = d.strings[d.frames.mod[f]];
    }
    return { below, lib };
  }

  // Nodes of a profile's tree that are not shown because of `from`, `root`, `collapse`, `hide` and `show`; outer is the
  // outermost node of the root function above each node, and drop what passes through none.
  HT.cut = function (d, parent, frame, opt) {
    const n = parent.length;
    if (!opt.hide && !opt.show && !opt.from && !opt.root && !opt.collapse) {
      const none = new Uint8Array(n);
      return { skip: none, outer: none, lib: null, drop: () => false };
    }
    const hide = HT.matchFrames(d, HT.regex(opt.hide)), show = HT.matchFrames(d, HT.regex(opt.show)), from = namedFrames(d, opt.from), top = namedFrames(d, opt.root);
    const c = collapsing(d, opt.collapse), skip = new Uint8Array(n), started = new Uint8Array(n), outer = new Int32Array(n);
    const under = new Uint8Array(n), shown = new Int32Array(n);
    for (let i = 1; i < n; i++) {
      const p = parent[i], f = frame[i];
      started[i] = !from || started[p] || from[f] ? 1 : 0;
      under[i] = under[p];
      shown[i] = shown[p];
      skip[i] = (hide && hide[f]) || (show && !show[f]) || !started[i] || under[i] || (c && c.lib[f] && shown[p] && c.lib[f] === c.lib[frame[shown[p]]]) ? 1 : 0;
      if (!skip[i]) {
        shown[i] = i;
        if (c && c.below[f]) under[i] = 1;
      }
      outer[i] = outer[p] || (top && top[f] && !skip[i] ? i : 0);
    }
    return { skip, outer, lib: c && c.lib, drop: i => (from && !started[i]) || (top && !outer[i]) || ((hide || show) && !shown[i]) };
  };
})(typeof window !== 'undefined' ? window : globalThis);
