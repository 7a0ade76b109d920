import { assertJson } from "../model/json-value.ts";
import { TaskPayloadEncoder } from "./payload-encoder.ts";

/**
 * Carries plain JSON, and refuses everything that JSON would lose or change on the way. The default encoder.
 *
 * It gives back the very value it was given. A property that is `undefined` counts as left out, and `-0` arrives as `0`; nothing else changes.
 */
export class JsonTaskPayloadEncoder extends TaskPayloadEncoder {
  /** Always `"json"`. */
  readonly id = "json";
  /** Always empty: there are no settings. */
  override readonly settings = "";

  /**
   * Gives the value itself, once all of it is known to be JSON; `undefined` stays `undefined`.
   *
   * @throws {PayloadError} When JSON cannot carry a part of it; the message names the place and what stands there.
   */
  encode(value: unknown): unknown {
    if (value !== undefined) assertJson(value, "payload");
    return value;
  }

  /** Gives the stored value itself. */
  decode(stored: unknown): unknown {
    return stored;
  }
}
