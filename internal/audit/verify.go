package audit

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/ent/accessevent"
)

// head is the end of a chain, and what is before its beginning: the last batch that is no
// longer kept.
type head struct {
	writer    int
	first     int
	firstHash string
	batch     int
	hash      string
}

// Verified is what Verify found.
type Verified struct {
	Writers, Batches, Events int
	Breaks                   []string // one for each chain that is not whole: where it breaks first
}

// Verify walks every chain of the log. A break is an event that was changed, added or
// removed, a batch that is missing, an end that is not the one that the writer left, or an
// end without its chain. It does not see what was changed together with everything after
// it by who can compute hashes, nor that the end of a chain was cut off and the stored end
// set back: an export that is kept elsewhere shows that. Servers may write meanwhile.
func Verify(ctx context.Context, db *sql.DB, kind string) (Verified, error) {
	var v Verified
	err := atOneTime(ctx, db, kind, func(c *sql.Conn) error {
		heads, err := readHeads(ctx, c)
		if err != nil {
			return err
		}
		v.Writers = len(heads)
		w := walk{heads: heads, walked: map[int]bool{}, broken: map[int]bool{}}
		err = eachEvent(ctx, c, "ORDER BY writer, batch, id", nil, func(s stored) error {
			v.Events++
			w.event(s)
			return nil
		})
		w.end()
		v.Batches, v.Breaks = w.batches, w.breaks
		if kind == dialect.SQLite && err == nil {
			err = v.pairs(ctx, c)
		}
		for _, writer := range slices.Sorted(maps.Keys(heads)) {
			if h := heads[writer]; !w.walked[writer] && h.batch != h.first {
				v.Breaks = append(v.Breaks, fmt.Sprintf("writer %d: the chain to batch %d is gone", writer, h.batch))
			}
		}
		return err
	})
	return v, err
}

// pairs compares the table by which SQLite finds the events about a patient with the events.
func (v *Verified) pairs(ctx context.Context, c *sql.Conn) error {
	var lacking, foreign int
	err := c.QueryRowContext(ctx, `WITH told AS (SELECT value AS patient_id, e.id AS event_id FROM access_events e, json_each('[' || trim(e.patients, '{}') || ']'))
		SELECT (SELECT count(*) FROM told LEFT JOIN access_event_patients USING (patient_id, event_id) WHERE access_event_patients.event_id IS NULL),
			(SELECT count(*) FROM access_event_patients) - (SELECT count(*) FROM told JOIN access_event_patients USING (patient_id, event_id))`).Scan(&lacking, &foreign)
	if lacking+foreign > 0 {
		v.Breaks = append(v.Breaks, fmt.Sprintf("access_event_patients: %d of what the events tell is missing, and %d is added", lacking, foreign))
	}
	return err
}

// walk is the state of Verify between two events.
type walk struct {
	heads   map[int]head
	walked  map[int]bool
	broken  map[int]bool
	breaks  []string
	batches int

	at    chain // the last batch that is right
	batch int   // the one that is being read; 0 for none
	texts [][]byte
	id    int    // of the last event
	hash  string // that it has
}

func (w *walk) fail(writer int, format string, args ...any) {
	if !w.broken[writer] {
		w.broken[writer] = true
		w.breaks = append(w.breaks, fmt.Sprintf("writer %d: ", writer)+fmt.Sprintf(format, args...))
	}
}

// event takes the next event in the order of writers and batches.
func (w *walk) event(s stored) {
	if !w.walked[s.writer] {
		w.end()
		w.walked[s.writer] = true
		h, known := w.heads[s.writer]
		if !known {
			w.fail(s.writer, "batch %d: the chain has no end", s.batch)
		}
		w.at = chain{s.writer, h.first, h.firstHash}
	}
	if s.batch < 1 {
		w.fail(s.writer, "event %d is in no batch", s.id)
		return
	}
	if s.batch != w.batch {
		w.endBatch()
		if s.batch != w.at.batch+1 {
			w.fail(s.writer, "batch %d: follows batch %d", s.batch, w.at.batch)
			w.at.batch = s.batch - 1
		}
		w.batch = s.batch
	}
	if w.hash != "" {
		w.fail(s.writer, "batch %d: event %d follows the last one of its batch", s.batch, s.id)
	}
	w.texts, w.id, w.hash = append(w.texts, s.append(nil)), s.id, s.hash
}

// endBatch compares the hash of the batch that was read.
func (w *walk) endBatch() {
	if w.batch == 0 {
		return
	}
	switch want := hash(w.at, w.texts); {
	case w.hash == "":
		w.fail(w.at.writer, "batch %d: ends without a hash after event %d", w.batch, w.id)
	case w.hash != want:
		w.fail(w.at.writer, "batch %d: the hash of events to %d does not fit", w.batch, w.id)
	}
	w.batches++
	w.at.batch, w.at.hash = w.batch, w.hash
	w.batch, w.texts, w.hash = 0, w.texts[:0], ""
}

// end compares the end of the chain that was read.
func (w *walk) end() {
	w.endBatch()
	if h, known := w.heads[w.at.writer]; known && w.walked[w.at.writer] && (h.batch != w.at.batch || h.hash != w.at.hash) {
		w.fail(w.at.writer, "batch %d: the writer left batch %d as the last one", w.at.batch, h.batch)
	}
	w.at = chain{}
}

// readHeads returns the ends of the chains by their writers.
func readHeads(ctx context.Context, c *sql.Conn) (map[int]head, error) {
	rows, err := c.QueryContext(ctx, "SELECT writer, first, first_hash, batch, hash FROM access_heads")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	heads := map[int]head{}
	for rows.Next() {
		var h head
		if err := rows.Scan(&h.writer, &h.first, &h.firstHash, &h.batch, &h.hash); err != nil {
			return nil, err
		}
		heads[h.writer] = h
	}
	return heads, rows.Err()
}

// stored is an event as it is stored.
type stored struct {
	event
	id, writer, batch int
	hash              string // empty if it is not the last one of its batch
}

// eachEvent calls f with the events that the rest of a SELECT statement finds.
func eachEvent(ctx context.Context, c *sql.Conn, rest string, args []any, f func(stored) error) error {
	rows, err := c.QueryContext(ctx, `SELECT id, at, action, coalesce(user_id, 0), coalesce(session_id, 0), coalesce(seen_as, ''), door, operation,
		request_id, address, user_agent, CAST(patients AS text), writer, batch, coalesce(hash, ''), coalesce(subject, '') FROM access_events `+rest, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s stored
		err := rows.Scan(&s.id, &s.at, &s.action, &s.user, &s.session, &s.seenAs, &s.door, &s.operation,
			&s.request, &s.address, &s.client, &s.patients, &s.writer, &s.batch, &s.hash, &s.subject)
		if err != nil {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
	}
	return rows.Err()
}

// atOneTime calls f with a connection that sees the database as it is now, whoever writes
// meanwhile.
func atOneTime(ctx context.Context, db *sql.DB, kind string, f func(*sql.Conn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	begin := "BEGIN"
	if kind == dialect.Postgres {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if _, err := c.ExecContext(ctx, begin); err != nil {
		return err
	}
	err = f(c)
	_, failed := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	return errors.Join(err, failed)
}

// Export writes the events since an instant, the oldest first, as lines of JSON; those
// about one patient if patient is not 0.
func Export(ctx context.Context, db *sql.DB, kind string, since time.Time, patient int, w io.Writer) error {
	rest, args := "WHERE at >= $1", []any{since.UTC()}
	if patient != 0 && kind == dialect.Postgres {
		rest, args = rest+" AND patients @> ARRAY[$2::bigint]", append(args, patient)
	} else if patient != 0 { // not by the table of patients, which the hashes do not cover
		rest, args = rest+" AND ',' || trim(patients, '{}') || ',' LIKE $2", append(args, fmt.Sprintf("%%,%d,%%", patient))
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return atOneTime(ctx, db, kind, func(c *sql.Conn) error {
		return eachEvent(ctx, c, rest+" ORDER BY at, id", args, func(s stored) error {
			return out.Encode(struct {
				ID        int                `json:"id"`
				At        time.Time          `json:"at"`
				Action    accessevent.Action `json:"action"`
				User      *int               `json:"user_id"`
				Session   *int               `json:"session_id"`
				SeenAs    *string            `json:"seen_as"`
				Door      accessevent.Door   `json:"door"`
				Operation string             `json:"operation"`
				Request   string             `json:"request_id"`
				Address   string             `json:"address"`
				Client    string             `json:"user_agent"`
				Patients  []int              `json:"patients"`
				Subject   *string            `json:"subject"`
			}{
				s.id, s.at.UTC(), s.action, optional(s.user), optional(s.session), optional(string(s.seenAs)), s.door, s.operation,
				s.request, s.address, s.client, append([]int{}, s.patients...), optional(s.subject),
			})
		})
	})
}

// optional returns nil for the zero value.
func optional[V comparable](v V) *V {
	if v == *new(V) {
		return nil
	}
	return &v
}

// maxExpired is how many batches of a chain one transaction deletes.
const maxExpired = 1000

// Expire deletes what is older than an instant, a few batches of a chain at a time, each
// with the end that shows where the chain begins from then on. It is the only way in which
// this application removes events.
func Expire(ctx context.Context, db *sql.DB, kind string, before time.Time) (deleted int64, err error) {
	rows, err := db.QueryContext(ctx, "SELECT DISTINCT writer FROM access_events WHERE at < $1", before.UTC())
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var writers []int
	for rows.Next() {
		var writer int
		if err := rows.Scan(&writer); err != nil {
			return 0, err
		}
		writers = append(writers, writer)
	}
	if err := cmp.Or(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for _, writer := range writers {
		for {
			n, err := expire(ctx, db, kind, writer, before)
			deleted += n
			if err != nil {
				return deleted, err
			}
			if n == 0 {
				break
			}
		}
	}
	return deleted, nil
}

func expire(ctx context.Context, db *sql.DB, kind string, writer int, before time.Time) (int64, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()           // does nothing after Commit
	if kind == dialect.Postgres { // every server deletes; they take turns
		if _, err := tx.ExecContext(ctx, "SELECT FROM access_heads WHERE writer = $1 FOR UPDATE", writer); err != nil {
			return 0, err
		}
	}
	// The last one of the oldest batches before the first that has anything young: the clock of
	// a server may have gone back.
	var batch int
	var last string
	err = tx.QueryRowContext(ctx, `SELECT batch, hash FROM access_events WHERE writer = $1 AND hash IS NOT NULL
			AND batch < coalesce((SELECT min(batch) FROM access_events WHERE writer = $1 AND at >= $2), 9223372036854775807)
			AND batch <= (SELECT min(batch) FROM access_events WHERE writer = $1) + $3
		ORDER BY batch DESC LIMIT 1`, writer, before.UTC(), maxExpired).Scan(&batch, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE access_heads SET first = $1, first_hash = $2 WHERE writer = $3", batch, last, writer); err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, "DELETE FROM access_events WHERE writer = $1 AND batch <= $2", writer, batch)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return n, cmp.Or(err, tx.Commit())
}
