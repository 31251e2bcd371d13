// SPDX-License-Identifier: MIT
// The call graph as SVG: laid out by the server's graphviz, else by graph.js. Only numbers go to the server
// and come back; names are put into text nodes here.
(function (root) {
  'use strict';

  const HT = root.HT, PAD = 16, INCH = 72, HEATS = 6;
  const SVG = 'http://www.w3.org/2000/svg';
  const known = new Map(); // places by what was asked; null where the server has none

  function el(name, attrs, text) {
    const e = document.createElementNS(SVG, name);
    for (const k in attrs) e.setAttribute(k, attrs[k]);
    if (text !== undefined) e.textContent = text;
    return e;
  }

  // Edges whose figures the layout keeps room for; of more that takes graphviz too long.
  const MOST_FIGURES = 300, LETTER = 6.2;
  // A letter of the layout is narrower than one of the page.
  const letters = (text, edges) => (edges > MOST_FIGURES ? 0 : Math.min(40, Math.ceil(text.length * LETTER / 5) + 1));

  // The request to the server: sizes and weights, by number.
  function question(nodes, edges, total, unit) {
    const number = new Map(nodes.map((n, i) => [n.key, i]));
    return `${nodes.length} ${edges.length}\n` + nodes.map(n => `${Math.ceil(n.w)} ${Math.ceil(n.h)}\n`).join('') +
      edges.map(e => `${number.get(e.from)} ${number.get(e.to)} ${Math.min(100, 1 + Math.round(99 * Math.abs(e.value) / total))} ${letters(HT.format(e.value, unit), edges.length)}\n`).join('');
  }

  // Reads dot's plain output (inches from the lower left): the places of nodes, and the curve of each edge.
  HT.parsePlain = function (text) {
    const places = { w: 0, h: 0, nodes: [], edges: [] };
    for (const line of text.split('\n')) {
      const [word, ...f] = line.split(' '), x = v => Number(v) * INCH + PAD, y = v => places.h - PAD - Number(v) * INCH;
      if (word === 'graph') [places.w, places.h] = [Number(f[1]) * INCH + 2 * PAD, Number(f[2]) * INCH + 2 * PAD];
      else if (word === 'node') places.nodes[Number(f[0])] = [x(f[1]), y(f[2])];
      else if (word === 'edge') {
        const points = [];
        for (let i = 0; i < Number(f[2]); i++) points.push([x(f[3 + 2 * i]), y(f[4 + 2 * i])]);
        const rest = f.slice(3 + 2 * points.length); // figure, its place, style, colour; or the last two alone
        places.edges.push({ from: Number(f[0]), to: Number(f[1]), points, figure: rest.length > 4 ? [x(rest[1]), y(rest[2])] : null });
      }
    }
    return places;
  };

  function curve(points) {
    const at = p => p[0].toFixed(1) + ' ' + p[1].toFixed(1);
    return 'M' + at(points[0]) + 'C' + points.slice(1).map(at).join(' ');
  }

  // Puts the server's places into nodes and edges.
  function take(places, nodes, edges, unit) {
    const curves = new Map(places.edges.map(e => [e.from + '>' + e.to, e])), number = new Map(nodes.map((n, i) => [n.key, i]));
    nodes.forEach((n, i) => { [n.x, n.y] = [places.nodes[i][0] - n.w / 2, places.nodes[i][1] - n.h / 2]; });
    for (const e of edges) {
      const { points, figure } = curves.get(number.get(e.from) + '>' + number.get(e.to)), middle = points[points.length >> 1];
      e.path = curve(points);
      e.text = figure ? [figure[0] - HT.format(e.value, unit).length * LETTER / 2, figure[1] + 4] : [middle[0] + 6, middle[1] + 4];
    }
    return places;
  }

  function own(nodes, edges) {
    const size = HT.layOutGraph(nodes, edges), byKey = new Map(nodes.map(n => [n.key, n]));
    for (const e of edges) {
      const a = byKey.get(e.from), b = byKey.get(e.to), x1 = a.x + a.w / 2, y1 = a.y + a.h, x2 = b.x + b.w / 2, y2 = b.y;
      const bend = Math.max(30, Math.abs(y2 - y1) / 2);
      e.path = curve([[x1, y1], [x1, y1 + bend], [x2, y2 - bend], [x2, y2]]);
      e.text = [(x1 + x2) / 2 + 8, (y1 + y2) / 2 + 4];
    }
    return size;
  }

  const heat = (v, total) => Math.min(HEATS, Math.ceil(HEATS * Math.sqrt(Math.abs(v) / total)));

  function drawEdge(svg, e, names, tree, total, unit) {
    const path = el('path', {
      class: `edge heat-${heat(e.value, total)}` + (e.residual ? ' residual' : '') + (!tree.compared ? '' : e.faint ? ' faint' : e.value > 0 ? ' grew' : ' shrank'),
      d: e.path, 'stroke-width': (1 + 5 * Math.abs(e.value) / total).toFixed(1), 'marker-end': 'url(#tip-of-edge)',
    });
    path.append(el('title', {}, names.get(e.from) + ' → ' + names.get(e.to) + ': ' + HT.format(e.value, unit)));
    svg.append(path, el('text', { class: 'edge-text', x: e.text[0], y: e.text[1], 'font-size': 11 }, HT.format(e.value, unit)));
  }

  function drawNode(svg, n, tree, total, unit, pick) {
    const node = el('g', { class: `node heat-${heat(n.cum, total)}` + (n.faint ? ' faint' : '') + (!tree.compared ? '' : n.cum > 0 ? ' grew' : ' shrank'),
      tabindex: 0, role: 'button', 'data-fn': n.name,
      'aria-label': `${n.name}, flat ${HT.format(n.flat, unit)}, cumulative ${HT.format(n.cum, unit)}` });
    node.append(el('title', {}, n.name), el('rect', { x: n.x, y: n.y, width: n.w, height: n.h, 'stroke-width': (1 + 2 * Math.abs(n.cum) / total).toFixed(1) }));
    node.append(el('text', { x: n.x + n.w / 2, y: n.y + n.font + 6, 'text-anchor': 'middle', 'font-size': n.font }, n.label));
    node.append(el('text', { class: 'small', x: n.x + n.w / 2, y: n.y + n.h - (n.sizes ? 22 : 8), 'text-anchor': 'middle', 'font-size': 11 }, n.amount));
    if (n.sizes) node.append(el('text', { class: 'small sizes', x: n.x + n.w / 2, y: n.y + n.h - 8, 'text-anchor': 'middle', 'font-size': 10 }, n.sizes));
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

  // Zooming changes the size of the drawing, panning scrolls its box: by wheel with Ctrl, by dragging,
  // by the keys + - 0 and the buttons.
  HT.Zoom = class {
    constructor(box) {
      this.box = box;
      this.scale = 1;
      let held = null;
      box.addEventListener('wheel', e => {
        if (!e.ctrlKey) return;
        e.preventDefault();
        const r = box.getBoundingClientRect();
        this.by(e.deltaY < 0 ? 1.15 : 1 / 1.15, e.clientX - r.left, e.clientY - r.top);
      }, { passive: false });
      box.addEventListener('pointerdown', e => { if (e.button === 0 && !e.target.closest('.node')) held = [e.clientX, e.clientY, box.scrollLeft, box.scrollTop]; });
      box.addEventListener('pointermove', e => { if (held) [box.scrollLeft, box.scrollTop] = [held[2] + held[0] - e.clientX, held[3] + held[1] - e.clientY]; });
      for (const end of ['pointerup', 'pointerleave']) box.addEventListener(end, () => { held = null; });
    }

    apply() {
      const svg = this.box.firstElementChild;
      if (!svg || !this.size) return;
      svg.setAttribute('width', Math.ceil(this.size.w * this.scale));
      svg.setAttribute('height', Math.ceil(this.size.h * this.scale));
    }

    // Zooms around a point of the box; by default around its middle.
    by(factor, x = this.box.clientWidth / 2, y = this.box.clientHeight / 2) {
      const was = this.scale, now = this.scale = Math.max(0.05, Math.min(8, was * factor));
      const to = [(this.box.scrollLeft + x) * now / was - x, (this.box.scrollTop + y) * now / was - y];
      this.apply();
      [this.box.scrollLeft, this.box.scrollTop] = to;
    }

    fit() {
      this.scale = Math.max(0.05, Math.min(1, this.box.clientWidth / this.size.w, (this.box.clientHeight - 4) / this.size.h));
      this.apply();
    }
  };

  function put(box, zoom, g, edges, size, tree, total, unit, pick) {
    size = { ...size, w: Math.max(size.w, ...edges.map(e => e.text[0] + 7 * HT.format(e.value, unit).length)) }; // an edge's text may be the rightmost
    const svg = el('svg', { viewBox: `0 0 ${Math.ceil(size.w)} ${Math.ceil(size.h)}`, role: 'group', 'aria-label': 'Call graph' });
    const names = new Map(g.nodes.map(n => [n.key, n.name]));
    svg.append(arrowhead());
    for (const e of edges) drawEdge(svg, e, names, tree, total, unit);
    for (const n of g.nodes) drawNode(svg, n, tree, total, unit, pick);
    box.replaceChildren(svg);
    zoom.size = size;
    zoom.apply();
    const heavy = g.nodes[0];
    if (heavy && size.w * zoom.scale > box.clientWidth) box.scrollLeft = (heavy.x + heavy.w / 2) * zoom.scale - box.clientWidth / 2;
  }

  // Draws into box: opt { limit, nodeShare, edgeShare, zoom }. ask(text) gives the server's places as text.
  // pick(key) is called when a node is chosen. Returns what is drawn.
  HT.drawGraph = function (box, tree, t, opt, ask, pick) {
    const unit = tree.types[t].unit, total = tree.layout(t).width[0] || 1;
    const g = HT.graph(tree, t, opt.limit, total * opt.nodeShare), edges = HT.selectEdges(g, total, opt.edgeShare);
    if (!g.nodes.length) return g;
    const sizes = HT.nodeSizes(tree, t);
    for (const n of g.nodes) HT.measureNode(n, total, unit, sizes);
    const text = question(g.nodes, edges, total, unit);
    const draw = places => put(box, opt.zoom, g, edges, places ? take(places, g.nodes, edges, unit) : own(g.nodes, edges), tree, total, unit, pick);
    if (known.has(text)) draw(known.get(text));
    else {
      const drawn = {}; // what is asked for now; another drawing of this box takes its place
      box.drawing = drawn;
      ask(text).then(HT.parsePlain, () => null).then(places => {
        const good = places && places.nodes.length === g.nodes.length && places.edges.length === edges.length ? places : null;
        if (known.size > 50) known.clear();
        known.set(text, good);
        if (box.drawing === drawn) draw(good);
      });
    }
    return g;
  };
})(typeof window !== 'undefined' ? window : globalThis);
