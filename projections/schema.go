package projections

import (
	"fmt"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// SchemaVersion is the version of the tables. It rises with any change to them or to the views.
const SchemaVersion = 1

// VersionError says that a file was written by another version, or for another topic.
type VersionError struct {
	Path string
	What string // "schema version", "fold version", "topic" or "topic id"
	File string // what the file has
	Want string // what this program needs
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("projections: %s has %s %s, this program needs %s: rebuild the store from the log (hookfold rebuild), or use another file",
		e.Path, e.What, e.File, e.Want)
}

// tables are private. Entities, kinds and forms (what is the same for many observations) are numbered, so that rows and
// indexes stay small. observed is only appended to, so that an observation costs no random page; its rows are found by
// their entity, which lists them in seen (with 32-bit hashes of their ids in hashes, in the same order), or in the table
// more where they are many. The object that the views show is a part of the summary, not a second copy. bodies holds the
// deliveries that do not count because another body came first under their id.
const tables = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE total (one INTEGER PRIMARY KEY CHECK (one = 1), hi INTEGER NOT NULL, lo INTEGER NOT NULL) STRICT;
CREATE TABLE probe (one INTEGER PRIMARY KEY CHECK (one = 1), filler BLOB NOT NULL) STRICT;
CREATE TABLE offsets (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL) STRICT;
CREATE TABLE kinds (num INTEGER PRIMARY KEY, connection TEXT NOT NULL, kind TEXT NOT NULL, provider TEXT NOT NULL,
	family TEXT NOT NULL, UNIQUE (connection, kind, provider)) STRICT;
CREATE TABLE forms (num INTEGER PRIMARY KEY, type TEXT NOT NULL, source TEXT NOT NULL, word TEXT NOT NULL,
	label TEXT NOT NULL, mode TEXT NOT NULL, unsigned INTEGER NOT NULL,
	UNIQUE (type, source, word, label, mode, unsigned)) STRICT;
CREATE TABLE entities (num INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id TEXT NOT NULL,
	observations INTEGER NOT NULL, marks INTEGER NOT NULL, digest BLOB NOT NULL,
	mode TEXT, status TEXT NOT NULL, provider_status TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
	conflict INTEGER NOT NULL, conflicting TEXT, current TEXT,
	name TEXT, currency TEXT, identifier TEXT, available INTEGER, total INTEGER,
	direction TEXT, amount INTEGER, account_id TEXT, parent_id TEXT, reference TEXT, counterparty TEXT,
	failure_code TEXT, failure_reason TEXT, subject TEXT,
	seen TEXT NOT NULL, hashes BLOB NOT NULL, spilled INTEGER NOT NULL,
	object_at INTEGER, object_len INTEGER, summary BLOB NOT NULL,
	UNIQUE (kind, id)) STRICT;
CREATE TABLE observed (num INTEGER PRIMARY KEY, entity INTEGER NOT NULL, observation_id TEXT NOT NULL, form INTEGER NOT NULL,
	occurred_at TEXT, recorded_at TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
	fingerprint INTEGER NOT NULL) STRICT;
CREATE TABLE more (entity INTEGER NOT NULL, hash INTEGER NOT NULL, num INTEGER NOT NULL,
	PRIMARY KEY (entity, hash, num)) STRICT, WITHOUT ROWID;
CREATE TABLE bodies (entity INTEGER NOT NULL, observation_id TEXT NOT NULL, fingerprint INTEGER NOT NULL,
	recorded_at TEXT NOT NULL, PRIMARY KEY (entity, observation_id, fingerprint)) STRICT, WITHOUT ROWID;
CREATE TABLE strange (entity INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, first_seen_at TEXT NOT NULL,
	PRIMARY KEY (entity, reason, detail)) STRICT, WITHOUT ROWID;
CREATE TABLE wanted (entity INTEGER NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL, due_at TEXT NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT, lease_owner TEXT, leased_until TEXT,
	PRIMARY KEY (entity, reason)) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_due ON wanted (reason, due_at);
CREATE TABLE set_aside (partition INTEGER NOT NULL, offset INTEGER NOT NULL, connection TEXT NOT NULL,
	observation_id TEXT NOT NULL, type TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
	attempts INTEGER NOT NULL, PRIMARY KEY (partition, offset)) STRICT, WITHOUT ROWID;
INSERT INTO total VALUES (1, 0, 0);
INSERT INTO probe VALUES (1, x'');
`

// familyView names the view of a family.
func familyView(f lifecycle.Family) string { return string(f) + "s" }

// familyColumns are the columns that a family has beside those of all families, in the order of its view.
func familyColumns(f lifecycle.Family) []string {
	switch f {
	case lifecycle.Account:
		return []string{"name", "currency", "identifier", "available", "total"}
	case lifecycle.Payment:
		return []string{"direction", "amount", "currency", "account_id", "parent_id", "reference", "counterparty", "failure_code", "failure_reason"}
	case lifecycle.Verification:
		return []string{"subject", "reference", "failure_code", "failure_reason"}
	default:
		return nil
	}
}

// views are the contract with readers.
func views() string {
	var b strings.Builder
	for _, f := range lifecycle.Families() {
		fmt.Fprintf(&b, `CREATE VIEW %s AS SELECT k.connection, k.provider, e.mode, k.kind, e.id, e.status, e.provider_status,
	e.created_at, e.updated_at, e.observations, e.conflict,
	CAST(substr(e.summary, e.object_at, e.object_len) AS TEXT) AS object`, familyView(f))
		for _, c := range familyColumns(f) {
			b.WriteString(", e." + c)
		}
		fmt.Fprintf(&b, "\n\tFROM kinds k JOIN entities e ON e.kind = k.num WHERE k.family = '%s';\n", f)
	}
	timeline := func(rows string) string {
		return `SELECT k.connection, k.kind, e.id, o.observation_id, f.type, f.source,
	nullif(f.label, '') AS provider_status, o.occurred_at, o.recorded_at,
	o.partition AS log_partition, o.offset AS log_offset,
	CASE WHEN o.observation_id = e.current THEN 'current'
		WHEN e.conflicting IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(e.conflicting) c WHERE c.value = f.word)
		THEN 'conflicting' ELSE 'superseded' END AS effect
	FROM kinds k CROSS JOIN entities e ON e.kind = k.num CROSS JOIN ` + rows + ` CROSS JOIN forms f ON f.num = o.form`
	}
	b.WriteString("CREATE VIEW timeline AS " + timeline("json_each(e.seen) s CROSS JOIN observed o ON o.num = s.value") +
		"\n\tUNION ALL " + timeline("more m ON m.entity = e.num CROSS JOIN observed o ON o.num = m.num") + ";")
	b.WriteString(`
CREATE VIEW anomalies AS SELECT k.connection, k.kind, e.id, s.reason, s.detail, s.first_seen_at
	FROM strange s JOIN entities e ON e.num = s.entity JOIN kinds k ON k.num = e.kind;
CREATE VIEW parked AS SELECT connection, observation_id, type, reason, detail,
	partition AS log_partition, offset AS log_offset, attempts FROM set_aside;
CREATE VIEW wants AS SELECT k.connection, k.kind, e.id, w.reason, w.since, w.due_at, w.attempts, w.last_error
	FROM wanted w JOIN entities e ON e.num = w.entity JOIN kinds k ON k.num = e.kind;
CREATE VIEW progress AS SELECT (SELECT value FROM meta WHERE key = 'topic') AS topic,
	o.partition AS log_partition, o.next_offset, printf('%016x%016x', t.hi, t.lo) AS digest FROM offsets o, total t;
`)
	return b.String()
}
