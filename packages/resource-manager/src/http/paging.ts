import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

/** What every list can be asked for. Without any of it a list is whole, in the order in which its items came. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(10_000).optional().meta({
    description: 'At most so many, in the order of their keys; the header "Link" names the next page',
  }),
  after: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'Only what is behind this key: from the header "Link"' }),
  match: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'Only what has this text in its names, in capitals or not' }),
});

/** See {@link pageQuery}. */
export type PageQuery = z.output<typeof pageQuery>;

/** How the items of a list are told apart and found. */
export interface Listed<T> {
  /** Different for each item; does not change while the item is there. */
  readonly key: (item: T) => string;
  /** The texts in which `match` is looked for. */
  readonly texts: (item: T) => readonly string[];
}

/**
 * The part of a list that was asked for. A page begins behind a key and not at a number, so that items which come and go
 * meanwhile neither hide others nor show them twice. Sets `x-total-count`, the number of all that match, and `Link` where there is
 * a next page.
 */
export function pageOf<T>(
  items: readonly T[],
  { key, texts }: Listed<T>,
  { url, query }: Pick<FastifyRequest, 'url'> & { readonly query: PageQuery },
  reply: Pick<FastifyReply, 'header'>,
): readonly T[] {
  const { limit = Infinity, after = '' } = query;
  const wanted = query.match?.toLowerCase() ?? '';
  const matching =
    wanted === ''
      ? items
      : items.filter((item) => texts(item).some((text) => text.toLowerCase().includes(wanted)));
  void reply.header('x-total-count', matching.length);
  if (query.limit === undefined && after === '') {
    return matching;
  }
  const rest = matching
    .map((item) => ({ item, at: key(item) }))
    .filter(({ at }) => at > after)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  if (last !== undefined && page.length < rest.length) {
    const [path = '', search = ''] = url.split('?');
    const next = new URLSearchParams(search);
    next.set('after', last.at);
    void reply.header('link', `<${path}?${next.toString()}>; rel="next"`);
  }
  return page.map(({ item }) => item);
}
