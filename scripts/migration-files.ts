/** Reads what drizzle-kit generated, and writes it as the module that ships inside the package. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Migration } from "../src/adapters/sql/migration.ts";
import { root } from "../test/support/runtimes.ts";

/** The dialects that migrations are generated for. */
export const dialects = ["postgres", "sqlite"] as const;

/** One of the {@link dialects}. */
export type DialectName = (typeof dialects)[number];

/** Where the embedded module stands. */
export const embeddedPath: string = join(root, "src/adapters/sql/migrations.gen.ts");

interface Journal {
  readonly entries: readonly { readonly idx: number; readonly tag: string; readonly when: number }[];
}

/** Reads the migrations of a dialect, in order. */
export function readMigrations(dialect: DialectName, folder: string = join(root, "migrations")): readonly Migration[] {
  return readJournal(dialect, folder).entries.map(({ tag, when }) => {
    const text = readFileSync(join(folder, dialect, `${tag}.sql`), "utf8").replaceAll("\r\n", "\n");
    const statements = text.split("--> statement-breakpoint").map((statement) => statement.trim()).filter((statement) => statement !== "");
    return { tag, when, hash: createHash("sha256").update(text).digest("hex"), statements };
  });
}

/** Reads the last snapshot of a dialect: the schema that the migrations lead to. */
export function readSnapshot(dialect: DialectName, folder: string = join(root, "migrations")): Record<string, unknown> {
  const last = readJournal(dialect, folder).entries.at(-1);
  if (last === undefined) throw new Error(`Cannot read the snapshot of ${dialect}: there are no migrations`);
  return JSON.parse(readFileSync(join(folder, dialect, "meta", `${String(last.idx).padStart(4, "0")}_snapshot.json`), "utf8")) as Record<
    string,
    unknown
  >;
}

/** Writes the text of the embedded module. */
export function embeddedModule(folder?: string): string {
  const lists = dialects.map((dialect) => {
    const text = JSON.stringify(readMigrations(dialect, folder), null, 2);
    return `/** The migrations for ${dialect}, in order. */\nexport const ${dialect}Migrations: readonly Migration[] = ${text};\n`;
  });
  return `// Generated from migrations/ by \`npm run generate\`. Do not edit.\n// deno-fmt-ignore-file\nimport type { Migration } from "./migration.ts";\n\n${
    lists.join("\n")
  }`;
}

function readJournal(dialect: DialectName, folder: string): Journal {
  return JSON.parse(readFileSync(join(folder, dialect, "meta/_journal.json"), "utf8")) as Journal;
}
