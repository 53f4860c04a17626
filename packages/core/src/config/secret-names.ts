/** Whether a field or configuration key of this name holds a secret, rather than the name of a file that does. */
export function isSecretName(name: string): boolean {
  return /(secret|token|credential|password|(^|[_-])key|[a-z]Key)$/i.test(name);
}
