/** The memory adapter, held to the laws of the contracts. Its connections share one database of this process. */

import { test } from "node:test";
import { registerConformance } from "../../src/conformance.ts";
import { memory, MemoryDatabase } from "../../src/memory.ts";

const database = new MemoryDatabase();

registerConformance({
  name: "memory",
  connect: async (options) => memory({ database, ...options }),
  cleanup: async () => {},
}, { test });
