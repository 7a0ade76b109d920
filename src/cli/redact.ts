const HIDDEN = "***";

// Up to the next space or quote, because a password that was not percent-encoded may hold anything else.
const URLS = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'`<>]+/gi;
const SECRETS = /([?&](?:password|passwd|pass|pwd|authToken|token|secret|sslpassword)=)[^&\s"'#]*/gi;

/**
 * Hides every password in a text: of the given URLs, wherever they stand, and of whatever else looks like a URL with one.
 *
 * @param known URLs that are in use: they are found even where their password has spaces in it.
 */
export function redact(text: string, known: readonly string[] = []): string {
  return hideKnown(text, known).replaceAll(URLS, redactUrl).replaceAll(SECRETS, `$1${HIDDEN}`);
}

/** Hides the passwords of given URLs in a text, and leaves everything else as it is. */
export function hideKnown(text: string, known: readonly string[]): string {
  return known.reduce((hidden, url) => hidden.replaceAll(url, () => redactUrl(url).replaceAll(SECRETS, `$1${HIDDEN}`)), text);
}

function redactUrl(url: string): string {
  const start = url.indexOf("://") + "://".length;
  // The last one: a password may hold others.
  const end = url.lastIndexOf("@");
  if (start < "://".length || end < start) return url;
  const colon = url.indexOf(":", start);
  return colon === -1 || colon > end ? url : `${url.slice(0, colon + 1)}${HIDDEN}${url.slice(end)}`;
}
