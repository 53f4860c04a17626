/**
 * What the HTTP interfaces of rFaaS servers share: tokens and roles, who may ask, limits of a listening server. Imported as
 * `@rfaas/core/http`, so that programs without HTTP do not load it.
 *
 * @packageDocumentation
 */
export * from './http/http-access.ts';
export * from './http/http-tokens.ts';
export * from './http/limited-server.ts';
export * from './http/listen-address.ts';
