/**
 * How much longer than here things may take where the tests run: RFAAS_TEST_PATIENCE, default 1. Emulated processors are
 * some ten times slower.
 */
export const patience = Number(process.env['RFAAS_TEST_PATIENCE'] ?? 1);
