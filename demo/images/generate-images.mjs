// Makes the demo's pictures: `node demo/images/generate-images.mjs`. Every pixel is computed here, so nobody else's
// photograph is shipped; fractal noise gives them the fine grain that makes JPEGs and thumbnails of them realistic.
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const WIDTH = 1024;
const HEIGHT = 768;

/** A repeatable value in [0, 1) for a point of an integer grid. */
function lattice(x, y, seed) {
  let hash = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

const smooth = (t) => t * t * (3 - 2 * t);
const mix = (a, b, t) => a + (b - a) * t;
const clamp = (value) => Math.min(1, Math.max(0, value));
const mixColour = (a, b, t) => a.map((channel, index) => mix(channel, b[index], t));

/** Value noise: the grid's values, smoothly in between. */
function noise(x, y, seed) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [tx, ty] = [smooth(x - left), smooth(y - top)];
  const upper = mix(lattice(left, top, seed), lattice(left + 1, top, seed), tx);
  const lower = mix(lattice(left, top + 1, seed), lattice(left + 1, top + 1, seed), tx);
  return mix(upper, lower, ty);
}

/** Noise of several scales, each half as strong as the one before; in [0, 1). */
function fractal(x, y, seed, octaves) {
  let [sum, weight, total] = [0, 1, 0];
  for (let octave = 0; octave < octaves; octave += 1) {
    sum += weight * noise(x * 2 ** octave, y * 2 ** octave, seed + octave);
    total += weight;
    weight /= 2;
  }
  return sum / total;
}

/** Ridges behind each other, paler with distance, under a morning sky. */
function mountains(x, y) {
  const sky = mixColour([0.36, 0.55, 0.82], [0.98, 0.82, 0.66], smooth(clamp(y / 0.62)));
  const clouds = smooth(clamp((fractal(x * 5, y * 14, 3, 6) - 0.52) * 4));
  let colour = mixColour(sky, [1, 0.96, 0.92], 0.55 * clouds);
  for (let ridge = 0; ridge < 5; ridge += 1) {
    const crest =
      0.34 + 0.13 * ridge - 0.3 * (fractal(x * (2.2 + ridge * 0.6), ridge * 9, 20 + ridge, 8) - 0.42);
    if (y < crest) continue;
    const rock = fractal(x * 22, y * 30 + ridge * 3, 40 + ridge, 6);
    const shade = mixColour([0.06, 0.1, 0.08], [0.28, 0.33, 0.22], rock);
    const haze = 0.78 - 0.18 * ridge;
    colour = mixColour(shade, [0.72, 0.76, 0.84], clamp(haze + 0.25 * (y - crest)));
  }
  return colour;
}

/** A low sun over water whose ripples break its reflection. */
function sea(x, y) {
  const horizon = 0.46;
  const distance = Math.hypot((x - 0.62) * 1.33, y - 0.37);
  const glow = Math.exp(-distance * 5);
  const sky = mixColour([0.16, 0.2, 0.4], [0.98, 0.55, 0.28], clamp(y / horizon));
  if (y < horizon) {
    const bands = smooth(clamp((fractal(x * 3, y * 22, 7, 6) - 0.45) * 3));
    const lit = mixColour(mixColour(sky, [0.3, 0.22, 0.32], 0.6 * bands), [1, 0.9, 0.65], glow);
    return distance < 0.055 ? [1, 0.97, 0.85] : lit;
  }
  const depth = (y - horizon) / (1 - horizon);
  const ripple = fractal((x - 0.5) * (26 - 18 * depth), 9 / (depth + 0.06), 11, 5);
  const path = Math.exp(-Math.abs(x - 0.62) * (16 - 11 * depth)) * smooth(clamp((ripple - 0.4) * 4));
  const water = mixColour([0.55, 0.33, 0.3], [0.03, 0.07, 0.16], smooth(clamp(depth * 1.4)));
  return mixColour(mixColour(water, [0.75, 0.5, 0.4], 0.35 * ripple * (1 - depth)), [1, 0.83, 0.55], path);
}

/** A cloudy planet, lit from one side, before stars. */
function planet(x, y) {
  const [px, py, radius] = [(x - 0.44) * (4 / 3), y - 0.52, 0.36];
  const squared = (px * px + py * py) / (radius * radius);
  if (squared >= 1) {
    const dust = fractal(x * 4, y * 4, 61, 7);
    const star = lattice(Math.round(x * WIDTH), Math.round(y * HEIGHT), 5) > 0.9985 ? 0.9 : 0;
    const edge = Math.exp(-(Math.sqrt(squared) - 1) * 26) * clamp(0.5 - px - py);
    return mixColour([0.01 + star, 0.012 + star, 0.03 + star], [0.24, 0.16, 0.34], 0.5 * dust ** 2).map(
      (channel, index) => channel + edge * [0.12, 0.22, 0.4][index],
    );
  }
  const [nx, ny, nz] = [px / radius, py / radius, Math.sqrt(1 - squared)];
  const [u, v] = [Math.atan2(nx, nz) * 2, Math.asin(ny) * 2];
  const height = fractal(u + 4, v + 4, 71, 8);
  const land = smooth(clamp((height - 0.5) * 14));
  const ground = mixColour(
    [0.03, 0.14, 0.32],
    mixColour([0.2, 0.34, 0.12], [0.6, 0.5, 0.34], height * 1.2 - 0.3),
    land,
  );
  const cloud = smooth(clamp((fractal(u * 1.6 + 9, v * 3 + height, 83, 7) - 0.5) * 5));
  const light = clamp(-0.62 * nx - 0.4 * ny + 0.68 * nz);
  return mixColour(ground, [0.96, 0.97, 1], 0.85 * cloud).map((channel) => channel * (0.03 + 0.97 * light));
}

/** Sand in evening light: waves on waves, each with its lee side in the shade. */
function dunes(x, y) {
  if (y < 0.24) return mixColour([0.3, 0.44, 0.66], [0.93, 0.76, 0.6], smooth(y / 0.24));
  const depth = (y - 0.24) / 0.76;
  const scale = 1 / (depth + 0.14);
  const height = (dx, dy) => {
    const [u, v] = [(x + dx - 0.5) * scale * 1.6, (scale + dy) * 2.1];
    const bend = fractal(u, v, 91, 5);
    return (
      Math.abs(Math.sin(v * 2.4 + bend * 5)) * 0.8 +
      0.05 * Math.sin((v * 60 + u * 16 + bend * 40) * (0.4 + depth))
    );
  };
  const slope = (height(0.004, 0) - height(-0.004, 0)) * 6 + (height(0, 0.01) - height(0, -0.01)) * 8;
  const grain = lattice(Math.round(x * WIDTH), Math.round(y * HEIGHT), 97) - 0.5;
  const light = clamp(0.52 - 0.75 * slope + 0.06 * grain);
  return mixColour(
    mixColour([0.27, 0.13, 0.12], [0.98, 0.73, 0.43], light),
    [0.93, 0.76, 0.6],
    0.55 * (1 - depth) ** 4,
  );
}

/** Renders with two samples a pixel in each direction, or edges would be jagged as no photograph's are. */
async function render(name, colourAt) {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let row = 0; row < HEIGHT; row += 1) {
    for (let column = 0; column < WIDTH; column += 1) {
      const samples = [0.25, 0.75].flatMap((dy) =>
        [0.25, 0.75].map((dx) => colourAt((column + dx) / WIDTH, (row + dy) / HEIGHT)),
      );
      for (let channel = 0; channel < 3; channel += 1) {
        const mean = samples.reduce((sum, sample) => sum + clamp(sample[channel]), 0) / samples.length;
        pixels[(row * WIDTH + column) * 3 + channel] = Math.round(255 * mean);
      }
    }
  }
  const file = fileURLToPath(new URL(`${name}.jpg`, import.meta.url));
  const { size } = await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg({ quality: 68, mozjpeg: true })
    .toFile(file);
  process.stdout.write(`${name}.jpg ${size} bytes\n`);
}

await render('mountains', mountains);
await render('sea', sea);
await render('planet', planet);
await render('dunes', dunes);
