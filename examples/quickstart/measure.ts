import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** What is found out about a file. */
export interface Measurement {
  /** Bytes. */
  readonly size: number;
  /** Line feeds, as `wc -l` counts them. */
  readonly lines: number;
  /** Runs of bytes between ASCII white space. */
  readonly words: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

const lineFeed = 0x0a;

/** Reads a file once, piece by piece, and stops when the signal aborts. */
export async function measure(path: string, signal: AbortSignal): Promise<Measurement> {
  const hash = createHash("sha256");
  let size = 0;
  let lines = 0;
  let words = 0;
  let isInWord = false;
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    size += chunk.length;
    for (const byte of chunk) {
      if (byte === lineFeed) lines += 1;
      const isSpace = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
      if (!isSpace && !isInWord) words += 1;
      isInWord = !isSpace;
    }
  }
  return { size, lines, words, sha256: hash.digest("hex") };
}
