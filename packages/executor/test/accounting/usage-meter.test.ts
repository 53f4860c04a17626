import { expect, test } from '@jest/globals';
import { noUsage, UsageMeter } from '../../src/accounting/usage-meter.ts';

test('what was taken adds up to the totals', () => {
  const meter = new UsageMeter();
  const sum = { ...noUsage };
  const totals = { ...noUsage };
  for (let step = 1; step <= 100; step += 1) {
    totals.hotPollingNs += step * 3;
    totals.executionNs += step % 7;
    totals.invocations += step % 2;
    totals.hotToWarm += step % 3;
    if (step % 5 === 0) {
      const part = meter.take(totals);
      sum.hotPollingNs += part?.hotPollingNs ?? 0;
      sum.executionNs += part?.executionNs ?? 0;
      sum.invocations += part?.invocations ?? 0;
      sum.hotToWarm += part?.hotToWarm ?? 0;
    }
  }
  expect(sum).toEqual(totals);
});

test('nothing new is nothing to report', () => {
  const meter = new UsageMeter();
  expect(meter.take(noUsage)).toBeUndefined();
  const totals = { ...noUsage, hotPollingNs: 5 };
  expect(meter.take(totals)).toEqual(totals);
  expect(meter.take(totals)).toBeUndefined();
});
