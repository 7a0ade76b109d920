import assert from "node:assert/strict";
import { test } from "node:test";
import { codeLines, countCasts, parseSource } from "./support/source.ts";

const read = (text: string) => parseSource("src/worker/example.ts", text);

test("imports: statements, type imports, re-exports and expressions", () => {
  const file = read(`
    import "./first.ts";
    import type { A } from "../model/a.ts";
    import b, { type C as D } from "../time/b.ts";
    import * as e from "drizzle-orm";
    export * from "./f.ts";
    export { g as h } from "./g.ts";
    // import { no } from "./comment.ts";
    const said = 'import "./string.ts"', also = \`import "./template.ts"\`;
    const late = await import("../adapters/i.ts");
    export const fine = 1, text = "from";
  `);
  assert.deepEqual(file.imports, [
    { specifier: "./first.ts", kind: "static", target: "src/worker/first.ts" },
    { specifier: "../model/a.ts", kind: "type", target: "src/model/a.ts" },
    { specifier: "../time/b.ts", kind: "static", target: "src/time/b.ts" },
    { specifier: "drizzle-orm", kind: "static", target: undefined },
    { specifier: "./f.ts", kind: "static", target: "src/worker/f.ts" },
    { specifier: "./g.ts", kind: "static", target: "src/worker/g.ts" },
    { specifier: "../adapters/i.ts", kind: "dynamic", target: "src/adapters/i.ts" },
  ]);
});

test("casts: `as const`, renamings, comments and texts are none", () => {
  assert.equal(
    countCasts(read('import { a as b, type c as d } from "./x.ts"; import * as e from "y"; export { f as g }; export * as h from "z";')),
    0,
  );
  assert.equal(countCasts(read('const a = [1] as const; // b as string\nconst c = "d as string", e = `f as ${g} as h`;')), 0);
  assert.equal(
    countCasts(read("const a = b as string; f(c as unknown as Map<string, D>); const e = `${g as string}`; h = i as { j: 1 };")),
    5,
  );
});

test("code: quotes inside regular expressions and templates inside templates do not confuse it", () => {
  const file = read(
    'const a = /["\'`]/g; const b = `x${`y${c /* d */}z`}`; Date.now(); const e = f / g; // "\nconst h = 1 / 2;\n\n/** `not\n code` */',
  );
  assert.match(file.code, /Date\.now\(\)/);
  assert.doesNotMatch(file.code, /not|xyz|d \*/);
  assert.equal(codeLines(file), 2);
});
