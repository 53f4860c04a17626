/* SPDX-License-Identifier: BSD-3-Clause */
/* A test is a function; a check that fails says where and ends the program. */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                        \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define CHECK_EQUAL(actual, expected)                                                                                  \
  do {                                                                                                                 \
    long long actual_value = (long long)(actual);                                                                      \
    long long expected_value = (long long)(expected);                                                                  \
    if (actual_value != expected_value) {                                                                              \
      fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_value, expected_value);     \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define RUN(test)                                                                                                      \
  do {                                                                                                                 \
    test();                                                                                                            \
    printf("ok %s\n", #test);                                                                                          \
    fflush(stdout);                                                                                                    \
  } while (0)

#endif
