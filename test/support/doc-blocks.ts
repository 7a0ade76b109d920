/** The TypeScript blocks of the documentation: in pages, and in the examples of docstrings. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./runtimes.ts";

/** One fenced block. */
export interface DocBlock {
  /** The page, or the source file. */
  readonly page: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** The words after `ts`: `no-run` for a block that is only checked, a file name for one that other blocks of the page import. */
  readonly flags: readonly string[];
  /** The code. */
  readonly code: string;
}

/** Reads the `ts` blocks of a Markdown page, or of the docstrings of a TypeScript file. */
export function docBlocks(page: string): DocBlock[] {
  return blocksOf(page, readFileSync(join(root, page), "utf8"));
}

/** Finds the blocks in a text; in a TypeScript file only those inside docstrings count. */
export function blocksOf(page: string, text: string): DocBlock[] {
  const margin = page.endsWith(".ts") ? /^[ \t]*\* ?/ : /^/;
  const blocks: DocBlock[] = [];
  let open: { line: number; flags: string[]; code: string[] } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    if (open === undefined && !margin.test(raw)) continue;
    const line = raw.replace(margin, "");
    if (open === undefined) {
      const fence = /^```(?:ts|typescript)\b[ \t]*(.*)$/.exec(line);
      if (fence !== null) open = { line: index + 1, flags: (fence[1] ?? "").split(/\s+/).filter((word) => word !== ""), code: [] };
    } else if (/^```\s*$/.test(line)) {
      blocks.push({ page, line: open.line, flags: open.flags, code: open.code.join("\n") });
      open = undefined;
    } else open.code.push(line);
  }
  if (open !== undefined) throw new Error(`Cannot read ${page}: the block in line ${open.line} has no end`);
  return blocks;
}
