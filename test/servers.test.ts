import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, watch, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Redis } from "ioredis";
import postgres from "postgres";
import { startPostgres } from "./support/postgres-server.ts";
import { serversNeededBy } from "./support/provide-servers.ts";
import { startRedis } from "./support/redis-server.ts";
import { createServerFolder } from "./support/server-folder.ts";

const timeout = 60_000;

test("a private Postgres keeps its committed rows over a kill and a restart", { timeout }, async () => {
  await using server = await startPostgres({ password: "se/cr@t" });
  const sql = postgres(server.url, { max: 1 });
  await sql`create table kept (id integer)`;
  await sql`insert into kept values (1)`;
  await server.kill();
  await assert.rejects(async () => {
    await sql`select 1`;
  });
  await sql.end({ timeout: 0 });
  await server.restart();
  const again = postgres(server.url, { max: 1 });
  assert.deepEqual([...await again`select id from kept`], [{ id: 1 }]);
  await again.end();
});

test("its text order is a language's, not the bytes' one", { timeout }, async () => {
  await using server = await startPostgres();
  const sql = postgres(server.url, { max: 1 });
  const rows = await sql<{ word: string }[]>`select word from (values ('B'), ('a'), ('C')) as words (word) order by word`;
  await sql.end();
  assert.deepEqual(rows.map((row) => row.word), ["a", "B", "C"]);
});

test("a halted server refuses connections, a stopped one frees its port", { timeout }, async () => {
  const server = await startPostgres();
  assert.equal(await connects(server.port), true);
  await server.halt();
  assert.equal(await connects(server.port), false);
  await server.restart();
  assert.equal(await connects(server.port), true);
  await server.stop();
  assert.equal(await connects(server.port), false);
});

test("a private Redis keeps what it acknowledged over a kill and a restart, on the same port", { timeout }, async () => {
  await using server = await startRedis({ settings: { appendfsync: "always" } });
  const client = new Redis(server.url, { lazyConnect: true, retryStrategy: () => 20 });
  // While the server is away, the driver tells so as an event.
  client.on("error", () => {});
  await client.set("kept", "1");
  assert.deepEqual(await client.config("GET", "appendfsync"), ["appendfsync", "always"]);
  await server.kill();
  assert.equal(await connects(server.port), false);
  await server.restart();
  assert.equal(await client.get("kept"), "1");
  await server.halt();
  assert.equal(await connects(server.port), false);
  await server.restart();
  assert.equal(await client.get("kept"), "1");
  client.disconnect();
  await server.stop();
  assert.equal(existsSync(server.folder), false);
});

test("a folder and its process disappear when the owner is killed", { timeout }, async () => {
  // The noted process holds the owner's standard output: the pipe closes when both are gone.
  const source = `
    import { spawn } from "node:child_process";
    import { createServerFolder } from ${JSON.stringify(new URL("./support/server-folder.ts", import.meta.url).href)};
    const folder = createServerFolder("orphan");
    const child = spawn("sleep", ["300"], { detached: true, stdio: ["ignore", "inherit", "ignore"] });
    folder.note(child.pid, "TERM");
    console.log(folder.path);
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface(owner.stdout);
  const [path] = await once(lines, "line") as [string];
  assert.equal(existsSync(path), true);
  const removed = untilRemoved(path);
  owner.kill("SIGKILL");
  await once(owner, "close");
  await removed;
  assert.equal(existsSync(path), false);
});

test("removing a folder stops what is noted in it", { timeout }, async () => {
  const folder = createServerFolder("noted");
  const child = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
  const gone = once(child, "exit");
  assert.ok(child.pid !== undefined);
  folder.note(child.pid, "TERM");
  await folder.remove();
  assert.deepEqual(await gone, [null, "SIGTERM"]);
  assert.equal(existsSync(folder.path), false);
});

test("a file that asks for a server's URL gets that server, also through what it imports", { timeout }, async () => {
  const folder = createServerFolder("needs");
  const tests = join(folder.path, "test");
  mkdirSync(tests);
  const write = (name: string, text: string) => {
    writeFileSync(join(tests, name), text);
    return join(tests, name);
  };
  const accessor = (name: string) => `${name}Url();`;
  const plain = write("plain.ts", "export const one = 1;");
  const direct = write("direct.ts", accessor("postgres"));
  const through = write("through.ts", `import "./plain.ts"; import { x } from "./direct.ts";`);
  const redis = write("redis.ts", accessor("redis"));
  const valkey = write("valkey.ts", accessor("valkey"));
  assert.deepEqual(serversNeededBy([plain]), []);
  assert.deepEqual(serversNeededBy([direct]), ["postgres"]);
  assert.deepEqual(serversNeededBy([through, redis]), ["postgres", "redis"]);
  assert.deepEqual(serversNeededBy([valkey]), ["valkey"]);
  await folder.remove();
});

function untilRemoved(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), () => {
      if (existsSync(path)) return;
      watcher.close();
      resolve();
    });
  });
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
