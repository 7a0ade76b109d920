/** Where the stores of a test are. */

import { join } from "node:path";
import type { Environment } from "../../src/app/config.ts";
import { withSchema } from "../sql/databases.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";

/** The stores of one test. */
export interface Place {
  /** Their URL. */
  readonly url: string;
  /** Their schema, where they have such. */
  readonly schema: string;
  /** Says both. */
  readonly environment: Environment;
  /** A folder for this test alone. */
  readonly folder: string;
}

/** Lends stores in a file. */
export async function onFile(work: (place: Place) => Promise<void>): Promise<void> {
  await using folder = createServerFolder("cli");
  const url = `sqlite:${join(folder.path, "stem.db")}`;
  await work({ url, schema: "stem", environment: { STEM_URL: url }, folder: folder.path });
}

/** Lends stores in a schema. */
async function onSchema(work: (place: Place) => Promise<void>): Promise<void> {
  await using folder = createServerFolder("cli");
  const url = postgresUrl();
  await withSchema((schema) => work({ url, schema, environment: { STEM_URL: url, STEM_SCHEMA: schema }, folder: folder.path }));
}

/** Both dialects. */
export const places = [
  { name: "sqlite", needs: {}, use: onFile },
  { name: "postgres", needs: needsPostgres, use: onSchema },
] as const;
