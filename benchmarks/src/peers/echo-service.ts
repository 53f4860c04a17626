import type { ServiceDefinition } from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;

/** The one unary method, without protocol buffers: bytes are what all peers carry. */
export const echoService = {
  echo: {
    path: '/benchmark.Echo/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} satisfies ServiceDefinition;
