import { ConfigError } from "../errors.ts";

/** How URLs of one kind of server look, for {@link parseServerUrl}. */
export interface ServerUrlForm {
  /** What error messages call the server: `"Postgres"`. */
  readonly what: string;
  /** The schemes that name such a server. */
  readonly schemes: readonly string[];
  /** What error messages say was expected. */
  readonly expected: string;
}

/** A server's URL, taken apart. */
export interface ServerUrl {
  /** Its scheme, in small letters. */
  readonly scheme: string;
  /** The URL with the first of its hosts. */
  readonly url: URL;
  /** Its hosts as they are written, which are parted by commas; one empty text where none is. */
  readonly hosts: readonly string[];
}

/**
 * Takes apart the URL of a server that is about to be given to a driver, whose own errors would show the password.
 *
 * @throws {ConfigError} when it is none; the message holds nothing of the URL but its scheme.
 */
export function parseServerUrl(url: string, { what, schemes, expected }: ServerUrlForm): ServerUrl {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined || !schemes.includes(scheme)) {
    const found = scheme === undefined ? "without a scheme" : `of scheme "${scheme}"`;
    throw new ConfigError(`Cannot connect to a ${what} URL ${found}: ${expected}`);
  }
  const authority = url.slice(url.indexOf("://") + 3).split(/[/?#]/, 1)[0] ?? "";
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split(",");
  const single = hosts.length > 1 ? url.replace(hosts.join(","), hosts[0] ?? "") : url;
  // No cause: the runtime's error carries the whole URL with it.
  if (!url.includes("://") || !URL.canParse(single)) throw new ConfigError(`Cannot connect to a malformed ${what} URL: ${expected}`);
  return { scheme, url: new URL(single), hosts };
}

/**
 * Decodes a part of a URL.
 *
 * @throws {ConfigError} when it is not percent-encoded; the message does not show it.
 */
export function decodeUrlPart(text: string, part: string, { what }: Pick<ServerUrlForm, "what">): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // As above: no cause, because it would hold the text.
    throw new ConfigError(`Cannot connect to a ${what} URL whose ${part} is not percent-encoded: write % as %25`);
  }
}
