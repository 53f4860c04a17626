/* SPDX-License-Identifier: BSD-3-Clause */
/* What the benchmark `parallel` computes: a part of a problem in each invocation. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

/* Prices of European calls: five doubles (spot, strike, rate, volatility, years) for each, one double back. */
EXPORTED uint32_t black_scholes(void *args, uint32_t size, void *res);
/* A line of n, then lines of A, then the whole of B (n x n): the same lines of A x B. */
EXPORTED uint32_t matrix_rows(void *args, uint32_t size, void *res);
/*
 * A Jacobi solver whose workers keep their lines of the grid. All inputs begin with eight doubles: the length of a
 * line, which part it is, and for jacobi_start how many lines the part has, which it returns and
 * which are all 0 then. jacobi_step is given the
 * neighbours' lines above and below, makes each inner value the mean of its four neighbours, and returns its own first
 * and last line. jacobi_finish returns all lines and forgets them. 0 bytes: there is no such part, or no memory.
 */
EXPORTED uint32_t jacobi_start(void *args, uint32_t size, void *res);
EXPORTED uint32_t jacobi_step(void *args, uint32_t size, void *res);
EXPORTED uint32_t jacobi_finish(void *args, uint32_t size, void *res);

#define PARTS 1024u

/* Two grids of a part, each with a line above and one below its own. One thread at a time works on a part. */
static struct part {
  double *now;
  double *next;
  uint32_t n;
  uint32_t rows;
} parts[PARTS];

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

static struct part *part_of(const void *args, uint32_t size) {
  const double *in = args;
  return size < 64 || !(in[1] >= 0 && in[1] < PARTS) ? NULL : &parts[(uint32_t)in[1]];
}

static void forget(struct part *part) {
  free(part->now);
  free(part->next);
  *part = (struct part){0};
}

uint32_t jacobi_start(void *args, uint32_t size, void *res) {
  const double *in = args;
  struct part *part = part_of(args, size);
  if (part == NULL || in[0] < 2 || in[2] < 1) {
    return 0;
  }
  forget(part);
  part->n = (uint32_t)in[0];
  part->rows = (uint32_t)in[2];
  part->now = calloc((size_t)(part->rows + 2) * part->n, sizeof(double));
  part->next = calloc((size_t)(part->rows + 2) * part->n, sizeof(double));
  if (part->now == NULL || part->next == NULL) {
    forget(part);
    return 0;
  }
  memcpy(res, &in[2], sizeof(double));
  return sizeof(double);
}

uint32_t jacobi_step(void *args, uint32_t size, void *res) {
  const double *in = args;
  double *out = res;
  struct part *part = part_of(args, size);
  if (part == NULL || part->now == NULL || size != (8 + 2 * part->n) * sizeof(double)) {
    return 0;
  }
  uint32_t n = part->n;
  size_t line_bytes = n * sizeof(double);
  memcpy(part->now, in + 8, line_bytes);
  memcpy(part->now + (size_t)(part->rows + 1) * n, in + 8 + n, line_bytes);
  for (uint32_t i = 1; i <= part->rows; i++) {
    const double *line = part->now + (size_t)i * n;
    double *to = part->next + (size_t)i * n;
    to[0] = line[0];
    to[n - 1] = line[n - 1];
    const double *above = line - n;
    for (uint32_t j = 1; j + 1 < n; j++) {
      to[j] = 0.25 * (line[j - 1] + line[j + 1] + above[j] + line[n + j]);
    }
  }
  double *done = part->next;
  part->next = part->now;
  part->now = done;
  memcpy(out, done + n, line_bytes);
  memcpy(out + n, done + (size_t)part->rows * n, line_bytes);
  return 2 * (uint32_t)line_bytes;
}

uint32_t jacobi_finish(void *args, uint32_t size, void *res) {
  struct part *part = part_of(args, size);
  if (part == NULL || part->now == NULL) {
    return 0;
  }
  uint32_t bytes = part->rows * part->n * (uint32_t)sizeof(double);
  memcpy(res, part->now + part->n, bytes);
  forget(part);
  return bytes;
}
