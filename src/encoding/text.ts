import { PayloadError } from "../errors.ts";
import { assertJson } from "../model/json-value.ts";

const utf8 = new TextEncoder();
// `fatal`: bytes that are no UTF-8 were not written by us; `ignoreBOM`: a leading U+FEFF belongs to the text.
const utf8Reader = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// As many arguments as one call takes on every runtime.
const chunkLength = 0x8000;

/** Gives a value's JSON text as UTF-8. @throws {PayloadError} When JSON cannot carry it. */
export function toJsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  assertJson(value, "payload");
  return utf8.encode(JSON.stringify(value));
}

/** Reads back what {@link toJsonBytes} wrote. @throws {PayloadError} When it is something else; `what` names it. */
export function fromJsonBytes(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(utf8Reader.decode(bytes));
  } catch (cause) {
    throw new PayloadError(`Cannot decode ${what}: it holds no JSON text`, { cause });
  }
}

/** Writes bytes as base64 text (RFC 4648, section 4, padded). */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += chunkLength) binary += String.fromCharCode(...bytes.subarray(at, at + chunkLength));
  return btoa(binary);
}

/** Reads base64 text. @throws {PayloadError} When it is something else; `what` names it. */
export function fromBase64(text: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") throw new PayloadError(`Cannot decode ${what}: expected base64 text, found ${describe(text)}`);
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new PayloadError(`Cannot decode ${what}: it is no base64 text`, { cause });
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Says what kind of JSON value something is. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
