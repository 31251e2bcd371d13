// SPDX-License-Identifier: MIT
// The evidence for a tree's sums: the samples behind them, intervals, and in a comparison which changes are more than chance.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};
  const E = HT.evidence;

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

  // The column with the allocations of the same objects: "alloc_space" for "inuse_space".
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
})(typeof window !== 'undefined' ? window : globalThis);
