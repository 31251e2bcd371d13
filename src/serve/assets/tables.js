// SPDX-License-Identifier: MIT
// Tables computed from a tree: flat and cumulative values, the call graph, whole stacks.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};

  // Walks a tree that is not inverted, and tells a callback of each node whether its key is new on its path.
  function walk(tree, visit) {
    const { first, kids } = tree.children(), on = new Int32Array(tree.names.length), at = first.slice();
    for (let i = 0; ;) {
      if (at[i] < first[i + 1]) {
        const c = kids[at[i]++];
        visit(c, on[tree.key[c]] === 0);
        on[tree.key[c]]++;
        i = c;
      } else {
        if (!i) return;
        on[tree.key[i]]--;
        i = tree.parent[i];
      }
    }
  }

  // The evidence for flat and cumulative values, by key: { flat, cum }, each a sparse list. Null
  // when there are no intervals.
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
    const back = t + tree.types.length, self = tree.selfOf(t), selfBefore = tree.selfOf(back), total = tree.totalOf(t), totalBefore = tree.totalOf(back);
    walk(tree, (i, outermost) => {
      const k = tree.key[i];
      flat[k] += self[i];
      flatBefore[k] += selfBefore[i];
      if (outermost) {
        cum[k] += total[i];
        cumBefore[k] += totalBefore[i];
      }
    });
    const rows = [];
    for (let k = 1; k < n; k++) {
      rows.push({ key: k, name: tree.names[k], info: tree.info[k], flat: flat[k] - flatBefore[k],
        cum: cum[k] - cumBefore[k], now: cum[k], before: cumBefore[k] });
    }
    return rows.filter(r => r.flat || r.cum || r.now || r.before);
  };

  // Edges between the keys that are kept. One begins at the nearest caller that is kept (pprof's dashed edges).
  function edgesOf(tree, t, kept) {
    const edges = new Map(), near = new Int32Array(tree.size), { key, parent } = tree, n = tree.names.length;
    walk(tree, (i, outermost) => {
      const p = parent[i], caller = near[p], to = key[i], from = key[caller];
      near[i] = kept[to] ? i : caller;
      if (!kept[to] || !caller) return;
      // A stack counts once for an edge, however often it uses it.
      for (let up = outermost ? 0 : caller; up > 0; up = near[parent[up]]) {
        if (key[up] === to && near[parent[up]] && key[near[parent[up]]] === from) return;
      }
      let e = edges.get(from * n + to);
      if (!e) edges.set(from * n + to, e = { from, to, value: 0, residual: false, faint: true });
      e.value += tree.value(i, t);
      if (e.faint && !tree.faint(i, t)) e.faint = false;
      if (p !== caller) e.residual = true;
    });
    return [...edges.values()];
  }

  // The entropy of a node's edges on one side, and of what it holds itself: how much one learns from the node.
  function entropy(values, self) {
    const total = values.reduce((a, v) => a + Math.max(0, v), self), of = v => (v && total ? -v / total * Math.log2(v / total) : 0);
    return values.reduce((a, v) => a + of(Math.abs(v)), self > 0 ? of(self) : 0);
  }

  // How much a node says in a graph, as pprof has it: one through which all merely passes says little.
  function scores(rows, edges) {
    const callers = new Map(rows.map(r => [r.key, []])), callees = new Map(rows.map(r => [r.key, []]));
    for (const e of edges) {
      if (e.from === e.to) continue;
      callers.get(e.to).push(e.value);
      callees.get(e.from).push(e.value);
    }
    const side = (values, self) => (values.length ? entropy(values, self) : 1);
    return new Map(rows.map(r => [r.key, Math.abs(Math.trunc((side(callers.get(r.key), 0) + side(callees.get(r.key), r.flat)) * r.cum) + r.flat)]));
  }

  // The call graph: nodes are keys, edges carry the value of the stacks that use them. Of the nodes of at least `least`, the `limit`
  // that say most.
  HT.graph = function (tree, t, limit, least) {
    const all = HT.top(tree, t), kept = new Uint8Array(tree.names.length);
    let rows = all.filter(r => Math.abs(r.cum) >= least), edges;
    const keep = () => {
      kept.fill(0);
      for (const r of rows) kept[r.key] = 1;
      edges = edgesOf(tree, t, kept);
    };
    keep();
    if (rows.length > limit) {
      const score = scores(rows, edges);
      rows.sort((a, b) => score.get(b.key) - score.get(a.key) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      rows = rows.slice(0, limit);
      keep();
    }
    rows.sort((a, b) => Math.abs(b.cum) - Math.abs(a.cum) || Math.abs(b.flat) - Math.abs(a.flat));
    const known = tree.compared && HT.topEvidence(tree, t);
    for (const n of rows) n.faint = !!known && !(known.cum[n.key] && known.cum[n.key].believed);
    return { nodes: rows, edges, left: all.length - rows.length };
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
