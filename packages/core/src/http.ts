/**
 * What the HTTP interfaces of rFaaS servers share: tokens and roles, who may ask, limits of a listening server, what metrics have. Imported as
 * `@rfaas/core/http`, so that programs without HTTP do not load it.
 *
 * @packageDocumentation
 */
export * from './http/duration-buckets.ts';
export * from './http/http-access.ts';
export * from './http/http-tokens.ts';
export * from './http/limited-server.ts';
export * from './http/listen-address.ts';
export * from './http/process-metrics.ts';
export * from './http/tls-files.ts';
