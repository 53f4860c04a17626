import { invocationStatus, RfaasError } from '@rfaas/core';
import { closeNames } from './close-names.ts';

/** The error for a reply whose status is not OK; `text` is what the executor wrote into the result. */
export function replyError(functionName: string, status: number, text: string): RfaasError {
  const details = { function: functionName, status };
  const reason = text === '' ? '' : `: ${text}`;
  switch (status) {
    case invocationStatus.functionFailed:
      return new RfaasError('RFAAS_ERR_FUNCTION_FAILED', `function "${functionName}" failed${reason}`, {
        details,
      });
    case invocationStatus.noSuchFunction:
      return new RfaasError(
        'RFAAS_ERR_FUNCTION_NOT_FOUND',
        `the executor does not know function "${functionName}"${reason}`,
        { details },
      );
    case invocationStatus.outputTooLarge:
      return new RfaasError(
        'RFAAS_ERR_OUTPUT_TOO_LARGE',
        `the output of function "${functionName}" is larger than its buffer${reason}; ` +
          'allocate with a larger outputBytes, or pass a larger output',
        { details },
      );
    case invocationStatus.invalidRequest:
      return new RfaasError(
        'RFAAS_ERR_PROTOCOL',
        `the executor refused the request for function "${functionName}" as invalid${reason}`,
        { details },
      );
    case invocationStatus.resultUnreachable:
      return new RfaasError(
        'RFAAS_ERR_INTERNAL',
        `the executor could not write the output of function "${functionName}" into this client's memory`,
        { details },
      );
    case invocationStatus.cancelled:
      return new RfaasError(
        'RFAAS_ERR_EXECUTOR_LOST',
        `the executor ended before function "${functionName}" was done${reason}`,
        { details },
      );
    default:
      return new RfaasError(
        'RFAAS_ERR_PROTOCOL',
        `the executor answered function "${functionName}" with status ${status}, which this version does not know`,
        { details },
      );
  }
}

/** The error for a name that the package does not have; names that look alike are listed. */
export function functionNotFound(name: string, names: readonly string[]): RfaasError {
  const close = closeNames(name, names);
  const hint =
    close.length > 0
      ? `did you mean ${close.map((each) => `"${each}"`).join(' or ')}?`
      : `it has ${names.length} function${names.length === 1 ? '' : 's'}: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`;
  return new RfaasError('RFAAS_ERR_FUNCTION_NOT_FOUND', `the package has no function "${name}"; ${hint}`, {
    details: { function: name },
  });
}

/** The error for an input that does not fit a slot of the executor. */
export function inputTooLarge(functionName: string, inputBytes: number, capacity: number): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_INPUT_TOO_LARGE',
    `the input of function "${functionName}" has ${inputBytes} bytes, and a slot of this executor holds ${capacity}; ` +
      `allocate with inputBytes of at least ${inputBytes}`,
    { details: { function: functionName, inputBytes, capacity } },
  );
}

/** The error for an invocation whose deadline passed. */
export function deadlinePassed(functionName: string, deadlineMs: number, sent: boolean): RfaasError {
  const where = sent
    ? 'the executor may still be running it; its slot and output stay in use until it replies'
    : 'it was still waiting for a free slot and was not sent';
  return new RfaasError(
    'RFAAS_ERR_DEADLINE',
    `function "${functionName}" did not answer within ${deadlineMs} ms; ${where}`,
    { details: { function: functionName, deadlineMs, sent } },
  );
}

/** The error for an invocation that the caller's AbortSignal ended; the signal's reason is the cause. */
export function invocationAborted(functionName: string, reason: unknown): RfaasError {
  return new RfaasError('RFAAS_ERR_ABORTED', `the invocation of function "${functionName}" was aborted`, {
    cause: reason,
    details: { function: functionName },
  });
}

/** The error for a buffer that was freed, or that another executor made. */
export function wrongBuffer(kind: string, isFreed: boolean): RfaasError {
  return isFreed
    ? new RfaasError('RFAAS_ERR_CLOSED', `the ${kind} was freed before the invocation`)
    : new RfaasError(
        'RFAAS_ERR_USAGE',
        `the ${kind} was allocated by another executor than the one that is invoked`,
      );
}

/** The error for a group of invocations whose inputs and outputs do not pair up. */
export function unpairedBuffers(inputs: number, outputs: number): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_USAGE',
    `${inputs} inputs and ${outputs} outputs were given; every input needs an output of its own`,
    { details: { inputs, outputs } },
  );
}

/** The error for a buffer that an invocation in flight may still touch. */
export function busyBuffer(kind: string): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_BUSY',
    `the ${kind} is in use by an invocation whose reply has not come; after a deadline or an abort ` +
      'it stays in use until then, since the executor may still touch it',
  );
}

/** The error for a synchronous call that the executor did not survive: only the event loop hears how that ended. */
export function lostWhileCalling({ loss }: { readonly loss: string }): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_EXECUTOR_LOST',
    `the executor was lost during the invocation (${loss}); await executor.ended to learn how it ended`,
  );
}

/** The error for a request that the transport refused with -errno. */
export function notPosted(
  { index, isLost, loss }: { readonly index: number; readonly isLost: boolean; readonly loss: string },
  result: number,
): RfaasError {
  return new RfaasError(
    isLost ? 'RFAAS_ERR_EXECUTOR_LOST' : 'RFAAS_ERR_INTERNAL',
    `a request to executor thread ${index} could not be posted (${isLost ? loss : `errno ${-result}`})`,
    { details: { errno: -result, thread: index } },
  );
}

/** The same error with the stack of whoever meets it now; the first one is its cause. */
export function freshCopy(error: RfaasError): RfaasError {
  return new RfaasError(error.code, error.message, { cause: error, details: error.details });
}
