// Generated from migrations/ by `npm run generate`. Do not edit.
// deno-fmt-ignore-file
import type { Migration } from "./migration.ts";

/** The migrations for postgres, in order. */
export const postgresMigrations: readonly Migration[] = [
  {
    "tag": "0000_first_tables",
    "when": 1795533565180,
    "hash": "fc365ce8a7853b27c9b6b5731a724948ad4b00695cf933afd5f47115d04d7497",
    "statements": [
      "CREATE TABLE \"broadcasts\" (\n\t\"ns\" text NOT NULL,\n\t\"channel\" text NOT NULL,\n\t\"payload\" text NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\t\"expires_at\" bigint NOT NULL,\n\t\"seq\" bigserial NOT NULL,\n\tCONSTRAINT \"broadcasts_key\" PRIMARY KEY(\"ns\",\"channel\",\"seq\")\n);",
      "CREATE TABLE \"dead_letters\" (\n\t\"ns\" text NOT NULL,\n\t\"id\" text NOT NULL,\n\t\"queue\" text NOT NULL,\n\t\"name\" text NOT NULL,\n\t\"reason\" text NOT NULL,\n\t\"error\" text,\n\t\"envelope\" text NOT NULL,\n\t\"attempt\" integer NOT NULL,\n\t\"deliveries\" integer NOT NULL,\n\t\"died_at\" bigint NOT NULL,\n\t\"expires_at\" bigint NOT NULL,\n\tCONSTRAINT \"dead_letters_key\" PRIMARY KEY(\"ns\",\"id\")\n);",
      "CREATE TABLE \"group_members\" (\n\t\"ns\" text NOT NULL,\n\t\"group_id\" text NOT NULL,\n\t\"task_id\" text NOT NULL,\n\t\"position\" integer NOT NULL,\n\t\"state\" text,\n\t\"payload\" text,\n\t\"encoder\" text,\n\t\"error\" text,\n\t\"finished_at\" bigint,\n\tCONSTRAINT \"group_members_key\" PRIMARY KEY(\"ns\",\"group_id\",\"task_id\")\n);",
      "CREATE TABLE \"groups\" (\n\t\"ns\" text NOT NULL,\n\t\"id\" text NOT NULL,\n\t\"total\" integer NOT NULL,\n\t\"completed\" integer DEFAULT 0 NOT NULL,\n\t\"failed\" integer DEFAULT 0 NOT NULL,\n\t\"meta\" text NOT NULL,\n\t\"callback\" text,\n\t\"created_at\" bigint NOT NULL,\n\t\"completed_at\" bigint,\n\t\"expires_at\" bigint,\n\t\"ttl_ms\" bigint NOT NULL,\n\t\"chord_owner\" text,\n\t\"chord_token\" bigint DEFAULT 0 NOT NULL,\n\t\"chord_until\" bigint,\n\t\"chord_done_at\" bigint,\n\tCONSTRAINT \"groups_key\" PRIMARY KEY(\"ns\",\"id\")\n);",
      "CREATE TABLE \"tasks\" (\n\t\"ns\" text NOT NULL,\n\t\"id\" text NOT NULL,\n\t\"name\" text,\n\t\"state\" text,\n\t\"attempt\" integer DEFAULT 1 NOT NULL,\n\t\"payload\" text,\n\t\"error\" text,\n\t\"meta\" text,\n\t\"progress\" text,\n\t\"worker\" text,\n\t\"group_id\" text,\n\t\"created_at\" bigint NOT NULL,\n\t\"updated_at\" bigint NOT NULL,\n\t\"started_at\" bigint,\n\t\"finished_at\" bigint,\n\t\"expires_at\" bigint,\n\t\"queue\" text,\n\t\"priority\" integer DEFAULT 0 NOT NULL,\n\t\"phase\" integer,\n\t\"due_at\" bigint,\n\t\"lease_ms\" bigint,\n\t\"delivery_attempt\" integer DEFAULT 1 NOT NULL,\n\t\"token\" bigint DEFAULT 0 NOT NULL,\n\t\"deliveries\" integer DEFAULT 0 NOT NULL,\n\t\"consumer\" text,\n\t\"envelope\" text,\n\t\"seq\" bigserial NOT NULL,\n\tCONSTRAINT \"tasks_key\" PRIMARY KEY(\"ns\",\"id\")\n);",
      "CREATE TABLE \"workers\" (\n\t\"ns\" text NOT NULL,\n\t\"id\" text NOT NULL,\n\t\"data\" text NOT NULL,\n\t\"seen_at\" bigint NOT NULL,\n\t\"expires_at\" bigint NOT NULL,\n\tCONSTRAINT \"workers_key\" PRIMARY KEY(\"ns\",\"id\")\n);",
      "CREATE INDEX \"broadcasts_expires\" ON \"broadcasts\" USING btree (\"ns\",\"expires_at\");",
      "CREATE INDEX \"dead_letters_died\" ON \"dead_letters\" USING btree (\"ns\",\"died_at\",\"id\");",
      "CREATE INDEX \"dead_letters_queue\" ON \"dead_letters\" USING btree (\"ns\",\"queue\",\"died_at\",\"id\");",
      "CREATE INDEX \"dead_letters_expires\" ON \"dead_letters\" USING btree (\"ns\",\"expires_at\");",
      "CREATE INDEX \"groups_chord\" ON \"groups\" USING btree (\"ns\",\"completed_at\",\"id\") WHERE \"groups\".\"callback\" is not null and \"groups\".\"chord_done_at\" is null and \"groups\".\"completed_at\" is not null;",
      "CREATE INDEX \"groups_expires\" ON \"groups\" USING btree (\"ns\",\"expires_at\") WHERE \"groups\".\"expires_at\" is not null;",
      "CREATE INDEX \"tasks_ready\" ON \"tasks\" USING btree (\"ns\",\"queue\",\"priority\" desc,\"seq\") WHERE \"tasks\".\"phase\" = 0;",
      "CREATE INDEX \"tasks_due\" ON \"tasks\" USING btree (\"ns\",\"due_at\") WHERE \"tasks\".\"phase\" in (1, 2);",
      "CREATE INDEX \"tasks_expires\" ON \"tasks\" USING btree (\"ns\",\"expires_at\") WHERE \"tasks\".\"expires_at\" is not null;",
      "CREATE INDEX \"tasks_newest\" ON \"tasks\" USING btree (\"ns\",\"seq\") WHERE \"tasks\".\"seq\" > 0;"
    ]
  },
  {
    "tag": "0001_locks_schedules_revocations",
    "when": 1795544384849,
    "hash": "00c87eddceba4ac81c8fae750205106ce677aade994b0f05064da96606c90651",
    "statements": [
      "CREATE TABLE \"buckets\" (\n\t\"ns\" text NOT NULL,\n\t\"key\" text NOT NULL,\n\t\"full_at_us\" bigint NOT NULL,\n\tCONSTRAINT \"buckets_key\" PRIMARY KEY(\"ns\",\"key\")\n);",
      "CREATE TABLE \"locks\" (\n\t\"ns\" text NOT NULL,\n\t\"key\" text NOT NULL,\n\t\"owner\" text NOT NULL,\n\t\"expires_at\" bigint NOT NULL,\n\t\"token\" bigserial NOT NULL,\n\tCONSTRAINT \"locks_key\" PRIMARY KEY(\"ns\",\"key\")\n);",
      "CREATE TABLE \"paused_queues\" (\n\t\"ns\" text NOT NULL,\n\t\"queue\" text NOT NULL,\n\t\"reason\" text,\n\t\"paused_by\" text,\n\t\"paused_at\" bigint NOT NULL,\n\tCONSTRAINT \"paused_queues_key\" PRIMARY KEY(\"ns\",\"queue\")\n);",
      "CREATE TABLE \"permits\" (\n\t\"ns\" text NOT NULL,\n\t\"key\" text NOT NULL,\n\t\"holder\" text NOT NULL,\n\t\"expires_at\" bigint NOT NULL,\n\t\"token\" bigserial NOT NULL,\n\tCONSTRAINT \"permits_key\" PRIMARY KEY(\"ns\",\"key\",\"holder\")\n);",
      "CREATE TABLE \"revocations\" (\n\t\"ns\" text NOT NULL,\n\t\"target\" text NOT NULL,\n\t\"before\" bigint,\n\t\"terminate\" integer NOT NULL,\n\t\"reason\" text,\n\t\"requested_by\" text,\n\t\"revoked_at\" bigint NOT NULL,\n\t\"expires_at\" bigint,\n\t\"version\" bigserial NOT NULL,\n\tCONSTRAINT \"revocations_key\" PRIMARY KEY(\"ns\",\"target\")\n);",
      "CREATE TABLE \"schedule_runs\" (\n\t\"ns\" text NOT NULL,\n\t\"schedule_id\" text NOT NULL,\n\t\"slot\" bigint NOT NULL,\n\t\"kind\" text NOT NULL,\n\t\"task_id\" text,\n\t\"message\" text,\n\t\"completed_at\" bigint NOT NULL,\n\tCONSTRAINT \"schedule_runs_key\" PRIMARY KEY(\"ns\",\"schedule_id\",\"slot\")\n);",
      "CREATE TABLE \"schedules\" (\n\t\"ns\" text NOT NULL,\n\t\"id\" text NOT NULL,\n\t\"entry\" text NOT NULL,\n\t\"version\" integer NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\t\"updated_at\" bigint NOT NULL,\n\t\"next_run_at\" bigint,\n\t\"due_at\" bigint,\n\t\"last_run_at\" bigint,\n\t\"last_slot_at\" bigint,\n\t\"runs\" integer DEFAULT 0 NOT NULL,\n\t\"max_runs\" integer,\n\t\"token\" bigint DEFAULT 0 NOT NULL,\n\t\"claimed_by\" text,\n\t\"seq\" bigserial NOT NULL,\n\tCONSTRAINT \"schedules_key\" PRIMARY KEY(\"ns\",\"id\")\n);",
      "CREATE INDEX \"buckets_full\" ON \"buckets\" USING btree (\"ns\",\"full_at_us\");",
      "CREATE UNIQUE INDEX \"locks_token\" ON \"locks\" USING btree (\"ns\",\"key\",\"token\");",
      "CREATE INDEX \"locks_expires\" ON \"locks\" USING btree (\"ns\",\"expires_at\");",
      "CREATE INDEX \"permits_expires\" ON \"permits\" USING btree (\"ns\",\"expires_at\");",
      "CREATE INDEX \"revocations_newest\" ON \"revocations\" USING btree (\"ns\",\"version\");",
      "CREATE INDEX \"revocations_expires\" ON \"revocations\" USING btree (\"ns\",\"expires_at\") WHERE \"revocations\".\"expires_at\" is not null;",
      "CREATE INDEX \"schedule_runs_completed\" ON \"schedule_runs\" USING btree (\"ns\",\"completed_at\");",
      "CREATE INDEX \"schedules_due\" ON \"schedules\" USING btree (\"ns\",\"due_at\") WHERE \"schedules\".\"due_at\" is not null;"
    ]
  },
  {
    "tag": "0002_find_revocations_by_hash",
    "when": 1795893941389,
    "hash": "9458fee09383ec4781750e247f9a0b10c411de8b54f0df7e78d608daff440504",
    "statements": [
      "CREATE INDEX \"revocations_target\" ON \"revocations\" USING hash (\"target\");"
    ]
  },
  {
    "tag": "0003_sort_by_bytes",
    "when": 1795932535028,
    "hash": "29513f87790c0f159fb030317c45d4306ce6982060805ea10d22ae5befde2ec8",
    "statements": [
      "ALTER TABLE \"broadcasts\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"channel\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"payload\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"buckets\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"key\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"dead_letters\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"queue\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"name\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"reason\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"error\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"envelope\" SET DATA TYPE text collate \"C\",\n\tDROP CONSTRAINT \"dead_letters_key\",\n\tADD CONSTRAINT \"dead_letters_key\" PRIMARY KEY(\"id\",\"ns\");",
      "ALTER TABLE \"group_members\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"group_id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"task_id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"state\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"payload\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"encoder\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"error\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"groups\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"meta\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"callback\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"chord_owner\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"locks\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"key\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"owner\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"paused_queues\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"queue\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"reason\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"paused_by\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"permits\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"key\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"holder\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"revocations\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"target\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"reason\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"requested_by\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"schedule_runs\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"schedule_id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"kind\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"task_id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"message\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"schedules\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"entry\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"claimed_by\" SET DATA TYPE text collate \"C\";",
      "ALTER TABLE \"tasks\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"name\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"state\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"payload\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"error\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"meta\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"progress\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"worker\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"group_id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"queue\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"consumer\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"envelope\" SET DATA TYPE text collate \"C\",\n\tDROP CONSTRAINT \"tasks_key\",\n\tADD CONSTRAINT \"tasks_key\" PRIMARY KEY(\"id\",\"ns\");",
      "ALTER TABLE \"workers\"\n\tALTER COLUMN \"ns\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"id\" SET DATA TYPE text collate \"C\",\n\tALTER COLUMN \"data\" SET DATA TYPE text collate \"C\";"
    ]
  }
];

/** The migrations for sqlite, in order. */
export const sqliteMigrations: readonly Migration[] = [
  {
    "tag": "0000_first_tables",
    "when": 1795533567949,
    "hash": "15674b38cdb28e249adf17264a23ad822f8b346acb3a00a800334059bd6a3d72",
    "statements": [
      "CREATE TABLE `stem_broadcasts` (\n\t`ns` text NOT NULL,\n\t`channel` text NOT NULL,\n\t`payload` text NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`expires_at` integer NOT NULL,\n\t`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_broadcasts_key` ON `stem_broadcasts` (`ns`,`channel`,`seq`);",
      "CREATE INDEX `stem_broadcasts_expires` ON `stem_broadcasts` (`ns`,`expires_at`);",
      "CREATE TABLE `stem_dead_letters` (\n\t`ns` text NOT NULL,\n\t`id` text NOT NULL,\n\t`queue` text NOT NULL,\n\t`name` text NOT NULL,\n\t`reason` text NOT NULL,\n\t`error` text,\n\t`envelope` text NOT NULL,\n\t`attempt` integer NOT NULL,\n\t`deliveries` integer NOT NULL,\n\t`died_at` integer NOT NULL,\n\t`expires_at` integer NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_dead_letters_key` ON `stem_dead_letters` (`ns`,`id`);",
      "CREATE INDEX `stem_dead_letters_died` ON `stem_dead_letters` (`ns`,`died_at`,`id`);",
      "CREATE INDEX `stem_dead_letters_queue` ON `stem_dead_letters` (`ns`,`queue`,`died_at`,`id`);",
      "CREATE INDEX `stem_dead_letters_expires` ON `stem_dead_letters` (`ns`,`expires_at`);",
      "CREATE TABLE `stem_group_members` (\n\t`ns` text NOT NULL,\n\t`group_id` text NOT NULL,\n\t`task_id` text NOT NULL,\n\t`position` integer NOT NULL,\n\t`state` text,\n\t`payload` text,\n\t`encoder` text,\n\t`error` text,\n\t`finished_at` integer\n);",
      "CREATE UNIQUE INDEX `stem_group_members_key` ON `stem_group_members` (`ns`,`group_id`,`task_id`);",
      "CREATE TABLE `stem_groups` (\n\t`ns` text NOT NULL,\n\t`id` text NOT NULL,\n\t`total` integer NOT NULL,\n\t`completed` integer DEFAULT 0 NOT NULL,\n\t`failed` integer DEFAULT 0 NOT NULL,\n\t`meta` text NOT NULL,\n\t`callback` text,\n\t`created_at` integer NOT NULL,\n\t`completed_at` integer,\n\t`expires_at` integer,\n\t`ttl_ms` integer NOT NULL,\n\t`chord_owner` text,\n\t`chord_token` integer DEFAULT 0 NOT NULL,\n\t`chord_until` integer,\n\t`chord_done_at` integer\n);",
      "CREATE UNIQUE INDEX `stem_groups_key` ON `stem_groups` (`ns`,`id`);",
      "CREATE INDEX `stem_groups_chord` ON `stem_groups` (`ns`,`completed_at`,`id`) WHERE \"stem_groups\".\"callback\" is not null and \"stem_groups\".\"chord_done_at\" is null and \"stem_groups\".\"completed_at\" is not null;",
      "CREATE INDEX `stem_groups_expires` ON `stem_groups` (`ns`,`expires_at`) WHERE \"stem_groups\".\"expires_at\" is not null;",
      "CREATE TABLE `stem_tasks` (\n\t`ns` text NOT NULL,\n\t`id` text NOT NULL,\n\t`name` text,\n\t`state` text,\n\t`attempt` integer DEFAULT 1 NOT NULL,\n\t`payload` text,\n\t`error` text,\n\t`meta` text,\n\t`progress` text,\n\t`worker` text,\n\t`group_id` text,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`started_at` integer,\n\t`finished_at` integer,\n\t`expires_at` integer,\n\t`queue` text,\n\t`priority` integer DEFAULT 0 NOT NULL,\n\t`phase` integer,\n\t`due_at` integer,\n\t`lease_ms` integer,\n\t`delivery_attempt` integer DEFAULT 1 NOT NULL,\n\t`token` integer DEFAULT 0 NOT NULL,\n\t`deliveries` integer DEFAULT 0 NOT NULL,\n\t`consumer` text,\n\t`envelope` text,\n\t`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_tasks_key` ON `stem_tasks` (`ns`,`id`);",
      "CREATE INDEX `stem_tasks_ready` ON `stem_tasks` (`ns`,`queue`,\"priority\" desc,`seq`) WHERE \"stem_tasks\".\"phase\" = 0;",
      "CREATE INDEX `stem_tasks_due` ON `stem_tasks` (`ns`,`due_at`) WHERE \"stem_tasks\".\"phase\" in (1, 2);",
      "CREATE INDEX `stem_tasks_expires` ON `stem_tasks` (`ns`,`expires_at`) WHERE \"stem_tasks\".\"expires_at\" is not null;",
      "CREATE INDEX `stem_tasks_newest` ON `stem_tasks` (`ns`,`seq`) WHERE \"stem_tasks\".\"seq\" > 0;",
      "CREATE TABLE `stem_workers` (\n\t`ns` text NOT NULL,\n\t`id` text NOT NULL,\n\t`data` text NOT NULL,\n\t`seen_at` integer NOT NULL,\n\t`expires_at` integer NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_workers_key` ON `stem_workers` (`ns`,`id`);"
    ]
  },
  {
    "tag": "0001_locks_schedules_revocations",
    "when": 1795544385248,
    "hash": "ce373e8416dd9cc11a77a9cbb1cdca0de655263b15c7867401a5b9903428dea1",
    "statements": [
      "CREATE TABLE `stem_buckets` (\n\t`ns` text NOT NULL,\n\t`key` text NOT NULL,\n\t`full_at_us` integer NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_buckets_key` ON `stem_buckets` (`ns`,`key`);",
      "CREATE INDEX `stem_buckets_full` ON `stem_buckets` (`ns`,`full_at_us`);",
      "CREATE TABLE `stem_locks` (\n\t`ns` text NOT NULL,\n\t`key` text NOT NULL,\n\t`owner` text NOT NULL,\n\t`expires_at` integer NOT NULL,\n\t`token` integer PRIMARY KEY AUTOINCREMENT NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_locks_key` ON `stem_locks` (`ns`,`key`);",
      "CREATE UNIQUE INDEX `stem_locks_token` ON `stem_locks` (`ns`,`key`,`token`);",
      "CREATE INDEX `stem_locks_expires` ON `stem_locks` (`ns`,`expires_at`);",
      "CREATE TABLE `stem_paused_queues` (\n\t`ns` text NOT NULL,\n\t`queue` text NOT NULL,\n\t`reason` text,\n\t`paused_by` text,\n\t`paused_at` integer NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_paused_queues_key` ON `stem_paused_queues` (`ns`,`queue`);",
      "CREATE TABLE `stem_permits` (\n\t`ns` text NOT NULL,\n\t`key` text NOT NULL,\n\t`holder` text NOT NULL,\n\t`expires_at` integer NOT NULL,\n\t`token` integer PRIMARY KEY AUTOINCREMENT NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_permits_key` ON `stem_permits` (`ns`,`key`,`holder`);",
      "CREATE INDEX `stem_permits_expires` ON `stem_permits` (`ns`,`expires_at`);",
      "CREATE TABLE `stem_revocations` (\n\t`ns` text NOT NULL,\n\t`target` text NOT NULL,\n\t`before` integer,\n\t`terminate` integer NOT NULL,\n\t`reason` text,\n\t`requested_by` text,\n\t`revoked_at` integer NOT NULL,\n\t`expires_at` integer,\n\t`version` integer PRIMARY KEY AUTOINCREMENT NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_revocations_key` ON `stem_revocations` (`ns`,`target`);",
      "CREATE INDEX `stem_revocations_newest` ON `stem_revocations` (`ns`,`version`);",
      "CREATE INDEX `stem_revocations_expires` ON `stem_revocations` (`ns`,`expires_at`) WHERE \"stem_revocations\".\"expires_at\" is not null;",
      "CREATE TABLE `stem_schedule_runs` (\n\t`ns` text NOT NULL,\n\t`schedule_id` text NOT NULL,\n\t`slot` integer NOT NULL,\n\t`kind` text NOT NULL,\n\t`task_id` text,\n\t`message` text,\n\t`completed_at` integer NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_schedule_runs_key` ON `stem_schedule_runs` (`ns`,`schedule_id`,`slot`);",
      "CREATE INDEX `stem_schedule_runs_completed` ON `stem_schedule_runs` (`ns`,`completed_at`);",
      "CREATE TABLE `stem_schedules` (\n\t`ns` text NOT NULL,\n\t`id` text NOT NULL,\n\t`entry` text NOT NULL,\n\t`version` integer NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\t`next_run_at` integer,\n\t`due_at` integer,\n\t`last_run_at` integer,\n\t`last_slot_at` integer,\n\t`runs` integer DEFAULT 0 NOT NULL,\n\t`max_runs` integer,\n\t`token` integer DEFAULT 0 NOT NULL,\n\t`claimed_by` text,\n\t`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL\n);",
      "CREATE UNIQUE INDEX `stem_schedules_key` ON `stem_schedules` (`ns`,`id`);",
      "CREATE INDEX `stem_schedules_due` ON `stem_schedules` (`ns`,`due_at`) WHERE \"stem_schedules\".\"due_at\" is not null;"
    ]
  },
  {
    "tag": "0002_sort_by_bytes",
    "when": 1795932535365,
    "hash": "5fe44f7e5a24a603393169729cb73207ab44ab4750a3dcb76ef9ba4c3eb7df3c",
    "statements": [
      "DROP INDEX `stem_dead_letters_key`;",
      "CREATE UNIQUE INDEX `stem_dead_letters_key` ON `stem_dead_letters` (`id`,`ns`);",
      "DROP INDEX `stem_tasks_key`;",
      "CREATE UNIQUE INDEX `stem_tasks_key` ON `stem_tasks` (`id`,`ns`);"
    ]
  }
];
