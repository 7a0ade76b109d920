/** Raises a number in a file, over and over, each time under a lock: reading, computing and writing are three steps. */

import { readFile, writeFile } from "node:fs/promises";
import { StemStack, withLock } from "../../../src/mod.ts";
import { optionsOf, say, told } from "./talk.ts";

const { url, place, id, file, rounds } = optionsOf({ id: "counter", file: "", rounds: 1 });

const stack = await StemStack.fromUrl(url, place);
say({ type: "ready" });
await told().next();

let lastToken = 0;
let isRising = true;
for (let round = 0; round < rounds; round++) {
  await withLock(stack.locks, "counter", { owner: id, ttl: "30s", wait: "2m" }, async (lock) => {
    const number = Number(await readFile(file, "utf8"));
    await writeFile(file, String(number + 1));
    isRising &&= lock.token > lastToken;
    lastToken = lock.token;
  });
}
await stack.close();
say({ type: "ended", isRising });
