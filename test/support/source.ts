/** Reads TypeScript sources as far as the tests of the architecture need it: code without comments, import statements, casts. */

import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./runtimes.ts";
import { filesUnder } from "./test-files.ts";

/** One source file, read. */
export interface SourceFile {
  /** Its path from the project's root. */
  readonly path: string;
  /** The text without comments; strings are still there. */
  readonly text: string;
  /** The text without comments and without what strings say. */
  readonly code: string;
  /** What it imports. */
  readonly imports: readonly SourceImport[];
}

/** One import or re-export. */
export interface SourceImport {
  /** The module as the file names it. */
  readonly specifier: string;
  /** The imported file's path from the project's root; `undefined` for a package or a built-in module. */
  readonly target: string | undefined;
  /** A statement, one that is erased with the types, or an `import()` expression. */
  readonly kind: "static" | "type" | "dynamic";
}

/** Reads every TypeScript file under a folder of the project. */
export function readSources(folder: string): SourceFile[] {
  return filesUnder(folder, [".ts"]).map((path) => parseSource(path, readFileSync(join(root, path), "utf8")));
}

/** Reads one file's text. */
export function parseSource(path: string, source: string): SourceFile {
  const { text, code } = strip(source);
  return { path, text, code, imports: importsOf(path, text) };
}

/** The lines that hold code. */
export function codeLines(file: SourceFile): number {
  return file.text.split("\n").filter((line) => line.trim() !== "").length;
}

/** How many type assertions a file holds: `as const` and the renaming in imports and exports are none. */
export function countCasts(file: SourceFile): number {
  const code = file.code.replaceAll(/\b(?:import|export)\s+(?:type\s+)?(?:\w+\s*,\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)/g, "");
  return [...code.matchAll(/\bas\s+(?!const\b)(?=[\w({["'`])/g)].length;
}

function importsOf(path: string, text: string): SourceImport[] {
  const statements = [...text.matchAll(/(?:^|;)[ \t]*(import|export)\s+(type\s+)?(?:[\w$*{][^;"'`()]*?\s+from\s*)?"([^"]+)"/gm)].map((
    [, , type, specifier = ""],
  ) => ({
    specifier,
    kind: type === undefined ? "static" as const : "type" as const,
  }));
  const expressions = [...text.matchAll(/\bimport\s*\(\s*"([^"]+)"/g)].map(([, specifier = ""]) => ({
    specifier,
    kind: "dynamic" as const,
  }));
  return [...statements, ...expressions].map(({ specifier, kind }) => ({
    specifier,
    kind,
    target: specifier.startsWith(".") ? relative(root, join(root, dirname(path), specifier)) : undefined,
  }));
}

const tokens = new RegExp(
  [
    String.raw`\/\/[^\n]*`,
    String.raw`\/\*[\s\S]*?\*\/`,
    String.raw`"(?:\\[\s\S]|[^"\\\n])*"`,
    String.raw`'(?:\\[\s\S]|[^'\\\n])*'`,
    // A regular expression stands where a value can start, a division never does.
    String.raw`(?<=(?:^|[(,=:[!&|?{};>]|\breturn|\bof)\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*`,
  ].join("|"),
  "gm",
);

function strip(source: string): { text: string; code: string } {
  const templates = blankTemplates(source);
  const text = templates.replaceAll(tokens, (token) => /^\/[/*]/.test(token) ? token.replaceAll(/[^\n]/g, " ") : token);
  const code = templates.replaceAll(tokens, (token) => /^\/[/*]/.test(token) ? token.replaceAll(/[^\n]/g, " ") : '""');
  return { text, code };
}

/** Takes out what template literals say and keeps the expressions inside them. */
function blankTemplates(source: string): string {
  let out = "";
  let index = 0;
  // What encloses the current place: the text of a template, or code at some depth of braces.
  const stack: { inTemplate: boolean; depth: number }[] = [{ inTemplate: false, depth: 0 }];
  while (index < source.length) {
    const place = stack.at(-1) ?? { inTemplate: false, depth: 0 };
    const character = source[index] ?? "";
    if (place.inTemplate) {
      if (character === "\\") index += 1;
      else if (character === "`") {
        stack.pop();
        out += "`";
      } else if (character === "$" && source[index + 1] === "{") {
        stack.push({ inTemplate: false, depth: 0 });
        out += "${";
        index += 1;
      } else if (character === "\n") out += "\n";
      index += 1;
      continue;
    }
    tokens.lastIndex = index;
    const token = /["'/]/.test(character) ? tokens.exec(source) : null;
    if (token?.index === index) {
      out += token[0];
      index += token[0].length;
      continue;
    }
    if (character === "`") stack.push({ inTemplate: true, depth: 0 });
    else if (character === "{") place.depth += 1;
    else if (character === "}" && place.depth === 0 && stack.length > 1) stack.pop();
    else if (character === "}") place.depth -= 1;
    out += character;
    index += 1;
  }
  return out;
}
