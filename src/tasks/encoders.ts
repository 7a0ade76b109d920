import type { EncoderRegistryOptions } from "../encoding/registry.ts";
import { EncoderRegistry } from "../encoding/registry.ts";
import type { TaskRegistry } from "./registry.ts";

/**
 * Makes the encoders of a producer or worker: the global ones, the additional ones, and those that tasks bring along.
 *
 * @throws {ConfigError} when two different encoders share an id.
 */
export function encodersFor(registry: TaskRegistry, options: EncoderRegistryOptions): EncoderRegistry {
  const encoders = new EncoderRegistry(options);
  for (const { metadata } of registry.tasks) {
    if (metadata.argsEncoder !== undefined) encoders.register(metadata.argsEncoder);
    if (metadata.resultEncoder !== undefined) encoders.register(metadata.resultEncoder);
  }
  return encoders;
}
