// Makes options.csv, the demo's option data: `node demo/data/generate-options.mjs`. Same output every time.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OPTIONS = 2048;

/** A linear congruential generator with Knuth's MMIX constants; the upper 32 bits as a fraction. */
function makeRandom(seed) {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number(state >> 32n) / 2 ** 32;
  };
}

const random = makeRandom(20230519);
const between = (low, high) => low + (high - low) * random();
const lines = ['spot,strike,rate,volatility,years,kind'];
for (let index = 0; index < OPTIONS; index += 1) {
  const spot = between(20, 200);
  lines.push(
    [
      spot.toFixed(2),
      (spot * between(0.7, 1.4)).toFixed(2),
      between(0.001, 0.08).toFixed(4),
      between(0.08, 0.75).toFixed(4),
      between(0.05, 4).toFixed(3),
      random() < 0.5 ? 'call' : 'put',
    ].join(','),
  );
}
writeFileSync(fileURLToPath(new URL('options.csv', import.meta.url)), `${lines.join('\n')}\n`);
