package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/scalar"
)

// derived are the columns that are computed of a text, and the column that tells when
// a row was last written.
var derived = []struct {
	table, text, written, only string
	keys                       []key
}{
	{"users", "username", "date_joined", "", []key{{"username_key", scalar.Fold}}},
	{"doctors", "name", "updated_at", "", []key{{"name_key", scalar.Fold}, {"name_sound", scalar.SoundKey}}},
	{"doctors", "specialization", "updated_at", "", []key{{"specialization_key", scalar.Fold}}},
	{"patients", "name", "updated_at", " AND deleted_at IS NULL", []key{{"name_key", scalar.Fold}, {"name_sound", scalar.SoundKey}}}, // as its index
}

type key struct {
	column string
	of     func(string) string
}

const (
	rekeyBatch = 500 // rows in a transaction

	// rekeyOverlap is how much longer ago than the last time rows are looked at: for
	// transactions that took long, and clocks that differ.
	rekeyOverlap = 10 * time.Minute
)

// Rekey computes anew what is stored beside names to search and order them, where it
// differs from what this server would store: of all rows the first time that a server
// of this version does it, and then of the rows written since the last time, which
// servers of older versions may have done. It returns how many rows it changed. It
// works in short transactions beside requests, and may be stopped at any time; a name
// that is edited meanwhile keeps the key of the new name. If several servers call it at
// once, one works and the others return at once. After a newer server it does nothing.
func (db *DB) Rekey(ctx context.Context) (changed int, err error) {
	if db.Dialect == dialect.Postgres {
		c, err := db.Conn(ctx)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		var first bool
		if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock+3).Scan(&first); err != nil || !first {
			return 0, err
		}
		defer c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock+3)
	}
	begin := time.Now().UTC()
	var version int
	var since time.Time
	err = db.QueryRowContext(ctx, "SELECT version, checked_at FROM rekeyed ORDER BY version DESC LIMIT 1").Scan(&version, &since)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return 0, err
	case version > scalar.Keys:
		return 0, nil
	case version < scalar.Keys:
		since = time.Time{}
	default:
		since = since.Add(-rekeyOverlap)
	}
	for _, d := range derived {
		columns := []string{"id", d.written, d.text}
		set := ""
		for i, k := range d.keys {
			columns = append(columns, k.column)
			set += fmt.Sprintf("%s = $%d, ", k.column, i+3)
		}
		from := "SELECT " + strings.Join(columns, ", ") + " FROM " + d.table
		read := fmt.Sprintf("%s WHERE (%s, id) > ($1, $2)%s ORDER BY %[2]s, id LIMIT %[4]d", from, d.written, d.only, rekeyBatch)
		args := func(at time.Time, id int) []any { return []any{at, id} }
		if since.IsZero() {
			read = fmt.Sprintf("%s WHERE id > $1 ORDER BY id LIMIT %d", from, rekeyBatch)
			args = func(_ time.Time, id int) []any { return []any{id} }
		}
		write := fmt.Sprintf("UPDATE %s SET %s WHERE id = $1 AND %s = $2", d.table, strings.TrimSuffix(set, ", "), d.text)
		for at, id, more := since, 0, true; more; {
			started := time.Now()
			rows, err := db.stale(ctx, read, args(at, id), d.keys, &at, &id, &more)
			if err == nil && len(rows) > 0 {
				err = db.writeAll(ctx, write, rows)
			}
			if err != nil {
				return changed, fmt.Errorf("rekey %s: %w", d.table, err)
			}
			if changed += len(rows); len(rows) > 0 {
				select { // let requests have half of the time
				case <-ctx.Done():
					return changed, ctx.Err()
				case <-time.After(time.Since(started)):
				}
			}
		}
	}
	_, err = db.ExecContext(ctx, "INSERT INTO rekeyed (version, checked_at) VALUES ($1, $2) ON CONFLICT (version) DO UPDATE SET checked_at = excluded.checked_at", scalar.Keys, begin)
	return changed, err
}

// stale reads a batch of rows, and returns the arguments of the update for those whose
// keys differ. It moves at and id behind the batch, and tells whether more may follow.
func (db *DB) stale(ctx context.Context, read string, args []any, keys []key, at *time.Time, id *int, more *bool) (updates [][]any, err error) {
	rows, err := db.QueryContext(ctx, read, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var text string
		stored := make([]string, len(keys))
		into := []any{id, at, &text}
		for i := range stored {
			into = append(into, &stored[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		update, differs := []any{*id, text}, false
		for i, k := range keys {
			value := k.of(text)
			update, differs = append(update, value), differs || value != stored[i]
		}
		if differs {
			updates = append(updates, update)
		}
	}
	*more = n == rekeyBatch
	return updates, rows.Err()
}

// writeAll runs the statement with each of the arguments in one transaction.
func (db *DB) writeAll(ctx context.Context, statement string, arguments [][]any) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	for _, args := range arguments {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
