/** An order and the task that confirms it are one transaction: both are there, or neither. The same on Postgres: `transactional-enqueue-postgres.ts`. */

import process from "node:process";
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { int, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { StemApp, task } from "@stem/stem";

const confirmOrder = task({
  name: "confirm-order",
  run: (_ctx, args: { item: string }) => `your order of ${args.item} is confirmed`,
});

// The tasks live in the same file as the program's own tables.
const file = process.env["STEM_EXAMPLE_FILE"] ?? "stem-example.db";
const app = await StemApp.fromUrl(`sqlite:${file}`, { tasks: [confirmOrder], autoStart: false });

const orders = sqliteTable("orders", { id: int().primaryKey(), item: text().notNull() });
const client = createClient({ url: `file:${file}` });
const db = drizzle(client);
await db.run("create table if not exists orders (id integer primary key, item text not null)");
await db.delete(orders);

const lamp = await db.transaction(async (tx) => {
  await tx.insert(orders).values({ item: "a lamp" });
  return await app.enqueue(confirmOrder, { args: { item: "a lamp" }, tx });
});

let chairId = "";
await db.transaction(async (tx) => {
  await tx.insert(orders).values({ item: "a chair" });
  chairId = (await app.enqueue(confirmOrder, { args: { item: "a chair" }, tx })).id;
  throw new Error("out of stock");
}).catch((error: Error) => console.log("rolled back:", error.message));

console.log("orders:", (await db.select().from(orders)).map(({ item }) => item).join(", "));
console.log("task of the chair:", await app.stem.handle(chairId).status());
await app.start();
console.log("task of the lamp:", await lamp.result());

await app.close();
client.close();

// Prints:
// rolled back: out of stock
// orders: a lamp
// task of the chair: undefined
// task of the lamp: your order of a lamp is confirmed
