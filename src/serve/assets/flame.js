// SPDX-License-Identifier: MIT
// The flame graph: a canvas that draws only the visible boxes, so that a profile of a hundred
// thousand stacks scrolls and zooms like one of ten.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};
  const ROW = 20;
  const MIN_TEXT = 28;
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

  // Twelve hues that are easy to distinguish, and differ from the red and blue of comparisons.
  const HUES = [30, 205, 145, 280, 55, 175, 325, 95, 240, 10, 190, 300];

  function hash(s) {
    let h = 2166136261;
    for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619);
    return h >>> 0;
  }

  HT.hueOf = (hues, module) => (hues.has(module) ? hues.get(module) : HUES[hash(module) % HUES.length]);

  HT.moduleHues = function (data) {
    const hues = new Map();
    (data.modules || []).forEach((m, i) => { if (!hues.has(m)) hues.set(m, HUES[i % HUES.length]); });
    return hues;
  };

  class Flame {
    // box: an element to fill. on: { select(node), zoom(node), hover(node, x, y) }
    constructor(box, on) {
      this.box = box;
      this.on = on || {};
      this.canvas = document.createElement('canvas');
      this.canvas.tabIndex = 0;
      this.canvas.setAttribute('role', 'application');
      this.canvas.setAttribute('aria-roledescription', 'flame graph');
      this.canvas.setAttribute('aria-label',
        'Flame graph. Arrow keys move between frames, Enter zooms, Escape zooms out.');
      this.spacer = document.createElement('div');
      this.spacer.className = 'flame-spacer';
      this.live = document.createElement('div');
      this.live.className = 'sr-only';
      this.live.setAttribute('aria-live', 'polite');
      this.spacer.append(this.canvas);
      this.box.append(this.spacer, this.live);
      this.boxes = [];
      this.colour = 'module';
      this.hues = new Map();
      this.zoomed = 0;
      this.selected = -1;
      this.hovered = -1;
      this.search = null;
      this.listen();
    }

    listen() {
      const c = this.canvas;
      c.addEventListener('mousemove', e => this.hover(this.at(e), e));
      c.addEventListener('mouseleave', () => this.hover(-1));
      c.addEventListener('click', e => {
        const i = this.at(e);
        if (i < 0) return;
        this.select(i, true);
        if (this.on.pick && this.on.pick(i)) return;
        this.zoom(i === this.zoomed && i > 0 ? this.tree.parent[i] : i);
      });
      c.addEventListener('contextmenu', e => { if (this.on.menu) this.on.menu(e); });
      c.addEventListener('keydown', e => this.key(e));
      c.addEventListener('focus', () => this.draw());
      c.addEventListener('blur', () => this.draw());
      this.box.addEventListener('scroll', () => this.draw());
      if (root.ResizeObserver) new ResizeObserver(() => this.draw()).observe(this.box);
      root.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    }

    // Shows a tree. A zoom or selection on the same path is kept.
    // zoom: a value of zoomText, or undefined to keep the zoom.
    show(tree, type, hues, zoom_) {
      const zoom = this.pathOf(this.zoomed), sel = this.pathOf(this.selected);
      this.tree = tree;
      this.type = type;
      this.hues = hues || this.hues;
      this.lay = tree.layout(type);
      this.zoomed = zoom_ === undefined ? Math.max(0, this.find(zoom)) : this.findText(zoom_);
      if (!this.lay.width[this.zoomed]) this.zoomed = 0;
      this.selected = this.find(sel);
      if (this.on.select) this.on.select(this.selected);
      this.hovered = -1;
      this.matchNames();
      this.draw();
    }

    pathOf(i) {
      if (!this.tree || i < 0) return null;
      const names = [];
      for (; i > 0; i = this.tree.parent[i]) names.push(this.tree.names[this.tree.key[i]]);
      return names.reverse();
    }

    // The zoomed path, for the page's address: a hash for each name.
    zoomText() { return this.zoomed > 0 ? this.pathOf(this.zoomed).map(n => hash(n).toString(36)).join('.') : ''; }

    findText(text) {
      return text ? Math.max(0, this.find(text.split('.'), n => hash(n).toString(36))) : 0;
    }

    find(path, form) {
      if (!path) return -1;
      let at = 0;
      for (const name of path) {
        const next = this.children(at).find(c => (form ? form(this.name(c)) : this.name(c)) === name);
        if (next === undefined) return -1;
        at = next;
      }
      return at;
    }

    children(i) {
      return Array.from(this.lay.kids.subarray(this.lay.first[i], this.lay.first[i + 1]));
    }

    name(i) { return this.tree.names[this.tree.key[i]]; }

    matchNames() {
      this.found = this.search && this.tree ? HT.findIn(this.tree, this.lay.width, this.search) : null;
      this.hits = this.found && this.found.hits;
    }

    searchFor(text) {
      this.search = HT.regex(text, 'i');
      this.matchNames();
      this.draw();
      return { nodes: this.found ? this.found.nodes : 0, share: this.found && this.lay.width[0] ? this.found.width / this.lay.width[0] : 0 };
    }

    // Marks all frames with a name until the next search.
    highlight(name) {
      this.search = { test: s => s === name };
      this.matchNames();
      this.draw();
    }

    zoom(i) {
      this.zoomed = i;
      this.draw();
      if (this.on.zoom) this.on.zoom(i);
    }

    select(i, quiet) {
      this.selected = i;
      if (i >= 0 && !quiet) this.reveal(i);
      this.live.textContent = i >= 0 ? this.describe(i) : '';
      this.draw();
      if (this.on.select) this.on.select(i);
    }

    describe(i) {
      const t = this.tree, ty = t.types[this.type];
      return this.name(i) + ', ' + HT.format(t.value(i, this.type), ty.unit) + ', ' +
        (t.faint(i, this.type) ? 'may be chance, ' : '') +
        HT.percent(this.lay.width[i], this.lay.width[0]) + ', depth ' + t.depth[i] + ', ' +
        (this.lay.first[i + 1] - this.lay.first[i]) + ' children';
    }

    reveal(i) {
      const y = this.top(i), h = this.box.clientHeight;
      if (y < this.box.scrollTop) this.box.scrollTop = y;
      if (y + ROW > this.box.scrollTop + h) this.box.scrollTop = y + ROW - h;
    }

    hover(i, e) {
      if (i !== this.hovered) {
        this.hovered = i;
        this.draw();
      }
      if (this.on.hover) this.on.hover(i, e ? e.clientX : 0, e ? e.clientY : 0);
    }

    at(e) {
      const r = this.canvas.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
      for (const b of this.boxes) {
        if (y >= b.y && y < b.y + ROW && x >= b.x && x < b.x + b.w) return b.node;
      }
      return -1;
    }

    key(e) {
      if (!this.tree || e.ctrlKey || e.metaKey || e.altKey) return;
      const t = this.tree, lay = this.lay;
      let i = this.selected < 0 ? this.zoomed : this.selected, to = -1;
      const sibling = step => {
        const all = i > 0 ? this.children(t.parent[i]).filter(c => lay.width[c] > 0) : [0];
        const k = all.indexOf(i) + step;
        return k >= 0 && k < all.length ? all[k] : i;
      };
      switch (this.flip ? { ArrowDown: 'ArrowUp', ArrowUp: 'ArrowDown' }[e.key] || e.key : e.key) {
      case 'ArrowDown': to = lay.first[i] < lay.first[i + 1] ? lay.kids[lay.first[i]] : i; break;
      case 'ArrowUp': to = i > 0 ? t.parent[i] : 0; break;
      case 'ArrowLeft': to = sibling(-1); break;
      case 'ArrowRight': to = sibling(1); break;
      case 'Home': to = 0; break;
      case 'Enter': case ' ':
        if (!this.on.pick || !this.on.pick(i)) this.zoom(i);
        e.preventDefault();
        return;
      case 'o':
        if (this.on.menu) { this.on.menu(null); e.preventDefault(); e.stopPropagation(); }
        return;
      case 'Escape':
        if (this.zoomed) { this.zoom(0); e.preventDefault(); e.stopPropagation(); }
        return;
      default: return;
      }
      e.preventDefault();
      if (to >= 0 && lay.width[to] > 0) {
        // A frame outside the zoomed part is not visible: zooms out until it is.
        let z = this.zoomed;
        while (z > 0 && !this.within(to, z) && !this.within(z, to)) z = t.parent[z];
        if (z !== this.zoomed) this.zoom(z);
        this.select(to);
      }
    }

    within(i, top) {
      while (i > top) i = this.tree.parent[i];
      return i === top;
    }

    fill(i, dark) {
      const t = this.tree, info = t.info[t.key[i]];
      if (i === 0) return dark ? '#3a3f47' : '#d4d8de';
      if (this.colour === 'change' && t.compared) {
        const v = t.value(i, this.type), part = Math.min(1, Math.abs(v) / (this.lay.width[i] || 1));
        if (t.faint(i, this.type)) return dark ? '#2c3138' : '#e9ecf0';
        const s = Math.round(15 + 70 * part);
        return v >= 0 ? `hsl(8 ${s}% ${dark ? 38 : 74}%)` : `hsl(212 ${s}% ${dark ? 38 : 74}%)`;
      }
      const name = this.name(i);
      const by = this.colour === 'function' ? name : this.colour === 'file' ? (info && info.file) || name
        : (info && info.mod) || '';
      let hue = this.colour === 'module' && this.hues.has(by) ? this.hues.get(by) : HUES[hash(by) % HUES.length];
      if (this.colour === 'module' && !by) return dark ? '#4a4f58' : '#c9ced6';
      const shade = hash(name) % 9 - 4;
      return dark ? `hsl(${hue} 45% ${34 + shade}%)` : `hsl(${hue} 72% ${76 + shade}%)`;
    }

    draw() {
      if (!this.tree || this.pending) return;
      this.pending = true;
      root.requestAnimationFrame(() => { this.pending = false; this.paint(); });
    }

    paint() {
      const w = this.box.clientWidth, h = this.box.clientHeight, t = this.tree;
      if (!w || !h) return;
      this.rows = this.deepest();
      this.spacer.style.height = Math.max(h, this.rows * ROW + 2) + 'px';
      // Flipped, what is nearest to the root is seen first.
      if (this.flip && this.settled !== this.tree) {
        this.settled = this.tree;
        this.box.scrollTop = this.box.scrollHeight;
      }
      const cw = this.spacer.clientWidth, dpr = root.devicePixelRatio || 1, c = this.canvas;
      if (c.width !== Math.round(cw * dpr) || c.height !== Math.round(h * dpr)) {
        c.width = Math.round(cw * dpr);
        c.height = Math.round(h * dpr);
        c.style.width = cw + 'px';
        c.style.height = h + 'px';
      }
      const g = c.getContext('2d'), dark = HT.dark();
      g.setTransform(dpr, 0, 0, dpr, 0, 0);
      g.clearRect(0, 0, cw, h);
      g.font = FONT;
      g.textBaseline = 'middle';
      this.boxes = [];
      const scroll = this.box.scrollTop, { width, first, kids } = this.lay;
      const z = this.zoomed, scale = width[z] ? cw / width[z] : 0;
      for (let i = z; i >= 0; i = t.parent[i]) if (i !== z) this.one(g, i, 0, cw, scroll, h, dark, true);
      const stack = [[z, 0]]; // nodes, and where each begins: as far from the zoomed one's left end
      while (stack.length) {
        const [i, from] = stack.pop();
        if (!this.flip && t.depth[i] * ROW > scroll + h) continue;
        this.one(g, i, from * scale, width[i] * scale, scroll, h, dark, false);
        for (let k = first[i], x = from; k < first[i + 1]; x += width[kids[k++]]) {
          if (width[kids[k]] * scale < 0.4) break; // widest first: the rest is narrower
          stack.push([kids[k], x]);
        }
      }
      this.outline(g, this.hovered, dark ? '#ffffff' : '#000000', 1);
      if (this.selected >= 0) {
        this.outline(g, this.selected, dark ? '#7ab8ff' : '#0b5bd3', document.activeElement === c ? 2.5 : 1.5);
      }
    }

    // The top of a node's row. With the graph flipped, the root is at the bottom.
    top(i) {
      const y = this.tree.depth[i] * ROW;
      return this.flip ? Math.max(this.box.clientHeight, this.rows * ROW + 2) - y - ROW : y;
    }

    // The number of rows of the zoomed part at this width.
    deepest() {
      const { width, first, kids } = this.lay, t = this.tree;
      const least = width[this.zoomed] * 0.4 / (this.box.clientWidth || 1);
      let max = t.depth[this.zoomed];
      const stack = [this.zoomed];
      while (stack.length) {
        const i = stack.pop();
        if (t.depth[i] > max) max = t.depth[i];
        for (let k = first[i]; k < first[i + 1] && width[kids[k]] >= least; k++) stack.push(kids[k]);
      }
      return max + 1;
    }

    one(g, i, x, w, scroll, h, dark, ancestor) {
      const y = this.top(i) - scroll;
      if (y + ROW < 0 || y > h || !(w > 0)) return;
      const bw = w > 2 ? w - 1 : Math.max(w, 0.6);
      const dim = ancestor || (this.hits && !this.hits[i]);
      g.globalAlpha = dim ? (ancestor && !this.hits ? 0.6 : 0.35) : 1;
      g.fillStyle = this.hits && this.hits[i] ? (dark ? '#b23fa0' : '#f3a2ea') : this.fill(i, dark);
      g.fillRect(x, y, bw, ROW - 1);
      g.globalAlpha = dim ? 0.75 : 1;
      if (w >= MIN_TEXT) {
        const faint = this.colour === 'change' && i > 0 && this.tree.faint(i, this.type);
        g.fillStyle = faint ? (dark ? '#98a1ad' : '#6a7380') : dark ? '#f2f4f7' : '#14171b';
        const text = this.fit(g, i === 0 ? this.rootText() : this.name(i), bw - 8);
        if (text) g.fillText(text, x + 4, y + ROW / 2);
      }
      g.globalAlpha = 1;
      this.boxes.push({ node: i, x, y, w: bw });
    }

    rootText() {
      const ty = this.tree.types[this.type];
      return (this.tree.compared ? 'change ' + HT.signed(this.tree.value(0, this.type), ty.unit)
        : 'all ' + HT.format(this.tree.value(0, this.type), ty.unit));
    }

    // Cuts a name to what fits. Of a qualified name the end is kept, which says more than the beginning.
    fit(g, s, room) {
      if (g.measureText(s).width <= room) return s;
      const tail = s.replace(/^.*(?:::|\.|\/)(?=[^:./]+$)/, '');
      if (tail !== s && tail.length > 2 && g.measureText('…' + tail).width <= room) return '…' + tail;
      let lo = 0, hi = s.length;
      while (lo < hi) {
        const mid = (lo + hi + 1) >> 1;
        if (g.measureText(s.slice(0, mid) + '…').width <= room) lo = mid; else hi = mid - 1;
      }
      return lo > 1 ? s.slice(0, lo) + '…' : '';
    }

    outline(g, i, colour, width) {
      const b = i >= 0 && this.boxes.find(o => o.node === i);
      if (!b) return;
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.strokeRect(b.x + width / 2, b.y + width / 2, Math.max(b.w - width, 1), ROW - 1 - width);
    }
  }

  HT.Flame = Flame;

  HT.dark = function () {
    const set = document.documentElement.dataset.theme;
    return set ? set === 'dark' : root.matchMedia('(prefers-color-scheme: dark)').matches;
  };
})(typeof window !== 'undefined' ? window : globalThis);
