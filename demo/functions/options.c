/* The demo's native functions, in the ABI of rFaaS: a function gets its input and its size, writes its result and
 * returns how many bytes that is. Nothing of rFaaS is included or linked: any shared library with such functions will
 * do. */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* One option as the client sends it: six doubles, 48 bytes. */
struct option {
  double spot;
  double strike;
  double rate;       /* continuously compounded, per year */
  double volatility; /* per square root of a year */
  double years;
  double is_put; /* 0 for a call, 1 for a put */
};

static double normal_cdf(double x) {
  return 0.5 * erfc(-x * M_SQRT1_2);
}

static double price(const struct option *option) {
  double spread = option->volatility * sqrt(option->years);
  double d1 = (log(option->spot / option->strike) +
               (option->rate + 0.5 * option->volatility * option->volatility) * option->years) /
              spread;
  double d2 = d1 - spread;
  double discounted = option->strike * exp(-option->rate * option->years);
  if (option->is_put != 0.0) {
    return discounted * normal_cdf(-d2) - option->spot * normal_cdf(-d1);
  }
  return option->spot * normal_cdf(d1) - discounted * normal_cdf(d2);
}

/* Prices European options after Black and Scholes (1973): structs of `option` in, a double for each out. */
uint32_t black_scholes(void *args, uint32_t size, void *res) {
  const struct option *options = args;
  double *prices = res;
  uint32_t count = size / (uint32_t)sizeof(struct option);
  for (uint32_t i = 0; i < count; i++) {
    prices[i] = price(&options[i]);
  }
  return count * (uint32_t)sizeof(double);
}

/* Gives its input back: what an invocation costs when the function costs nothing. */
uint32_t echo(void *args, uint32_t size, void *res) {
  memcpy(res, args, size);
  return size;
}
