// SPDX-License-Identifier: MIT
// The profile in the browser: a prefix tree of frames with one column of numbers a sample type.
// All views (flame graph, top, call graph, traces) are computed from it.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};

  // A property that is computed when it is asked for first.
  function once(of, name, compute) {
    Object.defineProperty(of, name, { configurable: true, enumerable: true, get() {
      const value = compute();
      Object.defineProperty(of, name, { value, configurable: true, enumerable: true, writable: true });
      return value;
    } });
  }

  const WIDE = 16; // children that are looked through; of more there is a table

  // A growing tree. The children of a node are a list, the newest first: mostly it is the newest that is met again.
  class Tree {
    constructor(types) {
      this.types = types;
      this.parent = [-1];
      this.key = [0];
      this.names = ['all'];
      this.info = [null];
      this.ids = new Map();
      this.newest = [0]; // child, and of a child the next older one; 0: none
      this.older = [0];
      this.wide = new Map(); // of nodes with many children: by key
      this.columns = types.length * 2; // now, then what it is compared with
      // For each stack: the node at which it ends, the size and the age of its objects (-1: not known), and its values by column.
      this.sums = { node: [], size: [], age: [], values: Array.from({ length: this.columns }, () => []) };
      this.sides = [null, null]; // the profiles of now and before
      this.judged = new Map();
    }

    // Adds a profile's sums, those of `which`: `to` has the node of each. Its columns `from` (null: none) become those from
    // `column` on.
    addSums(which, to, { size, age }, column, from) {
      const { sums } = this;
      for (const k of which) sums.node.push(to(k));
      for (const k of which) sums.size.push(size[k]);
      for (const k of which) sums.age.push(age ? age[k] : -1);
      for (let c = 0; c < this.columns; c++) {
        const of = from[c - column], own = sums.values[c];
        if (of) for (const k of which) own.push(of[k]);
        else if (c < this.types.length || this.sides[1]) for (let n = which.length; n > 0; n--) own.push(0);
      }
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
      const { key, older } = this;
      let c = this.newest[p];
      for (let n = 0; c; c = older[c]) {
        if (key[c] === k) return c;
        if (++n === WIDE) return this.childOfWide(p, k);
      }
      return this.addChild(p, k);
    }

    addChild(p, k) {
      const c = this.parent.length;
      this.parent.push(p);
      this.key.push(k);
      this.newest.push(0);
      this.older.push(this.newest[p]);
      this.newest[p] = c;
      return c;
    }

    childOfWide(p, k) {
      let table = this.wide.get(p);
      if (!table) {
        this.wide.set(p, table = new Map());
        for (let c = this.newest[p]; c; c = this.older[c]) table.set(this.key[c], c);
      }
      if (!table.has(k)) table.set(k, this.addChild(p, k));
      return table.get(k);
    }

    get size() { return this.parent.length; }

    // Sorts the sums by node, and frees what only building needed.
    finish() {
      this.newest = this.older = this.wide = null;
      const n = this.size, { sums } = this, { node } = sums;
      sums.first = new Uint32Array(n + 1);
      for (const i of node) sums.first[i + 1]++;
      for (let i = 0; i < n; i++) sums.first[i + 1] += sums.first[i];
      once(sums, 'order', () => Uint32Array.from(node.keys()).sort((a, b) => node[a] - node[b] || sums.size[a] - sums.size[b]));
      if (!this.sides[1]) sums.values.fill(new Float64Array(node.length), this.types.length); // nothing is compared
      this.parent = Int32Array.from(this.parent);
      this.key = Int32Array.from(this.key);
      this.self = new Array(this.columns).fill(null);
      this.total = this.self.slice();
      this.depth = new Int32Array(n);
      this.maxDepth = 0;
      for (let i = 1; i < n; i++) {
        this.depth[i] = this.depth[this.parent[i]] + 1;
        if (this.depth[i] > this.maxDepth) this.maxDepth = this.depth[i];
      }
      return this;
    }

    // The values of nodes in a column: of the stacks that end there, and of all through them. A column is added up when it is asked
    // for: there are eight, and a view needs one.
    selfOf(c) {
      if (this.self[c]) return this.self[c];
      const own = new Float64Array(this.size), { node, values } = this.sums, column = values[c];
      if (c < this.types.length || this.sides[1]) for (let k = 0; k < node.length; k++) own[node[k]] += column[k];
      return this.self[c] = own;
    }

    totalOf(c) {
      if (this.total[c]) return this.total[c];
      const { parent } = this, own = this.selfOf(c);
      if (c >= this.types.length && !this.sides[1]) return this.total[c] = own; // nothing is compared: zeros
      const all = Float64Array.from(own);
      for (let i = this.size - 1; i > 0; i--) all[parent[i]] += all[i];
      return this.total[c] = all;
    }

    value(i, t) { return this.totalOf(t)[i] - this.totalOf(t + this.types.length)[i]; }
    selfValue(i, t) { return this.selfOf(t)[i] - this.selfOf(t + this.types.length)[i]; }
    before(i, t) { return this.totalOf(t + this.types.length)[i]; }
    now(i, t) { return this.totalOf(t)[i]; }

    // Why a sample type has no intervals; "" when it has.
    why(t) {
      for (const d of this.sides) {
        const k = d ? HT.typeOf(this.types[t], d) : -1;
        if (k >= 0 && d.no_intervals[k]) return d.no_intervals[k];
      }
      return '';
    }

    // The evidence for the stacks that end at a node; null when none does. In a comparison it covers
    // both sides, and `believed` is the part of the change that is more than chance.
    own(i, t) {
      const { first } = this.sums;
      if (first[i] === first[i + 1]) return null;
      return this.compared ? this.verdicts(t).own.get(i) : HT.sideOf(HT.partsOf(this, t, i, false));
    }

    // The same for all stacks through a node.
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

    // In a comparison: the tests of its stacks, and for each node the change that is more than chance.
    verdicts(t) {
      if (!this.judged.has(t)) this.judged.set(t, HT.judgeTree(this, t));
      return this.judged.get(t);
    }

    // The interval of a node's value or change; null when there is none.
    interval(i, t, self) {
      return this.why(t) ? null : HT.intervalOf(this, t, self ? this.own(i, t) : this.whole(i, t));
    }

    // Whether the change below a node may be chance.
    faint(i, t) {
      return this.compared && !this.why(t) && !this.verdicts(t).believed[i];
    }

    // The children of all nodes: those of node i are kids[first[i]] to kids[first[i + 1] - 1].
    children() {
      if (this.kept) return this.kept;
      const n = this.size, { parent } = this, first = new Int32Array(n + 1), kids = new Int32Array(n);
      for (let i = 1; i < n; i++) first[parent[i] + 1]++;
      for (let i = 0; i < n; i++) first[i + 1] += first[i];
      const at = first.slice();
      for (let i = 1; i < n; i++) kids[at[parent[i]]++] = i;
      return this.kept = { first, kids };
    }

    // The layout for one sample type: the width of each node, and its children, widest first. A node that shrank is as wide as one
    // that grew by as much. The last one is kept.
    layout(t) {
      if (this.laid && this.laid.t === t) return this.laid;
      const n = this.size, { first } = this.children(), kids = this.kept.kids.slice(), w = new Float64Array(n), { parent } = this;
      const now = this.selfOf(t), before = this.selfOf(t + this.types.length);
      for (let i = 0; i < n; i++) w[i] = Math.abs(now[i] - before[i]);
      for (let i = n - 1; i > 0; i--) w[parent[i]] += w[i];
      for (let i = 0; i < n; i++) {
        const a = first[i], b = first[i + 1];
        if (b - a < 2) continue;
        if (b - a > 16) kids.subarray(a, b).sort((x, y) => w[y] - w[x] || x - y);
        else { // few are sorted here: a call for each node takes longer
          for (let k = a + 1; k < b; k++) {
            const c = kids[k];
            let j = k;
            for (; j > a && w[kids[j - 1]] < w[c]; j--) kids[j] = kids[j - 1];
            kids[j] = c;
          }
        }
      }
      return this.laid = { t, width: w, first, kids };
    }
  }
  HT.Tree = Tree;

  // The nodes of a tree that an expression matches, by function, file or library: hits by node, the outermost ones in
  // `first`, and the width of these together.
  HT.findIn = function (tree, width, re) {
    const hit = tree.names.map((s, k) => k > 0 && (re.test(s) || !!(tree.info[k] && (re.test(tree.info[k].file) || re.test(tree.info[k].mod)))));
    const hits = new Uint8Array(tree.size), under = new Uint8Array(tree.size), found = { hits, nodes: 0, width: 0, first: [] };
    for (let i = 1; i < tree.size; i++) {
      under[i] = under[tree.parent[i]];
      if (!hit[tree.key[i]] || !width[i]) continue;
      hits[i] = 1;
      found.nodes++;
      if (!under[i]) {
        found.width += width[i];
        found.first.push(i);
      }
      under[i] = 1;
    }
    return found;
  };

  // Builds the tree to draw.
  //   data: a profile as the server writes it; before: one to compare with, or null
  //   opt: { granularity, focus, ignore, hide, show, from, collapse, label, tag, inverted, root, side, owners }; owners: from each stack's owner
  //   outwards, without allocation wrappers
  HT.buildTree = function (data, before, opt) {
    opt = opt || {};
    const tree = new Tree(data.types);
    tree.sides = [data, before || null];
    addProfile(tree, data, 0, opt);
    if (before) addProfile(tree, before, data.types.length, opt);
    tree.compared = !!before;
    tree.inverted = !!opt.inverted || !!opt.owners || opt.side === 'callers';
    return tree.finish();
  };

  // The column of a profile with that sample type, or -1.
  HT.typeOf = (t, d) => d.types.findIndex(u => u.type === t.type && u.unit === t.unit);

  // The numbers of a profile's sums that are shown by `label`, in groups by the value of the label `tag`; one group without a
  // name where there is no such label.
  function groupsOf(d, sums, opt) {
    const re = HT.regex(opt.label), { labels } = sums, known = new Map(), groups = new Map();
    if (!re && !opt.tag) return new Map([['', [...sums.node.keys()]]]);
    // The group for a text of labels; null: not shown.
    const groupOf = number => {
      const pairs = number >= 0 ? d.strings[number].split('\n') : [];
      if (re && !pairs.some(p => re.test(p))) return null;
      const value = opt.tag && pairs.find(p => p.startsWith(opt.tag + '='));
      return !opt.tag ? '' : value ? value : opt.tag + ' not set';
    };
    if (!labels) return new Map(re ? [] : [['', [...sums.node.keys()]]]);
    for (let k = 0; k < sums.node.length; k++) {
      const number = labels ? labels[k] : -1;
      if (!known.has(number)) known.set(number, groupOf(number));
      const g = known.get(number);
      if (g === null) continue;
      if (!groups.has(g)) groups.set(g, []);
      groups.get(g).push(k);
    }
    return groups;
  }

  // The parents of a profile's nodes, which it has as distances.
  function parentsOf(nodes) {
    if (!nodes.parent) {
      nodes.parent = new Int32Array(nodes.up.length);
      for (let i = 0; i < nodes.up.length; i++) nodes.parent[i] = i - nodes.up[i];
    }
    return nodes.parent;
  }

  function addProfile(tree, d, column, opt) {
    // A folded profile contains its own tree for "leaf first".
    const ready = opt.inverted && d.inverted;
    const nodes = ready ? d.inverted : d.nodes, { frame } = nodes, parent = parentsOf(nodes), n = parent.length;
    const focus = HT.matchFrames(d, HT.regex(opt.focus)), ignore = HT.matchFrames(d, HT.regex(opt.ignore));
    const { skip, outer, lib, drop } = HT.cut(d, parent, frame, opt);
    const keys = new Int32Array(d.frames.fn.length).fill(-1), none = { fn: '', file: '', line: 0, start: 0, mod: '', addr: '0' };
    const focused = new Uint8Array(n), ignored = new Uint8Array(n), keep = new Uint8Array(n);
    const keyAt = f => {
      if (keys[f] < 0) {
        const s = d.strings, fr = d.frames;
        keys[f] = lib && lib[f] ? tree.keyOf('[' + HT.base(lib[f]) + ']', { ...none, mod: lib[f] })
          : tree.keyOf(HT.frameName(d, f, opt.granularity || 'functions'), {
            fn: s[fr.fn[f]], file: s[fr.file[f]], line: fr.line[f], start: fr.start[f],
            mod: s[fr.mod[f]], addr: fr.addr[f],
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
    const sums = ready ? d.inverted_sums : d.sums, { node, values, owner } = sums;
    const columns = tree.types.map(t => values[HT.typeOf(t, d)] || null);
    const leafFirst = opt.side === 'callers' || opt.owners || (opt.inverted && !ready);
    for (const [group, all] of groupsOf(d, sums, opt)) {
      const shown = all.filter(k => keep[node[k]] && values.some(v => v[k])), has = new Uint8Array(n);
      for (const k of shown) has[node[k]] = 1;
      // The frame of the group is the outermost one.
      const outermost = group ? tree.keyOf(group, none) : -1;
      const to = leafFirst ? leavesFirst(tree, d, { parent, frame, n, skip, outer, has, keyAt, outermost, opt, shown })
        : rootFirst(tree, { parent, frame, n, skip, outer, has, keyAt, outermost, opt });
      tree.addSums(shown, k => to[opt.owners ? owner[k] : node[k]], sums, column, columns);
    }
  }

  // Adds the stacks that end at nodes of `has`, from their leaves outwards; by node, where each ends in the tree.
  function leavesFirst(tree, d, { parent, frame, n, skip, outer, has, keyAt, outermost, opt, shown }) {
    const to = new Int32Array(n), callers = opt.side === 'callers', kind = d.frames.kind;
    const end = at => (outermost >= 0 ? tree.child(at, outermost) : at);
    if (opt.owners) {
      for (const k of shown) {
        const own = d.sums.owner[k];
        if (to[own]) continue;
        let at = 0, last = -1;
        for (let j = own; j > 0; j = parent[j]) {
          const key = keyAt(frame[j]);
          if (skip[j] || key === last || (j !== own && kind[frame[j]])) continue;
          at = tree.child(at, last = key);
        }
        to[own] = end(at);
      }
      return to;
    }
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
      to[i] = end(at);
      if (callers) to[outer[i]] = to[i];
    }
    return to;
  }

  // The same from the roots inwards.
  function rootFirst(tree, { parent, frame, n, skip, outer, has, keyAt, outermost, opt }) {
    const to = new Int32Array(n), wanted = new Uint8Array(n);
    for (let i = n - 1; i > 0; i--) {
      if (has[i]) wanted[i] = 1;
      if (wanted[i]) wanted[parent[i]] = 1;
    }
    if (outermost >= 0) to[0] = tree.child(0, outermost);
    for (let i = 1; i < n; i++) {
      if (!wanted[i]) continue;
      const p = to[parent[i]];
      to[i] = skip[i] || (opt.root && !outer[i]) ? p : tree.child(p, keyAt(frame[i]));
    }
    return to;
  }
})(typeof window !== 'undefined' ? window : globalThis);
