package bus

import (
	"context"
	"database/sql"
	"time"
)

const (
	watchEvery = 40 * time.Millisecond
	watchMost  = 1000 // changes between two looks that are told one by one
)

// watch looks from time to time whether somebody has changed something, in this process or
// another: then the pragma data_version of a connection that itself changes nothing has
// another value. It ends when the database cannot be read.
func (b *Bus) watch(ctx context.Context) error {
	var db interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	} = b.db
	shared := b.db.Stats().MaxOpenConnections == 1 // a database in memory, which one connection has alone
	if !shared {
		conn, err := b.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		db = conn
	}
	var last int
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM revisions").Scan(&last); err != nil {
		return err
	}
	b.missed()
	b.watching.Store(true)
	defer b.watching.Store(false)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for before := -1; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if !shared {
			var version int
			if err := db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
				return err
			}
			if version == before {
				continue
			}
			before = version
		}
		b.user(0) // what changed may be anybody's right; it is told before what was changed after it
		changes, moved, err := revised(ctx, db, &last)
		if err != nil {
			return err
		}
		if moved || len(changes) > watchMost {
			b.missed()
			continue
		}
		for _, c := range changes {
			b.changed(c)
		}
	}
}

// revised returns what changed since the last revision, which it moves on, and whether records
// moved to another clinic, with what no revision tells, or assignments to another patient. More than watchMost are not all returned.
func revised(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, last *int,
) (changes []Change, moved bool, err error) {
	rows, err := db.QueryContext(ctx, `SELECT r.id,
			CASE WHEN r.patient_id IS NOT NULL THEN 'Patient' WHEN r.doctor_id IS NOT NULL THEN 'Doctor' ELSE 'Mapping' END,
			coalesce(r.patient_id, r.doctor_id, r.mapping_id),
			CASE WHEN r.kind = 'create' THEN 'CREATED' WHEN r.kind = 'restore' THEN 'RESTORED'
				WHEN r.kind = 'delete' OR r.kind = 'merge' AND p.deleted_at IS NOT NULL THEN 'DELETED'
				WHEN r.mapping_id IS NOT NULL AND json_extract(r.diff, '$.is_active[0]') AND NOT json_extract(r.diff, '$.is_active[1]') THEN 'ENDED'
				WHEN r.mapping_id IS NOT NULL AND NOT json_extract(r.diff, '$.is_active[0]') AND json_extract(r.diff, '$.is_active[1]') THEN 'RESTORED'
				ELSE 'UPDATED' END,
			coalesce(p.clinic_id, m.clinic_id, 0), coalesce(m.patient_id, 0), coalesce(m.doctor_id, 0), r.kind <> 'delete' AND coalesce(json_type(r.diff, '$.clinic_id'), json_type(r.diff, '$.patient_id')) IS NOT NULL
		FROM revisions r LEFT JOIN patients p ON p.id = r.patient_id LEFT JOIN mappings m ON m.id = r.mapping_id
		WHERE r.id > $1 ORDER BY r.id`, *last)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var c Change
		var other bool
		if err := rows.Scan(last, &c.Type, &c.ID, &c.Kind, &c.Clinic, &c.Patient, &c.Doctor, &other); err != nil {
			return nil, false, err
		}
		moved = moved || other
		if len(changes) <= watchMost {
			changes = append(changes, c)
		}
	}
	return changes, moved, rows.Err()
}
