/* SPDX-License-Identifier: BSD-3-Clause */
/* What the benchmark `parallel` computes: a part of a problem in each invocation. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

/* Prices of European calls: five doubles (spot, strike, rate, volatility, years) for each, one double back. */
EXPORTED uint32_t black_scholes(void *args, uint32_t size, void *res);
/* A line of n, then lines of A, then the whole of B (n x n): the same lines of A x B. */
EXPORTED uint32_t matrix_rows(void *args, uint32_t size, void *res);
/* A line of n, then lines of a grid with their two neighbours: each inner value becomes the mean of its four. */
EXPORTED uint32_t jacobi_rows(void *args, uint32_t size, void *res);

static double normal(double x) {
  return 0.5 * erfc(-x * 0.70710678118654752440);
}

uint32_t black_scholes(void *args, uint32_t size, void *res) {
  const double *in = args;
  double *out = res;
  uint32_t count = size / (5 * (uint32_t)sizeof(double));
  for (uint32_t i = 0; i < count; i++, in += 5) {
    double spread = in[3] * sqrt(in[4]);
    double d1 = (log(in[0] / in[1]) + (in[2] + 0.5 * in[3] * in[3]) * in[4]) / spread;
    out[i] = in[0] * normal(d1) - in[1] * exp(-in[2] * in[4]) * normal(d1 - spread);
  }
  return count * (uint32_t)sizeof(double);
}

/* Both of the others begin with a line of eight doubles, of which the first is n. */
static uint32_t header(const double *in, uint32_t size, uint32_t *n) {
  *n = size < 64 ? 0 : (uint32_t)in[0];
  return *n == 0 ? 0 : (size - 64) / (*n * (uint32_t)sizeof(double));
}

uint32_t matrix_rows(void *args, uint32_t size, void *res) {
  const double *in = args;
  double *out = res;
  uint32_t n = 0;
  uint32_t lines = header(in, size, &n);
  if (n == 0 || lines <= n) {
    return 0;
  }
  uint32_t rows = lines - n;
  const double *a = in + 8;
  const double *b = a + (size_t)rows * n;
  memset(out, 0, (size_t)rows * n * sizeof(double));
  for (uint32_t i = 0; i < rows; i++) {
    for (uint32_t k = 0; k < n; k++) {
      double factor = a[(size_t)i * n + k];
      for (uint32_t j = 0; j < n; j++) {
        out[(size_t)i * n + j] += factor * b[(size_t)k * n + j];
      }
    }
  }
  return rows * n * (uint32_t)sizeof(double);
}

uint32_t jacobi_rows(void *args, uint32_t size, void *res) {
  const double *in = args;
  double *out = res;
  uint32_t n = 0;
  uint32_t lines = header(in, size, &n);
  if (n < 2 || lines < 3) {
    return 0;
  }
  uint32_t rows = lines - 2;
  for (uint32_t i = 0; i < rows; i++) {
    const double *line = in + 8 + (size_t)(i + 1) * n;
    double *to = out + (size_t)i * n;
    to[0] = line[0];
    to[n - 1] = line[n - 1];
    for (uint32_t j = 1; j + 1 < n; j++) {
      const double *above = line - n;
      to[j] = 0.25 * (line[j - 1] + line[j + 1] + above[j] + line[n + j]);
    }
  }
  return rows * n * (uint32_t)sizeof(double);
}
