import { constants, openSync } from 'node:fs';
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { nativeError } from './native-error.ts';

/** A pipe watched by the event loop. */
export interface PipeWatch {
  /** Keeps the event loop, and with it the process, alive. */
  ref(): void;
  unref(): void;
  close(): void;
}

/**
 * Calls `onReadable` in the event loop whenever bytes come through a pipe, and drops them. The caller keeps its
 * descriptor. Starts without keeping the event loop alive.
 *
 * Node's own watching, not koffi's: a callback from koffi aborts the process when it comes while a worker thread is
 * being terminated or the process exits.
 */
export function watchPipe(descriptor: number, onReadable: () => void): PipeWatch {
  const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
    fd: openAgain(descriptor),
    readable: true,
    writable: false,
    onread: {
      buffer: new Uint8Array(64),
      callback: () => {
        onReadable();
        return true;
      },
    },
  };
  const socket = new Socket(options);
  socket.unref();
  return {
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
    close: () => void socket.destroy(),
  };
}

/** A descriptor of our own: the socket closes it. */
function openAgain(descriptor: number): number {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { errno = -1, message } = cause as NodeJS.ErrnoException;
    throw nativeError(errno, `watching the event pipe of a native library: ${message}`, {
      operation: 'shim_domain_event_fd',
    });
  }
}
