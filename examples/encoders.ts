/** Payload encoders: what is stored is not what the handler sees. The encoder's id travels with the data, so every process knows how to read it. */

import { EncryptedPayloadEncoder, GzipPayloadEncoder, StemApp, task } from "@stem/stem";

// In real life both sides read the key from where secrets are kept.
const keys = { "2026-01": EncryptedPayloadEncoder.generateKey() };
const encrypted = new EncryptedPayloadEncoder({ current: "2026-01", keys });

// This task's arguments are encrypted; its result goes the app's way.
const charge = task({
  name: "charge",
  metadata: { argsEncoder: encrypted },
  run: (_ctx, args: { card: string }) => `charged the card that ends in ${args.card.slice(-4)}`,
});

// This one returns a long text, which the app's result encoder compresses.
const report = task({
  name: "report",
  run: () => "All quiet. ".repeat(1_000),
});

const app = await StemApp.inMemory({ tasks: [charge, report], resultEncoder: new GzipPayloadEncoder() });

const envelope = await app.stem.prepare({ task: charge, args: { card: "4111 1111 1111 1111" } });
console.log("arguments are stored by:", envelope.meta["__stemArgsEncoder"]);
console.log("the card is readable in the store:", JSON.stringify(envelope).includes("4111"));
await app.stem.publish([envelope]);
await app.start();
console.log("the handler:", await app.stem.handle(envelope.id, charge).result());

const handle = await app.enqueue(report);
const text = await handle.result();
const status = await handle.status();
console.log("the result is stored by:", status?.meta["__stemResultEncoder"]);
console.log("it is shorter there:", JSON.stringify(status?.payload).length < text.length);
await app.close();

// Prints:
// arguments are stored by: aes-gcm
// the card is readable in the store: false
// the handler: charged the card that ends in 1111
// the result is stored by: gzip
// it is shorter there: true
