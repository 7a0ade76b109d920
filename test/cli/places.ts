/** Where the stores of a test are. */

import { join } from "node:path";
import type { Environment } from "../../src/app/config.ts";
import { withSchema } from "../sql/databases.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { removeNamespacesAt } from "../support/redis-keys.ts";
import { needsPostgres, needsRedis, postgresUrl, redisUrl } from "../support/servers.ts";

/** The stores of one test. */
export interface Place {
  /** Their URL. */
  readonly url: string;
  /** What else a connection needs to know. */
  readonly options: { readonly schema?: string; readonly namespace?: string };
  /** Says all of that. */
  readonly environment: Environment;
  /** A folder for this test alone. */
  readonly folder: string;
}

/** Lends stores in a file. */
export async function onFile(work: (place: Place) => Promise<void>): Promise<void> {
  await using folder = createServerFolder("cli");
  const url = `sqlite:${join(folder.path, "stem.db")}`;
  await work({ url, options: {}, environment: { STEM_URL: url }, folder: folder.path });
}

/** Lends stores in a schema. */
async function onSchema(work: (place: Place) => Promise<void>): Promise<void> {
  await using folder = createServerFolder("cli");
  const url = postgresUrl();
  await withSchema((schema) =>
    work({ url, options: { schema }, environment: { STEM_URL: url, STEM_SCHEMA: schema }, folder: folder.path })
  );
}

/** Lends stores in a namespace. */
async function onNamespace(work: (place: Place) => Promise<void>): Promise<void> {
  await using folder = createServerFolder("cli");
  const url = redisUrl();
  const namespace = `cli-${crypto.randomUUID()}`;
  try {
    await work({ url, options: { namespace }, environment: { STEM_URL: url, STEM_NAMESPACE: namespace }, folder: folder.path });
  } finally {
    await removeNamespacesAt(url, [namespace]);
  }
}

/** All stores that processes share. */
export const places = [
  { name: "sqlite", needs: {}, use: onFile },
  { name: "postgres", needs: needsPostgres, use: onSchema },
  { name: "redis", needs: needsRedis, use: onNamespace },
] as const;
