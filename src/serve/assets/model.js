// SPDX-License-Identifier: MIT
// The profile in the browser: a prefix tree of frames with one column of numbers a sample type.
// Everything that is drawn (flame graph, top, call graph, traces) is computed from it.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};
  const E = HT.evidence;

  const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

  // Units of time, and what they are in nanoseconds.
  const TIMES = { nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
  const SHOWN = [['hrs', 3.6e12], ['mins', 6e10], ['s', 1e9], ['ms', 1e6], ['us', 1e3], ['ns', 1]];

  function duration(ns) {
    const [name, size] = SHOWN.find(s => Math.abs(ns) >= s[1]) || SHOWN[SHOWN.length - 1];
    return (ns / size).toFixed(2).replace(/\.00$/, '') + name;
  }

  // As pprof prints them: powers of 1024, units of time, at most two decimals.
  HT.format = function (v, unit) {
    if (TIMES[unit]) return v ? duration(v * TIMES[unit]) : '0';
    if (unit !== 'bytes') return Math.round(v).toLocaleString('en-US');
    let a = Math.abs(v), i = 0;
    while (a >= 1024 && i < BYTES.length - 1) { a /= 1024; i++; }
    const s = a.toFixed(2).replace(/\.00$/, '');
    return (v < 0 ? '-' : '') + s + BYTES[i];
  };

  HT.signed = (v, unit) => (v > 0 ? '+' : '') + HT.format(v, unit);

  HT.percent = function (v, of) {
    if (!of || !v) return '0%';
    const p = 100 * v / of, a = Math.abs(p);
    return (a >= 99.95 && a <= 100.05 ? p.toFixed(0) : a >= 1 ? p.toFixed(2) : p.toPrecision(2)) + '%';
  };

  // A figure of three digits in the unit that HT.format has for `like`.
  function threeDigits(v, like, unit) {
    let a = Math.abs(like);
    if (unit === 'bytes') for (let i = 0; a >= 1024 && i < BYTES.length - 1; i++) { a /= 1024; v /= 1024; }
    return String(Number(v.toFixed(Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2)));
  }

  // "±18%", or "(8.9–17)" in the unit of the value where it is lopsided: as the reports write it.
  HT.margin = function (value, ends, unit) {
    if (!ends) return '';
    const below = value - ends[0], above = ends[1] - value, more = Math.max(below, above), less = Math.min(below, above);
    const percent = value ? 100 * more / Math.abs(value) : Infinity;
    if (!(more >= 0.5)) return '';
    if (more <= less * 1.25 && percent < 100) return '±' + Math.max(0.1, percent).toFixed(percent < 0.95 ? 1 : 0) + '%';
    return '(' + threeDigits(ends[0], value, unit) + '–' + threeDigits(ends[1], value, unit) + ')';
  };

  // The same of a difference: its ends.
  HT.range = (ends, unit) => (ends ? '(' + HT.signed(ends[0], unit) + ' to ' + HT.signed(ends[1], unit) + ')' : '');

  // One line: what intervals there are, and what may be missing.
  HT.sureness = function (tree, t) {
    const why = tree.why(t), rate = tree.sides[0].period;
    if (why && !tree.compared && !/(space|objects)$/.test(tree.sides[0].types[t].type)) return ''; // of no heap: nobody expects any
    if (tree.compared) return why ? 'No verdicts: ' + why + '.' : 'What may be chance is faint (tested at 5 % over stacks).';
    if (why) return 'No intervals: ' + why + '.';
    if (rate <= 1) return 'No intervals: every allocation was recorded.';
    const sure = E.confidence();
    return `Intervals of ${Math.round(100 * sure)} %; a site that holds less than ` + HT.format(-Math.log(1 - sure) * rate, 'bytes') +
      ' may not be listed.';
  };

  const TYPE_WORDS = {
    inuse_space: 'In use, bytes', inuse_objects: 'In use, objects',
    alloc_space: 'Allocated, bytes', alloc_objects: 'Allocated, objects',
    threads: 'Threads', samples: 'Samples', cpu: 'Processor time',
    peak_space: 'Peak, bytes', peak_objects: 'Peak, objects',
  };
  HT.typeLabel = t => TYPE_WORDS[t.type] || t.type;

  HT.base = path => path.slice(path.lastIndexOf('/') + 1);

  HT.threeDigits = threeDigits;

  // pprof's way to ignore case is a flag here.
  function compile(text, flags) {
    return text.startsWith('(?i)') ? new RegExp(text.slice(4), 'i') : new RegExp(text, flags || '');
  }

  // Why a text is no regular expression, "" when it is one.
  HT.regexError = function (text) {
    try {
      if (text) compile(text);
      return '';
    } catch (e) {
      return String(e.message).replace(/^Invalid regular expression: (\/.*\/\w*: )?/, '');
    }
  };

  // Compiles what a person typed: a regex as pprof has them, or, when it is none, those letters.
  HT.regex = function (text, flags) {
    if (!text) return null;
    try {
      return compile(text, flags);
    } catch (e) {
      return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), flags || '');
    }
  };

  // What one frame is called at a granularity; equal names are one node.
  function frameName(d, f, granularity) {
    const fr = d.frames, s = d.strings;
    const fn = s[fr.fn[f]], file = s[fr.file[f]], mod = s[fr.mod[f]];
    if (!fn) {
      const m = mod ? '[' + HT.base(mod) + ']' : '<unknown>';
      return granularity === 'lines' || granularity === 'addresses' ? m + ' 0x' + s[fr.addr[f]] : m;
    }
    if (granularity === 'files') return file || '<unknown>';
    if (granularity === 'lines') {
      return fn + (file ? ' ' + file + (fr.line[f] ? ':' + fr.line[f] : '') : '');
    }
    return fn;
  }

  function matchFrames(d, re) {
    const n = d.frames.fn.length, out = new Uint8Array(n);
    if (!re) return null;
    for (let f = 0; f < n; f++) {
      const fr = d.frames, s = d.strings;
      if ((s[fr.fn[f]] && re.test(s[fr.fn[f]])) || (s[fr.file[f]] && re.test(s[fr.file[f]])) ||
          (s[fr.mod[f]] && re.test(s[fr.mod[f]]))) out[f] = 1;
    }
    return out;
  }

  // How many frames of a profile a text matches.
  HT.matchCount = (d, text) => matchFrames(d, HT.regex(text)).reduce((a, v) => a + v, 0);

  // Frames by a function's name as trees show it, or null for none.
  function namedFrames(d, name) {
    if (!name) return null;
    return Uint8Array.from(d.frames.fn, (_, f) => (frameName(d, f, 'functions') === name ? 1 : 0));
  }

  // What collapsing does to frames: `below` 1 where all it calls is put to it, `lib` the library whose
  // frames in a row become one.
  function collapsing(d, text) {
    if (!text) return null;
    const entries = text.split('\n'), of = c => new Set(entries.filter(e => e[0] === c).map(e => e.slice(1)));
    const fns = of('f'), libs = of('l'), n = d.frames.fn.length, below = new Uint8Array(n), lib = new Array(n).fill('');
    for (let f = 0; f < n; f++) {
      if (fns.has(frameName(d, f, 'functions'))) below[f] = 1;
      if (libs.has(d.strings[d.frames.mod[f]])) lib[f] = d.strings[d.frames.mod[f]];
    }
    return { below, lib };
  }

  // Nodes of a profile's tree that are not shown because of `from`, `root`, `collapse` and `hide`; outer is the
  // outermost node of the root function above each node, and drop what passes through none.
  function cut(d, parent, frame, opt) {
    const n = parent.length, hide = matchFrames(d, HT.regex(opt.hide)), from = namedFrames(d, opt.from), top = namedFrames(d, opt.root);
    const c = collapsing(d, opt.collapse), skip = new Uint8Array(n), started = new Uint8Array(n), outer = new Int32Array(n);
    const under = new Uint8Array(n), shown = new Int32Array(n);
    for (let i = 1; i < n; i++) {
      const p = parent[i], f = frame[i];
      started[i] = !from || started[p] || from[f] ? 1 : 0;
      under[i] = under[p];
      shown[i] = shown[p];
      skip[i] = (hide && hide[f]) || !started[i] || under[i] || (c && c.lib[f] && shown[p] && c.lib[f] === c.lib[frame[shown[p]]]) ? 1 : 0;
      if (!skip[i]) {
        shown[i] = i;
        if (c && c.below[f]) under[i] = 1;
      }
      outer[i] = outer[p] || (top && top[f] && !skip[i] ? i : 0);
    }
    return { skip, outer, lib: c && c.lib, drop: i => (from && !started[i]) || (top && !outer[i]) };
  }

  // A growing tree whose children are found by (parent, key).
  class Tree {
    constructor(types) {
      this.types = types;
      this.parent = [-1];
      this.key = [0];
      this.names = ['all'];
      this.info = [null];
      this.ids = new Map();
      this.index = new Map();
      this.columns = types.length * 2; // now, then what it is compared with
      this.self = Array.from({ length: this.columns }, () => [0]);
      // Of the stacks: the node where each ends, the size of its objects, and its values by column.
      this.sums = { node: [], size: [], values: Array.from({ length: this.columns }, () => []) };
      this.sides = [null, null]; // the profiles of now and before
      this.judged = new Map();
    }

    addSum(node, size, column, values) {
      this.sums.node.push(node);
      this.sums.size.push(size);
      this.sums.values.forEach((to, k) => {
        const v = k >= column && k < column + this.types.length ? values[k - column] : 0;
        to.push(v);
        this.self[k][node] += v;
      });
    }

    keyOf(name, info) {
      let k = this.ids.get(name);
      if (k === undefined) {
        k = this.names.length;
        this.names.push(name);
        this.info.push(info);
        this.ids.set(name, k);
      }
      return k;
    }

    child(p, k) {
      const slot = k * 0x4000000 + p;
      let c = this.index.get(slot);
      if (c === undefined) {
        c = this.parent.length;
        this.index.set(slot, c);
        this.parent.push(p);
        this.key.push(k);
        for (const col of this.self) col.push(0);
      }
      return c;
    }

    get size() { return this.parent.length; }

    // Sums up, orders the children, and frees what only building needed.
    finish() {
      this.index = null;
      const n = this.size, { node, size } = this.sums;
      this.sums.order = Uint32Array.from(node.keys()).sort((a, b) => node[a] - node[b] || size[a] - size[b]);
      this.sums.first = new Uint32Array(n + 1);
      for (const i of node) this.sums.first[i + 1]++;
      for (let i = 0; i < n; i++) this.sums.first[i + 1] += this.sums.first[i];
      this.parent = Int32Array.from(this.parent);
      this.key = Int32Array.from(this.key);
      this.self = this.self.map(c => Float64Array.from(c));
      this.total = this.self.map(c => Float64Array.from(c));
      for (const t of this.total) for (let i = n - 1; i > 0; i--) t[this.parent[i]] += t[i];
      this.depth = new Int32Array(n);
      this.maxDepth = 0;
      for (let i = 1; i < n; i++) {
        this.depth[i] = this.depth[this.parent[i]] + 1;
        if (this.depth[i] > this.maxDepth) this.maxDepth = this.depth[i];
      }
      return this;
    }

    value(i, t) { return this.total[t][i] - this.total[t + this.types.length][i]; }
    selfValue(i, t) { return this.self[t][i] - this.self[t + this.types.length][i]; }
    before(i, t) { return this.total[t + this.types.length][i]; }
    now(i, t) { return this.total[t][i]; }

    // Why there are no intervals of a type, "" when there are.
    why(t) {
      for (const d of this.sides) {
        const k = d ? typeOf(this.types[t], d) : -1;
        if (k >= 0 && d.no_intervals[k]) return d.no_intervals[k];
      }
      return '';
    }

    // What is known of the stacks that end at a node, null where none does. Of a comparison it is of
    // both sides, and `believed` is the part of the change that is more than chance.
    own(i, t) {
      const { first } = this.sums;
      if (first[i] === first[i + 1]) return null;
      return this.compared ? this.verdicts(t).own.get(i) : HT.sideOf(HT.partsOf(this, t, i, false));
    }

    // The same of all stacks through a node.
    whole(i, t) {
      const inside = new Uint8Array(this.size), e = HT.noSide();
      inside[i] = 1;
      for (let j = i; j < this.size; j++) {
        if (j > i) inside[j] = inside[this.parent[j]];
        const own = inside[j] && this.own(j, t);
        if (own) HT.addSide(e, own);
      }
      return e;
    }

    // Of a comparison: its stacks' tests, and by node the change that is believed.
    verdicts(t) {
      if (!this.judged.has(t)) this.judged.set(t, HT.judgeTree(this, t));
      return this.judged.get(t);
    }

    // The interval of a node's value or change; null where there is none.
    interval(i, t, self) {
      return this.why(t) ? null : HT.intervalOf(this, t, self ? this.own(i, t) : this.whole(i, t));
    }

    // Whether the change below a node may be chance.
    faint(i, t) {
      return this.compared && !this.why(t) && !this.verdicts(t).believed[i];
    }

    // Lays out for one type: how wide each node is, and its children, widest first.
    // A node that shrank is as wide as one that grew by as much.
    layout(t) {
      const n = this.size, w = new Float64Array(n);
      for (let i = 0; i < n; i++) w[i] = Math.abs(this.selfValue(i, t));
      for (let i = n - 1; i > 0; i--) w[this.parent[i]] += w[i];
      const first = new Int32Array(n + 1);
      for (let i = 1; i < n; i++) first[this.parent[i] + 1]++;
      for (let i = 0; i < n; i++) first[i + 1] += first[i];
      const at = first.slice(), kids = new Int32Array(n);
      for (let i = 1; i < n; i++) kids[at[this.parent[i]]++] = i;
      for (let i = 0; i < n; i++) {
        if (first[i + 1] - first[i] > 1) {
          kids.subarray(first[i], first[i + 1]).sort((a, b) => w[b] - w[a] || a - b);
        }
      }
      return { width: w, first, kids };
    }
  }
  HT.Tree = Tree;

  // Builds the tree that is to be drawn.
  //   data: a profile as the server writes it; before: one to compare with, or null
  //   opt: { granularity, focus, ignore, hide, inverted }
  HT.buildTree = function (data, before, opt) {
    opt = opt || {};
    const tree = new Tree(data.types);
    tree.sides = [data, before || null];
    addProfile(tree, data, 0, opt);
    if (before) addProfile(tree, before, data.types.length, opt);
    tree.compared = !!before;
    tree.inverted = !!opt.inverted || opt.side === 'callers';
    return tree.finish();
  };

  const typeOf = (t, d) => d.types.findIndex(u => u.type === t.type && u.unit === t.unit);

  // ---- Evidence

  HT.noSide = () => ({ after: E.nothing(), before: E.nothing(), believed: 0 });

  HT.addSide = function (to, from) {
    E.sum(to.after, from.after);
    E.sum(to.before, from.before);
    to.believed += from.believed;
  };

  HT.sideOf = function (parts) {
    const e = HT.noSide();
    for (const part of parts) {
      E.sum(e.after, part.after);
      E.sum(e.before, part.before);
    }
    return e;
  };

  const rateOf = (d, unit) => (d && unit === 'bytes' && d.period > 1 ? d.period : 0);

  HT.intervalOf = function (tree, t, e) {
    const [now, then] = tree.sides, unit = tree.types[t].unit;
    if (!e || (now.period <= 1 && (!then || then.period <= 1))) return null;
    if (then) return E.differenceInterval(e, rateOf(then, unit), rateOf(now, unit));
    return e.after.samples > 0 ? E.interval(e.after, rateOf(now, unit)) : null;
  };

  // The same objects' allocations, in another column of the profile: "alloc_space" of "inuse_space".
  function counterOf(tree, t) {
    const want = tree.types[t].type.replace(/^inuse_/, 'alloc_');
    return want === tree.types[t].type ? -1 : tree.types.findIndex(u => u.type === want);
  }

  // The sums of the stacks that end at a node, by size, on both sides.
  HT.partsOf = function (tree, t, i, paired) {
    const { size, values, order, first } = tree.sums, unit = tree.types[t].unit, n = tree.types.length;
    const [now, then] = tree.sides, counter = paired ? counterOf(tree, t) : -1, parts = [];
    const p = (d, s) => E.chance(Math.max(0, s), d.period, d.plus_one);
    for (let k = first[i]; k < first[i + 1];) {
      const s = size[order[k]], of = unit === 'bytes' ? Math.max(0, s) : 1;
      const part = { size: s, p: p(then && then.period > now.period ? then : now, s), after: E.nothing(), before: E.nothing() };
      let born = 0;
      for (; k < first[i + 1] && size[order[k]] === s; k++) {
        const at = order[k];
        E.add(part.after, values[t][at], of, s, p(now, s));
        if (then) E.add(part.before, values[t + n][at], of, s, p(then, s));
        if (counter >= 0) born += values[counter][at] - values[counter + n][at];
      }
      if (counter >= 0) E.pair(part, born);
      parts.push(part);
    }
    return parts;
  };

  HT.judgeTree = function (tree, t) {
    const [now, then] = tree.sides, own = new Map(), tested = [], { first } = tree.sums;
    const paired = E.sameProcess(now, then), ratio = Math.max(1, now.period) / Math.max(1, then.period);
    for (let i = 0; i < tree.size; i++) {
      if (first[i] === first[i + 1]) continue;
      const c = HT.sideOf([]), parts = HT.partsOf(tree, t, i, paired);
      E.test(c, parts, ratio);
      own.set(i, c);
      if (i > 0) tested.push(c); // samples without a stack are none
    }
    E.judge(tested);
    const believed = new Float64Array(tree.size);
    for (const [i, c] of own) believed[i] = c.believed = c.verdict ? c.after.value - c.before.value : 0;
    for (let i = tree.size - 1; i > 0; i--) believed[tree.parent[i]] += believed[i];
    return { own, believed, paired };
  };

  function typeMap(tree, d) {
    return tree.types.map(t => typeOf(t, d));
  }

  function addProfile(tree, d, column, opt) {
    // A folded profile brings its own tree for leaf first.
    const ready = opt.inverted && d.inverted;
    const { parent, frame } = ready ? d.inverted : d.nodes, n = parent.length;
    const focus = matchFrames(d, HT.regex(opt.focus)), ignore = matchFrames(d, HT.regex(opt.ignore));
    const { skip, outer, lib, drop } = cut(d, parent, frame, opt);
    const keys = new Int32Array(d.frames.fn.length).fill(-1);
    const types = typeMap(tree, d);
    const focused = new Uint8Array(n), ignored = new Uint8Array(n);
    const keep = new Uint8Array(n), has = new Uint8Array(n);
    const keyAt = f => {
      if (keys[f] < 0) {
        const s = d.strings, fr = d.frames;
        keys[f] = lib && lib[f] ? tree.keyOf('[' + HT.base(lib[f]) + ']', { fn: '', file: '', line: 0, start: 0, mod: lib[f], addr: '0' })
          : tree.keyOf(frameName(d, f, opt.granularity || 'functions'), {
          fn: s[fr.fn[f]], file: s[fr.file[f]], line: fr.line[f], start: fr.start[f],
          mod: s[fr.mod[f]], addr: s[fr.addr[f]],
        });
      }
      return keys[f];
    };
    for (let i = 1; i < n; i++) {
      const p = parent[i], f = frame[i];
      focused[i] = focused[p] | (focus ? focus[f] : 0);
      ignored[i] = ignored[p] | (ignore ? ignore[f] : 0);
      keep[i] = (!focus || focused[i]) && !ignored[i] && !drop(i) ? 1 : 0;
    }
    keep[0] = !focus && !opt.from && !opt.root; // samples without a stack
    const { node, size, values } = ready ? d.inverted_sums : d.sums;
    node.forEach((i, k) => { if (keep[i] && values.some(v => v[k])) has[i] = 1; });
    const to = new Int32Array(n);
    const add = () => node.forEach((i, k) => {
      if (has[i]) tree.addSum(to[i], size[k], column, types.map(from => (from >= 0 ? values[from][k] : 0)));
    });
    const callers = opt.side === 'callers';
    if (callers || (opt.inverted && !ready)) {
      for (let i = 0; i < n; i++) {
        if (!has[i]) continue;
        let at = 0;
        if (callers && outer[i] !== i && to[outer[i]]) { // the same callers as of another stack
          to[i] = to[outer[i]];
          continue;
        }
        for (let j = callers ? outer[i] : i; j > 0; j = parent[j]) {
          if (!skip[j]) at = tree.child(at, keyAt(frame[j]));
        }
        to[i] = at;
        if (callers) to[outer[i]] = at;
      }
      add();
      return;
    }
    const wanted = new Uint8Array(n);
    for (let i = n - 1; i > 0; i--) {
      if (has[i]) wanted[i] = 1;
      if (wanted[i]) wanted[parent[i]] = 1;
    }
    for (let i = 1; i < n; i++) {
      if (!wanted[i]) continue;
      const p = to[parent[i]];
      to[i] = skip[i] || (opt.root && !outer[i]) ? p : tree.child(p, keyAt(frame[i]));
    }
    add();
  }

  // Walks a tree that is not inverted and tells, for every node, which keys are new on its path.
  function walk(tree, visit) {
    const lay = tree.layout(0), on = new Int32Array(tree.names.length);
    const stack = [[0, lay.first[0]]];
    while (stack.length) {
      const top = stack[stack.length - 1], i = top[0];
      if (top[1] < lay.first[i + 1]) {
        const c = lay.kids[top[1]++];
        visit(c, on[tree.key[c]] === 0, on);
        on[tree.key[c]]++;
        stack.push([c, lay.first[c]]);
      } else {
        stack.pop();
        if (i) on[tree.key[i]]--;
      }
    }
  }

  // What is known of flat and cumulative values, by key: { flat, cum }, each a list with holes. Null
  // where there are no intervals.
  HT.topEvidence = function (tree, t) {
    if (tree.why(t)) return null;
    const flat = [], cum = [], seen = new Int32Array(tree.names.length).fill(-1);
    const to = (list, k, own) => HT.addSide(list[k] = list[k] || HT.noSide(), own);
    for (let i = 1; i < tree.size; i++) {
      const own = tree.own(i, t);
      if (!own) continue;
      for (let j = i; j > 0; j = tree.parent[j]) {
        if (seen[tree.key[j]] !== i) to(cum, tree.key[j], own);
        seen[tree.key[j]] = i;
      }
      to(flat, tree.key[i], own);
    }
    return { flat, cum };
  };

  // Flat and cumulative values by key. Recursion counts once in cum, as in pprof.
  HT.top = function (tree, t) {
    const n = tree.names.length, flat = new Float64Array(n), cum = new Float64Array(n);
    const flatBefore = new Float64Array(n), cumBefore = new Float64Array(n);
    const back = t + tree.types.length;
    walk(tree, (i, outermost) => {
      const k = tree.key[i];
      flat[k] += tree.self[t][i];
      flatBefore[k] += tree.self[back][i];
      if (outermost) {
        cum[k] += tree.total[t][i];
        cumBefore[k] += tree.total[back][i];
      }
    });
    const rows = [];
    for (let k = 1; k < n; k++) {
      rows.push({ key: k, name: tree.names[k], info: tree.info[k], flat: flat[k] - flatBefore[k],
        cum: cum[k] - cumBefore[k], now: cum[k], before: cumBefore[k] });
    }
    return rows.filter(r => r.flat || r.cum || r.now || r.before);
  };

  // The call graph: nodes are keys, edges carry the value of the stacks that use them.
  HT.graph = function (tree, t, limit) {
    const rows = HT.top(tree, t).sort((a, b) => Math.abs(b.cum) - Math.abs(a.cum));
    const kept = new Map(rows.slice(0, limit).map(r => [r.key, r]));
    const edges = new Map(), near = new Int32Array(tree.size), seen = new Map();
    // The nearest kept ancestor stands for those left out between (pprof's dashed edges).
    for (let i = 1; i < tree.size; i++) {
      const p = tree.parent[i];
      near[i] = kept.has(tree.key[i]) ? i : near[p];
      if (near[i] !== i || !near[p]) continue;
      const from = tree.key[near[p]], to = tree.key[i], id = from + '>' + to;
      // A recursive path uses an edge once, however often it goes round.
      let a = near[p], again = false;
      for (let up = seen.get(id) ? a : 0; up > 0; up = tree.parent[up]) {
        if (seen.get(id).has(up)) { again = true; break; }
      }
      if (!seen.has(id)) seen.set(id, new Set());
      seen.get(id).add(i);
      if (again) continue;
      const e = edges.get(id) || { from, to, value: 0, residual: false, faint: true };
      e.value += tree.value(i, t);
      if (!tree.faint(i, t)) e.faint = false;
      if (p !== near[p]) e.residual = true;
      edges.set(id, e);
    }
    const known = tree.compared && HT.topEvidence(tree, t);
    for (const n of kept.values()) n.faint = !!known && !(known.cum[n.key] && known.cum[n.key].believed);
    return { nodes: [...kept.values()], edges: [...edges.values()], left: rows.length - kept.size };
  };

  // Whole stacks, heaviest first: leaf first in each, as `traces` prints them.
  HT.traces = function (tree, t, limit) {
    const at = [];
    for (let i = 0; i < tree.size; i++) if (tree.selfValue(i, t)) at.push(i);
    at.sort((a, b) => Math.abs(tree.selfValue(b, t)) - Math.abs(tree.selfValue(a, t)));
    return {
      count: at.length,
      rows: at.slice(0, limit).map(i => {
        const frames = [];
        for (let j = i; j > 0; j = tree.parent[j]) frames.push(tree.key[j]);
        return { node: i, value: tree.selfValue(i, t), frames };
      }),
    };
  };
})(typeof window !== 'undefined' ? window : globalThis);
