import { expect, test } from '@jest/globals';
import { parseConstants } from '../../src/libfabric/credentials/drc-constants.ts';

test('numbers of a C header are found however they are written', () => {
  const values = parseConstants(`
    #define DRC_SUCCESS 0 /* fine */
    #  define DRC_EINVAL	(-0x0B)
    #define DRC_FLAGS_ONE (1 << 4) // a bit
    #define DRC_FLAGS_TWO (1U<<5)
    #define DRC_FLAGS_SAME DRC_FLAGS_TWO
    #define DRC_MACRO(x) ((x) + 1)
    #define DRC_TEXT "none"
    /* #define DRC_COMMENT 3 */
    #define OTHER 7
    typedef enum drc_error { DRC_A = 5, DRC_B, OTHER_C, DRC_D, DRC_E = DRC_FLAGS_ONE, DRC_F } drc_error_t;
    enum { DRC_G };
  `);
  expect(Object.fromEntries(values)).toEqual({
    DRC_SUCCESS: 0,
    DRC_EINVAL: -11,
    DRC_FLAGS_ONE: 16,
    DRC_FLAGS_TWO: 32,
    DRC_FLAGS_SAME: 32,
    DRC_A: 5,
    DRC_B: 6,
    DRC_D: 8,
    DRC_E: 16,
    DRC_F: 17,
    DRC_G: 0,
  });
});
