// SPDX-License-Identifier: MIT
// Chooses the nodes and edges of the call graph, and lays them out when there is no graphviz: callers above callees,
// heavy paths kept short and straight.
(function (root) {
  'use strict';

  const HT = root.HT;
  const GAP = 28, PAD = 16;
  // The rank of a node is the longest path from a root, without edges that close a cycle.
  function rank(nodes, out) {
    const state = new Map(), order = [];
    const visit = k => {
      const stack = [[k, 0]];
      state.set(k, 1);
      while (stack.length) {
        const top = stack[stack.length - 1], edges = out.get(top[0]) || [];
        if (top[1] < edges.length) {
          const e = edges[top[1]++];
          if (state.get(e.to) === 1) e.back = true;
          else if (!state.has(e.to)) { state.set(e.to, 1); stack.push([e.to, 0]); }
        } else {
          state.set(top[0], 2);
          order.push(top[0]);
          stack.pop();
        }
      }
    };
    const called = new Set();
    for (const es of out.values()) for (const e of es) called.add(e.to);
    for (const n of nodes) if (!called.has(n.key)) visit(n.key);
    for (const n of nodes) if (!state.has(n.key)) visit(n.key);
    const r = new Map(nodes.map(n => [n.key, 0]));
    for (const k of order.reverse()) {
      for (const e of out.get(k) || []) if (!e.back) r.set(e.to, Math.max(r.get(e.to), r.get(k) + 1));
    }
    return r;
  }

  function shorten(s, n) {
    if (s.length <= n) return s;
    const tail = s.replace(/^.*(?:::|\/)(?=[^:/]+$)/, '');
    return tail.length < s.length && tail.length < n ? '…' + tail : s.slice(0, n - 1) + '…';
  }

  // Whether one end of an edge reaches the other by other edges.
  function isRedundant(e, callers) {
    const seen = new Set([e.to]), queue = [e.to];
    for (const key of queue) {
      for (const other of callers.get(key) || []) {
        if (other === e || seen.has(other.from)) continue;
        if (other.from === e.from) return true;
        seen.add(other.from);
        queue.push(other.from);
      }
    }
    return false;
  }

  // The edges to show. As in pprof, those below a share of the whole (0.1 % at first) are left out, and dashed ones that another
  // path makes redundant; but each node keeps its heaviest caller, so that none is unconnected.
  HT.selectEdges = function (g, total, edgeShare) {
    const called = new Set(), callers = new Map();
    const edges = g.edges.filter(e => e.from !== e.to).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).filter(e => {
      const keep = Math.abs(e.value) >= total * edgeShare || !called.has(e.to);
      called.add(e.to);
      return keep;
    });
    for (const e of edges) {
      if (!callers.has(e.to)) callers.set(e.to, []);
      callers.get(e.to).push(e);
    }
    const gone = new Set();
    for (const n of g.nodes.slice().reverse()) {
      const into = callers.get(n.key) || [];
      // The lightest first; only edges that are lighter than all that are not dashed.
      while (into.length > 1 && into[into.length - 1].residual && isRedundant(into[into.length - 1], callers)) gone.add(into.pop());
    }
    return edges.filter(e => !gone.has(e));
  };

  // For each node the two heaviest sizes of the objects that it holds itself, as text; "" when sizes are not known.
  HT.nodeSizes = function (tree, t) {
    const { node, size, values } = tree.sums, n = tree.types.length, by = new Map();
    for (let k = 0; k < node.length; k++) {
      const v = Math.abs(values[t][k] - values[t + n][k]), key = tree.key[node[k]];
      if (size[k] < 0 || !v) continue;
      if (!by.has(key)) by.set(key, new Map());
      by.get(key).set(size[k], (by.get(key).get(size[k]) || 0) + v);
    }
    return key => {
      const all = [...(by.get(key) || [])].sort((a, b) => b[1] - a[1]);
      return all.length ? 'of ' + all.slice(0, 2).map(s => HT.format(s[0], 'bytes')).join(', ') + (all.length > 2 ? ` and ${all.length - 2} more` : '') : '';
    };
  };

  // Sets the node's texts, its font size (by its flat share), and its size.
  HT.measureNode = function (n, total, unit, sizes) {
    n.font = 11 + Math.round(9 * Math.sqrt(Math.abs(n.flat) / total));
    n.label = shorten(n.name, 38);
    n.amount = (n.flat && n.flat !== n.cum ? HT.format(n.flat, unit) + ' of ' : '') + HT.format(n.cum, unit) +
      ' (' + HT.percent(n.cum, total) + ')';
    n.sizes = n.flat ? sizes(n.key) : '';
    n.w = Math.max(n.label.length * n.font * 0.6, n.amount.length * 6.6, n.sizes.length * 6.2) + 22;
    n.h = n.font + 34 + (n.sizes ? 14 : 0);
  };

  function putFrom(x, nodes) {
    for (const n of nodes) { n.x = x; x += n.w + GAP; }
  }

  // Moves each node of a row towards the weighted mean of its neighbours. neighbours(n): [node, value]...
  function arrange(row, neighbours) {
    for (const n of row) {
      let sum = 0, weight = 0;
      for (const [o, value] of neighbours(n)) {
        const v = Math.abs(value) || 1;
        sum += (o.x + o.w / 2) * v;
        weight += v;
      }
      n.want = (weight ? sum / weight : n.x + n.w / 2) - n.w / 2;
    }
    row.sort((a, b) => a.want - b.want);
    // Nodes that touch form a block, which moves to the mean of its members' wanted places.
    const blocks = [];
    for (const n of row) {
      let b = { nodes: [n], x: n.want, w: n.w };
      while (blocks.length && blocks[blocks.length - 1].x + blocks[blocks.length - 1].w + GAP > b.x) {
        const a = blocks.pop();
        const x = (a.x * a.nodes.length + (b.x - a.w - GAP) * b.nodes.length) / (a.nodes.length + b.nodes.length);
        b = { nodes: a.nodes.concat(b.nodes), x, w: a.w + GAP + b.w };
      }
      blocks.push(b);
    }
    for (const b of blocks) putFrom(b.x, b.nodes);
  }

  // Gives each measured node its place. Returns the size of the drawing.
  HT.layOutGraph = function (nodes, edges) {
    const byKey = new Map(nodes.map(n => [n.key, n]));
    const none = () => new Map(nodes.map(n => [n.key, []]));
    const outgoing = new Map(), callers = none(), callees = none();
    for (const e of edges) {
      if (!outgoing.has(e.from)) outgoing.set(e.from, []);
      outgoing.get(e.from).push(e);
      callers.get(e.to).push([byKey.get(e.from), e.value]);
      callees.get(e.from).push([byKey.get(e.to), e.value]);
    }
    const ranks = rank(nodes, outgoing), rows = [];
    for (const n of nodes) {
      const r = ranks.get(n.key);
      (rows[r] = rows[r] || []).push(n);
    }
    for (const row of rows) putFrom(0, row);
    // Down the graph each node moves towards its callers, up towards its callees, so that few lines
    // cross and heavy paths are straight.
    for (let pass = 0; pass < 4; pass++) {
      for (const row of rows) arrange(row, n => callers.get(n.key));
      for (const row of rows.slice().reverse()) arrange(row, n => callees.get(n.key));
    }
    let minX = Infinity, maxX = 0, y = PAD;
    for (const row of rows) {
      const h = Math.max(...row.map(n => n.h));
      for (const n of row) {
        n.y = y + (h - n.h) / 2;
        minX = Math.min(minX, n.x);
        maxX = Math.max(maxX, n.x + n.w);
      }
      y += h + 46;
    }
    for (const n of nodes) n.x += PAD - minX;
    return { w: (rows.length ? maxX - minX : 0) + 2 * PAD, h: y };
  };
})(typeof window !== 'undefined' ? window : globalThis);
