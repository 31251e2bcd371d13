// SPDX-License-Identifier: MIT
// The profile in the browser: a prefix tree of frames with one column of numbers a sample type.
// Everything that is drawn (flame graph, top, call graph, traces) is computed from it.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};

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
        const k = d ? HT.typeOf(this.types[t], d) : -1;
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

  // The column of a profile that has a sample type, -1 for none.
  HT.typeOf = (t, d) => d.types.findIndex(u => u.type === t.type && u.unit === t.unit);

  function typeMap(tree, d) {
    return tree.types.map(t => HT.typeOf(t, d));
  }

  function addProfile(tree, d, column, opt) {
    // A folded profile brings its own tree for leaf first.
    const ready = opt.inverted && d.inverted;
    const { parent, frame } = ready ? d.inverted : d.nodes, n = parent.length;
    const focus = HT.matchFrames(d, HT.regex(opt.focus)), ignore = HT.matchFrames(d, HT.regex(opt.ignore));
    const { skip, outer, lib, drop } = HT.cut(d, parent, frame, opt);
    const keys = new Int32Array(d.frames.fn.length).fill(-1);
    const types = typeMap(tree, d);
    const focused = new Uint8Array(n), ignored = new Uint8Array(n);
    const keep = new Uint8Array(n), has = new Uint8Array(n);
    const keyAt = f => {
      if (keys[f] < 0) {
        const s = d.strings, fr = d.frames;
        keys[f] = lib && lib[f] ? tree.keyOf('[' + HT.base(lib[f]) + ']', { fn: '', file: '', line: 0, start: 0, mod: lib[f], addr: '0' })
          : tree.keyOf(HT.frameName(d, f, opt.granularity || 'functions'), {
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
})(typeof window !== 'undefined' ? window : globalThis);
