// A fastify route that returns what it got: `node http-server.js PROCESSOR`.
import { fastify } from 'fastify';
import { pinThread } from '../programs/processors.ts';

pinThread([Number(process.argv[2])]);
const server = fastify({ logger: false, bodyLimit: 128 * 1024 * 1024 });
server.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
  done(null, body),
);
server.post('/echo', (request, reply) => reply.type('application/octet-stream').send(request.body));
const address = await server.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${address}\n`);
