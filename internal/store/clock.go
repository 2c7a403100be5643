package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
)

// ClockTolerance is by how much clocks may differ before it is worth a word.
const ClockTolerance = 2 * time.Second

// ClockOff is how wrong the clock of this machine seems to be.
type ClockOff struct {
	By   time.Duration // ahead of PostgreSQL's, or behind what SQLite has last; never negative
	what string
}

// Trouble says in a sentence what is wrong, and what to do about it; else it is empty.
func (c ClockOff) Trouble() (what, do string) {
	if c.By <= ClockTolerance {
		return "", ""
	}
	return fmt.Sprintf(c.what, c.By.Round(100*time.Millisecond)), "set the clocks by NTP, such as by: timedatectl set-ntp true"
}

// Clock compares the clock of this machine with that of PostgreSQL, as exactly as half of
// the time that the answer takes; with SQLite it can only tell that the access log has an
// event of the future.
func (db *DB) Clock(ctx context.Context) (ClockOff, error) {
	var there time.Time
	if db.Dialect == dialect.SQLite {
		err := db.QueryRowContext(ctx, "SELECT at FROM access_events ORDER BY at DESC LIMIT 1").Scan(&there)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return ClockOff{max(time.Until(there), 0), "The access log has an event that is %s in the future: the clock of this machine is slow, or was fast"}, err
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return ClockOff{}, err
	}
	defer c.Close()
	sent := time.Now()
	if err := c.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&there); err != nil {
		return ClockOff{}, err
	}
	took := time.Since(sent)
	ahead := sent.Add(took / 2).Sub(there)
	if ahead < 0 {
		return ClockOff{max(-ahead-took/2, 0), "The clock of this machine is %s behind that of PostgreSQL"}, nil
	}
	return ClockOff{max(ahead-took/2, 0), "The clock of this machine is %s ahead of that of PostgreSQL"}, nil
}
