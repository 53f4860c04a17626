/** Options of transport URLs that open what they name to whoever reads them. */
const secretOptions = /([?&](?:auth_key|cookie)=)[^&#\s"'`),;]+/g;

/** A copy of a text for people, logs and errors: keys in transport URLs that it contains are replaced. */
export function hideCredentials(text: string): string {
  return text.replaceAll(secretOptions, '$1[hidden]');
}
