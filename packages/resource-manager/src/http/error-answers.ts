import type { Socket } from 'node:net';
import {
  errorCode,
  errorFields,
  errorMessage,
  RfaasError,
  type Logger,
  type RfaasErrorCode,
} from '@rfaas/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';

/** The body of every answer that reports an error. */
export interface ErrorBody {
  readonly error: { readonly code: RfaasErrorCode; readonly message: string; readonly requestId: string };
}

/** Where errors are told besides to whoever asked. */
export interface ErrorLog {
  readonly logger: Logger;
  readonly count: (code: RfaasErrorCode) => void;
}

/** Answers with what was thrown, and with its status unless another is given; what nobody expected is logged, not told. */
export function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { logger, count }: ErrorLog,
  otherStatus?: number,
): FastifyReply {
  const { code, message, ...described } = describeError(error, request);
  const status = otherStatus ?? described.status;
  count(code);
  if (status === 401) {
    void reply.header('www-authenticate', 'Bearer');
  }
  if (code === 'RFAAS_ERR_INTERNAL') {
    logger.error('HTTP request failed', {
      requestId: request.id,
      path: pathOf(request),
      ...errorFields(error),
    });
  }
  const body: ErrorBody = { error: { code, message, requestId: request.id } };
  return reply.code(status).type('application/json').serializer(JSON.stringify).send(body);
}

/** Answers what is no HTTP, or did not arrive in time. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = clientErrors[error.code ?? ''] ?? ['400 Bad Request', 'this is no HTTP request'];
  const body = JSON.stringify({ error: { code: 'RFAAS_ERR_USAGE', message } });
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
}

const clientErrors: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the head of the request is too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not arrive in time'],
};

/** The path without its query, for logs. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function describeError(
  error: unknown,
  request: FastifyRequest,
): { readonly code: RfaasErrorCode; readonly status: number; readonly message: string } {
  if (error instanceof RfaasError) {
    return { code: error.code, status: error.httpStatus, message: error.message };
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => `${instancePath} ${message}`.trim());
    const what = error.validationContext ?? 'request';
    return { code: 'RFAAS_ERR_USAGE', status: 400, message: `${what}: ${problems.join('; ')}` };
  }
  if (errorCode(error) === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const limit = request.routeOptions.bodyLimit ?? 0;
    return {
      code: 'RFAAS_ERR_INPUT_TOO_LARGE',
      status: 413,
      message: `a body has at most ${limit} bytes here`,
    };
  }
  const status = statusOf(error);
  if (status >= 400 && status < 500) {
    return { code: 'RFAAS_ERR_USAGE', status, message: errorMessage(error) };
  }
  return {
    code: 'RFAAS_ERR_INTERNAL',
    status: 500,
    message: 'something failed that should not; the log has more',
  };
}

function statusOf(error: unknown): number {
  const status =
    typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}
