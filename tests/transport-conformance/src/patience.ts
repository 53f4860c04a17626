/**
 * How much longer than on an idle machine things may take where the suite runs: RFAAS_TEST_PATIENCE, default 1. What
 * hangs is still found.
 */
export const patience = Number(process.env['RFAAS_TEST_PATIENCE'] ?? 1);
