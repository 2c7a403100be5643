package store

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
)

// unusable are the indexes of PostgreSQL that a build which was cut short has left, and that
// nobody builds now.
const unusable = `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace AND c.oid NOT IN
		(SELECT index_relid FROM pg_stat_progress_create_index WHERE index_relid IS NOT NULL) ORDER BY 1`

// Indexes returns a statement for each index that a database with all migrations lacks, in
// the order of their names, and the names of those that PostgreSQL does not use because they
// are not complete.
func (db *DB) Indexes(ctx context.Context) (lacking, incomplete []string, err error) {
	from, list := scratch, "SELECT name FROM sqlite_master WHERE type = 'index'"
	if db.Dialect == dialect.Postgres {
		from, list = db.indexed, "SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = current_schema()::regnamespace"
	}
	wanted, err := from(ctx)
	if err != nil {
		return nil, nil, err
	}
	there, err := db.texts(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range there {
		delete(wanted, name)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		lacking = append(lacking, wanted[name])
	}
	if db.Dialect == dialect.Postgres {
		incomplete, err = db.texts(ctx, unusable)
	}
	return lacking, incomplete, err
}

// scratch returns the statements of the indexes that a new SQLite database has, by name.
func scratch(ctx context.Context) (map[string]string, error) {
	db, err := Open(memory)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if _, err := db.Migrate(ctx, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	statements, err := db.texts(ctx, "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
	named := map[string]string{}
	for _, s := range statements {
		named[makesIndex.FindStringSubmatch(s)[2]] = s + ";"
	}
	return named, err
}

var (
	makesIndex = regexp.MustCompile(`(?m)^CREATE (UNIQUE )?INDEX (?:CONCURRENTLY )?(\w+) (ON [^;]+)`)
	dropsIndex = regexp.MustCompile(`(?m)^DROP INDEX ([^;]+);`)
)

// indexed returns the statements of the indexes that the migrations leave in PostgreSQL, and
// those of IndexSearch if its extensions are there, by name.
func (db *DB) indexed(ctx context.Context) (map[string]string, error) {
	named := map[string]string{}
	for _, file := range db.names() {
		script, err := fs.ReadFile(db.migrations(), file)
		if err != nil {
			return nil, err
		}
		for _, drop := range dropsIndex.FindAllStringSubmatch(string(script), -1) {
			for name := range strings.SplitSeq(drop[1], ",") {
				delete(named, strings.TrimSpace(name))
			}
		}
		for _, made := range makesIndex.FindAllStringSubmatch(string(script), -1) {
			named[made[2]] = fmt.Sprintf("CREATE %sINDEX CONCURRENTLY %s %s;", made[1], made[2], strings.TrimSpace(made[3]))
		}
	}
	extensions, err := db.texts(ctx, "SELECT extname FROM pg_extension WHERE extname IN ('pg_trgm', 'btree_gin')")
	if len(extensions) == 2 { // else no search has an index
		for _, index := range searched {
			named[index.name] = "CREATE INDEX CONCURRENTLY " + index.name + " ON " + index.on + ";"
		}
	}
	return named, err
}

// texts returns the only column of a query.
func (db *DB) texts(ctx context.Context, query string) (texts []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}
