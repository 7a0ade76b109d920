import { Base64PayloadEncoder } from "../encoding/base64.ts";
import { EncryptedPayloadEncoder } from "../encoding/encrypted.ts";
import { GzipPayloadEncoder } from "../encoding/gzip.ts";
import { TaskPayloadEncoder } from "../encoding/payload-encoder.ts";
import { PayloadError, StoreError, TaskFailedError } from "../errors.ts";
import { ARGS_ENCODER_META } from "../model/envelope.ts";
import { RESULT_ENCODER_META } from "../model/task-status.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, present, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { claimOne } from "./steps.ts";
import { onBothSystems, systemLaw } from "./system-rig.ts";

/** Carries instants as text, which plain JSON does not. */
class DateEncoder extends TaskPayloadEncoder {
  readonly id = "date";
  encode(value: unknown): unknown {
    return value instanceof Date ? value.toISOString() : value;
  }
  decode(stored: unknown): unknown {
    return typeof stored === "string" ? new Date(stored) : stored;
  }
}

const nextDay = (date: unknown): unknown => date instanceof Date ? new Date(date.getTime() + 86_400_000) : "no date";
const start = new Date(Date.UTC(2026, 0, 1));
const dayAfter = new Date(Date.UTC(2026, 0, 2));

/** Makes a key of 32 bytes that are all the same. */
function key(byte: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32).fill(byte);
}

/** How payloads are encoded on their way in and out. */
export const systemEncoderCases: readonly ConformanceCase[] = Object.freeze([
  ...onBothSystems("[Y14] global encoders carry arguments and results, and their ids stand beside what is stored", async (rig) => {
    const { results, broker } = rig.context;
    const encoders = { argsEncoder: new GzipPayloadEncoder(), resultEncoder: new Base64PayloadEncoder() };
    const shout = task({ name: "shout", run: (_ctx, text: string) => text.toUpperCase() });
    const stem = rig.stem(encoders);
    const handle = await stem.enqueue(shout, { args: "quiet, please" });
    const held = await claimOne(broker);
    equal(held.envelope.meta[ARGS_ENCODER_META], "gzip", "the encoder of the arguments");
    ok(held.envelope.args !== "quiet, please", "Expected the stored arguments to be encoded");
    await broker.nack(held);
    await rig.start({ registry: [shout], ...encoders });
    equal(await rig.result(handle), "QUIET, PLEASE", "the result");
    const status = present(await results.get(handle.id), "the status");
    equal(status.meta[RESULT_ENCODER_META], "base64", "the encoder of the result");
    ok(status.payload !== "QUIET, PLEASE", "Expected the stored result to be encoded");
    const reader = rig.stem({ on: await rig.connect(), additionalEncoders: [new Base64PayloadEncoder()] });
    equal(await rig.result(reader.handle(handle.id)), "QUIET, PLEASE", "the result read elsewhere");
  }),

  systemLaw("[Y14] a task's own encoders win over the global ones", async (rig) => {
    const date = new DateEncoder();
    const tomorrow = task({
      name: "tomorrow",
      metadata: { argsEncoder: date, resultEncoder: date },
      run: (_ctx, from: Date) => nextDay(from),
    });
    const plain = task({ name: "plain", run: (_ctx, value: number) => value });
    const tuning = { registry: [tomorrow, plain], argsEncoder: new GzipPayloadEncoder(), resultEncoder: new GzipPayloadEncoder() };
    await rig.start(tuning);
    const stem = rig.stem(tuning);
    const handle = await stem.enqueue(tomorrow, { args: start });
    equal(await rig.result(handle), dayAfter, "the result");
    equal((await rig.status(handle.id)).meta[RESULT_ENCODER_META], "date", "the encoder of the result");
    equal((await rig.status(handle.id)).payload, dayAfter.toISOString(), "the stored result");
    equal(await rig.result(await stem.enqueue(plain, { args: 7 })), 7, "the result of a task without encoders of its own");
    const byName = await stem.enqueue("tomorrow", { args: start });
    equal(await rig.result(byName), dayAfter, "the result when it is enqueued by name");
  }),

  systemLaw("[Y14] a reader that does not know the encoder of a result gets a PayloadError, never the raw value", async (rig) => {
    const shout = task({ name: "shout", run: (_ctx, text: string) => text.toUpperCase() });
    await rig.start({ registry: [shout], resultEncoder: new DateEncoder() });
    const { id } = await rig.stem().enqueue(shout, { args: "hello" });
    equal((await rig.ended(id)).state, "succeeded", "its state");
    const reader = rig.stem({ on: await rig.connect() });
    const error = await throws(() => rig.result(reader.handle(id)), PayloadError, "result() without the encoder");
    ok(error.message.includes(`"date"`), `Expected the message to name the encoder, found ${error.message}`);
  }),

  ...onBothSystems(
    "[Y14] a worker that does not know the encoder of the arguments gives the task up as unreadable-payload",
    async (rig) => {
      let runs = 0;
      const tomorrow = task({
        name: "tomorrow",
        run: () => {
          runs += 1;
        },
      });
      const worker = await rig.start({ registry: [tomorrow] });
      const handle = await rig.stem({ argsEncoder: new DateEncoder() }).enqueue("tomorrow", { args: start, maxRetries: 3 });
      await worker.until("task-failed", handle.id);
      await throws(() => rig.result(handle), TaskFailedError, "result() of a task that no one could read");
      const { state, error } = await rig.status(handle.id);
      equal([state, error?.name, error?.code, runs], ["failed", "PayloadError", "PAYLOAD", 0], "its end");
      ok(error?.message.includes(`"date"`) === true, `Expected the message to name the encoder, found ${error?.message}`);
      equal((await rig.context.broker.deadLetters.get(handle.id))?.reason, "unreadable-payload", "the reason of the dead letter");
    },
  ),

  systemLaw("[Y14] an envelope that names no encoder is unreadable, not taken for JSON", async (rig) => {
    const { broker, results, envelope } = rig.context;
    const shout = task({ name: "shout", run: () => "never" });
    const nameless = { ...envelope({ name: "shout", args: "hello" }), meta: {} };
    const worker = await rig.start({ registry: [shout] });
    await broker.publish([nameless]);
    await worker.until("task-failed", nameless.id);
    equal((await results.get(nameless.id))?.error?.name, "PayloadError", "its error");
    equal((await broker.deadLetters.get(nameless.id))?.reason, "unreadable-payload", "the reason of the dead letter");
  }),

  systemLaw("[Y14] encoders that are only needed to read are given as additional ones", async (rig) => {
    const year = task({ name: "year", run: (_ctx, from: Date) => from.getUTCFullYear() });
    const tomorrow = task({ name: "tomorrow", run: (_ctx, from: Date) => nextDay(from) });
    await rig.start({ registry: [year, tomorrow], additionalEncoders: [new DateEncoder()] });
    const stem = rig.stem({ argsEncoder: new DateEncoder() });
    equal(await rig.result(await stem.enqueue(year, { args: start })), 2026, "the result of a task whose arguments could be read");
    const unwritten = await stem.enqueue(tomorrow, { args: start });
    equal((await rig.ended(unwritten.id)).error?.name, "PayloadError", "the error of one that returns a date, which JSON refuses");
  }),

  systemLaw("[Y14] encrypted payloads are read with the key, and with no other", async (rig) => {
    const secret = (byte: number) => new EncryptedPayloadEncoder({ current: "k1", keys: { k1: key(byte) } });
    const whisper = task({ name: "whisper", run: (_ctx, text: string) => `${text}?` });
    const first = secret(1);
    const tuning = { registry: [whisper], argsEncoder: first, resultEncoder: first };
    const { worker } = await rig.start(tuning);
    const handle = await rig.stem(tuning).enqueue(whisper, { args: "the vault is open" });
    equal(await rig.result(handle), "the vault is open?", "the result");
    const stored = JSON.stringify((await rig.status(handle.id)).payload);
    ok(!stored.includes("vault"), `Expected nothing readable in the store, found ${stored}`);
    const stranger = rig.stem({ on: await rig.connect(), additionalEncoders: [secret(2)] });
    await throws(() => rig.result(stranger.handle(handle.id)), PayloadError, "result() with another key");
    await rig.context.within(worker.shutdown());
    await rig.start({ registry: [whisper], additionalEncoders: [secret(2)] });
    const unread = await rig.stem(tuning).enqueue(whisper, { args: "nor this" });
    await throws(() => rig.result(unread), TaskFailedError, "result() of a task that another key was to read");
    equal((await rig.status(unread.id)).error?.name, "PayloadError", "its error");
  }),

  systemLaw("[Y14] an encoder that is away for a moment has the task tried again", async (rig) => {
    let calls = 0;
    class Absent extends DateEncoder {
      override async decode(stored: unknown): Promise<unknown> {
        calls += 1;
        if (calls > 2) return super.decode(stored);
        throw new StoreError("Cannot fetch the key: the key service is away", { adapter: "keys", operation: "fetch", retryable: true });
      }
    }
    const absent = new Absent();
    const tomorrow = task({
      name: "tomorrow",
      metadata: { argsEncoder: absent, resultEncoder: absent },
      run: (_ctx, from: Date) => nextDay(from),
    });
    await rig.start({ registry: [tomorrow] });
    const handle = await rig.stem().enqueue(tomorrow, { args: start, retry: { delay: 0, maxRetries: 2 } });
    equal((await rig.ended(handle.id)).attempt, 3, "the attempt that read it");
  }),

  systemLaw("[Y14] children, links and groups use the encoders of who enqueues them", async (rig) => {
    const { results } = rig.context;
    const date = new DateEncoder();
    const tomorrow = task({ name: "tomorrow", run: (_ctx, from: Date) => nextDay(from) });
    const parent = task({ name: "parent", run: (ctx) => ctx.enqueue(tomorrow, { args: start, id: `${ctx.id}-child` }) });
    const tuning = { registry: [tomorrow, parent], argsEncoder: date, resultEncoder: date };
    await rig.start(tuning);
    const stem = rig.stem(tuning);
    const ids = { parent: rig.context.id(), link: rig.context.id(), group: rig.context.id("group") };
    await results.initGroup({ id: ids.group, taskIds: [ids.parent] });
    await stem.enqueue(parent, {
      id: ids.parent,
      groupId: ids.group,
      links: { onSuccess: [{ task: tomorrow, args: start, id: ids.link }] },
    });
    equal(await rig.result(stem.handle(`${ids.parent}-child`)), dayAfter, "the result of the child");
    equal(await rig.result(stem.handle(ids.link)), dayAfter, "the result of the link");
    const [member] = present(await results.getGroup(ids.group), "the group").results;
    equal([member?.encoder, member?.state], ["date", "succeeded"], "what the group knows of its member");
  }),
]);
