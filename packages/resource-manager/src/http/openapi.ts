import swagger from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { everyRole } from './guard.ts';
import type { HttpApp } from './http-app.ts';

/** Collects the schemas of the routes that are added after it, and serves them as `GET /openapi.json`. */
export async function addOpenApi(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'rFaaS resource manager',
        version,
        description:
          'Nodes, leases, tenants and bills of one cluster. Errors have the body `{"error": {…}}`.',
        license: { name: 'BSD-3-Clause', identifier: 'BSD-3-Clause' },
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  app.get('/openapi.json', { config: { roles: everyRole }, schema: { hide: true } }, async () =>
    app.swagger(),
  );
}
