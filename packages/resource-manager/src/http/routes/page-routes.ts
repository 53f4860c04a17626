import { readFileSync } from 'node:fs';
import type { HttpApp } from '../http-app.ts';

/** Where the page is after a build, seen from the sources and from what they are compiled to. */
const folder = new URL('../../../dist/web/', import.meta.url);

const files = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/console.js', 'console.js', 'text/javascript; charset=utf-8'],
  ['/console.css', 'console.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const;

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Asked for anew each time: the files change with the release only, and are small.
  'cache-control': 'no-cache',
};

/** `GET /`: the web page. Its files hold nothing of the cluster and are answered without a token, which the page asks for. */
export function addPageRoutes(app: HttpApp): void {
  for (const [path, file, type] of files) {
    const content = readFileSync(new URL(file, folder));
    app.get(path, { config: { roles: 'public' }, schema: { hide: true } }, async (_request, reply) =>
      reply.headers({ ...headers, 'content-type': type }).send(content),
    );
  }
}
