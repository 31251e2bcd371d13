// SPDX-License-Identifier: MIT
// Intervals of sums of samples, and tests of differences: the same as src/evidence
// computes for the reports (its headers have the formulas and their sources), for the trees that
// the page builds. A sum is a plain object of numbers; nothing here touches the page.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};
  const D = HT.distribution;
  const LEVEL = 0.05;
  let confidence = 0.95; // of all intervals, as the user chose
  const ONE_SIZE_SAMPLES = 5.5, EXACT_SAMPLES = 1e6;
  const SMALL = 0.5, LABEL_RATIO = 1.9, MANY_MISSED = 100;

  const nothing = () => ({ value: 0, unseen: 0, variance: 0, samples: 0, nextMean: 0, nextVariance: 0,
    logAllSeen: 0, lattice: 0, least: 0, most: 0, negative: false });

  function chance(size, rate, plusOne) {
    return rate <= 1 ? 1 : -Math.expm1(-Math.max(1, size + (plusOne ? 1 : 0)) / rate);
  }

  // Objects of one size: value, in the unit of one object (its bytes, or 1).
  function add(e, value, unit, size, p) {
    const missed = (1 - p) / p, magnitude = Math.abs(value), samples = unit > 0 ? magnitude / unit * p : 0;
    if (!samples) return;
    const variance = magnitude * unit * missed;
    sum(e, { value, unseen: magnitude * (1 - p), variance, samples, nextMean: unit * missed,
      nextVariance: unit * unit * missed / p, logAllSeen: samples * Math.log(p), lattice: variance * unit,
      least: size, most: size, negative: value < 0 });
  }

  function sum(e, o) {
    if (!o.samples) return;
    if (!e.samples || o.least < e.least) e.least = o.least;
    if (!e.samples || o.most > e.most) e.most = o.most;
    e.nextMean = Math.max(e.nextMean, o.nextMean);
    e.nextVariance = Math.max(e.nextVariance, o.nextVariance);
    for (const k of ['value', 'unseen', 'variance', 'samples', 'logAllSeen', 'lattice']) e[k] += o[k];
    e.negative = e.negative || o.negative;
  }

  function gammaOf(mean, variance, q) {
    if (!(mean > 0) || !(variance > 0)) return mean > 0 ? mean : 0;
    return variance / mean * D.gammaQuantile(mean * mean / variance, q);
  }

  function interval(e, rate) {
    const tail = (1 - confidence) / 2;
    if (e.negative) {
      const z = D.normalTwoSided(confidence) * Math.sqrt(e.variance);
      return [e.value - z, e.value + z];
    }
    const oneSize = e.least === e.most && e.samples >= ONE_SIZE_SAMPLES;
    if (oneSize && !(e.variance > 0)) return [e.value, e.value];
    if (oneSize && e.samples < EXACT_SAMPLES) {
      const p = 1 - e.unseen / e.value, unit = e.value * p / e.samples;
      return [unit * (e.samples + D.negativeBinomialQuantile(e.samples, p, tail)),
        Math.max(e.value, unit * (e.samples + D.negativeBinomialQuantile(e.samples + 1, p, 1 - tail)))];
    }
    const seen = e.value - e.unseen;
    const mean = oneSize ? e.nextMean : Math.max(e.nextMean, rate);
    const variance = oneSize ? e.nextVariance : Math.max(e.nextVariance, rate * rate);
    const half = e.variance > 0 ? e.lattice / e.variance / 2 : 0;
    const low = Math.exp(e.logAllSeen) > tail ? 0 : gammaOf(e.unseen, e.variance, tail) - half;
    return [seen + Math.max(0, low), seen + gammaOf(e.unseen + mean, e.variance + variance, 1 - tail)];
  }

  // The interval of after - before, from the intervals of both sides.
  function differenceInterval(c, beforeRate, afterRate) {
    const a = interval(c.before, beforeRate), b = interval(c.after, afterRate);
    const change = c.after.value - c.before.value;
    return [change - Math.hypot(c.after.value - b[0], a[1] - c.before.value),
      change + Math.hypot(b[1] - c.after.value, c.before.value - a[0])];
  }

  // ---- Tests

  const atMost = (k, n, q) => (n - k > 0 ? 1 - D.betaCdf(k + 1, n - k, q) : 1);
  const atLeast = (k, n, q) => (k > 0 ? D.betaCdf(k, n - k + 1, q) : 1);
  const binomial = (k, n, q) => Math.min(1, 2 * Math.min(atMost(k, n, q), atLeast(k, n, q)));
  const weightOf = e => (e.value > 0 ? e.variance / e.value : 0);

  function testSmall(was, is, ratio) {
    let before = weightOf(was), after = weightOf(is);
    if (!(was.value > 0)) before = after / ratio;
    if (!(is.value > 0)) after = before * ratio;
    const k = is.value / after, n = k + was.value / before, q = before / (before + after);
    return [binomial(k, n, q), Math.min(binomial(0, n, q), binomial(n, n, q))];
  }

  // P(|M1 - M2| >= d), where M1 and M2 are the numbers of n objects that two profiles miss.
  function differsBy(d, n, p) {
    const mean = n * p, sd = Math.sqrt(mean * (1 - p));
    if (d <= 0) return 1;
    if (mean > MANY_MISSED) return 2 * D.normalTail((d - 0.5) / (Math.SQRT2 * sd));
    const most = Math.min(n, Math.ceil(mean + 12 * sd + 30));
    const law = m => (p <= 0 ? (m > 0 ? 0 : 1) : Math.exp(D.logGamma(n + 1) - D.logGamma(m + 1) -
      D.logGamma(n - m + 1) + m * Math.log(p) + (n - m) * Math.log1p(-p)));
    let fewer = 0, all = 0;
    for (let m = d; m <= most; m++) {
      fewer += law(m - d);
      all += law(m) * fewer;
    }
    return Math.min(1, 2 * all);
  }

  function testLarge(was, is, p) {
    const n = Math.max(Math.round((was + is) / 2 / p), was, is);
    return [differsBy(Math.abs(is - was), n, 1 - p), differsBy(n, n, 1 - p)];
  }

  // parts: [{ size, p, before, after }], sorted by size. Sets the change's sums, p and leastP.
  function test(c, parts, ratio) {
    const was = nothing(), is = nothing();
    let tests = 0, p = 1, least = 1, i = 0;
    const fold = ([a, b]) => {
      p = Math.min(p, a);
      least = Math.min(least, b);
      tests++;
    };
    c.before = nothing();
    c.after = nothing();
    for (const part of parts) {
      sum(c.before, part.before);
      sum(c.after, part.after);
    }
    for (; i < parts.length && parts[i].p < SMALL; i++) {
      sum(was, parts[i].before);
      sum(is, parts[i].after);
    }
    if (was.value > 0 || is.value > 0) fold(testSmall(was, is, ratio));
    while (i < parts.length) {
      let before = 0, after = 0, weighed = 0;
      do {
        before += parts[i].before.samples;
        after += parts[i].after.samples;
        weighed += (parts[i].before.samples + parts[i].after.samples) * parts[i].p;
        i++;
      } while (i < parts.length && parts[i].size <= parts[i - 1].size * LABEL_RATIO);
      if (before + after > 0) fold(testLarge(Math.round(before), Math.round(after), weighed / (before + after)));
    }
    c.p = tests ? Math.min(1, p * tests) : 1;
    c.leastP = tests ? Math.min(1, least * tests) : 1;
  }

  function partOf(e, value) {
    const share = e.value > 0 ? value / e.value : 0;
    if (!(share > 0)) return nothing();
    const part = { ...e, value };
    for (const k of ['unseen', 'variance', 'samples', 'lattice', 'logAllSeen']) part[k] *= share;
    return part;
  }

  // Two moments of one process: compares only the objects that were born with those that died.
  function pair(part, born) {
    const change = part.after.value - part.before.value;
    let alive = Math.min(Math.max(0, born), part.after.value), died = alive - change;
    if (died < 0) {
      died = 0;
      alive = change;
    }
    part.before = partOf(part.before, died);
    part.after = partOf(part.after, alive);
  }

  // The least k that is at least the number of stacks whose smallest possible p is at most LEVEL / k.
  function share(least) {
    let k = 1;
    for (let through = least.length; k < least.length; k++) {
      while (through > 0 && least[through - 1] > LEVEL / k) through--;
      if (through <= k) break;
    }
    return k;
  }

  // Benjamini and Hochberg's procedure. Sets the verdict of each change: 1 grew, -1 shrank, 0 may be chance.
  function judge(changes) {
    const k = share(changes.map(c => c.leastP).sort((a, b) => a - b));
    const tested = changes.filter(c => c.leastP <= LEVEL / k).sort((a, b) => a.p - b.p);
    let believed = 0;
    for (const c of changes) c.verdict = 0;
    tested.forEach((c, i) => { if (c.p <= LEVEL * (i + 1) / tested.length) believed = i + 1; });
    for (const c of tested.slice(0, believed)) c.verdict = Math.sign(c.after.value - c.before.value);
  }

  // Two moments of one process: both use the same samples.
  function sameProcess(data, before) {
    const allocated = d => d.sums.values[0].reduce((a, v) => a + v, 0);
    return !!data.process && data.process === before.process && data.period === before.period &&
      before.time < data.time && allocated(before) <= allocated(data);
  }

  // Sets the confidence in percent: 90, 95 or 99; anything else counts as 95.
  function chooseConfidence(percent) {
    confidence = ['90', '99'].includes(String(percent)) ? percent / 100 : 0.95;
  }

  HT.evidence = { chooseConfidence, confidence: () => confidence, nothing, chance, add, sum, interval, differenceInterval, test, pair, judge, sameProcess };
})(typeof window !== 'undefined' ? window : globalThis);
