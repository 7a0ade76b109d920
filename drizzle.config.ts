// Read by drizzle-kit, once per dialect: `npm run generate`.
import process from "node:process";
import { defineConfig } from "drizzle-kit";

const dialect = process.env["STEM_DIALECT"];
if (dialect !== "postgres" && dialect !== "sqlite") {
  throw new Error(`STEM_DIALECT is ${JSON.stringify(dialect)}: expected "postgres" or "sqlite"`);
}

export default defineConfig({
  dialect: dialect === "postgres" ? "postgresql" : "sqlite",
  schema: `./src/adapters/sql/schema.${dialect}.ts`,
  out: `./migrations/${dialect}`,
  strict: true,
  verbose: true,
});
