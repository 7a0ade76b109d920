import type { Naming } from "../model/id.ts";
import { jsonTextOf } from "../model/json-text.ts";

/**
 * How a store keeps JSON values: as text where they leave the process, see {@link jsonText}. What was taken in stays as it was, whatever the
 * caller does with its own afterwards.
 */
export interface JsonForm<Json> {
  /**
   * Takes in a value.
   *
   * @throws {PayloadError} when the value has no JSON text, or that text is longer than `maxLength`.
   */
  take(value: {} | null, what: Naming, maxLength: number): Json;
  /** How much it is, in characters of JSON text: what goes into one round trip is measured by this. */
  lengthOf(kept: Json): number;
}

/** The form of all stores that keep text. */
export const jsonText: JsonForm<string> = Object.freeze({
  take: jsonTextOf,
  lengthOf: (text: string) => text.length,
});
