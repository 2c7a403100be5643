package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/audit"
	"caregraph/internal/server"
	"caregraph/internal/store"
)

// database makes the checks that need a database, as long as they make sense.
func (e *examination) database(cfg server.Config) {
	path := store.Path(cfg.DatabaseURL)
	if path == "" && !strings.HasPrefix(cfg.DatabaseURL, "postgres") {
		return // in memory
	}
	if _, err := os.Stat(path); path != "" && errors.Is(err, os.ErrNotExist) {
		e.check("database", func(context.Context) []Finding {
			return []Finding{warning("There is no file "+path+" yet.", "Start the server, which makes it, or restore a backup.")}
		})
		e.check("disk", func(context.Context) []Finding { return folder(filepath.Dir(path)) })
		return
	}
	db := &store.DB{} // a check that has no time left still uses its own
	reached := e.check("database", func(ctx context.Context) []Finding {
		opened, err := store.Open(cfg.Direct())
		if err != nil {
			return []Finding{because(err, "Look at DATABASE_URL.")}
		}
		if err := opened.PingContext(ctx); err != nil {
			opened.Close()
			return []Finding{because(err, "Look whether the database runs, and whether DATABASE_URL names it.")}
		}
		db = opened
		return []Finding{ok("It answers.")}
	})
	if !reached {
		if path != "" {
			e.check("disk", func(context.Context) []Finding { return folder(filepath.Dir(path)) })
		}
		return
	}
	defer db.Close()
	check := func(name string, f func(context.Context, *store.DB) []Finding) bool {
		return e.check(name, func(ctx context.Context) []Finding { return f(ctx, db) })
	}
	if db.Dialect == dialect.Postgres {
		e.check("pooler", func(ctx context.Context) []Finding { return pooler(ctx, cfg) })
		check("postgresql", version)
		check("durability", durability)
		check("connections", connections)
		check("extensions", extensions)
		check("rights", rights)
	} else {
		check("integrity", integrity)
	}
	check("writes", writes)
	missing := 0
	inStep := check("migrations", func(ctx context.Context, db *store.DB) (found []Finding) {
		missing, found = migrations(ctx, db)
		return found
	})
	if inStep && missing == 0 {
		check("key", func(ctx context.Context, db *store.DB) []Finding { return key(ctx, db, cfg.Keys()) })
		check("indexes", indexes)
		check("clock", clock)
		check("access log", func(ctx context.Context, db *store.DB) []Finding { return accessLog(ctx, db, e.patience) })
	}
	if path != "" {
		e.check("disk", func(context.Context) []Finding { return folder(filepath.Dir(path)) })
	} else {
		check("disk", size)
	}
}

// tested is the oldest PostgreSQL on which the tests run.
const tested = 15

func version(ctx context.Context, db *store.DB) []Finding {
	var number, broken int
	var name, encoding string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, split_part(current_setting('server_version'), ' ', 1), pg_encoding_to_char(d.encoding), coalesce(s.checksum_failures, 0)
		FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = current_database()`).Scan(&number, &name, &encoding, &broken)
	if err != nil {
		return []Finding{because(err, "")}
	}
	var found []Finding
	if broken > 0 {
		found = append(found, must(fmt.Sprintf("PostgreSQL has read %d pages that the disk had damaged.", broken), "Stop the servers, look at the disk, and restore a backup."))
	}
	if encoding != "UTF8" {
		found = append(found, must("The encoding of the database is "+encoding+", which cannot hold every name.", "Back up, make a database with ENCODING UTF8, and restore into it."))
	}
	if number < tested*10000 {
		return append(found, warning("PostgreSQL "+name+" is older than what Caregraph is tested on.", fmt.Sprintf("Upgrade to PostgreSQL %d or later.", tested)))
	}
	return append(found, ok("PostgreSQL %s, %s.", name, encoding))
}

// pooler tells whether a server would lose requests to what stands between it and PostgreSQL.
func pooler(ctx context.Context, cfg server.Config) []Finding {
	switch err := cfg.Suits(ctx); {
	case errors.Is(err, store.ErrUnlimited):
		return []Finding{warning(sentence(err.Error()), "")}
	case errors.As(err, new(store.Between)):
		return []Finding{must(sentence(err.Error()), "")}
	case err != nil:
		return []Finding{because(err, "")}
	}
	return []Finding{ok("What stands between a server and PostgreSQL, if anything, loses nothing.")}
}

// durability tells whether PostgreSQL may lose what it has confirmed.
func durability(ctx context.Context, db *store.DB) []Finding {
	var fsync, pages, commit string
	if err := db.QueryRowContext(ctx, "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')").Scan(&fsync, &pages, &commit); err != nil {
		return []Finding{because(err, "")}
	}
	var found []Finding
	if fsync == "off" || pages == "off" {
		found = append(found, must("fsync or full_page_writes is off in PostgreSQL: a crash of its machine damages the database.", "Set both to on in postgresql.conf."))
	}
	if commit == "off" {
		found = append(found, must("synchronous_commit is off: a crash loses changes that were answered.", "Set it to on, in postgresql.conf or for the role and the database."))
	}
	if found == nil {
		return []Finding{ok("What was answered is on PostgreSQL's disk.")}
	}
	return found
}

func connections(ctx context.Context, db *store.DB) []Finding {
	var room int
	err := db.QueryRowContext(ctx, `SELECT least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
		(SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user), (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))`).Scan(&room)
	if err != nil {
		return []Finding{because(err, "")}
	}
	if room < store.Connections {
		return []Finding{warning(fmt.Sprintf("There may be %d connections, and a server has up to %d.", room, store.Connections), "Raise max_connections, or the limit of the role or of the database.")}
	}
	return []Finding{ok("There may be %d connections: enough for %d servers.", room, room/store.Connections)}
}

func extensions(ctx context.Context, db *store.DB) []Finding {
	var there int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pg_extension WHERE extname IN ('pg_trgm', 'btree_gin')").Scan(&there); err != nil {
		return []Finding{because(err, "")}
	}
	if there < 2 {
		return []Finding{warning("pg_trgm or btree_gin is missing: a search reads every row.", "Start the server, which adds them, or let the owner of the database run: CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE EXTENSION IF NOT EXISTS btree_gin;")}
	}
	return []Finding{ok("pg_trgm and btree_gin are there.")}
}

func rights(ctx context.Context, db *store.DB) []Finding {
	var closed, foreign int
	var create bool
	err := db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))),
		count(*) FILTER (WHERE NOT pg_has_role(relowner, 'USAGE')), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
		FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`).Scan(&closed, &foreign, &create)
	switch {
	case err != nil:
		return []Finding{because(err, "")}
	case closed > 0:
		return []Finding{must(fmt.Sprintf("The role may not read and write %d tables.", closed), "Make it the owner of the tables.")}
	case foreign > 0 || !create:
		return []Finding{warning("The role does not own every table, or may not make new ones: an upgrade cannot change them.", "Make it the owner of the database and of its tables.")}
	}
	return []Finding{ok("The role may do what a server does.")}
}

// writes tries to write as a server does, and takes it back.
func writes(ctx context.Context, db *store.DB) []Finding {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return []Finding{because(err, "Look at the log of the database.")}
	}
	defer tx.Rollback()
	if db.Dialect == dialect.Postgres {
		_, err = tx.ExecContext(ctx, "CREATE TEMPORARY TABLE doctor ON COMMIT DROP AS SELECT repeat(md5(i::text), 50) AS text FROM generate_series(1, 100) AS i")
	}
	if err != nil {
		return []Finding{because(err, "Look at the log of the database.")}
	}
	return []Finding{ok("It can be written.")}
}

func migrations(ctx context.Context, db *store.DB) (missing int, found []Finding) {
	missing, err := db.Missing(ctx)
	switch {
	case errors.Is(err, store.ErrNewer):
		return missing, []Finding{must(sentence("the database cannot be used: "+err.Error()), "Run the newer version, or restore a backup of before the upgrade into an empty database.")}
	case err != nil:
		return missing, []Finding{because(err, "")}
	case missing > 0:
		return missing, []Finding{must(fmt.Sprintf("%d migrations are missing, without which nothing more of it is examined.", missing), "Run caregraph migrate, or start the server.")}
	}
	return 0, []Finding{ok("Every migration is applied.")}
}

// key compares the key of the configuration, if it has one, with those that servers have.
func key(ctx context.Context, db *store.DB, own [][]byte) []Finding {
	keys, err := db.Keys(ctx, own...)
	if err != nil {
		return []Finding{because(err, "")}
	}
	if what, do := keys.Trouble(); what != "" {
		return []Finding{must(sentence(what), sentence(do))}
	}
	if !keys.Known {
		return []Finding{ok("No server has signed with a key yet.")}
	}
	return []Finding{ok("SECRET_KEY is the one that servers of the database sign with.")}
}

// mostNamed is how many findings of one kind are named.
const mostNamed = 10

func indexes(ctx context.Context, db *store.DB) []Finding {
	lacking, incomplete, err := db.Indexes(ctx)
	if err != nil {
		return []Finding{because(err, "")}
	}
	var found []Finding
	for i, s := range lacking {
		if i == mostNamed {
			found = append(found, must(fmt.Sprintf("%d more are missing.", len(lacking)-i), "Add these first."))
			break
		}
		found = append(found, must("An index is missing, without which requests are slow, or what must be unique is not.", "Run: "+s))
	}
	for _, name := range incomplete {
		found = append(found, must("The index "+name+" is not complete, so that PostgreSQL does not use it.", "Run: REINDEX INDEX CONCURRENTLY "+name+";"))
	}
	if found == nil {
		return []Finding{ok("Every index is there and complete.")}
	}
	return found
}

// clockMost is by how much clocks may differ before something must be done.
const clockMost = time.Minute

func clock(ctx context.Context, db *store.DB) []Finding {
	off, err := db.Clock(ctx)
	if err != nil {
		return []Finding{because(err, "")}
	}
	what, do := off.Trouble()
	switch {
	case what == "" && db.Dialect == dialect.SQLite:
		return []Finding{ok("The access log has nothing of the future.")}
	case what == "":
		return []Finding{ok("The clocks of this machine and of PostgreSQL agree.")}
	case off.By < clockMost:
		return []Finding{warning(sentence(what), sentence(do))}
	}
	return []Finding{must(sentence(what), sentence(do))}
}

func accessLog(ctx context.Context, db *store.DB, patience time.Duration) []Finding {
	v, err := audit.Verify(ctx, db.DB, db.Dialect)
	var found []Finding
	for i, at := range v.Breaks {
		if i == mostNamed {
			found = append(found, must(fmt.Sprintf("%d more chains break.", len(v.Breaks)-i), "Run caregraph audit verify."))
			break
		}
		found = append(found, must("The access log is not whole: "+at+".", "Find out who could write to the database, and compare with an export that is kept elsewhere: docs/trust.md."))
	}
	switch {
	case found != nil:
		return found
	case ctx.Err() != nil:
		return []Finding{warning(fmt.Sprintf("Of the access log %d events were walked in %s, and the rest was not.", v.Events, patience), "Run caregraph audit verify, which takes the time that it needs.")}
	case err != nil:
		return []Finding{because(err, "")}
	}
	return []Finding{ok("The access log is whole: %d events of %d chains.", v.Events, v.Writers)}
}

// integrity lets SQLite look at every page.
func integrity(ctx context.Context, db *store.DB) []Finding {
	var said string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said)
	switch {
	case err != nil && ctx.Err() != nil:
		return []Finding{warning("The file is too large to be examined in the time there is.", "Give it more with --patience, or look at a backup: it is examined when it is made.")}
	case err != nil:
		return []Finding{because(err, "")}
	case said != "ok":
		return []Finding{must("The database file is damaged.", "Stop the servers, look at the disk, and restore a backup.")}
	}
	var table string
	if err := db.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check`).Scan(&table); err == nil {
		return []Finding{must("A row of "+table+" refers to none.", "Restore a backup, or find out who wrote to the file.")}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return []Finding{because(err, "")}
	}
	return []Finding{ok("No page is damaged, and no row refers to none.")}
}

// How much space is little, and too little.
const (
	little    = 1 << 30
	tooLittle = 64 << 20
)

// folder tells whether the folder of a SQLite file can be written and has space.
func folder(path string) []Finding {
	f, err := os.CreateTemp(path, "doctor")
	if err == nil {
		_, err = f.Write(make([]byte, 64<<10))
		err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	}
	free, unknown := freeSpace(path)
	switch full := errors.Is(err, syscall.ENOSPC); {
	case err != nil && !full:
		return []Finding{must(sentence("the folder of the database file cannot be written, so that nothing can be stored: "+err.Error()), "Let the user of the server write it.")}
	case full, unknown == nil && free < tooLittle:
		return []Finding{must(fmt.Sprintf("The disk of the database file is full, or nearly so: %d MiB are left.", free>>20), "Free space on it.")}
	case unknown != nil:
		return []Finding{ok("The folder can be written.")}
	case free < little:
		return []Finding{warning(fmt.Sprintf("The disk of the database file has %d MiB left.", free>>20), "Free space on it before it is full.")}
	}
	return []Finding{ok("%d GiB are left on the disk of the database file.", free>>30)}
}

// size tells how large a PostgreSQL database is: what its disk has left, it does not tell.
func size(ctx context.Context, db *store.DB) []Finding {
	var bytes int64
	if err := db.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&bytes); err != nil {
		return []Finding{because(err, "")}
	}
	return []Finding{{Level: OK, What: fmt.Sprintf("The database has %d MiB. What PostgreSQL's disk has left cannot be seen from here.", bytes>>20), Do: "Watch it where PostgreSQL runs."}}
}
