// The demo's JavaScript functions: every export takes the input and a place for the output and says how many bytes it
// wrote there. `sharp` is found in the node's configured `modules` directory.
import sharp from 'sharp';

/** Thumbnails fit into a square of this many pixels. */
const THUMBNAIL_PIXELS = 160;

// The executor is bound to the cores of its lease: more threads of libvips would only share them.
sharp.concurrency(1);

/** A JPEG in, its thumbnail as a JPEG out. */
export async function thumbnail(input, output) {
  const jpeg = await sharp(input)
    .resize(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS, { fit: 'inside' })
    .jpeg({ quality: 80 })
    .toBuffer();
  if (jpeg.length > output.length) {
    throw new Error(`the thumbnail has ${jpeg.length} bytes, the output has room for ${output.length}`);
  }
  output.set(jpeg);
  return jpeg.length;
}

/** Gives its input back: what an invocation costs when the function costs nothing. */
export function echo(input, output) {
  output.set(input);
  return input.length;
}
