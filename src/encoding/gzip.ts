import { ConfigError, PayloadError } from "../errors.ts";
import { TaskPayloadEncoder } from "./payload-encoder.ts";
import { describe, fromBase64, fromJsonBytes, toBase64, toJsonBytes } from "./text.ts";

/** When {@link GzipPayloadEncoder} compresses, and how much it accepts. */
export interface GzipPayloadEncoderOptions {
  /** Payloads whose JSON text is shorter, in bytes, are stored as they are: compressing them costs time and saves nothing. @default 1024 */
  readonly minBytes?: number | undefined;
  /** The longest JSON text, in bytes, on both ways: a small stored value cannot unpack to fill the memory. @default 67108864, 64 MiB */
  readonly maxBytes?: number | undefined;
}

/**
 * Compresses large payloads with gzip. Stores base64 text when compressed, and `{ "plain": value }` when the payload was too short for that.
 *
 * Carries what {@link JsonTaskPayloadEncoder} carries. Both kinds are read whatever the options say, so these may change at any time.
 */
export class GzipPayloadEncoder extends TaskPayloadEncoder {
  /** Always `"gzip"`. */
  readonly id = "gzip";
  /** The options, as text. */
  override readonly settings: string;
  readonly #minBytes: number;
  readonly #maxBytes: number;

  /**
   * Makes the encoder.
   *
   * @throws {ConfigError} When a limit is not a whole number, or `maxBytes` is below 1.
   */
  constructor(options: GzipPayloadEncoderOptions = {}) {
    super();
    this.#minBytes = requireBytes("minBytes", options.minBytes ?? 1_024, 0);
    this.#maxBytes = requireBytes("maxBytes", options.maxBytes ?? 64 * 1_024 * 1_024, 1);
    this.settings = `minBytes ${this.#minBytes}, maxBytes ${this.#maxBytes}`;
  }

  /**
   * Gives base64 text or `{ plain: value }`; `undefined` stays `undefined`.
   *
   * @throws {PayloadError} When JSON cannot carry a part of the value, or its text is longer than `maxBytes`.
   */
  async encode(value: unknown): Promise<unknown> {
    if (value === undefined) return undefined;
    const bytes = toJsonBytes(value);
    if (bytes.length > this.#maxBytes) {
      throw new PayloadError(
        `Cannot encode a gzip payload: its JSON text has ${bytes.length} bytes, more than the ${this.#maxBytes} allowed`,
      );
    }
    if (bytes.length < this.#minBytes) return { plain: value };
    return toBase64(await readAll(pipe(bytes, new CompressionStream("gzip")), Infinity));
  }

  /**
   * Gives back the value.
   *
   * @throws {PayloadError} When this was not made by `encode`, was damaged, or would unpack to more than `maxBytes`.
   */
  async decode(stored: unknown): Promise<unknown> {
    if (stored === undefined) return undefined;
    if (typeof stored === "object" && stored !== null && "plain" in stored) return stored.plain;
    if (typeof stored !== "string") {
      throw new PayloadError(`Cannot decode a gzip payload: expected base64 text or { plain }, found ${describe(stored)}`);
    }
    const packed = fromBase64(stored, "a gzip payload");
    return fromJsonBytes(await unpack(packed, this.#maxBytes), "a gzip payload");
  }
}

async function unpack(packed: Uint8Array<ArrayBuffer>, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readAll(pipe(packed, new DecompressionStream("gzip")), maxBytes);
  } catch (cause) {
    if (cause instanceof PayloadError) throw cause;
    throw new PayloadError("Cannot decode a gzip payload: it is damaged, or was not made by gzip", { cause });
  }
}

type ByteTransform = { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array<ArrayBuffer>> };

function pipe(bytes: Uint8Array<ArrayBuffer>, through: ByteTransform): ReadableStream<Uint8Array> {
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return source.pipeThrough(through);
}

/** Reads a stream to its end, or cancels it as soon as it has given more than it may. */
async function readAll(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > maxBytes) {
      const error = new PayloadError(`Cannot decode a gzip payload: it unpacks to more than the ${maxBytes} bytes allowed`);
      await reader.cancel(error);
      throw error;
    }
    chunks.push(part.value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function requireBytes(option: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new ConfigError(`Cannot make a gzip encoder with ${option} ${value}: expected a whole number of at least ${least}`);
}
