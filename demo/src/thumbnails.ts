import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import type { Executor } from '@rfaas/client';
import sharp from 'sharp';

/** The edge of the square that thumbnails fit into, as in functions/pictures.js. */
const THUMBNAIL_PIXELS = 160;
/** JPEG at quality 80 moves a channel of a small picture by some 2 of 256 levels in the mean; another picture by 50. */
const MEAN_DIFFERENCE = 6;

/** One thumbnail that was made and checked. */
export interface Thumbnail {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

/**
 * Sends every JPEG of a folder to the JavaScript function `thumbnail`, checks what comes back and writes it to a folder.
 *
 * @throws Error naming the picture whose thumbnail is wrong
 */
export async function makeThumbnails(
  executor: Executor,
  images: string,
  output: string,
): Promise<Thumbnail[]> {
  await mkdir(output, { recursive: true });
  const names = (await readdir(images)).filter((name) => name.endsWith('.jpg')).sort();
  if (names.length === 0) throw new Error(`no pictures in ${images}`);
  const pictures = await Promise.all(names.map((name) => readFile(join(images, name))));
  const thumbnails = await executor.map('thumbnail', pictures);
  const made: Thumbnail[] = [];
  for (const [index, name] of names.entries()) {
    const picture = pictures[index];
    const thumbnail = thumbnails[index];
    if (picture === undefined || thumbnail === undefined)
      throw new Error(`no thumbnail of ${name} came back`);
    const size = await checkThumbnail(name, picture, thumbnail);
    const file = join(output, `${parse(name).name}-thumbnail.jpg`);
    await writeFile(file, thumbnail);
    made.push({ file, ...size, bytes: thumbnail.byteLength });
  }
  return made;
}

/** A thumbnail must be a JPEG of the right size and show the same as the picture scaled down here. */
async function checkThumbnail(
  name: string,
  picture: Uint8Array,
  thumbnail: Uint8Array,
): Promise<{ width: number; height: number }> {
  const { format, width, height } = await sharp(thumbnail).metadata();
  if (format !== 'jpeg' || Math.max(width, height) !== THUMBNAIL_PIXELS) {
    throw new Error(
      `the thumbnail of ${name} is ${format} of ${width} × ${height}, not jpeg within ${THUMBNAIL_PIXELS}`,
    );
  }
  const [seen, expected] = await Promise.all([
    sharp(thumbnail).removeAlpha().raw().toBuffer(),
    sharp(picture).resize(width, height, { fit: 'fill' }).removeAlpha().raw().toBuffer(),
  ]);
  if (seen.length !== expected.length) throw new Error(`the thumbnail of ${name} has ${seen.length} samples`);
  const difference =
    seen.reduce((sum, level, index) => sum + Math.abs(level - (expected[index] ?? NaN)), 0) / seen.length;
  if (!(difference <= MEAN_DIFFERENCE)) {
    throw new Error(
      `the thumbnail of ${name} shows something else: ${difference.toFixed(1)} levels away in the mean`,
    );
  }
  return { width, height };
}
