/** Packages that are installed here and nowhere else, by those who compare: `npm ci --prefix bench/peers`. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Imports } from "../systems.ts";

/** What a program imports that uses packages of here. */
export function importing(...names: readonly string[]): () => Imports {
  return () => ({ folder: dirname(fileURLToPath(import.meta.url)), names });
}

/** Loads one, and sees to it that it has what is wanted of it. */
export async function load<Wanted>(name: string, ...exports: readonly (keyof Wanted & string)[]): Promise<Wanted> {
  const found = await find(name);
  if (has<Wanted>(found, exports)) return found;
  throw new Error(`Cannot measure ${name}: it lacks one of ${exports.join(", ")}`);
}

async function find(name: string): Promise<unknown> {
  try {
    // Not a literal: where it is not installed, nobody looks for its types.
    return await import(name) as unknown;
  } catch (error) {
    throw new Error(`Cannot measure ${name}: install it with \`npm ci --prefix bench/peers\``, { cause: error });
  }
}

function has<Wanted>(found: unknown, exports: readonly string[]): found is Wanted {
  return typeof found === "object" && found !== null && exports.every((key) => key in found);
}
