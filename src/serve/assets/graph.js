// SPDX-License-Identifier: MIT
// The call graph as SVG: callers above what they call, heavy paths kept short and straight.
(function (root) {
  'use strict';

  const HT = root.HT;
  const GAP = 28, PAD = 16;
  const SVG = 'http://www.w3.org/2000/svg';

  function el(name, attrs, text) {
    const e = document.createElementNS(SVG, name);
    for (const k in attrs) e.setAttribute(k, attrs[k]);
    if (text !== undefined) e.textContent = text;
    return e;
  }

  // Rank: the longest way from a root, edges that close a cycle left out.
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

  // The edges that are shown; nodes that are not leave g.nodes. As pprof: nodes below 0.5 % and edges
  // below 0.1 % are left out, but each node keeps its heaviest caller, so that none is unconnected.
  function select(g, total) {
    const nodes = g.nodes.filter((n, i) => i === 0 || Math.abs(n.cum) >= total / 200);
    const shown = new Set(nodes.map(n => n.key)), called = new Set();
    g.left += g.nodes.length - nodes.length;
    g.nodes = nodes;
    return g.edges.filter(e => e.from !== e.to && shown.has(e.from) && shown.has(e.to))
      .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
      .filter(e => {
        const keep = Math.abs(e.value) >= total / 1000 || !called.has(e.to);
        called.add(e.to);
        return keep;
      });
  }

  // The node's texts, its font by its flat share, and its size.
  function measure(n, total, unit) {
    n.font = 11 + Math.round(9 * Math.sqrt(Math.abs(n.flat) / total));
    n.label = shorten(n.name, 38);
    n.amount = (n.flat && n.flat !== n.cum ? HT.format(n.flat, unit) + ' of ' : '') + HT.format(n.cum, unit) +
      ' (' + HT.percent(n.cum, total) + ')';
    n.w = Math.max(n.label.length * n.font * 0.6, n.amount.length * 6.6) + 22;
    n.h = n.font + 34;
  }

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
    // Nodes that touch form a block, which moves to the mean of what its members want.
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
  function layOut(nodes, edges) {
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
  }

  function drawEdge(svg, e, a, b, tree, total, unit) {
    const x1 = a.x + a.w / 2, y1 = a.y + a.h, x2 = b.x + b.w / 2, y2 = b.y;
    const bend = Math.max(30, Math.abs(y2 - y1) / 2);
    const path = el('path', {
      class: 'edge' + (e.residual ? ' residual' : '') + (!tree.compared ? '' : e.faint ? ' faint' : e.value > 0 ? ' grew' : ' shrank'),
      d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`,
      'stroke-width': (1 + 5 * Math.abs(e.value) / total).toFixed(1), 'marker-end': 'url(#tip-of-edge)',
    });
    path.append(el('title', {}, a.name + ' → ' + b.name + ': ' + HT.format(e.value, unit)));
    svg.append(path);
    svg.append(el('text', { class: 'edge-text', x: (x1 + x2) / 2 + 8, y: (y1 + y2) / 2 + 4, 'font-size': 11 },
      HT.format(e.value, unit)));
  }

  function drawNode(svg, n, total, unit, pick) {
    const node = el('g', { class: n.faint ? 'node faint' : 'node', tabindex: 0, role: 'button', 'data-fn': n.name,
      'aria-label': `${n.name}, flat ${HT.format(n.flat, unit)}, cumulative ${HT.format(n.cum, unit)}` });
    node.append(el('title', {}, n.name), el('rect', { x: n.x, y: n.y, width: n.w, height: n.h }));
    node.lastChild.setAttribute('stroke-width', (1 + 2 * Math.abs(n.cum) / total).toFixed(1));
    node.append(el('text', { x: n.x + n.w / 2, y: n.y + n.font + 6, 'text-anchor': 'middle', 'font-size': n.font }, n.label));
    node.append(el('text', { class: 'small', x: n.x + n.w / 2, y: n.y + n.h - 8, 'text-anchor': 'middle', 'font-size': 11 },
      n.amount));
    node.addEventListener('click', () => pick(n.key));
    node.addEventListener('keydown', ev => { if (ev.key === 'Enter') pick(n.key); });
    svg.append(node);
  }

  function arrowhead() {
    const defs = el('defs', {}), marker = el('marker', { id: 'tip-of-edge', viewBox: '0 0 8 8', refX: 7, refY: 4,
      markerWidth: 7, markerHeight: 7, orient: 'auto-start-reverse', markerUnits: 'userSpaceOnUse' });
    marker.append(el('path', { d: 'M0 0L8 4L0 8z' }));
    defs.append(marker);
    return defs;
  }

  // Draws into box. pick(key) is called when a node is chosen.
  HT.drawGraph = function (box, tree, t, limit, pick) {
    const g = HT.graph(tree, t, limit), unit = tree.types[t].unit;
    const total = tree.layout(t).width[0] || 1, edges = select(g, total);
    for (const n of g.nodes) measure(n, total, unit);
    const size = layOut(g.nodes, edges), byKey = new Map(g.nodes.map(n => [n.key, n]));
    const svg = el('svg', { width: Math.ceil(size.w), height: Math.ceil(size.h), role: 'group', 'aria-label': 'Call graph' });
    svg.append(arrowhead());
    for (const e of edges) drawEdge(svg, e, byKey.get(e.from), byKey.get(e.to), tree, total, unit);
    for (const n of g.nodes) drawNode(svg, n, total, unit, pick);
    box.replaceChildren(svg);
    const heavy = g.nodes[0];
    if (heavy && size.w > box.clientWidth) box.scrollLeft = heavy.x + heavy.w / 2 - box.clientWidth / 2;
    return g;
  };
})(typeof window !== 'undefined' ? window : globalThis);
