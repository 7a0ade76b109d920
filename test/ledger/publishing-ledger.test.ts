import assert from "node:assert/strict";
import { test } from "node:test";
import { UnsupportedError } from "../../src/errors.ts";
import { PublishingLedger } from "../../src/ledger/publishing-ledger.ts";
import { InMemoryBroker } from "../../src/memory.ts";
import { envelope } from "../../src/model/envelope.ts";

test("a broker alone can enqueue, and says of all else that it needs a result backend", async () => {
  await using broker = new InMemoryBroker();
  const ledger = new PublishingLedger(broker);
  const task = envelope({ name: "work" });
  assert.equal(ledger.atomic, false);
  assert.deepEqual(await ledger.enqueue([task, task]), [true, false]);
  assert.equal((await broker.counts("default")).ready, 1);
  for (const call of [() => ledger.claim(), () => ledger.finish(), () => ledger.cancel(), () => ledger.purge(), () => ledger.replay()]) {
    await assert.rejects(call, UnsupportedError);
  }
});
