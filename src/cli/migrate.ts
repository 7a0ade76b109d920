import type { Command } from "commander";
import { allUrls, connectSettings } from "../app/config.ts";
import { ConfigError, MigrationError } from "../errors.ts";
import type { MigrationStatus, MigrationTarget } from "../migrations.ts";
import type { Call, CommandContext, CommandDefinition } from "./command.ts";
import { addCommand } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import type { Output } from "./output.ts";
import { redact } from "./redact.ts";
import { schemaFlag } from "./store-flags.ts";

interface MigrateOptions {
  /** The databases, instead of those that the environment names. */
  readonly url?: readonly string[];
}

type MigrateContext = CommandContext<MigrateOptions>;

/** Adds `stem migrate plan | up | check | status`. */
export function addMigrateCommands(stem: Command, call: Call): void {
  const migrate = stem.command("migrate").description("Brings SQL databases up to date, and tells how they stand.");
  const add = (name: string, summary: string, run: CommandDefinition<MigrateOptions>["run"]): void =>
    addCommand(migrate, call, {
      name,
      summary,
      help: "Without --url every SQL database is meant that STEM_URL, STEM_BROKER_URL and their like name.",
      flags: [{ flag: "--url <url>", repeats: true, about: "the databases (instead of STEM_URL and its like)" }],
      storeFlags: [schemaFlag],
      run,
    });
  add("plan", "Write the SQL that `up` would run", plan);
  add("up", "Apply what is missing: all of it, or nothing", up);
  add("check", `End with ${EXIT.migrations} when a database is behind or does not fit; write nothing`, check);
  add("status", "Tell what was applied and what is missing", status);
}

async function plan(context: MigrateContext): Promise<void> {
  const plans = await forEachDatabase(context, async (url, target) => {
    const { migrationStatus } = await import("../migrations.ts");
    const { database, pending } = await migrationStatus(url, target);
    return { database, pending, path: url.startsWith("postgres") ? target.schema ?? "stem" : undefined };
  });
  context.output.result(
    { databases: plans.map(({ database, pending }) => ({ database, pending })) },
    () => plans.map(planText).join("\n\n"),
  );
}

async function up(context: MigrateContext): Promise<void> {
  const databases = await forEachDatabase(context, async (url, target) => {
    const { migrate, migrationStatus } = await import("../migrations.ts");
    const applied = (await migrate(url, target)).map(({ tag }) => tag);
    return { database: (await migrationStatus(url, target)).database, applied };
  });
  context.output.result(
    { databases },
    () =>
      databases.map(({ database, applied }) =>
        `${database}: ${applied.length === 0 ? "nothing to apply" : `applied ${applied.join(", ")}`}`
      )
        .join("\n"),
  );
}

async function check(context: MigrateContext): Promise<ExitCode> {
  const { output } = context;
  const databases = await forEachDatabase(context, checkOne);
  const current = databases.every((database) => database.current);
  output.result({ current, databases }, () => databases.map((database) => checkText(database, output)).join("\n"));
  return current ? EXIT.ok : EXIT.migrations;
}

async function status(context: MigrateContext): Promise<void> {
  const { output } = context;
  const databases = await forEachDatabase(context, async (url, target) => {
    const { migrationStatus } = await import("../migrations.ts");
    return await migrationStatus(url, target);
  });
  output.result(
    { databases: databases.map(({ pending, ...rest }) => ({ ...rest, pending: pending.map(({ tag }) => tag) })) },
    () => databases.map((database) => statusText(database, output)).join("\n\n"),
  );
}

/** What `check` says of one database. */
interface Checked {
  readonly database: string;
  readonly current: boolean;
  readonly pending: readonly string[];
  readonly problem?: string;
}

async function checkOne(url: string, target: MigrationTarget): Promise<Checked> {
  const { migrationStatus } = await import("../migrations.ts");
  try {
    const { database, pending } = await migrationStatus(url, target);
    return { database, current: pending.length === 0, pending: pending.map(({ tag }) => tag) };
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return { database: redact(url), current: false, pending: [], problem: error.message };
  }
}

async function forEachDatabase<T>(
  context: MigrateContext,
  work: (url: string, target: MigrationTarget) => Promise<T>,
): Promise<readonly T[]> {
  const { schema } = connectSettings(context.environment);
  const target = schema === undefined ? {} : { schema };
  const answers: T[] = [];
  // One after the other: which of them failed shall not be a matter of luck.
  for (const url of databasesOf(context)) answers.push(await work(url, target));
  return answers;
}

function databasesOf({ options, environment, output }: MigrateContext): readonly string[] {
  if (options.url !== undefined) return [...new Set(options.url)];
  const urls = allUrls(environment);
  const isSql = (url: string): boolean => /^(?:postgres|postgresql|sqlite|file):/i.test(url);
  if (!urls.some(isSql)) {
    const found = urls.length === 0
      ? "neither STEM_URL nor one of its like is set"
      : "none of those that STEM_URL and its like name is SQL";
    throw new ConfigError(`Cannot find the databases to migrate: ${found}; pass --url`);
  }
  for (const url of urls) if (!isSql(url)) output.note(`Nothing to migrate at ${redact(url)}`);
  return urls.filter(isSql);
}

function planText(
  { database, pending, path }: Pick<MigrationStatus, "database" | "pending"> & { readonly path: string | undefined },
): string {
  if (pending.length === 0) return `-- ${database}: nothing to apply`;
  const name = path === undefined ? "" : `"${path.replaceAll('"', '""')}"`;
  const setUp = path === undefined ? [] : [`create schema if not exists ${name};\nset search_path to ${name};`];
  return [
    `-- ${database}\n-- \`stem migrate up\` runs this in one transaction, and records it in stem_migrations.`,
    ...setUp,
    ...pending.map(({ tag, statements }) =>
      [`-- ${tag}`, ...statements.map((statement) => `${statement.replace(/;\s*$/, "")};`)].join("\n")
    ),
  ].join("\n\n");
}

function checkText({ database, current, pending, problem }: Checked, output: Output): string {
  if (problem !== undefined) return `${output.paint("bad", "does not fit")}  ${database}: ${problem}`;
  if (current) return `${output.paint("good", "current")}  ${database}`;
  return `${output.paint("bad", "behind")}  ${database}: ${pending.join(", ")}`;
}

function statusText({ database, applied, newer, pending }: MigrationStatus, output: Output): string {
  const isNewer = new Set(newer.map(({ when }) => when));
  const rows = [
    ...applied.map(({ tag, when }) => [tag ?? String(when), isNewer.has(when) ? "applied by a newer version" : "applied"]),
    ...pending.map(({ tag }) => [tag, "missing"]),
  ];
  return `${output.paint("title", database)}\n${output.table(["MIGRATION", "STATE"], rows)}`;
}
