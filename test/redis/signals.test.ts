/** Who listens to a channel hears it from then on, also while somebody else has just begun to, or has just left. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisSignals } from "../../src/adapters/redis/signals.ts";
import { deferred } from "../../src/async/deferred.ts";

/** A source whose subscriptions take effect when the test says so. */
function source() {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  return {
    log,
    /** The oldest subscription that is under way takes effect. */
    answer: () => waiting.shift()?.(),
    subscribe: (channels: readonly string[]) => {
      log.push(`+${channels.join()}`);
      const heard = deferred<void>();
      waiting.push(() => heard.resolve());
      return heard.promise;
    },
    unsubscribe: (channels: readonly string[]) => {
      log.push(`-${channels.join()}`);
      return Promise.resolve();
    },
  };
}

/** Everything that can happen without the outside has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

test("a second listener waits for the subscription of the first one", async () => {
  const { log, answer, ...from } = source();
  const signals = new RedisSignals(from);
  const done: string[] = [];
  const heard: string[] = [];
  const listen = async (name: string, channels: readonly string[]) => {
    const stop = await signals.listen(channels, (channel) => heard.push(`${name} ${channel}`));
    done.push(name);
    return stop;
  };
  const first = listen("first", ["a"]);
  const second = listen("second", ["a"]);
  const third = listen("third", ["b", "a"]);
  await settled();
  assert.deepEqual([log, done], [["+a", "+b"], []]);
  answer();
  await settled();
  assert.deepEqual(done, ["first", "second"]);
  answer();
  await Promise.all([first, second, third]);
  const fourth = await listen("fourth", ["a"]);
  assert.deepEqual(log, ["+a", "+b"]);
  signals.receive("a");
  signals.receive("nobody");
  assert.deepEqual(heard, ["first a", "second a", "third a", "fourth a"]);

  for (const stop of [await first, await second, fourth]) stop();
  assert.deepEqual(log, ["+a", "+b"]);
  (await third)();
  (await third)();
  assert.deepEqual(log, ["+a", "+b", "-b,a"]);
});

test("who listens again waits for the new subscription", async () => {
  const { log, answer, ...from } = source();
  const signals = new RedisSignals(from);
  const first = signals.listen(["a"], () => {});
  answer();
  (await first)();
  const again = signals.listen(["a"], () => {});
  let done = false;
  void again.then(() => {
    done = true;
  });
  await settled();
  assert.deepEqual([log, done], [["+a", "-a", "+a"], false]);
  answer();
  await again;
});

test("a gap is told to everybody", async () => {
  const { answer, ...from } = source();
  const signals = new RedisSignals(from);
  const heard: string[] = [];
  const listening = ["a", "b"].map((channel) => signals.listen([channel], (of) => heard.push(of)));
  answer();
  answer();
  await Promise.all(listening);
  signals.receiveAnything();
  assert.deepEqual(heard, ["a", "b"]);
  signals.close();
  signals.receiveAnything();
  assert.deepEqual(heard, ["a", "b"]);
});
