CREATE TABLE "broadcasts" (
	"ns" text NOT NULL,
	"channel" text NOT NULL,
	"payload" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"seq" bigserial NOT NULL,
	CONSTRAINT "broadcasts_key" PRIMARY KEY("ns","channel","seq")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"ns" text NOT NULL,
	"id" text NOT NULL,
	"queue" text NOT NULL,
	"name" text NOT NULL,
	"reason" text NOT NULL,
	"error" text,
	"envelope" text NOT NULL,
	"attempt" integer NOT NULL,
	"deliveries" integer NOT NULL,
	"died_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	CONSTRAINT "dead_letters_key" PRIMARY KEY("ns","id")
);
--> statement-breakpoint
CREATE TABLE "group_members" (
	"ns" text NOT NULL,
	"group_id" text NOT NULL,
	"task_id" text NOT NULL,
	"position" integer NOT NULL,
	"state" text,
	"payload" text,
	"encoder" text,
	"error" text,
	"finished_at" bigint,
	CONSTRAINT "group_members_key" PRIMARY KEY("ns","group_id","task_id")
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"ns" text NOT NULL,
	"id" text NOT NULL,
	"total" integer NOT NULL,
	"completed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"meta" text NOT NULL,
	"callback" text,
	"created_at" bigint NOT NULL,
	"completed_at" bigint,
	"expires_at" bigint,
	"ttl_ms" bigint NOT NULL,
	"chord_owner" text,
	"chord_token" bigint DEFAULT 0 NOT NULL,
	"chord_until" bigint,
	"chord_done_at" bigint,
	CONSTRAINT "groups_key" PRIMARY KEY("ns","id")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"ns" text NOT NULL,
	"id" text NOT NULL,
	"name" text,
	"state" text,
	"attempt" integer DEFAULT 1 NOT NULL,
	"payload" text,
	"error" text,
	"meta" text,
	"progress" text,
	"worker" text,
	"group_id" text,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	"started_at" bigint,
	"finished_at" bigint,
	"expires_at" bigint,
	"queue" text,
	"priority" integer DEFAULT 0 NOT NULL,
	"phase" integer,
	"due_at" bigint,
	"lease_ms" bigint,
	"delivery_attempt" integer DEFAULT 1 NOT NULL,
	"token" bigint DEFAULT 0 NOT NULL,
	"deliveries" integer DEFAULT 0 NOT NULL,
	"consumer" text,
	"envelope" text,
	"seq" bigserial NOT NULL,
	CONSTRAINT "tasks_key" PRIMARY KEY("ns","id")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"ns" text NOT NULL,
	"id" text NOT NULL,
	"data" text NOT NULL,
	"seen_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	CONSTRAINT "workers_key" PRIMARY KEY("ns","id")
);
--> statement-breakpoint
CREATE INDEX "broadcasts_expires" ON "broadcasts" USING btree ("ns","expires_at");--> statement-breakpoint
CREATE INDEX "dead_letters_died" ON "dead_letters" USING btree ("ns","died_at","id");--> statement-breakpoint
CREATE INDEX "dead_letters_queue" ON "dead_letters" USING btree ("ns","queue","died_at","id");--> statement-breakpoint
CREATE INDEX "dead_letters_expires" ON "dead_letters" USING btree ("ns","expires_at");--> statement-breakpoint
CREATE INDEX "groups_chord" ON "groups" USING btree ("ns","completed_at","id") WHERE "groups"."callback" is not null and "groups"."chord_done_at" is null and "groups"."completed_at" is not null;--> statement-breakpoint
CREATE INDEX "groups_expires" ON "groups" USING btree ("ns","expires_at") WHERE "groups"."expires_at" is not null;--> statement-breakpoint
CREATE INDEX "tasks_ready" ON "tasks" USING btree ("ns","queue","priority" desc,"seq") WHERE "tasks"."phase" = 0;--> statement-breakpoint
CREATE INDEX "tasks_due" ON "tasks" USING btree ("ns","due_at") WHERE "tasks"."phase" in (1, 2);--> statement-breakpoint
CREATE INDEX "tasks_expires" ON "tasks" USING btree ("ns","expires_at") WHERE "tasks"."expires_at" is not null;--> statement-breakpoint
CREATE INDEX "tasks_newest" ON "tasks" USING btree ("ns","seq") WHERE "tasks"."seq" > 0;