/** What an aborted operation rejects with: the signal's reason, by default an AbortError. */
export function abortReason(signal: AbortSignal | undefined): Error {
  // Whatever the caller chose to abort with is what the caller gets, Error or not.
  return signal?.reason as Error;
}
