CREATE TABLE "buckets" (
	"ns" text NOT NULL,
	"key" text NOT NULL,
	"full_at_us" bigint NOT NULL,
	CONSTRAINT "buckets_key" PRIMARY KEY("ns","key")
);
--> statement-breakpoint
CREATE TABLE "locks" (
	"ns" text NOT NULL,
	"key" text NOT NULL,
	"owner" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"token" bigserial NOT NULL,
	CONSTRAINT "locks_key" PRIMARY KEY("ns","key")
);
--> statement-breakpoint
CREATE TABLE "paused_queues" (
	"ns" text NOT NULL,
	"queue" text NOT NULL,
	"reason" text,
	"paused_by" text,
	"paused_at" bigint NOT NULL,
	CONSTRAINT "paused_queues_key" PRIMARY KEY("ns","queue")
);
--> statement-breakpoint
CREATE TABLE "permits" (
	"ns" text NOT NULL,
	"key" text NOT NULL,
	"holder" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"token" bigserial NOT NULL,
	CONSTRAINT "permits_key" PRIMARY KEY("ns","key","holder")
);
--> statement-breakpoint
CREATE TABLE "revocations" (
	"ns" text NOT NULL,
	"target" text NOT NULL,
	"before" bigint,
	"terminate" integer NOT NULL,
	"reason" text,
	"requested_by" text,
	"revoked_at" bigint NOT NULL,
	"expires_at" bigint,
	"version" bigserial NOT NULL,
	CONSTRAINT "revocations_key" PRIMARY KEY("ns","target")
);
--> statement-breakpoint
CREATE TABLE "schedule_runs" (
	"ns" text NOT NULL,
	"schedule_id" text NOT NULL,
	"slot" bigint NOT NULL,
	"kind" text NOT NULL,
	"task_id" text,
	"message" text,
	"completed_at" bigint NOT NULL,
	CONSTRAINT "schedule_runs_key" PRIMARY KEY("ns","schedule_id","slot")
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"ns" text NOT NULL,
	"id" text NOT NULL,
	"entry" text NOT NULL,
	"version" integer NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	"next_run_at" bigint,
	"due_at" bigint,
	"last_run_at" bigint,
	"last_slot_at" bigint,
	"runs" integer DEFAULT 0 NOT NULL,
	"max_runs" integer,
	"token" bigint DEFAULT 0 NOT NULL,
	"claimed_by" text,
	"seq" bigserial NOT NULL,
	CONSTRAINT "schedules_key" PRIMARY KEY("ns","id")
);
--> statement-breakpoint
CREATE INDEX "buckets_full" ON "buckets" USING btree ("ns","full_at_us");--> statement-breakpoint
CREATE UNIQUE INDEX "locks_token" ON "locks" USING btree ("ns","key","token");--> statement-breakpoint
CREATE INDEX "locks_expires" ON "locks" USING btree ("ns","expires_at");--> statement-breakpoint
CREATE INDEX "permits_expires" ON "permits" USING btree ("ns","expires_at");--> statement-breakpoint
CREATE INDEX "revocations_newest" ON "revocations" USING btree ("ns","version");--> statement-breakpoint
CREATE INDEX "revocations_expires" ON "revocations" USING btree ("ns","expires_at") WHERE "revocations"."expires_at" is not null;--> statement-breakpoint
CREATE INDEX "schedule_runs_completed" ON "schedule_runs" USING btree ("ns","completed_at");--> statement-breakpoint
CREATE INDEX "schedules_due" ON "schedules" USING btree ("ns","due_at") WHERE "schedules"."due_at" is not null;