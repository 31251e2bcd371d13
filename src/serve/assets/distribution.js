// SPDX-License-Identifier: MIT
// Distribution functions behind intervals and tests, as src/evidence/distribution.c has them.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};
  const EPSILON = 1e-15, TINY = 1e-300, ITERATIONS = 100000;

  // From this shape on, gamma quantiles are approximated by Wilson and Hilferty's formula.
  const LARGE_SHAPE = 1e7;

  // Lanczos's approximation with g = 7 and nine terms.
  const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];

  function logGamma(x) {
    if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
    let sum = LANCZOS[0];
    for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i] / (x - 1 + i);
    const t = x + 6.5;
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  }

  // The value of a continued fraction, by Lentz's method. step(i) returns the i-th [a, b].
  function fraction(value, c, d, step) {
    for (let i = 1; i < ITERATIONS; i++) {
      const [a, b] = step(i);
      d = b + a * d;
      c = b + a / c;
      if (Math.abs(d) < TINY) d = TINY;
      if (Math.abs(c) < TINY) c = TINY;
      d = 1 / d;
      value *= c * d;
      if (Math.abs(c * d - 1) < EPSILON) break;
    }
    return value;
  }

  function gammaSeries(a, x) {
    let term = 1 / a, sum = term;
    for (let i = 1; i < ITERATIONS && term > sum * EPSILON; i++) {
      term *= x / (a + i);
      sum += term;
    }
    return sum * Math.exp(-x + a * Math.log(x) - logGamma(a));
  }

  // 1 - P(a, x)
  function gammaFraction(a, x) {
    const d = 1 / (x + 1 - a);
    return fraction(d, 1 / TINY, d, i => [-i * (i - a), x + 1 - a + 2 * i]) *
      Math.exp(-x + a * Math.log(x) - logGamma(a));
  }

  // P(X > x) of a normal variable; the relative error is small in the upper tail, too.
  function normalTail(x) {
    const half = x * x / 2, both = half < 1.5 ? 1 - gammaSeries(0.5, half || TINY) : gammaFraction(0.5, half);
    return x >= 0 ? both / 2 : 1 - both / 2;
  }

  function normalQuantile(p) {
    let low = -40, high = 40;
    for (let i = 0; i < 200 && high - low > 1e-14 * (1 + Math.abs(low)); i++) {
      const mid = (low + high) / 2;
      if (1 - normalTail(mid) < p) low = mid; else high = mid;
    }
    return (low + high) / 2;
  }

  function gammaCdf(a, x) {
    if (x <= 0) return 0;
    if (a >= LARGE_SHAPE) return 1 - normalTail((Math.cbrt(x / a) - (1 - 1 / (9 * a))) * 3 * Math.sqrt(a));
    return x < a + 1 ? gammaSeries(a, x) : 1 - gammaFraction(a, x);
  }

  const normals = new Map();
  function normal(p) {
    if (!normals.has(p)) normals.set(p, normalQuantile(p));
    return normals.get(p);
  }

  function gammaQuantile(a, p) {
    const root_ = 1 - 1 / (9 * a) + normal(p) / (3 * Math.sqrt(a)), logA = logGamma(a);
    let x = a * root_ ** 3, low = 0, high = Infinity;
    if (a >= LARGE_SHAPE) return x;
    if (!(x > 0) || a < 1) x = Math.exp((Math.log(p) + Math.log(a) + logA) / a);
    if (!(x > 0)) return 0;
    for (let i = 0; i < 400; i++) {
      const error = gammaCdf(a, x) - p;
      if (error > 0) high = x; else low = x;
      const density = Math.exp(-x + (a - 1) * Math.log(x) - logA);
      let next = density > 0 ? x - error / density : -1;
      if (!(next > low && next < high)) next = high === Infinity ? x * 2 : (low + high) / 2;
      if (Math.abs(next - x) <= 1e-12 * x) return next;
      x = next;
    }
    return x;
  }

  function betaFraction(a, b, x) {
    let d = 1 - (a + b) * x / (a + 1);
    d = 1 / (Math.abs(d) < TINY ? TINY : d);
    return fraction(d, 1, d, i => {
      const m = (i + 1) >> 1;
      return [i % 2 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        : -(a + i / 2) * (a + b + i / 2) * x / ((a + i) * (a + i + 1)), 1];
    });
  }

  function betaCdf(a, b, x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * betaFraction(a, b, x) / a : 1 - front * betaFraction(b, a, 1 - x) / b;
  }

  // Failures before the r-th success: the smallest m with P(X <= m) > q.
  function negativeBinomialQuantile(r, p, q) {
    let low = -1, high = 1;
    if (p >= 1) return 0;
    while (betaCdf(r, high + 1, p) <= q && high < 2 ** 60) {
      low = high;
      high *= 2;
    }
    while (high - low > 1) {
      const mid = Math.floor((low + high) / 2);
      if (betaCdf(r, mid + 1, p) <= q) low = mid; else high = mid;
    }
    return high;
  }

  HT.distribution = { logGamma, normalTail, gammaCdf, gammaQuantile, betaCdf, negativeBinomialQuantile,
    normalTwoSided: confidence => normal(0.5 + confidence / 2) };
})(typeof window !== 'undefined' ? window : globalThis);
