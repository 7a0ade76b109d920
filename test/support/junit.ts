/** Reads the JUnit reports of the test runners of Node, Deno and Bun; each writes them its own way. */

/** How many cases of a report ended in which way. */
export interface CaseCounts {
  /** Cases that ran: passed and failed ones. */
  readonly executed: number;
  /** Cases that ran and failed. */
  readonly failed: number;
  /** Cases that did not run. */
  readonly skipped: number;
  /** The names of the failed ones, and what each failed with as far as the report tells. */
  readonly failures: readonly string[];
  /** The names of the skipped ones. */
  readonly skips: readonly string[];
}

// Attribute values may hold a bare ">", so they are matched as quoted strings.
const testCase = /<testcase((?:\s+[\w:-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Counts the cases of a report. Groups that Deno reports like cases are left out: they hold other cases and are none. */
export function countCases(report: string): CaseCounts {
  const cases = [...report.matchAll(testCase)].map(([, attributes = "", body = ""]) => ({ name: attributeOf(attributes, "name"), body }));
  const groups = new Set(cases.flatMap(({ name }) => parents(name)));
  const leaves = cases.filter(({ name }) => !groups.has(name));
  const failures = leaves.flatMap(({ name, body }) => {
    const attributes = /<(?:failure|error)\b((?:[^>"]|"[^"]*")*)>/.exec(body)?.[1];
    if (attributes === undefined) return [];
    const message = attributeOf(attributes, "message").trim();
    return message === "" ? [name] : [`${name}: ${message}`];
  });
  const skips = leaves.filter(({ body }) => /<skipped\b/.test(body)).map(({ name }) => name);
  return { executed: leaves.length - skips.length, failed: failures.length, skipped: skips.length, failures, skips };
}

function attributeOf(attributes: string, attribute: string): string {
  const text = new RegExp(`\\s${attribute}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  const named = text.replaceAll("&#10;", "\n").replaceAll("&gt;", ">").replaceAll("&lt;", "<").replaceAll("&quot;", '"');
  return named.replaceAll("&apos;", "'").replaceAll("&amp;", "&");
}

// Deno names a case of a group "group > case".
function parents(name: string): string[] {
  const parts = name.split(" > ");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(" > "));
}
