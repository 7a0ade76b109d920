/** An order and the task that confirms it are one transaction: both are there, or neither. `STEM_URL` names the database. */

import process from "node:process";
import { drizzle } from "drizzle-orm/postgres-js";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import postgres from "postgres";
import { StemApp, task } from "@stem/stem";

const confirmOrder = task({
  name: "confirm-order",
  run: (_ctx, args: { item: string }) => `your order of ${args.item} is confirmed`,
});

// The tasks live in the same database as the program's own tables, in a schema of their own.
const url = process.env["STEM_URL"] ?? "postgres://localhost:5432/stem";
const namespace = `example-${process.pid}`;
const app = await StemApp.fromUrl(url, { tasks: [confirmOrder], autoStart: false, namespace });

const orders = pgTable("stem_example_orders", { id: integer().primaryKey().generatedAlwaysAsIdentity(), item: text().notNull() });
const client = postgres(url, { onnotice: () => {} });
const db = drizzle(client);
await db.execute(
  "create table if not exists stem_example_orders (id integer primary key generated always as identity, item text not null)",
);

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
await db.execute("drop table stem_example_orders");
await client.end();

// Prints:
// rolled back: out of stock
// orders: a lamp
// task of the chair: undefined
// task of the lamp: your order of a lamp is confirmed
