package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
)

// Purged is how many records Purge removed.
type Purged struct{ Patients, Assignments, Doctors int64 }

// purgeBatch is how many patients or doctors one transaction removes.
const purgeBatch = 500

// Purge removes for good what was deleted before an instant: patients with their assignments
// and invitations, and doctors whom no assignment names any more, with everything that was
// kept of their changes. The access log stays; it has ids alone. It works in small
// transactions, beside servers, and may be stopped and begun again.
func (db *DB) Purge(ctx context.Context, before time.Time) (Purged, error) {
	var all Purged
	for {
		n, err := db.purge(ctx, "SELECT id FROM patients WHERE deleted_at < $1 ORDER BY id", before, func(tx *sql.Tx, ids string) error {
			mappings, err := selectIDs(ctx, tx, "SELECT id FROM mappings WHERE patient_id IN ("+ids+")")
			if err != nil {
				return err
			}
			if err := run(ctx, tx, nil, "DELETE FROM invitations WHERE patient_id IN ("+ids+")"); err != nil {
				return err
			}
			if err := run(ctx, tx, &all.Assignments, "DELETE FROM mappings WHERE patient_id IN ("+ids+")"); err != nil {
				return err
			}
			if err := run(ctx, tx, &all.Patients, "DELETE FROM patients WHERE id IN ("+ids+")"); err != nil {
				return err
			}
			for start := 0; start < len(mappings); start += purgeBatch { // the triggers have kept the last state, too
				part := join(mappings[start:min(start+purgeBatch, len(mappings))])
				if err := run(ctx, tx, nil, "DELETE FROM revisions WHERE mapping_id IN ("+part+")"); err != nil {
					return err
				}
			}
			return run(ctx, tx, nil, "DELETE FROM revisions WHERE patient_id IN ("+ids+")")
		})
		if err != nil {
			return all, fmt.Errorf("purge: %w", err)
		}
		if n == 0 {
			break
		}
	}
	for {
		n, err := db.purge(ctx, "SELECT id FROM doctors d WHERE deleted_at < $1 AND NOT EXISTS (SELECT 1 FROM mappings WHERE doctor_id = d.id) ORDER BY id", before, func(tx *sql.Tx, ids string) error {
			for _, statement := range []string{"DELETE FROM invitations WHERE doctor_id IN (", "DELETE FROM practices WHERE doctor_id IN ("} {
				if err := run(ctx, tx, nil, statement+ids+")"); err != nil {
					return err
				}
			}
			if err := run(ctx, tx, &all.Doctors, "DELETE FROM doctors WHERE id IN ("+ids+")"); err != nil {
				return err
			}
			return run(ctx, tx, nil, "DELETE FROM revisions WHERE doctor_id IN ("+ids+")")
		})
		if err != nil {
			return all, fmt.Errorf("purge: %w", err)
		}
		if n == 0 {
			return all, nil
		}
	}
}

// purge calls remove with the ids that the statement finds, in a transaction in which
// PostgreSQL keeps others from bringing them back. It returns how many there are.
func (db *DB) purge(ctx context.Context, find string, before time.Time, remove func(tx *sql.Tx, ids string) error) (int, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // does nothing after Commit
	find += fmt.Sprint(" LIMIT ", purgeBatch)
	if db.Dialect == dialect.Postgres {
		find += " FOR UPDATE"
	}
	ids, err := selectIDs(ctx, tx, find, before.UTC())
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := remove(tx, join(ids)); err != nil {
		return 0, err
	}
	return len(ids), tx.Commit()
}

func selectIDs(ctx context.Context, tx *sql.Tx, statement string, args ...any) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// join returns ids for a list in SQL.
func join(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ", ")
}

// run executes a statement and adds how many rows it concerned to count, unless that is nil.
func run(ctx context.Context, tx *sql.Tx, count *int64, statement string) error {
	n, err := exec(ctx, tx, statement)
	if count != nil && err == nil {
		*count += n
	}
	return err
}
