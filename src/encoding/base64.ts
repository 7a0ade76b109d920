import { TaskPayloadEncoder } from "./payload-encoder.ts";
import { fromBase64, fromJsonBytes, toBase64, toJsonBytes } from "./text.ts";

/**
 * Stores the JSON text of a value as base64 text: for stores or tools in between that only pass plain ASCII. Hides nothing, protects nothing.
 *
 * Carries what {@link JsonTaskPayloadEncoder} carries, a third longer.
 */
export class Base64PayloadEncoder extends TaskPayloadEncoder {
  /** Always `"base64"`. */
  readonly id = "base64";
  /** Always empty: there are no settings. */
  override readonly settings = "";

  /**
   * Gives base64 text; `undefined` stays `undefined`.
   *
   * @throws {PayloadError} When JSON cannot carry a part of the value.
   */
  encode(value: unknown): unknown {
    return value === undefined ? undefined : toBase64(toJsonBytes(value));
  }

  /**
   * Gives back the value.
   *
   * @throws {PayloadError} When this is not the base64 text of JSON text.
   */
  decode(stored: unknown): unknown {
    return stored === undefined ? undefined : fromJsonBytes(fromBase64(stored, "a base64 payload"), "a base64 payload");
  }
}
