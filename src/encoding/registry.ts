import type { MaybePromise } from "../async/maybe-promise.ts";
import { isPromiseLike } from "../async/maybe-promise.ts";
import { ConfigError, PayloadError, StemError } from "../errors.ts";
import { assertJson } from "../model/json-value.ts";
import { JsonTaskPayloadEncoder } from "./json.ts";
import type { TaskPayloadEncoder } from "./payload-encoder.ts";

/** Which encoders one task uses in place of the registry's own; this is the part of a task's metadata that concerns encoding. */
export interface EncoderOverrides {
  /** Encodes the task's arguments. @default the registry's */
  readonly argsEncoder?: TaskPayloadEncoder | undefined;
  /** Encodes the task's result. @default the registry's */
  readonly resultEncoder?: TaskPayloadEncoder | undefined;
}

/** The encoders of an {@link EncoderRegistry}. */
export interface EncoderRegistryOptions extends EncoderOverrides {
  /** Encoders that are only needed to decode: those of other processes, and of payloads stored earlier. @default none */
  readonly additionalEncoders?: readonly TaskPayloadEncoder[] | undefined;
}

/** A payload as it is stored, with the name of its encoder, which must be stored beside it. */
export interface EncodedPayload {
  /** The id to decode it with. */
  readonly encoderId: string;
  /** The JSON value; `undefined` when there is no value. */
  readonly value: unknown;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/;

/**
 * Knows the encoders of a process by their ids, and which to use for what.
 *
 * The plain JSON encoder is always known, unless another one takes its id: payloads that were stored before an encoder was set stay readable.
 * What a synchronous encoder gives comes back at once, not as a promise.
 *
 * @example
 * ```ts
 * import { EncoderRegistry, GzipPayloadEncoder } from "@stem/stem";
 *
 * const encoders = new EncoderRegistry({ resultEncoder: new GzipPayloadEncoder() });
 * const { encoderId, value } = await encoders.encodeResult({ rows: 3 });
 * console.log(encoderId, await encoders.decodeResult(value, encoderId)); // gzip { rows: 3 }
 * ```
 */
export class EncoderRegistry {
  readonly #encoders = new Map<string, TaskPayloadEncoder>();
  readonly #argsEncoder: TaskPayloadEncoder;
  readonly #resultEncoder: TaskPayloadEncoder;

  /**
   * Makes a registry of the given encoders.
   *
   * @throws {ConfigError} When an encoder is not one, its id is malformed, or two different ones share an id.
   */
  constructor(options: EncoderRegistryOptions = {}) {
    const given = [options.argsEncoder, options.resultEncoder, ...options.additionalEncoders ?? []];
    for (const encoder of given) {
      if (encoder !== undefined) this.register(encoder);
    }
    let json = this.#encoders.get("json");
    if (json === undefined) {
      json = new JsonTaskPayloadEncoder();
      this.register(json);
    }
    this.#argsEncoder = options.argsEncoder ?? json;
    this.#resultEncoder = options.resultEncoder ?? json;
  }

  /** The ids of all known encoders, sorted. */
  get ids(): string[] {
    return [...this.#encoders.keys()].sort();
  }

  /**
   * Makes an encoder known; the same one again is fine, and so is another of its class with equal settings.
   *
   * @throws {ConfigError} When it is not an encoder, its id is malformed, or a different one has its id.
   */
  register(encoder: TaskPayloadEncoder): void {
    const known = this.#encoders.get(encoder?.id);
    if (known === encoder && known !== undefined) return;
    requireEncoder(encoder);
    if (known === undefined) this.#encoders.set(encoder.id, encoder);
    else if (known.constructor !== encoder.constructor || encoder.settings === undefined || known.settings !== encoder.settings) {
      throw new ConfigError(`Cannot register encoder "${encoder.id}": another one with that id is registered`);
    }
  }

  /**
   * Gives the encoder of an id, as it was found beside a payload.
   *
   * @throws {PayloadError} When none has that id; the message lists those that are known.
   */
  get(id: unknown): TaskPayloadEncoder {
    const encoder = typeof id === "string" ? this.#encoders.get(id) : undefined;
    if (encoder !== undefined) return encoder;
    const shown = typeof id === "string" ? JSON.stringify(id) : String(id);
    throw new PayloadError(`Cannot find encoder ${shown}: known are ${this.ids.map((known) => JSON.stringify(known)).join(", ")}`);
  }

  /**
   * Encodes a task's arguments, with its own encoder where it has one; that one is known from then on.
   *
   * @throws {PayloadError} When the encoder fails or gives something other than JSON.
   * @throws {ConfigError} When the task's encoder cannot be registered.
   */
  encodeArgs(value: unknown, overrides: EncoderOverrides = {}): MaybePromise<EncodedPayload> {
    return this.#encode(overrides.argsEncoder ?? this.#argsEncoder, value, "args");
  }

  /**
   * Decodes a task's arguments with the encoder that was stored beside them.
   *
   * @throws {PayloadError} When the encoder is unknown or fails.
   */
  decodeArgs(stored: unknown, encoderId: unknown): MaybePromise<unknown> {
    return this.#decode(this.get(encoderId), stored, "args");
  }

  /**
   * Encodes a task's result, with its own encoder where it has one; that one is known from then on.
   *
   * @throws {PayloadError} When the encoder fails or gives something other than JSON.
   * @throws {ConfigError} When the task's encoder cannot be registered.
   */
  encodeResult(value: unknown, overrides: EncoderOverrides = {}): MaybePromise<EncodedPayload> {
    return this.#encode(overrides.resultEncoder ?? this.#resultEncoder, value, "result");
  }

  /**
   * Decodes a task's result with the encoder that was stored beside it.
   *
   * @throws {PayloadError} When the encoder is unknown or fails.
   */
  decodeResult(stored: unknown, encoderId: unknown): MaybePromise<unknown> {
    return this.#decode(this.get(encoderId), stored, "result");
  }

  #encode(encoder: TaskPayloadEncoder, value: unknown, what: Payload): MaybePromise<EncodedPayload> {
    this.register(encoder);
    let encoded: unknown;
    try {
      encoded = encoder.encode(value);
    } catch (error) {
      throw wrap(error, `Cannot encode ${what} with encoder "${encoder.id}"`);
    }
    if (!isPromiseLike(encoded)) return checked(encoded, what, encoder);
    return Promise.resolve(encoded).then((value) => checked(value, what, encoder), (error: unknown) => {
      throw wrap(error, `Cannot encode ${what} with encoder "${encoder.id}"`);
    });
  }

  #decode(encoder: TaskPayloadEncoder, stored: unknown, what: Payload): MaybePromise<unknown> {
    let value: unknown;
    try {
      value = encoder.decode(stored);
    } catch (error) {
      throw wrap(error, `Cannot decode ${what} with encoder "${encoder.id}"`);
    }
    if (!isPromiseLike(value)) return value;
    return Promise.resolve(value).catch((error: unknown) => {
      throw wrap(error, `Cannot decode ${what} with encoder "${encoder.id}"`);
    });
  }
}

type Payload = "args" | "result";

function checked(encoded: unknown, what: Payload, encoder: TaskPayloadEncoder): EncodedPayload {
  // The plain JSON encoder has just looked at every part itself.
  if (encoded !== undefined && encoder.constructor !== JsonTaskPayloadEncoder) {
    assertJson(encoded, `what encoder "${encoder.id}" made of ${what}`);
  }
  return { encoderId: encoder.id, value: encoded };
}

/** Makes a PayloadError of whatever an encoder threw; its own are good as they are. */
function wrap(error: unknown, action: string): PayloadError {
  if (error instanceof PayloadError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  // A key service that is away for a moment says so; whoever sees the error may try again.
  return new PayloadError(`${action}: ${reason}`, { cause: error, retryable: StemError.is(error) && error.retryable });
}

function requireEncoder(encoder: TaskPayloadEncoder): void {
  if (typeof encoder?.encode !== "function" || typeof encoder.decode !== "function") {
    throw new ConfigError(
      `Cannot register ${
        encoder === null ? "null" : `a value of type ${typeof encoder}`
      } as an encoder: expected an object with id, encode and decode`,
    );
  }
  if (typeof encoder.id !== "string" || !idPattern.test(encoder.id)) {
    throw new ConfigError(
      `Cannot register an encoder with id ${JSON.stringify(encoder.id)}: expected 1 to 64 letters, digits, ".", "_", ":", "/" or "-"`,
    );
  }
}
