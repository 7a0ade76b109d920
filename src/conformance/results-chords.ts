import type { ChordClaim } from "../model/group.ts";
import { equal, itemAt, ok, present } from "./assert.ts";
import { type CaseContext, type ConformanceCase, law, timedLaw } from "./case.ts";

/** How a backend hands out the callbacks of completed groups. */
export const resultChordCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[R17 R18] a completed group's callback is claimed with all results, and dispatched once", async (context) => {
    const { results, clock, second } = context;
    const other = (await second()).results;
    const groupId = await completedGroup(context);
    equal(await other.dueChords(), [groupId], "what is due");
    await clock.advance(10);
    const claim = present(await other.claimChord(groupId, { owner: "one", leaseMs: 5_000 }), "the claim");
    equal(claim.group, present(await results.getGroup(groupId), "the group"), "the group that comes with the claim");
    equal(claim.group.results.map((result) => result?.payload), [1, 2], "its payloads");
    equal([claim.owner, claim.leaseExpiresAt], ["one", clock.now() + 5_000], "the owner and the lease");
    equal(await results.dueChords(), [], "what is due while it is held");
    await clock.advance(10);
    equal(await results.completeChord(claim), true, "the completion");
    equal((await results.getGroup(groupId))?.dispatchedAt, clock.now(), "the time of the dispatch");
    await clock.advance(60_000);
    equal(await results.claimChord(groupId, { owner: "two", leaseMs: 5_000 }), undefined, "a claim after the dispatch");
    equal(await results.dueChords(), [], "what is due after the dispatch");
  }),

  law("[R17] an unfinished group, one without a callback and an unknown one have nothing to claim", async (context) => {
    const { results, id, envelope } = context;
    const [unfinished, plain] = [id("unfinished"), id("plain")];
    await results.initGroup({ id: unfinished, taskIds: ["a", "b"], callback: envelope() });
    await results.addGroupResult(unfinished, { taskId: "a", state: "succeeded" });
    await results.initGroup({ id: plain, taskIds: ["a"] });
    await results.addGroupResult(plain, { taskId: "a", state: "succeeded" });
    for (const groupId of [unfinished, plain, id("nobody")]) {
      equal(await results.claimChord(groupId, { owner: "one", leaseMs: 5_000 }), undefined, "the claim");
    }
    equal(await results.dueChords(), [], "what is due");
  }),

  law("[R17] of ten that race over two connections one gets the chord", async (context) => {
    const { results, second } = context;
    const other = (await second()).results;
    for (let round = 0; round < 5; round++) {
      const groupId = await completedGroup(context);
      const claims = await Promise.all(
        Array.from(
          { length: 10 },
          (_, index) => (index % 2 === 0 ? results : other).claimChord(groupId, { owner: `racer-${index}`, leaseMs: 60_000 }),
        ),
      );
      const winners = claims.filter((claim): claim is ChordClaim => claim !== undefined);
      equal(winners.length, 1, "how many got it");
      equal(await other.completeChord(itemAt(winners, 0)), true, "the winner's completion");
    }
  }),

  timedLaw("[R17 R18] a claim that was not completed within its lease can be claimed again, and its holder is refused", async (context) => {
    const { results, clock, second } = context;
    const other = (await second()).results;
    const groupId = await completedGroup(context);
    const first = present(await results.claimChord(groupId, { owner: "slow", leaseMs: 1_000 }), "the first claim");
    await clock.advance(999);
    equal(await other.claimChord(groupId, { owner: "quick", leaseMs: 1_000 }), undefined, "a claim a millisecond early");
    equal(await other.dueChords(), [], "what is due a millisecond early");
    await clock.advance(1);
    equal(await other.dueChords(), [groupId], "what is due when the lease has ended");
    const then = present(await other.claimChord(groupId, { owner: "quick", leaseMs: 1_000 }), "the second claim");
    ok(then.token > first.token, `Expected a token above ${first.token}, found ${then.token}`);
    equal(await results.completeChord(first), false, "the first holder's completion");
    equal((await results.getGroup(groupId))?.dispatchedAt, undefined, "the time of the dispatch");
    equal(await results.claimChord(groupId, { owner: "third", leaseMs: 1_000 }), undefined, "a claim while the second holds it");
    equal(await results.completeChord(then), true, "the second holder's completion");
    equal(await results.completeChord(first), false, "the first holder's completion after that");
  }),

  timedLaw("[R17] the same owner does not get a chord twice while it holds it", async (context) => {
    const { results } = context;
    const groupId = await completedGroup(context);
    ok(await results.claimChord(groupId, { owner: "one", leaseMs: 1_000 }) !== undefined, "Expected the first claim to be granted");
    equal(await results.claimChord(groupId, { owner: "one", leaseMs: 1_000 }), undefined, "the second claim");
  }),

  law("[R14 R17] members that fail or are cancelled complete a group like others", async ({ results, id, envelope }) => {
    const groupId = id("group");
    await results.initGroup({ id: groupId, taskIds: ["a", "b"], callback: envelope() });
    await results.addGroupResults([{ groupId, taskId: "a", state: "failed" }, { groupId, taskId: "b", state: "cancelled" }]);
    equal(await results.dueChords(), [groupId], "what is due");
    equal((await results.claimChord(groupId, { owner: "one", leaseMs: 1_000 }))?.group.failed, 2, "how many failed");
  }),

  timedLaw("[R18] due chords are named with the longest waiting first, at most as many as asked for", async (context) => {
    const { results, clock } = context;
    const groups: string[] = [];
    for (let count = 0; count < 5; count++) {
      groups.push(await completedGroup(context));
      await clock.advance(1);
    }
    equal(await results.dueChords(), groups, "what is due");
    equal(await results.dueChords({ limit: 2 }), groups.slice(0, 2), "the first two");
  }),

  timedLaw("[R18] what has expired is due no more", async (context) => {
    const { results, clock } = context;
    const groupId = await completedGroup(context, 1_000);
    await clock.advance(1_000);
    equal(await results.dueChords(), [], "what is due");
    equal(await results.claimChord(groupId, { owner: "one", leaseMs: 1_000 }), undefined, "a claim");
  }),
]);

async function completedGroup({ results, id, envelope }: CaseContext, ttlMs?: number): Promise<string> {
  const groupId = id("group");
  const taskIds = [id(), id()];
  await results.initGroup({ id: groupId, taskIds, callback: envelope({ name: "after" }), ...(ttlMs === undefined ? {} : { ttlMs }) });
  await results.addGroupResults(taskIds.map((taskId, index) => ({ groupId, taskId, state: "succeeded", payload: index + 1 })));
  return groupId;
}
