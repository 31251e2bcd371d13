// SPDX-License-Identifier: MIT
// Tables computed from a tree: flat and cumulative values, the call graph, whole stacks.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};

  // Walks a tree that is not inverted, and passes to a callback the keys that are new on the path of each node.
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
    // An edge begins at the nearest ancestor that is kept (pprof's dashed edges).
    for (let i = 1; i < tree.size; i++) {
      const p = tree.parent[i];
      near[i] = kept.has(tree.key[i]) ? i : near[p];
      if (near[i] !== i || !near[p]) continue;
      const from = tree.key[near[p]], to = tree.key[i], id = from + '>' + to;
      // A recursive path counts once for an edge, however often it uses it.
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
