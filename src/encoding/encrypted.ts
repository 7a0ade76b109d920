import { ConfigError, PayloadError, StemError } from "../errors.ts";
import { randomBytes } from "../time/random.ts";
import { JsonTaskPayloadEncoder } from "./json.ts";
import { TaskPayloadEncoder } from "./payload-encoder.ts";
import { describe, fromBase64, fromJsonBytes, toBase64, toJsonBytes } from "./text.ts";

/** The runtime's own `CryptoKey`, under a name that needs no browser types. */
export type WebCryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A secret key of 256 bits: 32 bytes, their base64 text, or a Web Crypto key made for AES-GCM. */
export type EncryptionKey = Uint8Array | WebCryptoKey | string;

/** The keys of {@link EncryptedPayloadEncoder}. */
export interface EncryptedPayloadEncoderOptions {
  /** The id of the key that encrypts from now on. */
  readonly current: string;
  /** All keys by their id: the current one, and older ones for as long as payloads made with them are stored. */
  readonly keys: Readonly<Record<string, EncryptionKey>>;
  /** Encodes the value before it is encrypted, such as a gzip encoder. @default new JsonTaskPayloadEncoder() */
  readonly inner?: TaskPayloadEncoder | undefined;
  /** The id under which payloads are stored; only needed for a second key ring beside the first. @default "aes-gcm" */
  readonly id?: string | undefined;
}

/** What is stored. Its shape must never change without another `v`. */
interface SealedPayload {
  /** The version of this format. */
  readonly v: 1;
  /** Which key encrypted it. */
  readonly key: string;
  /** Which encoder made what was encrypted. */
  readonly inner: string;
  /** The nonce, as base64 text. */
  readonly iv: string;
  /** The encrypted JSON text followed by the authentication tag of 128 bits, as base64 text. */
  readonly data: string;
}

const keyBytes = 32;
// The nonce length for which GCM is defined without a hash before it (NIST SP 800-38D, section 5.2.1.1).
const nonceBytes = 12;

/**
 * Encrypts payloads with AES-256-GCM, so that whoever reads the store or its backups sees no contents.
 *
 * Each payload gets a random nonce and names its key; key id, inner encoder and encoder id are authenticated with it. What was altered, made
 * with another key, or made with a key that is not in the ring is a {@link PayloadError}. Whether there is a value at all is not hidden
 * (`undefined` stays `undefined`), nor is its length. A payload is not tied to its task: who can write to the store can swap two of them.
 *
 * To change keys: add the new key everywhere, then make it `current` everywhere, then drop the old one once nothing made with it is stored.
 * Change it before some billions of payloads: random nonces are good for 2^32 uses of one key (NIST SP 800-38D, section 8.3).
 *
 * @example
 * ```ts
 * import { EncryptedPayloadEncoder } from "@stem/stem";
 *
 * const secret = EncryptedPayloadEncoder.generateKey(); // keep it where secrets are kept
 * const encoder = new EncryptedPayloadEncoder({ current: "2026-01", keys: { "2026-01": secret } });
 * const stored = await encoder.encode({ card: "4111 1111 1111 1111" });
 * console.log(await encoder.decode(stored));
 * ```
 */
export class EncryptedPayloadEncoder extends TaskPayloadEncoder {
  /** The `id` option, `"aes-gcm"` by default. */
  readonly id: string;
  readonly #current: string;
  readonly #keys: ReadonlyMap<string, Uint8Array<ArrayBuffer> | WebCryptoKey>;
  readonly #imported = new Map<string, Promise<WebCryptoKey>>();
  readonly #inner: TaskPayloadEncoder;

  /**
   * Makes the encoder.
   *
   * @throws {ConfigError} When a key is not one of 256 bits, or the current one is not among them. No message shows a key.
   */
  constructor(options: EncryptedPayloadEncoderOptions) {
    super();
    this.id = options.id ?? "aes-gcm";
    this.#current = options.current;
    this.#keys = new Map(Object.entries(options.keys).map(([keyId, key]) => [keyId, checkKey(keyId, key)]));
    this.#inner = options.inner ?? new JsonTaskPayloadEncoder();
    const current = this.#keys.get(options.current);
    if (current === undefined) {
      throw new ConfigError(`Cannot encrypt with key ${JSON.stringify(options.current)}: expected one of ${list(this.#keys.keys())}`);
    }
    if (!(current instanceof Uint8Array) && !current.usages.includes("encrypt")) {
      throw new ConfigError(`Cannot encrypt with key ${JSON.stringify(options.current)}: its usages do not include "encrypt"`);
    }
  }

  /** Makes a new random key, as base64 text. */
  static generateKey(): string {
    return toBase64(randomBytes(keyBytes));
  }

  /**
   * Gives the sealed payload, a plain object; `undefined` stays `undefined`.
   *
   * @throws {PayloadError} When the inner encoder cannot carry the value.
   */
  async encode(value: unknown): Promise<unknown> {
    const plain = await this.#inner.encode(value);
    if (plain === undefined) return undefined;
    const iv = randomBytes(nonceBytes);
    const additionalData = this.#additionalData(this.#current, this.#inner.id);
    const key = await this.#keyFor(this.#current);
    const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, toJsonBytes(plain));
    const sealed: SealedPayload = {
      v: 1,
      key: this.#current,
      inner: this.#inner.id,
      iv: toBase64(iv),
      data: toBase64(new Uint8Array(data)),
    };
    return sealed;
  }

  /**
   * Gives back the value.
   *
   * @throws {PayloadError} When the key is not in the ring, or is another one of the same id; when anything was altered; when another inner
   * encoder made it.
   */
  async decode(stored: unknown): Promise<unknown> {
    if (stored === undefined) return undefined;
    const sealed = requireSealed(stored);
    if (sealed.inner !== this.#inner.id) {
      const made = `it was made with the inner encoder ${JSON.stringify(sealed.inner)}`;
      throw new PayloadError(`Cannot decrypt a payload: ${made}, not with ${JSON.stringify(this.#inner.id)}`);
    }
    const key = await this.#keyFor(sealed.key);
    const iv = fromBase64(sealed.iv, "the nonce of an encrypted payload");
    const data = fromBase64(sealed.data, "an encrypted payload");
    let plain: ArrayBuffer;
    try {
      plain = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv, additionalData: this.#additionalData(sealed.key, sealed.inner) },
        key,
        data,
      );
    } catch (cause) {
      const name = JSON.stringify(sealed.key);
      throw new PayloadError(`Cannot decrypt a payload: it was altered, or made with another key than the ${name} known here`, { cause });
    }
    return await this.#inner.decode(fromJsonBytes(new Uint8Array(plain), "a decrypted payload"));
  }

  /** Ties a payload to what stands beside it in the clear. */
  #additionalData(keyId: string, innerId: string): Uint8Array<ArrayBuffer> {
    return toJsonBytes(["stem", 1, this.id, keyId, innerId]);
  }

  #keyFor(keyId: string): Promise<WebCryptoKey> {
    const key = this.#keys.get(keyId);
    if (key === undefined) {
      throw new PayloadError(`Cannot decrypt a payload: key ${JSON.stringify(keyId)} is unknown; known are ${list(this.#keys.keys())}`);
    }
    let imported = this.#imported.get(keyId);
    if (imported === undefined) {
      imported = key instanceof Uint8Array
        ? crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"])
        : Promise.resolve(key);
      this.#imported.set(keyId, imported);
    }
    return imported;
  }
}

function checkKey(keyId: string, key: EncryptionKey): Uint8Array<ArrayBuffer> | WebCryptoKey {
  const name = JSON.stringify(keyId);
  if (typeof key === "string" || key instanceof Uint8Array) {
    // Copied, so that a caller who wipes the bytes does not change the key.
    const bytes = typeof key === "string" ? readKeyText(name, key) : new Uint8Array(key);
    if (bytes.length === keyBytes) return bytes;
    throw new ConfigError(`Cannot use key ${name}: it has ${bytes.length} bytes, expected ${keyBytes}`);
  }
  const { algorithm, usages } = key;
  if (algorithm.name !== "AES-GCM" || !("length" in algorithm) || algorithm.length !== keyBytes * 8) {
    throw new ConfigError(`Cannot use key ${name}: it is a key for ${algorithm.name}, expected one of 256 bits for AES-GCM`);
  }
  if (!usages.includes("decrypt")) throw new ConfigError(`Cannot use key ${name}: its usages do not include "decrypt"`);
  return key;
}

function readKeyText(name: string, text: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(text, "a key");
  } catch (error) {
    // Without its cause: a runtime's own message may quote the text, which is a secret.
    if (StemError.is(error)) throw new ConfigError(`Cannot use key ${name}: it is no base64 text`);
    throw error;
  }
}

function requireSealed(stored: unknown): SealedPayload {
  if (typeof stored === "object" && stored !== null && "v" in stored) {
    if (stored.v !== 1) {
      throw new PayloadError(`Cannot decrypt a payload: it has version ${JSON.stringify(stored.v)} of the format, expected 1`);
    }
    if ("key" in stored && "inner" in stored && "iv" in stored && "data" in stored) {
      const { key, inner, iv, data } = stored;
      if (typeof key === "string" && typeof inner === "string" && typeof iv === "string" && typeof data === "string") {
        return { v: 1, key, inner, iv, data };
      }
    }
  }
  throw new PayloadError(`Cannot decrypt a payload: expected { v, key, inner, iv, data }, found ${describe(stored)} of another shape`);
}

function list(ids: Iterable<string>): string {
  return [...ids].map((id) => JSON.stringify(id)).join(", ") || "none";
}
