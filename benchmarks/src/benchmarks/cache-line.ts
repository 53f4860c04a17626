import { measureCacheLine } from '../programs/native-program.ts';
import { relate } from '../measure/report.ts';
import type { Benchmark } from './benchmark.ts';

/** The floor that every other number is a multiple of. */
export const cacheLine: Benchmark = {
  name: 'cache-line',
  description: 'two pinned processes bounce a bare cache line: the floor of every round trip (C)',
  async run({ processors, count, progress }) {
    progress.show('cache-line');
    const measurements = relate([await measureCacheLine(processors, count)]);
    return { settings: { processors, warmUp: '2,000 round trips on each of 64 lines' }, measurements };
  },
};
